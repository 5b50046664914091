//! Reading a lab's folder, and nothing outside of it.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::os::fd::AsFd as _;
use std::path::{Path, PathBuf};

use model::source::{MOST_BYTES, MOST_BYTES_TOGETHER, Source};
use nix::fcntl::{OFlag, OpenHow, ResolveFlag, openat2};

use crate::StoreError;

/// No manifest is larger. What is beyond is not even read.
const LARGEST: u64 = 1 << 20;
/// A lab does not have more manifests.
const MOST_FILES: usize = 2_000;
/// Nor deeper folders.
const DEEPEST: usize = 16;

/// A lab's folder as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LabFolder {
    /// The folder.
    pub root: PathBuf,
    /// The lab file, or its parts.
    pub sources: Vec<Source>,
}

/// Reads a lab: a file, or a folder whose top-level `*.yaml` and `*.yml` are its parts.
///
/// # Errors
/// Where there is none, or it cannot be read. What is wrong with its text, reading the lab finds.
pub fn load(path: &Path) -> Result<LabFolder, StoreError> {
    let data = fs::metadata(path).map_err(StoreError::io("opening the lab", path))?;
    let (root, files) = if data.is_dir() {
        (path.to_owned(), parts(path)?)
    } else {
        let root = path.parent().filter(|p| !p.as_os_str().is_empty());
        (
            root.unwrap_or(Path::new(".")).to_owned(),
            vec![path.to_owned()],
        )
    };
    let root = fs::canonicalize(&root).map_err(StoreError::io("opening", &root))?;
    let mut sources = Vec::new();
    let mut room = MOST_BYTES_TOGETHER as u64 + 1;
    for file in &files {
        let source = source(file, room.min(MOST_BYTES as u64 + 1))?;
        room -= (source.text.len() as u64).min(room);
        sources.push(source);
    }
    Ok(LabFolder { root, sources })
}

fn parts(folder: &Path) -> Result<Vec<PathBuf>, StoreError> {
    let files = lab_files(folder)?;
    if files.is_empty() {
        return Err(StoreError::bad(
            folder,
            "there is no lab file (lab.yaml) here",
        ));
    }
    Ok(files)
}

/// The files of a folder that a lab in it is made of: its top-level `*.yaml` and `*.yml`.
///
/// # Errors
/// Where the folder cannot be read.
pub fn lab_files(folder: &Path) -> Result<Vec<PathBuf>, StoreError> {
    let mut files: Vec<PathBuf> = fs::read_dir(folder)
        .map_err(StoreError::io("reading", folder))?
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| is_yaml(path) && path.is_file())
        .collect();
    // The file of the lab's name first: it is the one that messages begin with.
    files.sort_by_key(|path| (!path.ends_with("lab.yaml"), path.clone()));
    Ok(files)
}

fn is_yaml(path: &Path) -> bool {
    path.extension()
        .is_some_and(|extension| extension == "yaml" || extension == "yml")
}

/// The file's text, no more of it than there is room for: one byte beyond the bound shows that a
/// lab is too large.
fn source(path: &Path, room: u64) -> Result<Source, StoreError> {
    let mut bytes = Vec::new();
    File::open(path)
        .map_err(StoreError::io("opening", path))?
        .take(room)
        .read_to_end(&mut bytes)
        .map_err(StoreError::io("reading", path))?;
    Ok(Source::new(path.display().to_string(), bytes))
}

fn read_bounded(file: File, path: &Path) -> Result<Vec<u8>, StoreError> {
    let mut bytes = Vec::new();
    file.take(LARGEST + 1)
        .read_to_end(&mut bytes)
        .map_err(StoreError::io("reading", path))?;
    if bytes.len() as u64 > LARGEST {
        return Err(StoreError::bad(
            path,
            format!("larger than {LARGEST} bytes"),
        ));
    }
    Ok(bytes)
}

/// All `*.yaml` and `*.yml` below a folder of the lab, by their paths relative to the lab. The
/// kernel resolves every path beneath the lab's folder: no `..`, no absolute path and no link
/// leads out.
///
/// # Errors
/// [`StoreError::Outside`]; where something cannot be read or is too large or too much.
pub fn files_below(root: &Path, folder: &str) -> Result<BTreeMap<String, Vec<u8>>, StoreError> {
    let mut files = BTreeMap::new();
    let clean = folder.trim_start_matches("./").trim_end_matches('/');
    let root_folder = File::open(root).map_err(StoreError::io("opening", root))?;
    below(&root_folder, clean, 0, &mut files)?;
    Ok(files)
}

fn below(
    root: &File,
    path: &str,
    depth: usize,
    files: &mut BTreeMap<String, Vec<u8>>,
) -> Result<(), StoreError> {
    if depth > DEEPEST || files.len() > MOST_FILES {
        let why = format!("more than {MOST_FILES} files or {DEEPEST} levels of folders");
        return Err(StoreError::bad(Path::new(path), why));
    }
    let folder = open_beneath(root, path, OFlag::O_DIRECTORY)?;
    // Reading goes through the opened folder: nobody can exchange it in between.
    let entries = nix::dir::Dir::from_fd(folder.into())
        .map_err(|errno| StoreError::io("reading", Path::new(path))(errno.into()))?;
    let mut names = Vec::new();
    for entry in entries {
        let entry =
            entry.map_err(|errno| StoreError::io("reading", Path::new(path))(errno.into()))?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if !name.starts_with('.') {
            names.push((name, entry.file_type()));
        }
    }
    names.sort_by(|a, b| a.0.cmp(&b.0));
    for (name, kind) in names {
        let inside = format!("{path}/{name}");
        if kind == Some(nix::dir::Type::Directory) {
            below(root, &inside, depth + 1, files)?;
        } else if is_yaml(Path::new(&name)) {
            let file = open_beneath(root, &inside, OFlag::empty())?;
            files.insert(inside.clone(), read_bounded(file, Path::new(&inside))?);
        }
    }
    Ok(())
}

fn open_beneath(root: &File, path: &str, flags: OFlag) -> Result<File, StoreError> {
    let how = OpenHow::new()
        .flags(OFlag::O_RDONLY | OFlag::O_CLOEXEC | OFlag::O_NONBLOCK | flags)
        .resolve(ResolveFlag::RESOLVE_BENEATH | ResolveFlag::RESOLVE_NO_MAGICLINKS);
    openat2(root.as_fd(), path, how)
        .map(File::from)
        .map_err(|errno| match errno {
            nix::errno::Errno::EXDEV | nix::errno::Errno::ELOOP => StoreError::Outside {
                path: path.to_owned(),
            },
            errno => StoreError::io("opening", Path::new(path))(io::Error::from(errno)),
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn a_folder_is_read_with_the_lab_file_first() {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in [("a.yaml", "a"), ("lab.yaml", "lab"), ("b.txt", "no")] {
            fs::write(folder.path().join(name), text).unwrap();
        }
        let lab = load(folder.path()).unwrap();
        let texts: Vec<&str> = lab
            .sources
            .iter()
            .map(|source| source.text.as_str())
            .collect();
        assert_eq!(texts, ["lab", "a"]);
    }

    #[test]
    fn what_is_no_lab_is_refused_with_the_reason() {
        let folder = tempfile::tempdir().unwrap();
        assert!(
            load(folder.path())
                .unwrap_err()
                .to_string()
                .contains("lab.yaml")
        );
    }

    #[test]
    fn what_is_no_text_or_too_large_is_read_for_a_finding_with_its_place() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("lab.yaml");
        let found = |bytes: &[u8]| {
            fs::write(&file, bytes).unwrap();
            let sources = load(&file).unwrap().sources;
            assert!(sources[0].text.len() <= MOST_BYTES + 1);
            let finding = model::read::read(&sources).diagnostics.remove(0);
            (finding.code, finding.places[0].span.unwrap().start)
        };
        assert_eq!(found(b"lab: caf\xe9"), ("F002".to_owned(), 8));
        assert_eq!(found(&vec![b'x'; 10 << 20]), ("F001".to_owned(), 0));
    }

    #[test]
    fn nothing_outside_the_folder_is_read() {
        let outside = tempfile::tempdir().unwrap();
        fs::write(outside.path().join("secret.yaml"), "secret").unwrap();
        let folder = tempfile::tempdir().unwrap();
        let apps = folder.path().join("apps");
        fs::create_dir(&apps).unwrap();
        fs::write(apps.join("a.yaml"), "a").unwrap();
        let read = files_below(folder.path(), "./apps/").unwrap();
        assert_eq!(
            read,
            BTreeMap::from([("apps/a.yaml".to_owned(), b"a".to_vec())])
        );

        let absolute = outside.path().display().to_string();
        for path in ["..", "apps/../..", absolute.as_str(), "../../etc"] {
            let error = files_below(folder.path(), path).unwrap_err();
            assert!(
                matches!(error, StoreError::Outside { .. }),
                "{path}: {error}"
            );
        }
        symlink(outside.path(), folder.path().join("link")).unwrap();
        assert!(matches!(
            files_below(folder.path(), "link"),
            Err(StoreError::Outside { .. })
        ));
        symlink(outside.path().join("secret.yaml"), apps.join("b.yaml")).unwrap();
        assert!(matches!(
            files_below(folder.path(), "apps"),
            Err(StoreError::Outside { .. })
        ));
    }
}
