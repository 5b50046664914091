//! One run at a time for each lab.
//!
//! The lock is an advisory lock on the lab's folder itself: it dies with its process, needs no
//! unlocking, and cannot be split in two by deleting `.steading/`.

use std::fs::File;
use std::path::Path;

use jiff::Timestamp;
use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};
use serde::{Deserialize, Serialize};

use crate::{StoreError, durable};

/// Who holds a lab. Only for the message: the lock itself is the kernel's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// Its process id.
    pub pid: u32,
    /// When it began.
    pub started: String,
    /// What it was called with.
    pub command: String,
}

/// A held lab. Dropping it, or dying, lets go of it.
#[derive(Debug)]
pub struct Lock {
    _folder: Flock<File>,
}

/// Takes a lab.
pub(crate) fn take(
    root: &Path,
    information: &Path,
    command: &str,
    now: Timestamp,
) -> Result<Lock, StoreError> {
    // A replica's folder is made by its first run.
    std::fs::create_dir_all(root).map_err(StoreError::io("making", root))?;
    let folder = File::open(root).map_err(StoreError::io("opening", root))?;
    match Flock::lock(folder, FlockArg::LockExclusiveNonblock) {
        Ok(folder) => {
            let holder = Holder {
                pid: std::process::id(),
                started: now.strftime("%Y-%m-%d %H:%M:%S UTC").to_string(),
                command: command.to_owned(),
            };
            let json = serde_json::to_vec(&holder)
                .map_err(|error| StoreError::bad(information, error.to_string()))?;
            durable::write(information, &json, 0o644)?;
            Ok(Lock { _folder: folder })
        }
        Err((_, Errno::EWOULDBLOCK)) => Err(StoreError::Held(holder(information))),
        Err((_, errno)) => Err(StoreError::io("locking", root)(errno.into())),
    }
}

fn holder(information: &Path) -> Holder {
    std::fs::read(information)
        .ok()
        .and_then(|bytes| serde_json::from_slice(&bytes).ok())
        .unwrap_or_else(|| Holder {
            pid: 0,
            started: "just now".to_owned(),
            command: "steading".to_owned(),
        })
}
