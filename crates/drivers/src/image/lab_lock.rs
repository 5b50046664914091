//! `lab.lock`, beside the lab file: the lab's id, and the digest of everything that was brought in.
//! It is made to be committed.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use model::lab::Arch;
use model::plan::LabId;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::ImageError;
use super::cache::Record;
use super::recipe::arch_word;

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
    /// By `<name>/<arch>`.
    #[serde(default)]
    artifacts: BTreeMap<String, Record>,
    /// Versions of Debian packages, by `<release>-<arch>`.
    #[serde(default)]
    debian: BTreeMap<String, BTreeMap<String, String>>,
}

const FORMAT: u32 = 1;

fn key(name: &str, arch: Arch) -> String {
    format!("{name}/{}", arch_word(arch))
}

impl Record {
    /// Whether it is the same version of the same bytes, wherever they came from.
    fn same(&self, other: &Self) -> bool {
        self.version == other.version && self.sha256 == other.sha256
    }

    fn described(&self) -> String {
        let sums: Vec<String> = self
            .sha256
            .iter()
            .map(|(file, sum)| format!("{file} {sum}"))
            .collect();
        format!("{} ({})", sums.join(", "), self.source)
    }
}

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

    /// Whether what is recorded of an artifact is just this.
    pub(super) fn holds_artifact(&self, name: &str, arch: Arch, record: &Record) -> bool {
        let content = self.read();
        content
            .artifacts
            .get(&key(name, arch))
            .is_some_and(|locked| locked.same(record))
    }

    /// Whether the recorded versions of Debian packages include just these.
    pub(super) fn holds_debian(&self, base: &str, found: &BTreeMap<String, String>) -> bool {
        let content = self.read();
        content
            .debian
            .get(base)
            .is_some_and(|locked| found.iter().all(|(p, v)| locked.get(p) == Some(v)))
    }

    /// Compares an artifact with what is recorded of the same version.
    ///
    /// # Errors
    /// [`ImageError::Differs`] where a file's digest is another one.
    pub(super) fn check_artifact(
        &self,
        name: &str,
        arch: Arch,
        record: &Record,
    ) -> Result<(), ImageError> {
        match self.read().artifacts.get(&key(name, arch)) {
            // Another version is another thing: the catalog or the lab file names it.
            Some(locked) if locked.version == record.version && !locked.same(record) => {
                Err(ImageError::Differs {
                    what: format!("artifact {name} {}", record.version),
                    locked: locked.described(),
                    found: record.described(),
                })
            }
            Some(_) | None => Ok(()),
        }
    }

    /// Compares an artifact with what is recorded, and records it if that is older or missing.
    ///
    /// # Errors
    /// As [`LabLock::check_artifact`], and where the file cannot be written.
    pub(super) fn artifact(
        &self,
        name: &str,
        arch: Arch,
        record: &Record,
    ) -> Result<(), ImageError> {
        self.check_artifact(name, arch, record)?;
        let mut content = self.read();
        let key = key(name, arch);
        // The same bytes from elsewhere are the same artifact.
        if content.artifacts.get(&key).is_some_and(|l| l.same(record)) {
            return Ok(());
        }
        content.artifacts.insert(key, record.clone());
        self.write(&content)
    }

    /// Compares versions of Debian packages with those that are recorded.
    ///
    /// # Errors
    /// [`ImageError::Differs`] where a version is another one, naming each.
    pub(super) fn check_debian(
        &self,
        base: &str,
        found: &BTreeMap<String, String>,
    ) -> Result<(), ImageError> {
        let content = self.read();
        let Some(locked) = content.debian.get(base) else {
            return Ok(());
        };
        let differing: Vec<&String> = found
            .iter()
            .filter(|(name, version)| locked.get(*name).is_some_and(|l| l != *version))
            .map(|(name, _)| name)
            .collect();
        if differing.is_empty() {
            return Ok(());
        }
        let list = |of: &BTreeMap<String, String>| {
            let texts: Vec<String> = differing
                .iter()
                .filter_map(|name| Some(format!("{name} {}", of.get(*name)?)))
                .collect();
            texts.join(", ")
        };
        Err(ImageError::Differs {
            what: format!("Debian {base}"),
            locked: list(locked),
            found: list(found),
        })
    }

    /// Compares versions of Debian packages with those that are recorded, and records those of
    /// packages that are new.
    ///
    /// # Errors
    /// As [`LabLock::check_debian`], and where the file cannot be written.
    pub(super) fn debian(
        &self,
        base: &str,
        found: &BTreeMap<String, String>,
    ) -> Result<(), ImageError> {
        self.check_debian(base, found)?;
        let mut content = self.read();
        if content.debian.get(base) == Some(found) {
            return Ok(());
        }
        content.debian.insert(base.to_owned(), found.clone());
        self.write(&content)
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

    const ARCH: Arch = Arch::Amd64;

    #[test]
    fn keeps_its_id_and_names_both_digests_when_one_differs() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lab.lock");
        let id = {
            let lock = LabLock::open(&path).unwrap();
            assert!(!path.exists(), "opening writes nothing");
            assert!(!lock.holds_artifact("a", ARCH, &record("aaaa")));
            lock.artifact("a", ARCH, &record("aaaa")).unwrap();
            lock.id()
        };
        let lock = LabLock::open(&path).unwrap();
        assert_eq!(lock.id(), id);
        assert!(lock.holds_artifact("a", ARCH, &record("aaaa")));
        lock.artifact("a", ARCH, &record("aaaa")).unwrap();
        let before = fs::read(&path).unwrap();
        let error = lock.artifact("a", ARCH, &record("bbbb")).unwrap_err();
        let text = error.to_string();
        assert!(text.contains("aaaa") && text.contains("bbbb"), "{text}");
        assert_eq!(
            fs::read(&path).unwrap(),
            before,
            "a refusal changes nothing"
        );
    }

    #[test]
    fn another_version_and_another_architecture_are_other_things() {
        let folder = tempfile::tempdir().unwrap();
        let lock = LabLock::open(&folder.path().join("lab.lock")).unwrap();
        lock.artifact("a", ARCH, &record("aaaa")).unwrap();
        lock.artifact("a", Arch::Arm64, &record("bbbb")).unwrap();
        assert!(lock.holds_artifact("a", ARCH, &record("aaaa")));
        let mut newer = record("cccc");
        newer.version = "2".to_owned();
        lock.artifact("a", ARCH, &newer).unwrap();
        assert!(lock.holds_artifact("a", ARCH, &newer));
        assert!(lock.holds_artifact("a", Arch::Arm64, &record("bbbb")));
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
        assert!(!lock.holds_debian("trixie", &versions("1.1")));
        lock.debian("trixie", &versions("1.1")).unwrap();
        assert!(lock.holds_debian("trixie", &versions("1.1")));
        assert!(!lock.holds_debian("trixie", &versions("1.2")));
        let error = lock
            .debian("trixie", &versions("1.2"))
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("runc 1.1") && error.contains("runc 1.2"),
            "{error}"
        );
        assert!(!error.contains("s6"), "{error}");

        // A package that is new in the recipe is no difference.
        let mut more = versions("1.1");
        more.insert("socat".to_owned(), "1".to_owned());
        lock.debian("trixie", &more).unwrap();
        assert!(lock.holds_debian("trixie", &more));
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
