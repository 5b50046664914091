//! Files that are whole or not there, whatever happens while they are written.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use crate::StoreError;

/// Writes a file of that mode: beside it, on disk, renamed, and the rename on disk.
pub(crate) fn write(path: &Path, content: &[u8], mode: u32) -> Result<(), StoreError> {
    write_after(path, content, mode, |_| Ok(()))
}

/// The same; before it is renamed, `prepare` may still change what the new file is, or refuse.
pub(crate) fn write_after(
    path: &Path,
    content: &[u8],
    mode: u32,
    prepare: impl FnOnce(&File) -> io::Result<()>,
) -> Result<(), StoreError> {
    let wrong = || StoreError::io("writing", path);
    let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else {
        return Err(StoreError::bad(path, "not a path of a file"));
    };
    fs::create_dir_all(folder).map_err(StoreError::io("creating", folder))?;
    let aside = format!(".{}.{}.new", name.to_string_lossy(), std::process::id());
    let aside = folder.join(aside);
    let written = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(mode)
        .open(&aside)
        .and_then(|mut file| {
            file.write_all(content)?;
            prepare(&file)?;
            file.sync_all()
        })
        .and_then(|()| fs::rename(&aside, path));
    if let Err(error) = written {
        // Best effort: the error that counts is the first one.
        let _ = fs::remove_file(&aside);
        return Err(wrong()(error));
    }
    File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(wrong())
}
