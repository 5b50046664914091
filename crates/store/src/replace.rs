//! Changing a file of a person, who may be looking at it right now.

use std::fs;
use std::io;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, fchown};
use std::path::Path;

use crate::{StoreError, durable};

/// Writes `after` into a file that holds `before`: whole or not at all, under the same owner and
/// mode; where a link leads to it, the link stays.
///
/// # Errors
/// Where the file holds something else by now, or cannot be written.
pub fn replace(path: &Path, before: &str, after: &str) -> Result<(), StoreError> {
    let real = fs::canonicalize(path).map_err(StoreError::io("opening", path))?;
    let data = fs::metadata(&real).map_err(StoreError::io("reading", path))?;
    let mode = data.permissions().mode() & 0o7777;
    let mut changed = false;
    let written = durable::write_after(&real, after.as_bytes(), mode, |file| {
        let new = file.metadata()?;
        if (new.uid(), new.gid()) != (data.uid(), data.gid()) {
            fchown(file, Some(data.uid()), Some(data.gid()))?;
        }
        // The mode again: the process' own mask took from it.
        file.set_permissions(fs::Permissions::from_mode(mode))?;
        // As late as possible: what somebody saved meanwhile is not lost.
        changed = fs::read(&real)? != before.as_bytes();
        if changed {
            return Err(io::Error::other("changed"));
        }
        Ok(())
    });
    if changed {
        let why = "it was changed while it was read; nothing is written, run this again";
        return Err(StoreError::bad(path, why));
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mode_and_link_stay_and_nothing_is_left_beside() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("real.yaml");
        let link = folder.path().join("lab.yaml");
        fs::write(&file, "old").unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o666)).unwrap();
        std::os::unix::fs::symlink("real.yaml", &link).unwrap();
        replace(&link, "old", "new").unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap(), "new");
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(
            fs::metadata(&file).unwrap().permissions().mode() & 0o777,
            0o666
        );
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
    }

    #[test]
    fn what_was_saved_meanwhile_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("lab.yaml");
        fs::write(&file, "newer").unwrap();
        let error = replace(&file, "old", "new").unwrap_err();
        assert!(error.to_string().contains("changed"), "{error}");
        assert_eq!(fs::read_to_string(&file).unwrap(), "newer");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
