//! The folder of a container machine, and the record in it that says whose it is.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use driver::{DriverError, ErrorKind, Scope};
use model::digest::Digest;
use model::name::Name;
use model::plan::{Generation, LabId};
use model::resource::{Kind, NodeMachine};
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

/// The file that is locked while a network or host is held. It also tells, after its holder was
/// killed, that there was one. Folders of labs whose names and short ids are the same are one: the
/// whole id tells whose the thing is.
pub(super) fn mark(lab: &Path, scope: &Scope, kind: Kind, name: &Name) -> PathBuf {
    let id = scope.id.0.simple();
    lab.join(format!("{}-{name}-{id}.lock", kind.as_str()))
}

/// The folder that all machines of the lab share. Its name is none that a machine can have.
pub(super) fn shared(lab: &Path, scope: &Scope) -> PathBuf {
    lab.join(format!(".shared-{}", scope.id.0.simple()))
}

/// Removes the folder that the machines shared, once the last of them is gone: what lies in it
/// lasts as long as their disks, not as long as any one of them.
pub(super) fn remove_shared(lab: &Path, scope: &Scope) -> io::Result<()> {
    let left = machines(lab)
        .iter()
        .any(|node| matches!(look(&lab.join(node.as_str()), scope), Found::Ours(_)));
    if left {
        return Ok(());
    }
    match fs::remove_dir_all(shared(lab, scope)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

/// Removes what the writing of switches and troubles of the lab left behind when it was killed: they
/// carry its whole id.
pub(super) fn remove_unfinished(lab: &Path, scope: &Scope) {
    let id = format!("-{}.", scope.id.0.simple());
    let ours = |name: &str| name.starts_with('.') && name.ends_with(".tmp") && name.contains(&id);
    let entries = fs::read_dir(lab).into_iter().flatten().flatten();
    for entry in entries.filter(|entry| entry.file_name().to_str().is_some_and(ours)) {
        // One that is renamed meanwhile is not there any more.
        let _ = fs::remove_file(entry.path());
    }
}

/// The things of a kind of the lab whose marks lie in its folder.
pub(super) fn marked(lab: &Path, scope: &Scope, kind: Kind) -> Vec<Name> {
    let start = format!("{}-", kind.as_str());
    named(lab, &start, &format!("-{}.lock", scope.id.0.simple()))
}

/// What stands between that start and that end in the names of files in a folder.
pub(super) fn named(lab: &Path, start: &str, end: &str) -> Vec<Name> {
    let Ok(entries) = fs::read_dir(lab) else {
        return Vec::new();
    };
    let name = |file: &str| file.strip_prefix(start)?.strip_suffix(end)?.parse().ok();
    entries
        .flatten()
        .filter_map(|entry| name(entry.file_name().to_str()?))
        .collect()
}

/// Names of all machine folders of the lab.
pub(super) fn machines(lab: &Path) -> Vec<Name> {
    let Ok(entries) = fs::read_dir(lab) else {
        return Vec::new();
    };
    entries
        .flatten()
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .collect()
}

/// Whose a folder is and what it was made from: `machine.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Record {
    pub(super) owner: LabId,
    pub(super) spec: NodeMachine,
    /// The image below its file system: the one that it was first made from. A newer one, in
    /// `spec`, only brings the programs and container images of an upgrade.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) base: Option<Digest>,
    /// The generation that wrote it.
    #[serde(default)]
    pub(super) generation: Generation,
    /// Written last: without it the machine is half made.
    pub(super) digest: Option<Digest>,
}

impl Record {
    /// The image below its file system.
    pub(super) fn base(&self) -> &Digest {
        self.base.as_ref().unwrap_or(&self.spec.image)
    }
}

/// What a machine's folder turns out to be.
#[derive(Debug)]
pub(super) enum Found {
    /// There is none.
    Nothing,
    /// An empty one, left where we were killed before its record or after all else was removed.
    Empty,
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
        None if is_empty(folder) => Found::Empty,
        None => Found::Foreign(format!("{} has no record of its owner", folder.display())),
    }
}

/// Whether a folder holds nothing, or nothing but a record that was never completed: the record is
/// written before anything else, beside its place at first.
fn is_empty(folder: &Path) -> bool {
    fs::read_dir(folder).is_ok_and(|entries| {
        entries.flatten().all(|entry| {
            let name = entry.file_name();
            let name = name.to_string_lossy();
            name.starts_with(".machine.json.") && name.ends_with(".tmp")
        })
    })
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
        Found::Nothing | Found::Empty | Found::Ours(_) => {}
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

#[cfg(test)]
mod tests {
    use super::*;

    fn scope(id: u128) -> Scope {
        Scope {
            lab: "home".parse().unwrap(),
            id: LabId(uuid::Uuid::from_u128(id)),
        }
    }

    fn record(scope: &Scope) -> Record {
        let spec = serde_json::json!({
            "host": "h", "machine": { "container": { "cpu": 1, "memory": "1Gi" } },
            "image": "00", "network": "lab", "address": "10.0.0.2/24", "gateway": "10.0.0.1",
            "mtu": 1500, "pod_mtu": 1450, "pods": "10.244.0.0/16", "hosts": {}
        });
        Record {
            generation: Generation(3),
            owner: scope.id,
            spec: serde_json::from_value(spec).unwrap(),
            base: None,
            digest: None,
        }
    }

    #[test]
    fn a_folder_is_ours_only_by_its_record() {
        let root = tempfile::tempdir().unwrap();
        let (ours, other) = (scope(1), scope(2));
        let folder = root.path().join("lab/n1");
        assert!(matches!(look(&folder, &ours), Found::Nothing));
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join(".machine.json.7.tmp"), "{").unwrap();
        assert!(matches!(look(&folder, &ours), Found::Empty));
        fs::write(folder.join("data"), "").unwrap();
        assert!(matches!(look(&folder, &ours), Found::Foreign(_)));
        write(&folder, &record(&ours)).unwrap();
        assert!(matches!(look(&folder, &ours), Found::Ours(_)));
        assert!(matches!(look(&folder, &other), Found::Foreign(_)));
    }

    #[test]
    fn the_shared_folder_goes_with_the_last_machine() {
        let root = tempfile::tempdir().unwrap();
        let (lab, ours) = (root.path().join("lab"), scope(1));
        let (folder, theirs) = (shared(&lab, &ours), shared(&lab, &scope(2)));
        write(&lab.join("n1"), &record(&ours)).unwrap();
        for folder in [&folder, &theirs] {
            fs::create_dir_all(folder.join("volumes/data")).unwrap();
        }
        assert_eq!(machines(&lab).len(), 1, "it is no machine");
        remove_shared(&lab, &ours).unwrap();
        assert!(folder.exists(), "a machine is left");
        remove(&lab.join("n1"), &ours).unwrap();
        remove_shared(&lab, &ours).unwrap();
        assert!(!folder.exists());
        assert!(theirs.exists(), "it is another lab's");
        remove_shared(&lab, &ours).unwrap();
    }

    #[test]
    fn what_a_killed_writer_left_goes_and_what_is_anothers_stays() {
        let lab = tempfile::tempdir().unwrap();
        let left = |scope: &Scope| {
            let id = scope.id.0.simple();
            let file = lab.path().join(format!(".host-nuc-{id}.off.77.tmp"));
            fs::write(&file, "{").unwrap();
            file
        };
        let (ours, theirs) = (left(&scope(1)), left(&scope(2)));
        let whole = mark(lab.path(), &scope(1), Kind::Host, &"nuc".parse().unwrap());
        fs::write(&whole, "").unwrap();
        remove_unfinished(lab.path(), &scope(1));
        assert!(!ours.exists() && theirs.exists() && whole.exists());
    }

    #[test]
    fn nothing_foreign_is_removed_and_nothing_of_ours_is_left() {
        let root = tempfile::tempdir().unwrap();
        let machines = root.path().join("machines");
        let folder = machines.join("lab/n1");
        write(&folder, &record(&scope(1))).unwrap();
        fs::create_dir_all(folder.join("upper/etc")).unwrap();
        let refused = remove(&folder, &scope(2)).unwrap_err();
        assert_eq!(refused.kind, ErrorKind::Refused);
        assert!(folder.join("upper/etc").is_dir());
        remove(&folder, &scope(1)).unwrap();
        assert!(!machines.exists());
        remove(&folder, &scope(1)).unwrap();
    }
}
