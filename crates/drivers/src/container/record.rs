//! The folder of a container machine, and the record in it that says whose it is.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use driver::{DriverError, ErrorKind, Scope};
use model::digest::Digest;
use model::name::Name;
use model::plan::LabId;
use model::resource::NodeMachine;
use serde::{Deserialize, Serialize};

use super::cgroup::lab_name;
use crate::durable;

/// The folder of a lab's machines.
pub(super) fn lab_folder(machines: &Path, scope: &Scope) -> PathBuf {
    machines.join(lab_name(scope))
}

/// The folder of one machine.
pub(super) fn folder(machines: &Path, scope: &Scope, node: &Name) -> PathBuf {
    lab_folder(machines, scope).join(node.as_str())
}

/// Whose a folder is and what it was made from: `machine.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Record {
    pub(super) owner: LabId,
    pub(super) spec: NodeMachine,
    /// Written last: without it the machine is half made.
    pub(super) digest: Option<Digest>,
}

/// What a machine's folder turns out to be.
#[derive(Debug)]
pub(super) enum Found {
    /// There is none.
    Nothing,
    /// Ours.
    Ours(Box<Record>),
    /// Somebody else's, or nobody's.
    Foreign(String),
}

/// Looks whose a folder is.
pub(super) fn look(folder: &Path, scope: &Scope) -> Found {
    if !folder.exists() {
        return Found::Nothing;
    }
    let path = folder.join("machine.json");
    let record = fs::read(&path)
        .ok()
        .and_then(|bytes| serde_json::from_slice::<Record>(&bytes).ok());
    match record {
        Some(record) if record.owner == scope.id => Found::Ours(Box::new(record)),
        Some(record) => Found::Foreign(format!(
            "{} belongs to the lab with id {}",
            folder.display(),
            record.owner
        )),
        // We write the record before anything else; an empty folder is one that we were killed on.
        None if is_empty(folder) => Found::Nothing,
        None => Found::Foreign(format!("{} has no record of its owner", folder.display())),
    }
}

fn is_empty(folder: &Path) -> bool {
    fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_none())
}

/// Writes the record.
pub(super) fn write(folder: &Path, record: &Record) -> Result<(), DriverError> {
    let path = folder.join("machine.json");
    let failed = |error: Box<dyn std::error::Error + Send + Sync>| {
        DriverError::new(format!("writing {}", path.display())).caused_by(error)
    };
    let json = serde_json::to_vec_pretty(record).map_err(|e| failed(e.into()))?;
    fs::create_dir_all(folder).map_err(|e| failed(e.into()))?;
    durable::write(&path, &json, 0o644).map_err(|e| failed(e.into()))
}

/// Removes the folder of a machine of ours, the record last, so that a killed removal is seen as
/// ours and goes on.
pub(super) fn remove(folder: &Path, scope: &Scope) -> Result<(), DriverError> {
    match look(folder, scope) {
        Found::Nothing => {}
        Found::Ours(_) => {}
        Found::Foreign(found) => {
            return Err(DriverError::new(found).kind(ErrorKind::Refused));
        }
    }
    let failed = |error: io::Error| {
        DriverError::new(format!("removing {}", folder.display())).caused_by(error)
    };
    if let Ok(entries) = fs::read_dir(folder) {
        for entry in entries
            .flatten()
            .filter(|e| e.file_name() != "machine.json")
        {
            let path = entry.path();
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                fs::remove_dir_all(&path).map_err(failed)?;
            } else {
                fs::remove_file(&path).map_err(failed)?;
            }
        }
        fs::remove_dir_all(folder).map_err(failed)?;
    }
    if let Some(lab) = folder.parent() {
        // The lab's folder goes with the last machine in it.
        let _ = fs::remove_dir(lab);
        let _ = lab.parent().map(fs::remove_dir);
    }
    Ok(())
}
