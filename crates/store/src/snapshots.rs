//! Snapshots of etcd, kept in the state folder and encrypted to the user's age identity: a snapshot
//! holds every Secret of its cluster. `age -d -i identity.txt` opens one without this program.
//!
//! ```text
//! .steading/snapshots/<cluster>/20261121T130500Z-schedule.db.age
//!                               restoring      the one that is being restored, while it is
//! ```

use std::fs;
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use zeroize::Zeroizing;

use crate::secrets::Identity;
use crate::{StoreError, durable};

/// How names tell the time, in UTC.
const TIME: &str = "%Y%m%dT%H%M%SZ";
const END: &str = ".db.age";
const RESTORING: &str = "restoring";
/// What is read of one at most, in bytes: etcd itself refuses to hold more than 8 GiB, and a home's
/// cluster holds some ten MiB.
const LARGEST: u64 = 1 << 30;

/// One snapshot that is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// What it is called: its time and why it was taken.
    pub id: String,
    /// When it was taken.
    pub taken: Timestamp,
    /// Why, in a word: `schedule`, `asked`, `upgrade` …
    pub why: String,
    /// How large its file is, in bytes.
    pub bytes: u64,
}

/// The snapshots of a lab's clusters.
#[derive(Debug, Clone)]
pub struct Snapshots {
    folder: PathBuf,
    identity: PathBuf,
}

impl Snapshots {
    /// Those in that folder, opened by the age identity in that file.
    #[must_use]
    pub fn new(folder: PathBuf, identity: PathBuf) -> Self {
        Self { folder, identity }
    }

    /// Those of a cluster, the oldest first.
    ///
    /// # Errors
    /// Where the folder is there and cannot be read.
    pub fn list(&self, cluster: &str) -> Result<Vec<Snapshot>, StoreError> {
        let folder = self.folder.join(cluster);
        let entries = match fs::read_dir(&folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            other => other.map_err(StoreError::io("reading", &folder))?,
        };
        let mut all: Vec<Snapshot> = entries
            .flatten()
            .filter_map(|entry| {
                let bytes = entry.metadata().ok()?.len();
                read_name(entry.file_name().to_str()?, bytes)
            })
            .collect();
        all.sort_by(|a, b| (a.taken, &a.id).cmp(&(b.taken, &b.id)));
        Ok(all)
    }

    /// Keeps a new one; the newest stay, `most` of all in all, and the one that is being restored.
    ///
    /// # Errors
    /// Where there is no identity, or it could not be written.
    pub fn keep(
        &self,
        cluster: &str,
        (taken, why): (Timestamp, &str),
        content: &[u8],
        most: usize,
    ) -> Result<Snapshot, StoreError> {
        let id = format!("{}-{why}", taken.strftime(TIME));
        let path = self.path(cluster, &id);
        let identity = self.opened_by(&path)?;
        let sealed = seal(content, &identity).map_err(|why| StoreError::bad(&path, why))?;
        durable::write(&path, &sealed, 0o600)?;
        let all = self.list(cluster)?;
        let wanted = self.restoring(cluster)?;
        let old = all.iter().take(all.len().saturating_sub(most.max(1)));
        for old in old.filter(|old| Some(&old.id) != wanted.as_ref()) {
            let path = self.path(cluster, &old.id);
            fs::remove_file(&path).map_err(StoreError::io("removing", &path))?;
        }
        all.into_iter()
            .find(|one| one.id == id)
            .ok_or_else(|| StoreError::bad(&path, "it is gone already"))
    }

    /// What one holds.
    ///
    /// # Errors
    /// Where there is none of that name, or the identity does not open it.
    pub fn open(&self, cluster: &str, id: &str) -> Result<Zeroizing<Vec<u8>>, StoreError> {
        let path = self.path(cluster, id);
        let identity = self.opened_by(&path)?;
        let sealed = fs::read(&path).map_err(StoreError::io("reading", &path))?;
        unseal(&sealed, &identity).map_err(|why| StoreError::bad(&path, why))
    }

    /// The one that is being restored: begun and not finished.
    ///
    /// # Errors
    /// Where that cannot be read.
    pub fn restoring(&self, cluster: &str) -> Result<Option<String>, StoreError> {
        let path = self.folder.join(cluster).join(RESTORING);
        match fs::read_to_string(&path) {
            Ok(id) => Ok(Some(id.trim().to_owned())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(StoreError::io("reading", &path)(error)),
        }
    }

    /// Remembers which one is being restored; `None`: it is done.
    ///
    /// # Errors
    /// Where that could not be written.
    pub fn set_restoring(&self, cluster: &str, id: Option<&str>) -> Result<(), StoreError> {
        let path = self.folder.join(cluster).join(RESTORING);
        match id {
            Some(id) => durable::write(&path, id.as_bytes(), 0o600),
            None => match fs::remove_file(&path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    Err(StoreError::io("removing", &path)(error))
                }
                Ok(()) | Err(_) => Ok(()),
            },
        }
    }

    fn path(&self, cluster: &str, id: &str) -> PathBuf {
        self.folder.join(cluster).join(format!("{id}{END}"))
    }

    fn opened_by(&self, path: &Path) -> Result<Identity, StoreError> {
        Identity::read(&self.identity)?.ok_or_else(|| {
            let why = format!(
                "the age identity for it is not at {}: bring it back from where the lab was made",
                self.identity.display()
            );
            StoreError::bad(path, why)
        })
    }
}

fn read_name(name: &str, bytes: u64) -> Option<Snapshot> {
    let id = name.strip_suffix(END)?;
    let (time, why) = id.split_once('-')?;
    let taken = DateTime::strptime(TIME, time).ok()?;
    let taken = taken.to_zoned(TimeZone::UTC).ok()?.timestamp();
    Some(Snapshot {
        id: id.to_owned(),
        taken,
        why: why.to_owned(),
        bytes,
    })
}

fn seal(content: &[u8], identity: &Identity) -> Result<Vec<u8>, String> {
    let recipient = identity.0.to_public();
    let failed = |error: &dyn std::fmt::Display| format!("encrypting it: {error}");
    let encryptor = age::Encryptor::with_recipients(std::iter::once(&recipient as _))
        .map_err(|error| failed(&error))?;
    let mut sealed = Vec::new();
    let mut writer = encryptor
        .wrap_output(&mut sealed)
        .map_err(|error| failed(&error))?;
    writer.write_all(content).map_err(|error| failed(&error))?;
    writer.finish().map_err(|error| failed(&error))?;
    Ok(sealed)
}

fn unseal(sealed: &[u8], identity: &Identity) -> Result<Zeroizing<Vec<u8>>, String> {
    let failed = |error: &dyn std::fmt::Display| format!("it cannot be opened: {error}");
    let decryptor = age::Decryptor::new(sealed).map_err(|error| failed(&error))?;
    let reader = decryptor
        .decrypt(std::iter::once(&identity.0 as &dyn age::Identity))
        .map_err(|error| failed(&error))?;
    // No larger than what is sealed, so that it never moves and leaves a copy behind.
    let mut content = Zeroizing::new(Vec::with_capacity(sealed.len()));
    reader
        .take(LARGEST)
        .read_to_end(&mut content)
        .map_err(|error| failed(&error))?;
    Ok(content)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Secret, Secrets};

    fn snapshots(folder: &Path) -> Snapshots {
        let identity = folder.join("identity.txt");
        let secrets = Secrets::new(folder.join("secrets"), identity.clone());
        let one = [("a".to_owned(), Secret::new("b".to_owned()))].into();
        secrets.create("x", &one, Timestamp::UNIX_EPOCH).unwrap();
        Snapshots::new(folder.join("snapshots"), identity)
    }

    fn at(hour: u8) -> Timestamp {
        format!("2026-11-21T{hour:02}:00:00Z").parse().unwrap()
    }

    #[test]
    fn what_is_kept_is_sealed_and_comes_back() {
        let folder = tempfile::tempdir().unwrap();
        let snapshots = snapshots(folder.path());
        assert_eq!(snapshots.list("main").unwrap(), []);
        let content = b"canary of a secret".repeat(5000);
        let kept = snapshots
            .keep("main", (at(10), "asked"), &content, 3)
            .unwrap();
        assert_eq!(
            (kept.id.as_str(), kept.taken),
            ("20261121T100000Z-asked", at(10))
        );
        assert_eq!(
            snapshots.open("main", &kept.id).unwrap().as_slice(),
            content
        );
        let file = fs::read(snapshots.path("main", &kept.id)).unwrap();
        assert!(!file.windows(6).any(|part| part == b"canary"));
        assert_eq!(snapshots.list("main").unwrap(), [kept]);
    }

    #[test]
    fn the_newest_stay_and_other_clusters_are_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let snapshots = snapshots(folder.path());
        let keep = |cluster: &str, hour| {
            snapshots
                .keep(cluster, (at(hour), "schedule"), b"x", 2)
                .unwrap();
        };
        keep("other", 1);
        for hour in [3, 1, 2] {
            keep("main", hour);
        }
        let left = snapshots.list("main").unwrap();
        let taken: Vec<Timestamp> = left.iter().map(|one| one.taken).collect();
        assert_eq!(taken, [at(2), at(3)]);
        assert_eq!(snapshots.list("other").unwrap().len(), 1);
    }

    #[test]
    fn the_one_that_is_being_restored_stays() {
        let folder = tempfile::tempdir().unwrap();
        let snapshots = snapshots(folder.path());
        let keep = |hour| {
            let kept = snapshots.keep("main", (at(hour), "schedule"), b"x", 1);
            kept.unwrap().id
        };
        let first = keep(1);
        snapshots.set_restoring("main", Some(&first)).unwrap();
        let second = keep(2);
        snapshots.set_restoring("main", None).unwrap();
        let left = snapshots.list("main").unwrap();
        assert_eq!(
            left.iter().map(|one| &one.id).collect::<Vec<_>>(),
            [&first, &second]
        );
    }

    #[test]
    fn another_identity_and_a_changed_file_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let snapshots = snapshots(folder.path());
        let kept = snapshots.keep("main", (at(1), "asked"), b"x", 9).unwrap();
        let path = snapshots.path("main", &kept.id);
        let mut file = fs::read(&path).unwrap();
        *file.last_mut().unwrap() ^= 1;
        fs::write(&path, file).unwrap();
        assert!(snapshots.open("main", &kept.id).is_err());
        assert!(snapshots.open("main", "20261121T100000Z-none").is_err());
    }

    #[test]
    fn a_restore_that_was_begun_is_remembered_until_it_is_done() {
        let folder = tempfile::tempdir().unwrap();
        let snapshots = snapshots(folder.path());
        assert_eq!(snapshots.restoring("main").unwrap(), None);
        snapshots.set_restoring("main", Some("one")).unwrap();
        assert_eq!(snapshots.restoring("main").unwrap().unwrap(), "one");
        assert_eq!(snapshots.list("main").unwrap(), []);
        snapshots.set_restoring("main", None).unwrap();
        snapshots.set_restoring("main", None).unwrap();
        assert_eq!(snapshots.restoring("main").unwrap(), None);
    }
}
