//! The state folder, `.steading/` beside the lab file.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use model::lab::Lab;
use model::plan::Generation;

use crate::journal::Journal;
use crate::lock::{self, Lock};
use crate::{StoreError, durable};

/// How large the decision log becomes, in bytes.
const DECISIONS: u64 = 1 << 20;

/// What is kept of a lab between runs. All of it may be deleted.
#[derive(Debug, Clone)]
pub struct Store {
    root: PathBuf,
    state: PathBuf,
}

impl Store {
    /// The store of the lab in that folder. Creates nothing.
    #[must_use]
    pub fn open(root: &Path) -> Self {
        Self {
            root: root.to_owned(),
            state: root.join(".steading"),
        }
    }

    /// The lab's folder.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The path of a file in the state folder.
    #[must_use]
    pub fn path(&self, name: &str) -> PathBuf {
        self.state.join(name)
    }

    /// Takes the lab for this process, until the lock is dropped or the process ends.
    ///
    /// # Errors
    /// [`StoreError::Held`] where another process has it.
    pub fn lock(&self, command: &str, now: Timestamp) -> Result<Lock, StoreError> {
        let lock = lock::take(&self.root, &self.path("lock.json"), command, now)?;
        let ignore = self.path(".gitignore");
        if !ignore.exists() {
            durable::write(&ignore, b"*\n", 0o644)?;
        }
        Ok(lock)
    }

    /// Forgets a lab that is no more, with its secrets: only for one whose folder is its own and
    /// holds nothing that a person wrote, as a replica's.
    ///
    /// # Errors
    /// Where something of it cannot be removed.
    pub fn forget(&self) -> Result<(), StoreError> {
        for folder in [self.state.clone(), self.root.join("secrets")] {
            match fs::remove_dir_all(&folder) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(StoreError::io("removing", &folder)(error));
                }
                Ok(()) | Err(_) => {}
            }
        }
        // Others' replicas may lie beside it, and files that are not ours in it.
        let _ = fs::remove_dir(&self.root);
        let _ = self.root.parent().map(fs::remove_dir);
        Ok(())
    }

    /// The generation of the lab as far as is remembered here.
    ///
    /// # Errors
    /// Where the file is there and cannot be read.
    pub fn generation(&self) -> Result<Generation, StoreError> {
        let path = self.path("generation");
        match fs::read_to_string(&path) {
            Ok(text) => text
                .trim()
                .parse()
                .map(Generation)
                .map_err(|_| StoreError::bad(&path, "not a number; delete it")),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Generation(0)),
            Err(error) => Err(StoreError::io("reading", &path)(error)),
        }
    }

    /// Remembers a generation.
    ///
    /// # Errors
    /// Where it could not be written.
    pub fn set_generation(&self, _: &Lock, generation: Generation) -> Result<(), StoreError> {
        durable::write(
            &self.path("generation"),
            generation.0.to_string().as_bytes(),
            0o644,
        )
    }

    /// Remembers the lab as it was applied, for rules that compare.
    ///
    /// # Errors
    /// Where it could not be written.
    pub fn set_applied(&self, _: &Lock, lab: &Lab) -> Result<(), StoreError> {
        let path = self.path("applied.json");
        let json =
            serde_json::to_vec(lab).map_err(|error| StoreError::bad(&path, error.to_string()))?;
        durable::write(&path, &json, 0o600)
    }

    /// The lab as it was applied last, as far as that is remembered and can be read: it only serves
    /// to compare.
    #[must_use]
    pub fn applied(&self) -> Option<Lab> {
        let json = fs::read(self.path("applied.json")).ok()?;
        serde_json::from_slice(&json).ok()
    }

    /// The journal, to be written to.
    ///
    /// # Errors
    /// Where it could not be opened.
    pub fn journal(&self, _: &Lock) -> Result<Journal, StoreError> {
        Journal::open(&self.path("journal"))
    }

    /// The journal, to be read only; an empty one where there is none.
    #[must_use]
    pub fn past(&self) -> Journal {
        Journal::past(&self.path("journal"))
    }

    /// Adds a line to the decision log. It is kept to two files of a mebibyte.
    ///
    /// # Errors
    /// Where it could not be written.
    pub fn decided(&self, line: &str) -> Result<(), StoreError> {
        let path = self.path("decisions.log");
        let failed = StoreError::io("writing", &path);
        let large = fs::metadata(&path).is_ok_and(|data| data.len() > DECISIONS);
        let write = || {
            if large {
                fs::rename(&path, self.path("decisions.1.log"))?;
            }
            let mut file = fs::File::options().create(true).append(true).open(&path)?;
            file.write_all(format!("{line}\n").as_bytes())
        };
        write().map_err(failed)
    }

    /// Writes a file into the state folder, readable by its owner only.
    ///
    /// # Errors
    /// Where it could not be written.
    pub fn write(&self, name: &str, content: &[u8]) -> Result<PathBuf, StoreError> {
        let path = self.path(name);
        durable::write(&path, content, 0o600)?;
        Ok(path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_held_lab_names_its_holder_and_is_free_after_it() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path());
        let lock = store.lock("steading up", Timestamp::UNIX_EPOCH).unwrap();
        let error = store
            .lock("steading up", Timestamp::UNIX_EPOCH)
            .unwrap_err()
            .to_string();
        assert!(error.contains(&std::process::id().to_string()), "{error}");
        assert!(error.contains("1970-01-01 00:00:00"), "{error}");
        // Deleting the state does not make a second lock.
        fs::remove_dir_all(store.path("")).unwrap();
        assert!(store.lock("steading up", Timestamp::UNIX_EPOCH).is_err());
        drop(lock);
        store.lock("steading up", Timestamp::UNIX_EPOCH).unwrap();
    }

    #[test]
    fn the_generation_is_remembered_and_garbage_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path());
        assert_eq!(store.generation().unwrap(), Generation(0));
        let lock = store.lock("x", Timestamp::UNIX_EPOCH).unwrap();
        store.set_generation(&lock, Generation(7)).unwrap();
        assert_eq!(store.generation().unwrap(), Generation(7));
        fs::write(store.path("generation"), "seven").unwrap();
        assert!(store.generation().is_err());
    }
}
