//! The troubles of a replica that are in force: a file each, beside the power switches of its hosts.
//!
//! A trouble is written before it has an effect and removed before its effect is ended. What is not
//! yet, or still, in effect is seen as a fault of the host or machine that it is about, and mended by
//! the same step that makes that: whoever is killed in between leaves work for the next run.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use driver::{DriverError, ErrorKind, Scope, StepContext};
use jiff::Timestamp;
use model::inventory::{Observed, Remedy};
use model::name::Name;
use model::plan::LabId;
use model::resource::{Address, Kind, NodeMachine, Spec};
use model::trouble::Trouble;
use serde::{Deserialize, Serialize};

use super::host_link::Ends;
use super::inside::Containers;
use super::record::{self, Found};
use super::tags::Tagged;
use super::{cgroup, disk, launch, tags};
use crate::{HostPaths, durable};

/// A trouble that is in force.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InForce {
    /// The replica's id.
    lab: LabId,
    /// Since when.
    pub since: Timestamp,
    /// What.
    pub trouble: Trouble,
}

fn file(lab: &Path, scope: &Scope, trouble: &Trouble) -> PathBuf {
    let id = scope.id.0.simple();
    lab.join(format!("trouble-{}-{id}.json", trouble.key()))
}

/// The files of all troubles of the lab.
fn files(lab: &Path, scope: &Scope) -> Vec<PathBuf> {
    let end = format!("-{}.json", scope.id.0.simple());
    let ours = |name: &str| name.starts_with("trouble-") && name.ends_with(&end);
    let entries = fs::read_dir(lab).into_iter().flatten().flatten();
    entries
        .filter(|entry| entry.file_name().to_str().is_some_and(ours))
        .map(|entry| entry.path())
        .collect()
}

/// The troubles in force, in their order. What cannot be read is none: its effect is then ended.
pub(super) fn all(lab: &Path, scope: &Scope) -> Vec<InForce> {
    let mut found: Vec<InForce> = files(lab, scope)
        .iter()
        .filter_map(|path| serde_json::from_slice(&fs::read(path).ok()?).ok())
        .filter(|one: &InForce| one.lab == scope.id)
        .collect();
    found.sort_by(|a, b| a.trouble.cmp(&b.trouble));
    found
}

/// Whether the link of a host into a network is to carry nothing.
pub(super) fn cut(troubles: &[InForce], host: &Name, network: &Name) -> bool {
    troubles.iter().any(|one| one.trouble.cuts(host, network))
}

/// What a machine inside of a host is to suffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Suffered {
    full: bool,
    percent: Option<u8>,
}

fn suffered(troubles: &[InForce], spec: &NodeMachine) -> Suffered {
    let mut all = Suffered::default();
    let of_host = |one: &&InForce| spec.inside_host && one.trouble.is_of_host(&spec.host);
    for one in troubles.iter().filter(of_host) {
        match one.trouble {
            Trouble::Disk(_) => all.full = true,
            Trouble::Cpu { percent, .. } => all.percent = Some(percent),
            Trouble::Network(_) | Trouble::Link { .. } => {}
        }
    }
    all
}

/// Adds to what is seen of a machine that runs what it is to suffer and does not, or the reverse.
pub(super) fn examine(
    mut seen: Observed,
    lab: &Path,
    scope: &Scope,
    node: &Name,
    (spec, first): (&NodeMachine, i32),
) -> Observed {
    if !spec.inside_host {
        return seen;
    }
    let wanted = suffered(&all(lab, scope), spec);
    if let Some(what) = disk::fault(first, wanted.full) {
        seen = seen.fault(what, None, Remedy::Repair);
    }
    let group = cgroup::node_cgroup(scope, node, spec);
    if !cgroup::is_held(&group, &launch::size(spec), wanted.percent) {
        let what = match wanted.percent {
            Some(percent) => format!("it does not get {percent} % of its processors"),
            None => "it does not get all of its processors".to_owned(),
        };
        seen = seen.fault(what, None, Remedy::Repair);
    }
    seen
}

/// Lets a machine that runs suffer what it is to suffer, and nothing else.
pub(super) fn settle_machine(
    lab: &Path,
    scope: &Scope,
    node: &Name,
    spec: &NodeMachine,
) -> Result<(), DriverError> {
    let Some(first) = Containers::first_process(scope, node).filter(|_| spec.inside_host) else {
        return Ok(());
    };
    let wanted = suffered(&all(lab, scope), spec);
    let group = cgroup::node_cgroup(scope, node, spec);
    cgroup::hold(&group, &launch::size(spec), wanted.percent).map_err(|error| {
        DriverError::new(format!("setting the processors of {node}"))
            .caused_by(error)
            .hint("a pod there may have a processor limit above that: control groups of version 1 refuse less around it")
    })?;
    disk::settle(scope, node, first, wanted.full)
}

/// Brings a trouble into force. Another of the same key gives way to it.
///
/// # Errors
/// Where the replica is not up, or something cannot be changed; what is recorded then stays, and the
/// next run goes on with it.
pub(super) fn begin(
    paths: &HostPaths,
    trouble: &Trouble,
    now: Timestamp,
    context: &StepContext<'_>,
) -> Result<(), DriverError> {
    let scope = context.scope;
    let lab = record::lab_folder(&paths.machines, scope);
    if record::marked(&lab, scope, Kind::Host).is_empty() {
        return Err(DriverError::new(format!("switching {trouble} off"))
            .kind(ErrorKind::Refused)
            .caused_by("the replica is not up")
            .hint("bring it up first: steading up --replica"));
    }
    let path = file(&lab, scope, trouble);
    let in_force = InForce {
        lab: scope.id,
        since: now,
        trouble: trouble.clone(),
    };
    let failed = |error: Box<dyn std::error::Error + Send + Sync>| {
        DriverError::new(format!("writing {}", path.display())).caused_by(error)
    };
    let json = serde_json::to_vec(&in_force).map_err(|error| failed(error.into()))?;
    durable::write(&path, &json, 0o644).map_err(|error| failed(error.into()))?;
    settle(paths, context)
}

/// Ends a trouble. Answers whether it was in force.
///
/// # Errors
/// As [`begin`].
pub(super) fn end(
    paths: &HostPaths,
    trouble: &Trouble,
    context: &StepContext<'_>,
) -> Result<bool, DriverError> {
    let lab = record::lab_folder(&paths.machines, context.scope);
    let was = forget(&file(&lab, context.scope, trouble))?;
    settle(paths, context)?;
    Ok(was)
}

/// Ends all of them.
///
/// # Errors
/// As [`begin`].
pub(super) fn end_all(paths: &HostPaths, context: &StepContext<'_>) -> Result<(), DriverError> {
    let lab = record::lab_folder(&paths.machines, context.scope);
    for path in files(&lab, context.scope) {
        forget(&path)?;
    }
    settle(paths, context)
}

/// Forgets the troubles of something that was taken down; with the last host whatever is left.
pub(super) fn forget_of(lab: &Path, scope: &Scope, gone: &Address) -> Result<(), DriverError> {
    if record::marked(lab, scope, Kind::Host).is_empty() {
        return files(lab, scope)
            .iter()
            .try_for_each(|path| forget(path).map(drop));
    }
    for one in all(lab, scope) {
        let of = match gone.kind {
            Kind::Host => one.trouble.is_of_host(&gone.name),
            _ => one.trouble.is_of_network(&gone.name),
        };
        if of {
            forget(&file(lab, scope, &one.trouble))?;
        }
    }
    Ok(())
}

fn forget(path: &Path) -> Result<bool, DriverError> {
    match fs::remove_file(path) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(false),
        Err(error) => {
            Err(DriverError::new(format!("removing {}", path.display())).caused_by(error))
        }
    }
}

/// Brings everything that runs to what is in force now. What does not run comes to it when it is
/// started. All of it is tried, whatever becomes of a part.
fn settle(paths: &HostPaths, context: &StepContext<'_>) -> Result<(), DriverError> {
    let scope = context.scope;
    let lab = record::lab_folder(&paths.machines, scope);
    let processes = tags::find(scope);
    let links = settle_links(&lab, scope, &processes);
    let machines = record::machines(&lab)
        .into_iter()
        .filter_map(|node| match record::look(&lab.join(node.as_str()), scope) {
            Found::Ours(record) => Some((node, record.spec)),
            _ => None,
        })
        .map(|(node, spec)| settle_machine(&lab, scope, &node, &spec));
    machines
        .collect::<Vec<_>>()
        .into_iter()
        .fold(links, Result::and)
}

fn settle_links(
    lab: &Path,
    scope: &Scope,
    processes: &BTreeMap<Address, Vec<Tagged>>,
) -> Result<(), DriverError> {
    let troubles = all(lab, scope);
    let holder = |address: &Address| processes.get(address)?.first();
    let mut all = Ok(());
    for (address, found) in processes.iter().filter(|(a, _)| a.kind == Kind::Host) {
        let Some((own, Some(Spec::Host(space)))) = found.first().map(|one| (one.pid, one.spec()))
        else {
            continue;
        };
        for network in space.links.keys() {
            let Some(outer) = holder(&Address::new(Kind::Network, network.clone())) else {
                continue;
            };
            let ends = Ends {
                scope,
                host: &address.name,
                network,
                own,
                holder: outer.pid,
            };
            let done = ends.switch(cut(&troubles, &address.name, network));
            all = all.and(done.map_err(|error| {
                DriverError::new(format!("switching the link of {address} into {network}"))
                    .caused_by(error)
            }));
        }
    }
    all
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

    fn written(lab: &Path, scope: &Scope, trouble: &Trouble) {
        let one = InForce {
            lab: scope.id,
            since: Timestamp::UNIX_EPOCH,
            trouble: trouble.clone(),
        };
        let json = serde_json::to_vec(&one).unwrap();
        fs::write(file(lab, scope, trouble), json).unwrap();
    }

    #[test]
    fn troubles_are_the_labs_own_and_go_with_what_they_are_about() {
        let folder = tempfile::tempdir().unwrap();
        let (lab, ours, other) = (folder.path(), scope(1), scope(2));
        let gamer: Name = "gamer".parse().unwrap();
        let slow = |percent| Trouble::Cpu {
            host: gamer.clone(),
            percent,
        };
        written(lab, &ours, &slow(50));
        written(lab, &ours, &slow(20));
        written(lab, &ours, &Trouble::Network("lan".parse().unwrap()));
        written(lab, &other, &Trouble::Disk(gamer.clone()));
        // Cut short by a full disk of this machine.
        fs::write(file(lab, &ours, &Trouble::Disk(gamer.clone())), "{").unwrap();
        let found: Vec<String> = all(lab, &ours)
            .iter()
            .map(|one| one.trouble.to_string())
            .collect();
        assert_eq!(found, ["link:lan", "cpu:gamer=20%"]);
        assert!(cut(&all(lab, &ours), &gamer, &"lan".parse().unwrap()));
        fs::write(
            record::mark(lab, &ours, Kind::Host, &"nuc".parse().unwrap()),
            "",
        )
        .unwrap();
        let gone = Address::new(Kind::Host, gamer.clone());
        forget_of(lab, &ours, &gone).unwrap();
        assert_eq!(all(lab, &ours).len(), 1);
        fs::remove_file(record::mark(
            lab,
            &ours,
            Kind::Host,
            &"nuc".parse().unwrap(),
        ))
        .unwrap();
        forget_of(lab, &ours, &gone).unwrap();
        assert_eq!(files(lab, &ours), Vec::<PathBuf>::new());
        assert_eq!(all(lab, &other).len(), 1);
    }
}
