//! `lab.lock`, beside the lab file: the lab's id, and the digest of everything that was brought in.
//! It is made to be committed.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use model::plan::LabId;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::ImageError;
use super::cache::Record;

/// The file, with what it says.
#[derive(Debug)]
pub struct LabLock {
    path: PathBuf,
    content: Mutex<Content>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Content {
    format: u32,
    /// Owner tag of everything that the lab makes. Without it, what runs is nobody's.
    id: Uuid,
    #[serde(default)]
    artifacts: BTreeMap<String, Record>,
    /// Versions of Debian packages, by `<release>-<arch>/<image digest's recipe>`.
    #[serde(default)]
    debian: BTreeMap<String, BTreeMap<String, String>>,
}

const FORMAT: u32 = 1;

impl LabLock {
    /// Reads the file; where there is none, a new lab with a new id, which is not written before
    /// [`LabLock::save`] or the first record.
    ///
    /// # Errors
    /// [`ImageError::BadLock`], [`ImageError::Io`].
    pub fn open(path: &Path) -> Result<Self, ImageError> {
        let bad = |why: String| ImageError::BadLock {
            path: path.to_owned(),
            why,
        };
        let content = match fs::read(path) {
            Ok(bytes) => {
                let content: Content =
                    serde_json::from_slice(&bytes).map_err(|e| bad(e.to_string()))?;
                if content.format != FORMAT {
                    return Err(bad(format!("format {} is not known", content.format)));
                }
                content
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Content {
                format: FORMAT,
                id: Uuid::new_v4(),
                artifacts: BTreeMap::new(),
                debian: BTreeMap::new(),
            },
            Err(error) => return Err(ImageError::io("reading", path)(error)),
        };
        Ok(Self {
            path: path.to_owned(),
            content: Mutex::new(content),
        })
    }

    /// The lab's id.
    pub fn id(&self) -> LabId {
        LabId(self.read().id)
    }

    /// Writes the file if it is not there yet.
    ///
    /// # Errors
    /// [`ImageError::Io`].
    pub fn save(&self) -> Result<(), ImageError> {
        if self.path.exists() {
            return Ok(());
        }
        let content = self.read();
        self.write(&content)
    }

    /// Records an artifact, or compares it with what is recorded.
    ///
    /// # Errors
    /// [`ImageError::Differs`] where a file's digest is another one.
    pub fn artifact(&self, name: &str, record: &Record) -> Result<(), ImageError> {
        let mut content = self.read();
        let Some(locked) = content.artifacts.get(name) else {
            content.artifacts.insert(name.to_owned(), record.clone());
            return self.write(&content);
        };
        if locked == record {
            return Ok(());
        }
        let sums = |record: &Record| {
            let sums: Vec<String> = record
                .sha256
                .iter()
                .map(|(f, s)| format!("{f} {s}"))
                .collect();
            format!(
                "{} ({}; {})",
                record.version,
                record.source,
                sums.join(", ")
            )
        };
        if locked.version == record.version && locked.sha256 == record.sha256 {
            // The same bytes from elsewhere are the same artifact.
            return Ok(());
        }
        Err(ImageError::Differs {
            what: format!("artifact {name}"),
            locked: sums(locked),
            found: sums(record),
        })
    }

    /// Records the versions of Debian packages, or compares them with what is recorded.
    ///
    /// # Errors
    /// [`ImageError::Differs`] where a version is another one, naming each.
    pub fn debian(&self, base: &str, found: &BTreeMap<String, String>) -> Result<(), ImageError> {
        let mut content = self.read();
        let Some(locked) = content.debian.get(base) else {
            content.debian.insert(base.to_owned(), found.clone());
            return self.write(&content);
        };
        if locked == found {
            return Ok(());
        }
        let differing = |of: &BTreeMap<String, String>| {
            let texts: Vec<String> = locked
                .keys()
                .chain(found.keys())
                .collect::<std::collections::BTreeSet<_>>()
                .into_iter()
                .filter(|name| locked.get(*name) != found.get(*name))
                .map(|name| format!("{name} {}", of.get(name).map_or("(none)", String::as_str)))
                .collect();
            texts.join(", ")
        };
        Err(ImageError::Differs {
            what: format!("Debian packages of {base}"),
            locked: differing(locked),
            found: differing(found),
        })
    }

    fn read(&self) -> std::sync::MutexGuard<'_, Content> {
        // A panic elsewhere cannot leave the content half changed.
        self.content.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self, content: &Content) -> Result<(), ImageError> {
        let mut json = serde_json::to_vec_pretty(content).map_err(|e| ImageError::BadLock {
            path: self.path.clone(),
            why: e.to_string(),
        })?;
        json.push(b'\n');
        crate::durable::write(&self.path, &json, 0o644)
            .map_err(ImageError::io("writing", &self.path))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(sum: &str) -> Record {
        Record {
            version: "1".to_owned(),
            source: "release".to_owned(),
            sha256: BTreeMap::from([("file".to_owned(), sum.to_owned())]),
        }
    }

    #[test]
    fn keeps_its_id_and_names_both_digests_when_one_differs() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lab.lock");
        let id = {
            let lock = LabLock::open(&path).unwrap();
            assert!(!path.exists(), "opening writes nothing");
            lock.artifact("a", &record("aaaa")).unwrap();
            lock.id()
        };
        let lock = LabLock::open(&path).unwrap();
        assert_eq!(lock.id(), id);
        lock.artifact("a", &record("aaaa")).unwrap();
        let error = lock.artifact("a", &record("bbbb")).unwrap_err().to_string();
        assert!(error.contains("aaaa") && error.contains("bbbb"), "{error}");
    }

    #[test]
    fn names_the_packages_whose_versions_differ_and_no_others() {
        let folder = tempfile::tempdir().unwrap();
        let lock = LabLock::open(&folder.path().join("lab.lock")).unwrap();
        let versions = |runc: &str| {
            BTreeMap::from([
                ("runc".to_owned(), runc.to_owned()),
                ("s6".to_owned(), "2".to_owned()),
            ])
        };
        lock.debian("trixie", &versions("1.1")).unwrap();
        let error = lock
            .debian("trixie", &versions("1.2"))
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("runc 1.1") && error.contains("runc 1.2"),
            "{error}"
        );
        assert!(!error.contains("s6"), "{error}");
    }

    #[test]
    fn refuses_a_file_that_it_does_not_understand() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lab.lock");
        for bad in [
            "",
            "{}",
            "[1]",
            r#"{"format":9,"id":"0e7b1c52-57c1-4ab7-90a5-6d5ba1d5b0ef"}"#,
        ] {
            fs::write(&path, bad).unwrap();
            assert!(
                matches!(LabLock::open(&path), Err(ImageError::BadLock { .. })),
                "{bad}"
            );
        }
    }
}
