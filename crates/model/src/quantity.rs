//! Quantities with units, written as Kubernetes writes them.

use std::fmt;
use std::str::FromStr;

use crate::as_text::as_text;

/// An amount of bytes, written as an integer with an optional suffix:
/// `Ki Mi Gi Ti` (powers of 1024) or `k M G T` (powers of 1000).
/// Source of the notation: Kubernetes `resource.Quantity`, whole numbers only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Bytes(pub u64);

/// Why a text is not a [`Bytes`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{text:?} is not an amount of memory or disk: write a whole number with Mi or Gi, such as 4Gi"
)]
pub struct InvalidBytes {
    text: String,
}

/// Largest first, so that the first one that divides without rest is the shortest notation.
const BINARY: [(&str, u64); 4] = [
    ("Ti", 1 << 40),
    ("Gi", 1 << 30),
    ("Mi", 1 << 20),
    ("Ki", 1 << 10),
];
const DECIMAL: [(&str, u64); 4] = [
    ("T", 1_000_000_000_000),
    ("G", 1_000_000_000),
    ("M", 1_000_000),
    ("k", 1_000),
];

impl Bytes {
    /// `n` mebibytes.
    #[must_use]
    pub const fn mebi(n: u64) -> Self {
        Self(n << 20)
    }
}

impl FromStr for Bytes {
    type Err = InvalidBytes;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let invalid = || InvalidBytes {
            text: text.chars().take(80).collect(),
        };
        let (digits, unit) = BINARY
            .iter()
            .chain(&DECIMAL)
            .find_map(|(suffix, unit)| Some((text.strip_suffix(suffix)?, *unit)))
            .unwrap_or((text, 1));
        if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
            return Err(invalid());
        }
        let number: u64 = digits.parse().map_err(|_| invalid())?;
        number.checked_mul(unit).map(Self).ok_or_else(invalid)
    }
}

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // As it was written: 16G is not 15625000Ki.
        let shortest = BINARY
            .iter()
            .chain(&DECIMAL)
            .filter(|(_, unit)| self.0 != 0 && self.0.is_multiple_of(*unit))
            .max_by_key(|(_, unit)| *unit);
        match shortest {
            Some((suffix, unit)) => write!(f, "{}{suffix}", self.0 / unit),
            None => write!(f, "{}", self.0),
        }
    }
}

as_text!(
    Bytes,
    {
        "type": ["string", "integer"],
        "pattern": "^[0-9]+(Ki|Mi|Gi|Ti|k|M|G|T)?$",
        "description": "An amount of bytes: a whole number with Ki, Mi, Gi, Ti, k, M, G or T.",
        "examples": ["4Gi", "500G"]
    }
);

#[cfg(test)]
mod tests {
    use super::Bytes;
    use proptest::prelude::*;

    #[test]
    fn reads_kubernetes_notation() {
        assert_eq!("4Gi".parse(), Ok(Bytes(4 << 30)));
        assert_eq!("512M".parse(), Ok(Bytes(512_000_000)));
        assert_eq!("1024".parse(), Ok(Bytes(1024)));
        for bad in [
            "",
            "Gi",
            "4gi",
            "4 Gi",
            "-4Gi",
            "4.5Gi",
            "+4",
            "99999999999Ti",
        ] {
            assert!(bad.parse::<Bytes>().is_err(), "{bad:?}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(n: u64) {
            prop_assert_eq!(Bytes(n).to_string().parse(), Ok(Bytes(n)));
        }
    }
}
