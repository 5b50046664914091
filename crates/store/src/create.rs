//! A new file in the place of a person's, of which nothing may be lost.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use crate::StoreError;

/// So many old files are kept beside a new one before it is refused.
const MOST_KEPT: u32 = 1_000;

/// Writes a new file, whole or not at all. Where there is one already it is refused; with `aside`
/// the old one is kept beside it under a name of its own, which is told.
///
/// # Errors
/// Where there is one, also if it came this very moment; where it cannot be written.
pub fn create(path: &Path, text: &str, aside: bool) -> Result<Option<PathBuf>, StoreError> {
    let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else {
        return Err(StoreError::bad(path, "not a path of a file"));
    };
    fs::create_dir_all(folder).map_err(StoreError::io("creating", folder))?;
    let new = folder.join(format!(
        ".{}.{}.new",
        name.to_string_lossy(),
        std::process::id()
    ));
    let placed = written(&new, text).and_then(|()| {
        if aside && fs::symlink_metadata(path).is_ok() {
            let kept = keep(path)?;
            fs::rename(&new, path)?;
            Ok(Some(kept))
        } else {
            // A link, unlike a renaming, does not take the place of what is there.
            fs::hard_link(&new, path).map(|()| None)
        }
    });
    // Best effort: after a renaming it is gone already.
    let _ = fs::remove_file(&new);
    let synced = fs::File::open(folder).and_then(|folder| folder.sync_all());
    match placed {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            Err(StoreError::bad(path, "it is there already"))
        }
        placed => placed
            .and_then(|kept| synced.map(|()| kept))
            .map_err(StoreError::io("writing", path)),
    }
}

fn written(path: &Path, text: &str) -> io::Result<()> {
    let mut options = OpenOptions::new();
    let mut file = options.write(true).create(true).truncate(true).open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

/// Gives a file a second name that nothing has yet.
fn keep(path: &Path) -> io::Result<PathBuf> {
    for number in 1..=MOST_KEPT {
        let mut name = path.as_os_str().to_owned();
        name.push(format!(".{number}.bak"));
        let kept = PathBuf::from(name);
        match fs::hard_link(path, &kept) {
            Ok(()) => return Ok(kept),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
    Err(io::Error::other(format!(
        "{MOST_KEPT} old ones are kept beside it"
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(folder: &Path) -> Vec<(String, String)> {
        let mut all: Vec<_> = fs::read_dir(folder)
            .unwrap()
            .map(|entry| {
                let path = entry.unwrap().path();
                let name = path.file_name().unwrap().to_string_lossy().into_owned();
                (name, fs::read_to_string(path).unwrap())
            })
            .collect();
        all.sort();
        all
    }

    #[test]
    fn an_old_file_is_never_lost() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deep/lab.yaml");
        assert_eq!(create(&path, "one", false).unwrap(), None);
        let error = create(&path, "two", false).unwrap_err();
        assert!(error.to_string().contains("there already"), "{error}");
        for text in ["two", "three"] {
            assert!(create(&path, text, true).unwrap().is_some());
        }
        let wanted = [
            ("lab.yaml", "three"),
            ("lab.yaml.1.bak", "one"),
            ("lab.yaml.2.bak", "two"),
        ];
        let wanted = wanted.map(|(name, text)| (name.to_owned(), text.to_owned()));
        assert_eq!(files(path.parent().unwrap()), wanted);
    }

    #[test]
    fn a_link_is_kept_as_a_link_and_what_it_leads_to_stays() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lab.yaml");
        fs::write(folder.path().join("real"), "mine").unwrap();
        std::os::unix::fs::symlink("real", &path).unwrap();
        assert!(create(&path, "new", false).is_err());
        create(&path, "new", true).unwrap();
        assert_eq!(
            fs::read_to_string(folder.path().join("real")).unwrap(),
            "mine"
        );
        assert_eq!(fs::read_to_string(&path).unwrap(), "new");
    }
}
