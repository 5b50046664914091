//! What can go wrong with artifacts and images.

use std::io;
use std::path::{Path, PathBuf};

use driver::{DriverError, ErrorKind};

use super::program::free_space;

/// An error about artifacts or images.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ImageError {
    /// The catalog has no such recipe.
    #[error("the catalog has no recipe {0:?}")]
    UnknownRecipe(String),
    /// A recipe cannot be read.
    #[error("recipe {name:?} of the catalog: {why}")]
    BadRecipe {
        /// Its name.
        name: String,
        /// What is wrong with it.
        why: String,
    },
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
    /// A disk has too little room.
    #[error("{what} needs {} MB in {}, which has {} MB free", needed / 1_000_000, path.display(), free / 1_000_000)]
    Space {
        /// What needs it.
        what: String,
        /// Where.
        path: PathBuf,
        /// About how much it needs, in bytes.
        needed: u64,
        /// How much there is.
        free: u64,
    },
    /// A program that is needed could not be started.
    #[error("running {program}")]
    Start {
        /// The program.
        program: String,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// A program ended with an error.
    #[error("{program} {ended}: {last}")]
    Program {
        /// The program.
        program: String,
        /// How it ended.
        ended: String,
        /// The last lines that it printed.
        last: String,
    },
    /// What came is not what is locked.
    #[error("{what} differs from lab.lock: locked {locked}, found {found}")]
    Differs {
        /// What differs.
        what: String,
        /// What `lab.lock` says.
        locked: String,
        /// What was found.
        found: String,
    },
    /// `lab.lock` cannot be read.
    #[error("{}: {why}", path.display())]
    BadLock {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// A download failed.
    #[error("downloading {url}: {why}")]
    Download {
        /// From where.
        url: String,
        /// Why.
        why: String,
    },
    /// A download is not what the publisher says it is.
    #[error("{url} has SHA-256 {found}, its publisher says {expected}")]
    Checksum {
        /// From where.
        url: String,
        /// What the publisher says.
        expected: String,
        /// What came.
        found: String,
    },
    /// No source had it.
    #[error("no source has {what}: {}", tried.join("; "))]
    NoSource {
        /// What was wanted.
        what: String,
        /// Each source with the reason.
        tried: Vec<String>,
    },
    /// The run was interrupted.
    #[error("interrupted")]
    Interrupted,
}

impl ImageError {
    /// For `map_err` on file operations.
    pub(super) fn io(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io {
            doing,
            path,
            source,
        }
    }

    /// Whether it came about because a disk is full.
    fn disk_full(&self) -> bool {
        match self {
            Self::Io { source, .. } => source.kind() == io::ErrorKind::StorageFull,
            // Written with a capital by C programs, without by Go programs.
            Self::Program { last, .. } => last
                .to_ascii_lowercase()
                .contains("no space left on device"),
            _ => false,
        }
    }

    /// Says where and how much, where it was the disk of `folder` that became full. Another disk
    /// (that of Go's build cache, say) is named by the message itself.
    pub(super) fn explain_space(self, what: &str, folder: &Path, needed: u64) -> Self {
        match free_space(folder) {
            Ok(free) if free < needed && self.disk_full() => Self::Space {
                what: what.to_owned(),
                path: folder.to_owned(),
                needed,
                free,
            },
            Ok(_) | Err(_) => self,
        }
    }

    /// What the user can do.
    pub(super) fn advice(&self) -> Option<String> {
        match self {
            Self::Differs { .. } => Some(
                "if the change is wanted, delete that entry from lab.lock and run again".to_owned(),
            ),
            Self::Space { path, .. } => Some(format!(
                "make space on the file system of {} and run again; nothing half made was kept",
                path.display()
            )),
            full if full.disk_full() => Some("make space there and run again".to_owned()),
            Self::Start { program, source } if source.kind() == io::ErrorKind::NotFound => Some(
                format!("install {program}; ./quickstart installs all that is needed"),
            ),
            Self::NoSource { .. } => Some(
                "connect to the network, or give a folder that has it with --artifacts".to_owned(),
            ),
            _ => None,
        }
    }
}

impl From<ImageError> for DriverError {
    fn from(error: ImageError) -> Self {
        let kind = match error {
            ImageError::Interrupted => ErrorKind::Interrupted,
            ImageError::Differs { .. } => ErrorKind::Refused,
            _ => ErrorKind::Failed,
        };
        let advice = error.advice();
        let mut wrapped = match error {
            ImageError::Io { .. } | ImageError::Start { .. } => {
                let text = error.to_string();
                Self::new(text).caused_by(error.into_source())
            }
            other => Self::new(other.to_string()),
        }
        .kind(kind);
        wrapped.hint = advice;
        wrapped
    }
}

impl ImageError {
    fn into_source(self) -> Box<dyn std::error::Error + Send + Sync> {
        match self {
            Self::Io { source, .. } | Self::Start { source, .. } => Box::new(source),
            other => Box::new(other),
        }
    }
}
