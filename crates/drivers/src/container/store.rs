//! A node's container store, shared with the image by hard links.
//!
//! The container runtime never changes a blob or a file of an unpacked snapshot: it only adds and
//! unlinks. So nodes may share those files; its databases, which it writes in place, are copied.
//! A node costs a few megabytes instead of the store's whole size.

use std::fs;
use std::io;
use std::os::unix::fs::{MetadataExt as _, chown, lchown, symlink};
use std::path::Path;

/// Marks a store that was shared completely.
const MARK: &str = ".steading-shared";

/// Makes `target` a copy of `source` that shares its unchanging files, unless it is one already.
/// Both must lie on one file system.
pub(super) fn share(source: &Path, target: &Path) -> io::Result<()> {
    if target.join(MARK).exists() {
        return Ok(());
    }
    if target.exists() {
        fs::remove_dir_all(target)?;
    }
    share_below(source, target)?;
    fs::write(target.join(MARK), "")
}

fn share_below(source: &Path, target: &Path) -> io::Result<()> {
    fs::create_dir_all(target)?;
    let own = fs::metadata(source)?;
    chown(target, Some(own.uid()), Some(own.gid()))?;
    fs::set_permissions(target, own.permissions())?;
    for entry in fs::read_dir(source)? {
        let entry = entry?;
        let (from, to) = (entry.path(), target.join(entry.file_name()));
        let kind = entry.file_type()?;
        if kind.is_dir() {
            share_below(&from, &to)?;
        } else if kind.is_symlink() {
            symlink(fs::read_link(&from)?, &to)?;
            let data = fs::symlink_metadata(&from)?;
            lchown(&to, Some(data.uid()), Some(data.gid()))?;
        } else if changes(&from) {
            fs::copy(&from, &to)?;
        } else {
            fs::hard_link(&from, &to)?;
        }
    }
    Ok(())
}

/// Whether the container runtime writes this file in place.
fn changes(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "db")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_what_never_changes_and_copies_what_does() {
        let folder = tempfile::tempdir().unwrap();
        let (source, target) = (folder.path().join("image"), folder.path().join("node"));
        fs::create_dir_all(source.join("blobs")).unwrap();
        fs::write(source.join("blobs/a"), "blob").unwrap();
        fs::write(source.join("meta.db"), "database").unwrap();
        symlink("a", source.join("blobs/link")).unwrap();
        share(&source, &target).unwrap();
        let inode = |path: &Path| fs::metadata(path).unwrap().ino();
        assert_eq!(
            inode(&source.join("blobs/a")),
            inode(&target.join("blobs/a"))
        );
        assert_ne!(
            inode(&source.join("meta.db")),
            inode(&target.join("meta.db"))
        );
        assert_eq!(
            fs::read_link(target.join("blobs/link")).unwrap(),
            Path::new("a")
        );

        // What the node writes since then is its own and stays.
        fs::write(target.join("meta.db"), "changed").unwrap();
        share(&source, &target).unwrap();
        assert_eq!(fs::read(target.join("meta.db")).unwrap(), b"changed");
        assert_eq!(fs::read(source.join("meta.db")).unwrap(), b"database");
    }

    #[test]
    fn a_copy_that_was_cut_off_is_made_again() {
        let folder = tempfile::tempdir().unwrap();
        let (source, target) = (folder.path().join("image"), folder.path().join("node"));
        fs::create_dir_all(&source).unwrap();
        fs::write(source.join("a"), "a").unwrap();
        fs::create_dir_all(&target).unwrap();
        fs::write(target.join("half"), "").unwrap();
        share(&source, &target).unwrap();
        assert!(target.join("a").exists() && !target.join("half").exists());
    }
}
