//! What can go wrong with what is kept.

use std::io;
use std::path::{Path, PathBuf};

use crate::lock::Holder;

/// An error of the store.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// A file or folder could not be used.
    #[error("{doing} {}", path.display())]
    Io {
        /// What was being done.
        doing: &'static str,
        /// With which.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// Another run holds the lab.
    #[error("the lab is in use by process {} ({}), started {}", .0.pid, .0.command, .0.started)]
    Held(Holder),
    /// A file is not what it should be.
    #[error("{}: {why}", path.display())]
    Bad {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// A path leads out of the lab's folder.
    #[error("{path:?} leads out of the lab's folder")]
    Outside {
        /// The path.
        path: String,
    },
}

impl StoreError {
    /// For `map_err` on file operations.
    pub(crate) fn io(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io {
            doing,
            path,
            source,
        }
    }

    pub(crate) fn bad(path: &Path, why: impl Into<String>) -> Self {
        Self::Bad {
            path: path.to_owned(),
            why: why.into(),
        }
    }

    /// What the user can do.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Held(_) => Some("wait for it to end; it needs no unlocking".to_owned()),
            Self::Io { source, path, .. } if source.kind() == io::ErrorKind::StorageFull => {
                Some(format!(
                    "make space on the file system of {} and run again",
                    path.display()
                ))
            }
            Self::Outside { .. } => {
                Some("name a folder below the lab file, without .. and links out of it".to_owned())
            }
            _ => None,
        }
    }
}
