//! Secrets at rest: encrypted files in `secrets/` beside the lab file, made to be committed.
//!
//! The files are SOPS files: the program `sops` reads them with the same identity. A random data
//! key encrypts each value (AES-256-GCM, the value's path as additional data); age encrypts the
//! data key; a MAC over all values, encrypted with the time of the change, shows tampering.
//! Source of the format: the SOPS documentation, "Encryption protocol" and "Message authentication
//! code"; `aes/cipher.go` and `sops.go` of its version 3.9.

mod identity;
mod sops;

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use zeroize::Zeroizing;

use crate::StoreError;
pub(crate) use identity::Identity;

/// A secret text. It is wiped from memory when dropped, and cannot be printed by accident.
#[derive(Clone)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// A secret.
    #[must_use]
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// The text itself.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// The secrets of a lab.
#[derive(Debug, Clone)]
pub struct Secrets {
    folder: PathBuf,
    identity: PathBuf,
}

impl Secrets {
    /// The secrets in that folder, opened by the age identity in that file. Neither need exist:
    /// the identity is made when the first secret is.
    #[must_use]
    pub fn new(folder: PathBuf, identity: PathBuf) -> Self {
        Self { folder, identity }
    }

    /// The secrets of that name, if there are any.
    ///
    /// # Errors
    /// Where the file cannot be read, was changed, or the identity does not open it.
    pub fn load(&self, name: &str) -> Result<Option<BTreeMap<String, Secret>>, StoreError> {
        let path = self.path(name);
        let bytes = match fs::read(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            other => other.map_err(StoreError::io("reading", &path))?,
        };
        let Some(identity) = Identity::read(&self.identity)? else {
            let why = format!(
                "the age identity that opens it is not at {}: bring it back from where the lab was made",
                self.identity.display()
            );
            return Err(StoreError::bad(&path, why));
        };
        sops::decrypt(&bytes, &identity)
            .map(Some)
            .map_err(|why| StoreError::bad(&path, why))
    }

    /// Keeps new secrets.
    ///
    /// # Errors
    /// Where secrets of that name exist already, or could not be written.
    pub fn create(
        &self,
        name: &str,
        secrets: &BTreeMap<String, Secret>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let path = self.path(name);
        if path.exists() {
            return Err(StoreError::bad(&path, "secrets of that name exist already"));
        }
        let identity = match Identity::read(&self.identity)? {
            Some(identity) => identity,
            None => Identity::make(&self.identity)?,
        };
        let file =
            sops::encrypt(secrets, &identity, now).map_err(|why| StoreError::bad(&path, why))?;
        crate::durable::write(&path, &file, 0o600)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{name}.sops.json"))
    }

    /// Where they are.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CANARY: &str = "canary-5f0c1b\nsecond line";

    fn kept(folder: &Path) -> Secrets {
        let secrets = Secrets::new(folder.join("secrets"), folder.join("me/identity.txt"));
        let all = BTreeMap::from([
            ("ca.key".to_owned(), Secret::new(CANARY.to_owned())),
            ("ca.crt".to_owned(), Secret::new("certificate".to_owned())),
            ("empty".to_owned(), Secret::new(String::new())),
        ]);
        secrets
            .create("cluster-main", &all, Timestamp::UNIX_EPOCH)
            .unwrap();
        secrets
    }

    #[test]
    fn what_is_kept_is_read_back_and_never_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let secrets = kept(folder.path());
        let all = secrets.load("cluster-main").unwrap().unwrap();
        assert_eq!(all["ca.key"].expose(), CANARY);
        assert_eq!(all["empty"].expose(), "");
        assert!(secrets.load("other").unwrap().is_none());
        assert!(
            secrets
                .create("cluster-main", &all, Timestamp::UNIX_EPOCH)
                .is_err()
        );
    }

    #[test]
    fn no_form_of_a_secret_is_in_the_files_and_none_is_printed() {
        use base64::Engine as _;
        let folder = tempfile::tempdir().unwrap();
        let secrets = kept(folder.path());
        let text = fs::read_to_string(secrets.path("cluster-main")).unwrap();
        let base64 = base64::engine::general_purpose::STANDARD.encode(CANARY);
        let hex = CANARY
            .bytes()
            .fold(String::new(), |hex, byte| format!("{hex}{byte:02x}"));
        for form in ["canary-5f0c1b", &base64[..12], &hex[..16]] {
            assert!(!text.contains(form), "{form}");
        }
        let all = secrets.load("cluster-main").unwrap().unwrap();
        assert!(!format!("{all:?}").contains("canary"));
    }

    #[test]
    fn a_changed_file_and_another_identity_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let secrets = kept(folder.path());
        let path = secrets.path("cluster-main");
        let text = fs::read_to_string(&path).unwrap();

        // A value that is exchanged for another, well encrypted one.
        let swapped =
            text.replacen("\"ca.key\"", "\"x\"", 1)
                .replacen("\"ca.crt\"", "\"ca.key\"", 1);
        fs::write(&path, swapped).unwrap();
        assert!(secrets.load("cluster-main").is_err());

        // A value that is removed.
        let mut json: serde_json::Value = serde_json::from_str(&text).unwrap();
        json.as_object_mut().unwrap().remove("ca.crt");
        fs::write(&path, json.to_string()).unwrap();
        assert!(
            secrets
                .load("cluster-main")
                .unwrap_err()
                .to_string()
                .contains("MAC")
        );

        fs::write(&path, &text).unwrap();
        fs::remove_file(folder.path().join("me/identity.txt")).unwrap();
        Identity::make(&folder.path().join("me/identity.txt")).unwrap();
        let error = secrets.load("cluster-main").unwrap_err().to_string();
        assert!(error.contains("age1"), "names who can open it: {error}");
    }
}
