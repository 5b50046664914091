//! The artifact cache: a folder per artifact and recipe digest, made once, whole or not at all,
//! shared by all labs and safe among processes.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use model::lab::Arch;
use nix::fcntl::{Flock, FlockArg};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::ImageError;
use super::program;
use super::recipe::{Recipe, Source, arch_word};
use super::source::{self, Fetched};

/// The artifact cache.
#[derive(Debug, Clone)]
pub struct Cache {
    root: PathBuf,
}

/// What a stored artifact is, beside its files.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// Its version.
    pub version: String,
    /// Where it came from: `offline folder`, `release`, `built with go1.26.8`.
    pub source: String,
    /// SHA-256 of each file that is no link, in hexadecimal.
    pub sha256: BTreeMap<String, String>,
}

/// A stored artifact.
#[derive(Debug, Clone)]
pub struct Stored {
    /// The folder with its files.
    pub folder: PathBuf,
    /// What it is.
    pub record: Record,
}

/// What fetching an artifact may ask and tell.
pub struct Fetching<'a> {
    /// A folder to look in first.
    pub offline: Option<&'a Path>,
    /// For which processors.
    pub arch: Arch,
    /// Told what is being done.
    pub doing: &'a (dyn Fn(&str) + Sync),
    /// Asked whether to stop.
    pub stop: &'a (dyn Fn() -> bool + Sync),
}

impl Cache {
    /// The cache in that folder, which need not exist yet.
    #[must_use]
    pub fn new(root: &Path) -> Self {
        Self {
            root: root.join("artifacts"),
        }
    }

    /// The artifact, if it is there.
    #[must_use]
    pub fn find(&self, recipe: &Recipe, arch: Arch) -> Option<Stored> {
        let folder = self.folder(recipe, arch);
        let record = fs::read(folder.join("record.json")).ok()?;
        let record = serde_json::from_slice(&record).ok()?;
        Some(Stored { folder, record })
    }

    /// The artifact; fetched or built first if it is not there. Two processes that want the same
    /// one do it once: the second waits for the first.
    ///
    /// # Errors
    /// Where no source has it, with the reason of each, and where it could not be stored.
    pub fn obtain(&self, recipe: &Recipe, how: &Fetching<'_>) -> Result<Stored, ImageError> {
        if let Some(stored) = self.find(recipe, how.arch) {
            return Ok(stored);
        }
        let folder = self.folder(recipe, how.arch);
        fs::create_dir_all(&self.root).map_err(ImageError::io("creating", &self.root))?;
        let _turn = take_turn(&folder, how)?;
        if let Some(stored) = self.find(recipe, how.arch) {
            return Ok(stored);
        }
        sweep(&self.root)?;
        let what = format!("{} {}", recipe.name, recipe.version);
        program::require_space(&what, &self.root, recipe.bytes())?;
        let fresh = beside(&folder, "new");
        match self.make(recipe, how, &fresh) {
            Ok(record) => {
                remove_tree(&folder)?;
                store(&fresh, &folder)?;
                Ok(Stored { folder, record })
            }
            Err(error) => {
                let error = error.explain_space(&what, &self.root, recipe.bytes());
                // The error that counts is the first one; what is left here is swept later.
                let _ = remove_tree(&fresh);
                Err(error)
            }
        }
    }

    fn make(
        &self,
        recipe: &Recipe,
        how: &Fetching<'_>,
        fresh: &Path,
    ) -> Result<Record, ImageError> {
        let fetched = self.fetch(recipe, how, fresh)?;
        if let Some(file) = recipe.files.iter().find(|file| !fresh.join(file).is_file()) {
            return Err(ImageError::NoSource {
                what: format!("{} {}", recipe.name, recipe.version),
                tried: vec![format!("{} did not give {file}", fetched.from)],
            });
        }
        let record = Record {
            version: recipe.version.clone(),
            source: fetched.from,
            sha256: program::told(how, "taking the digest", || seal(fresh))?,
        };
        write_record(fresh, &record)?;
        Ok(record)
    }

    fn fetch(
        &self,
        recipe: &Recipe,
        how: &Fetching<'_>,
        into: &Path,
    ) -> Result<Fetched, ImageError> {
        let mut tried = Vec::new();
        if let Some(offline) = how.offline {
            empty(into)?;
            let copy = || source::offline::fetch(recipe, how.arch, offline, into);
            match program::told(how, "looking into the offline folder", copy)? {
                Some(fetched) => return Ok(fetched),
                None => tried.push(format!("{} does not hold it", offline.display())),
            }
        }
        for place in &recipe.sources {
            // Nothing of a source that failed must be taken for a part of the next one.
            empty(into)?;
            let result = match place {
                Source::Release(files) => {
                    source::release::fetch(files, &self.root.join("partial"), how, into)
                }
                Source::Go(build) => source::build::go(build, how, into),
                Source::C(build) => source::build::c(build, how, into),
            };
            match result {
                Ok(fetched) => return Ok(fetched),
                // The publisher cannot be reached: the next source. Anything else is told.
                Err(error @ ImageError::Download { .. }) => tried.push(error.to_string()),
                Err(error) => return Err(error),
            }
        }
        Err(ImageError::NoSource {
            what: format!("{} {}", recipe.name, recipe.version),
            tried,
        })
    }

    fn folder(&self, recipe: &Recipe, arch: Arch) -> PathBuf {
        let digest = recipe.digest(arch);
        self.root.join(format!(
            "{}-{}-{}-{}",
            recipe.name,
            recipe.version,
            arch_word(arch),
            digest.short()
        ))
    }
}

/// A path beside another one: `beside("a-1.2", "lock")` is `a-1.2.lock`.
pub(super) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".");
    name.push(suffix);
    path.with_file_name(name)
}

/// Waits until no other process makes that folder; the turn ends when it is dropped, or with us.
pub(super) fn take_turn(folder: &Path, how: &Fetching<'_>) -> Result<Flock<File>, ImageError> {
    loop {
        if let Some(turn) = try_turn(folder)? {
            return Ok(turn);
        }
        (how.doing)("waiting for another steading that makes the same");
        if (how.stop)() {
            return Err(ImageError::Interrupted);
        }
        std::thread::sleep(std::time::Duration::from_millis(300));
    }
}

fn try_turn(folder: &Path) -> Result<Option<Flock<File>>, ImageError> {
    let path = beside(folder, "lock");
    let file = File::create(&path).map_err(ImageError::io("creating", &path))?;
    match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
        Ok(turn) => Ok(Some(turn)),
        Err((_, nix::errno::Errno::EWOULDBLOCK)) => Ok(None),
        Err((_, errno)) => Err(ImageError::io("locking", &path)(errno.into())),
    }
}

/// Removes what killed builds left. Their processes and mounts died with them; whoever still
/// builds holds the turn.
pub(super) fn sweep(root: &Path) -> Result<(), ImageError> {
    let entries = fs::read_dir(root).map_err(ImageError::io("reading", root))?;
    for path in entries.flatten().map(|entry| entry.path()) {
        if path.extension().is_some_and(|e| e == "new") && path.is_dir() {
            let folder = path.with_extension("");
            // Our own turn is taken already, and what is left of our own build is not locked
            // against us: `empty` removes it.
            if let Some(_turn) = try_turn(&folder)? {
                remove_tree(&path)?;
            }
        }
    }
    Ok(())
}

/// Makes a folder that is there and holds nothing.
pub(super) fn empty(folder: &Path) -> Result<(), ImageError> {
    remove_tree(folder)?;
    fs::create_dir_all(folder).map_err(ImageError::io("creating", folder))
}

/// Gives a finished folder its final name, on disk too.
pub(super) fn store(fresh: &Path, folder: &Path) -> Result<(), ImageError> {
    fs::rename(fresh, folder).map_err(ImageError::io("storing", folder))?;
    let root = folder.parent().unwrap_or(folder);
    File::open(root)
        .and_then(|root| root.sync_all())
        .map_err(ImageError::io("storing", folder))
}

/// Gives every file its final mode, puts it on disk and takes its digest.
fn seal(folder: &Path) -> Result<BTreeMap<String, String>, ImageError> {
    let mut sums = BTreeMap::new();
    let entries = fs::read_dir(folder).map_err(ImageError::io("reading", folder))?;
    for entry in entries {
        let path = entry.map_err(ImageError::io("reading", folder))?.path();
        if path.is_symlink() {
            continue;
        }
        let file = File::open(&path).map_err(ImageError::io("opening", &path))?;
        file.set_permissions(fs::Permissions::from_mode(0o755))
            .and_then(|()| file.sync_all())
            .map_err(ImageError::io("storing", &path))?;
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        sums.insert(name.into_owned(), sha256(&path)?);
    }
    Ok(sums)
}

fn write_record(folder: &Path, record: &Record) -> Result<(), ImageError> {
    let path = folder.join("record.json");
    let json = serde_json::to_vec_pretty(record).map_err(|e| ImageError::BadRecipe {
        name: path.display().to_string(),
        why: e.to_string(),
    })?;
    crate::durable::write(&path, &json, 0o644).map_err(ImageError::io("writing", &path))
}

/// The SHA-256 of a file, in hexadecimal.
pub(super) fn sha256(path: &Path) -> Result<String, ImageError> {
    let mut file = File::open(path).map_err(ImageError::io("opening", path))?;
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 1 << 16];
    loop {
        let n = file
            .read(&mut buffer)
            .map_err(ImageError::io("reading", path))?;
        if n == 0 {
            break;
        }
        hasher.update(buffer.get(..n).unwrap_or_default());
    }
    Ok(hex(&hasher.finalize()))
}

pub(super) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Removes a folder with all that is in it, if it is there.
pub(super) fn remove_tree(path: &Path) -> Result<(), ImageError> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(ImageError::io("removing", path)(error))
        }
        Ok(()) | Err(_) => Ok(()),
    }
}

#[cfg(test)]
#[path = "cache_tests.rs"]
mod tests;
