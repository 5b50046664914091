//! The store's snapshots as the drivers want them, and when the next one is due.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use driver::DriverError;
use drivers::kubeadm::{Content, Planes, SnapshotStore};
use jiff::{SignedDuration, Timestamp};
use model::lab::{Lab, Role};
use model::name::Name;
use model::plan::{Action, Plan};
use model::resource::{Address, Kind, Resource, Spec};
use store::{Snapshot, Snapshots, StoreError};

use crate::session::Session;

/// The snapshots of a lab, with how many of each cluster's are kept.
pub(crate) struct LabSnapshots {
    pub(crate) kept: Snapshots,
    most: BTreeMap<Name, usize>,
}

fn failed(error: StoreError) -> DriverError {
    let hint = error.hint();
    let mut wrapped = DriverError::new("using the lab's snapshots").caused_by(error);
    wrapped.hint = hint;
    wrapped
}

impl LabSnapshots {
    pub(crate) fn of(lab: &Lab, kept: Snapshots) -> Self {
        let clusters = lab.clusters.keys();
        let most = clusters.map(|name| (name.clone(), catalog::snapshots_of(lab).most));
        Self {
            most: most.collect(),
            kept,
        }
    }
}

impl SnapshotStore for LabSnapshots {
    fn keep(&self, cluster: &Name, why: &str, content: &[u8]) -> Result<String, DriverError> {
        let most = self.most.get(cluster).copied().unwrap_or(usize::MAX);
        let kept = self
            .kept
            .keep(cluster.as_str(), (Timestamp::now(), why), content, most);
        kept.map(|snapshot| snapshot.id).map_err(failed)
    }

    fn open(&self, cluster: &Name, id: &str) -> Result<Content, DriverError> {
        self.kept.open(cluster.as_str(), id).map_err(failed)
    }

    fn set_restoring(&self, cluster: &Name, id: Option<&str>) -> Result<(), DriverError> {
        self.kept
            .set_restoring(cluster.as_str(), id)
            .map_err(failed)
    }

    fn restoring(&self, cluster: &Name) -> Result<Option<String>, DriverError> {
        self.kept.restoring(cluster.as_str()).map_err(failed)
    }
}

/// The control planes of every cluster, with their addresses.
pub(crate) fn planes(resources: &[Resource]) -> BTreeMap<Name, BTreeMap<Name, IpAddr>> {
    let mut all: BTreeMap<Name, BTreeMap<Name, IpAddr>> = BTreeMap::new();
    for resource in resources {
        if let Spec::Member(member) = &resource.spec
            && member.role == Role::ControlPlane
        {
            let planes = all.entry(member.cluster.clone()).or_default();
            planes.insert(resource.address.name.clone(), member.address);
        }
    }
    all
}

/// The same, as the driver takes it.
pub(crate) const fn of<'a>(cluster: &'a Name, all: &'a BTreeMap<Name, IpAddr>) -> Planes<'a> {
    Planes { cluster, all }
}

/// The clusters that lose the data of a control plane with its machine, which a plan makes anew.
/// Other risky steps are the members' own: their driver knows how the cluster is by then.
pub(crate) fn at_risk<'a>(
    plan: &Plan,
    planes: &'a BTreeMap<Name, BTreeMap<Name, IpAddr>>,
) -> Vec<&'a Name> {
    let anew: BTreeSet<&Name> = plan
        .steps
        .iter()
        .filter(|step| step.action == Action::Replace && step.address.kind == Kind::Machine)
        .map(|step| &step.address.name)
        .collect();
    let risked = planes
        .iter()
        .filter(|(_, all)| all.keys().any(|plane| anew.contains(plane)));
    risked.map(|(cluster, _)| cluster).collect()
}

/// The control plane that makes a cluster.
pub(crate) fn first_plane(resources: &[Resource], cluster: &Name) -> Option<Address> {
    let makes =
        |spec: &Spec| matches!(spec, Spec::Member(one) if one.first && one.cluster == *cluster);
    let first = resources.iter().find(|resource| makes(&resource.spec))?;
    Some(first.address.clone())
}

/// The clusters that a plan begins from nothing, although there are snapshots of them: whatever held
/// their data is gone.
pub(crate) fn begun_empty(session: &Session, plan: &Plan) -> anyhow::Result<Vec<Empty>> {
    let mut found = Vec::new();
    for (cluster, planes) in planes(session.resources()) {
        let first = first_plane(session.resources(), &cluster);
        let Some(member) = first.filter(|_| makes_all(plan, &planes)) else {
            continue;
        };
        let all = session.snapshots.kept.list(cluster.as_str())?;
        found.extend(all.last().map(|newest| Empty {
            cluster,
            member,
            snapshot: newest.id.clone(),
        }));
    }
    Ok(found)
}

/// A cluster that would begin empty.
pub(crate) struct Empty {
    pub(crate) cluster: Name,
    /// The member that begins it.
    pub(crate) member: Address,
    /// The newest snapshot of it.
    pub(crate) snapshot: String,
}

/// Whether a plan makes every one of these control planes.
fn makes_all(plan: &Plan, planes: &BTreeMap<Name, IpAddr>) -> bool {
    let made = |plane: &Name| {
        plan.steps.iter().any(|step| {
            step.address.kind == Kind::Member
                && step.address.name == *plane
                && step.action == Action::Create
        })
    };
    planes.keys().all(made)
}

/// Whether another one is due by the schedule. One that is not yet taken was taken by a clock that
/// went wrong, and does not count.
pub(crate) fn due(all: &[Snapshot], every: SignedDuration, now: Timestamp) -> bool {
    let mut past = all.iter().rev().filter(|one| one.taken <= now);
    past.next()
        .is_none_or(|last| now.duration_since(last.taken) >= every)
}

#[cfg(test)]
mod tests {
    use model::digest::Digest;
    use model::inventory::{Inventory, Observed, Remedy};
    use model::plan::{Generation, LabId};
    use model::source::Source;

    use super::*;

    type Planned = (Plan, BTreeMap<Name, BTreeMap<Name, IpAddr>>);

    /// The example lab's plan where some things were seen with a fault, and others not at all.
    fn plan_of(faults: &[(&str, Remedy)], gone: &[&str]) -> Planned {
        let text = include_str!("../../../labs/quickstart-ha/lab.yaml").to_owned();
        let name = "lab.yaml".to_owned();
        let lab = model::read::read(&[Source { name, text }]).lab.unwrap();
        let id = LabId(uuid::Uuid::from_u128(1));
        let resources = catalog::expand(&lab, &BTreeMap::new()).unwrap();
        let mut inventory = Inventory::default();
        for one in &resources {
            if gone.contains(&one.address.to_string().as_str()) {
                continue;
            }
            let digest = Some(Digest::of(&one.spec));
            let mut seen = Observed::ours(digest, Some(one.spec.clone()));
            for (at, remedy) in faults {
                if one.address.to_string() == *at {
                    seen = seen.fault("its folder is gone", None, *remedy);
                }
            }
            inventory.things.insert(one.address.clone(), seen);
        }
        let plan = planner::plan(&planner::Input {
            lab: &lab.lab,
            lab_id: id,
            parent: Generation(1),
            resources: &resources,
            inventory: &inventory,
            forced: &BTreeSet::new(),
        });
        (plan, planes(&resources))
    }

    #[test]
    fn what_a_control_plane_holds_is_kept_before_its_machine_is_made_anew() {
        let kept = |faults: &[(&str, Remedy)]| {
            let (plan, planes) = plan_of(faults, &[]);
            let all = at_risk(&plan, &planes).into_iter().cloned();
            (plan.steps.is_empty(), all.collect::<Vec<Name>>())
        };
        let main: Name = "main".parse().unwrap();
        assert_eq!(kept(&[]), (true, vec![]), "nothing is done");
        let worker = ("machine/worker-1", Remedy::Replace);
        assert_eq!(kept(&[worker]), (false, vec![]), "it holds nothing");
        let started = ("machine/control-plane-2", Remedy::Repair);
        assert_eq!(kept(&[started]), (false, vec![]), "its disk stays");
        let anew = ("machine/control-plane-2", Remedy::Replace);
        assert_eq!(kept(&[worker, anew]), (false, vec![main]));
    }

    #[test]
    fn a_cluster_begins_empty_where_none_of_its_control_planes_is_left() {
        let begins = |gone: &[&str]| {
            let (plan, planes) = plan_of(&[], gone);
            makes_all(&plan, planes.values().next().unwrap())
        };
        let members = [1, 2, 3].map(|n| format!("member/control-plane-{n}"));
        let [one, two, three] = [0, 1, 2].map(|n: usize| members[n].as_str());
        assert!(!begins(&[]));
        assert!(!begins(&[one, two]), "one holds the data still");
        assert!(begins(&[one, two, three]));
    }

    #[test]
    fn the_next_is_due_after_the_last_of_the_past() {
        let at = |hour: i64| Timestamp::UNIX_EPOCH + SignedDuration::from_hours(hour);
        let taken = |hour| Snapshot {
            id: String::new(),
            taken: at(hour),
            why: String::new(),
            bytes: 0,
        };
        let every = SignedDuration::from_hours(6);
        assert!(due(&[], every, at(0)));
        assert!(!due(&[taken(0), taken(1)], every, at(6)));
        assert!(due(&[taken(0), taken(1)], every, at(7)));
        assert!(
            due(&[taken(0), taken(100)], every, at(7)),
            "a clock went wrong"
        );
    }
}
