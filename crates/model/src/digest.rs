//! Content digests: what a thing was made from.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, de};
use sha2::{Digest as _, Sha256};

/// The SHA-256 of something, in lower-case hexadecimal.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Digest(String);

impl<'de> Deserialize<'de> for Digest {
    /// Only digits: folders are named after digests, and a saved plan can be edited.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let digits = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        if (1..=64).contains(&text.len()) && text.bytes().all(digits) {
            return Ok(Self(text));
        }
        let shown: String = text.chars().take(80).collect();
        Err(de::Error::custom(format!(
            "{shown:?} is not a digest in lower-case hexadecimal"
        )))
    }
}

impl Digest {
    /// The digest of bytes.
    #[must_use]
    pub fn of_bytes(bytes: &[u8]) -> Self {
        use fmt::Write as _;
        let mut hex = String::with_capacity(64);
        for byte in Sha256::digest(bytes) {
            // Writing to a String cannot fail.
            let _ = write!(hex, "{byte:02x}");
        }
        Self(hex)
    }

    /// The digest of a value's JSON. Equal values give equal digests as long as their maps are
    /// ordered (`BTreeMap`), which every type of this crate keeps to.
    ///
    /// # Panics
    /// Never for the types of this crate: all of them have string keys and finite numbers.
    #[must_use]
    pub fn of<T: Serialize + ?Sized>(value: &T) -> Self {
        #[expect(clippy::expect_used, reason = "stated above")]
        let json = serde_json::to_vec(value).expect("model types serialize to JSON");
        Self::of_bytes(&json)
    }

    /// All 64 digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The first twelve digits, for names of files and for people.
    #[must_use]
    pub fn short(&self) -> &str {
        self.0.get(..12).unwrap_or(&self.0)
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::Digest;

    #[test]
    fn only_what_is_a_digest_is_read() {
        let digest = Digest::of_bytes(b"x");
        let json = serde_json::to_string(&digest).unwrap();
        assert_eq!(serde_json::from_str::<Digest>(&json).unwrap(), digest);
        let long = "0".repeat(65);
        for bad in ["", "../../../etc", "ABCD", "g", "0 ", long.as_str()] {
            assert!(
                serde_json::from_value::<Digest>(bad.into()).is_err(),
                "{bad:?}"
            );
        }
    }
}
