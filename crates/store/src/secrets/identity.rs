//! The age identity that opens a user's secrets. It belongs to the user, not to a lab.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use age::secrecy::ExposeSecret as _;
use age::x25519;

use crate::StoreError;

/// An age identity.
pub(crate) struct Identity(pub(crate) x25519::Identity);

impl Identity {
    /// Reads the first identity of a file as `age-keygen` writes it; `None` if there is no file.
    pub(crate) fn read(path: &Path) -> Result<Option<Self>, StoreError> {
        let text = match fs::read_to_string(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            other => other.map_err(StoreError::io("reading", path))?,
        };
        text.lines()
            .map(str::trim)
            .find(|line| !line.is_empty() && !line.starts_with('#'))
            .and_then(|line| line.parse().ok())
            .map(|identity| Some(Self(identity)))
            // The content is a secret: it is not shown.
            .ok_or_else(|| StoreError::bad(path, "this is no age identity (AGE-SECRET-KEY-1…)"))
    }

    /// Makes an identity and keeps it, readable by its owner only. One that is there is never
    /// overwritten.
    pub(super) fn make(path: &Path) -> Result<Self, StoreError> {
        let identity = x25519::Identity::generate();
        let text = format!(
            "# made by Steading; whoever has this file can open your labs' secrets\n\
             # public key: {}\n{}\n",
            identity.to_public(),
            identity.to_string().expose_secret()
        );
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(StoreError::io("creating", folder))?;
        }
        OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(path)
            .and_then(|mut file| {
                file.write_all(text.as_bytes())?;
                file.sync_all()
            })
            .map_err(StoreError::io("writing", path))?;
        Ok(Self(identity))
    }
}
