//! The files of a lab's folder, for rules that look at more than the lab file. Bounded, and nothing
//! outside of the folder: links are not followed.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

/// No more files than this are looked at.
const MOST: usize = 1_000;
/// Nor deeper folders.
const DEEPEST: usize = 8;
/// The contents of larger files are left alone, in bytes.
const LARGEST: u64 = 256 * 1024;

/// A file of a lab's folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Surrounding {
    /// Its text, if it is one and not larger than 256 KiB.
    pub text: Option<String>,
    /// Its permissions, in Unix' numbers.
    pub mode: u32,
}

/// The files below a lab's folder by their paths in it, without hidden ones. What cannot be read is
/// left out: nothing depends on it that would not fail where it is used.
#[must_use]
pub fn surroundings(root: &Path) -> BTreeMap<String, Surrounding> {
    let mut files = BTreeMap::new();
    walk(root, "", 0, &mut files);
    files
}

fn walk(folder: &Path, inside: &str, depth: usize, files: &mut BTreeMap<String, Surrounding>) {
    let mut entries: Vec<_> = match fs::read_dir(folder) {
        Ok(entries) if depth <= DEEPEST => entries.flatten().collect(),
        _ => return,
    };
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let name = entry.file_name().to_string_lossy().into_owned();
        // A link is neither file nor folder here.
        let Ok(data) = fs::symlink_metadata(entry.path()) else {
            continue;
        };
        if name.starts_with('.') || files.len() >= MOST {
            continue;
        }
        let path = match inside {
            "" => name,
            inside => format!("{inside}/{name}"),
        };
        if data.is_dir() {
            walk(&entry.path(), &path, depth + 1, files);
        } else if data.is_file() {
            let text = Some(data.len())
                .filter(|length| *length <= LARGEST)
                .and_then(|_| fs::read_to_string(entry.path()).ok());
            let mode = data.mode();
            files.insert(path, Surrounding { text, mode });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn files_below_are_seen_and_links_and_hidden_ones_are_not() {
        let root = tempfile::tempdir().unwrap();
        let at = |path: &str| root.path().join(path);
        fs::create_dir_all(at("apps/a")).unwrap();
        fs::create_dir_all(at(".git")).unwrap();
        fs::write(at("apps/a/one.yaml"), "a: 1").unwrap();
        fs::write(at(".git/config"), "").unwrap();
        fs::write(at("large"), vec![b'a'; 300_000]).unwrap();
        fs::write(at("binary"), [0xff, 0xfe]).unwrap();
        symlink("/etc/passwd", at("link")).unwrap();
        symlink("/etc", at("folder")).unwrap();
        let files = surroundings(root.path());
        let names: Vec<&str> = files.keys().map(String::as_str).collect();
        assert_eq!(names, ["apps/a/one.yaml", "binary", "large"]);
        assert_eq!(files["apps/a/one.yaml"].text.as_deref(), Some("a: 1"));
        assert_eq!(
            (&files["large"].text, &files["binary"].text),
            (&None, &None)
        );
    }
}
