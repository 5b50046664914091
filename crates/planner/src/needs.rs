//! What each step of a plan needs of the others.

use std::collections::{BTreeMap, BTreeSet};

use model::inventory::Inventory;
use model::name::Name;
use model::plan::Action;
use model::resource::{Address, ForwardTarget, Kind, Resource, Spec};

use crate::{Decision, Draft, Wanted, remove};

/// Kinds in the order in which they are removed. A forward goes after those who reach the API
/// through it.
const REMOVAL: [Kind; 12] = [
    Kind::Fence,
    Kind::Connectivity,
    Kind::App,
    Kind::Component,
    Kind::Member,
    Kind::Forward,
    Kind::Machine,
    Kind::Host,
    Kind::Router,
    Kind::Network,
    Kind::Image,
    Kind::Artifact,
];

/// The place of a kind among removals.
pub(crate) fn removal_rank(kind: Kind) -> usize {
    REMOVAL
        .iter()
        .position(|k| *k == kind)
        .unwrap_or(REMOVAL.len())
}

/// The steps that one step needs.
#[derive(Debug, Default)]
pub(crate) struct Needs {
    /// What it stands on, or what must leave before it.
    pub(crate) all: BTreeSet<Address>,
    /// Those that give up something that only one can have.
    pub(crate) room: BTreeSet<Address>,
}

/// What the step of each decision needs.
pub(crate) fn of_steps(
    wanted: &Wanted<'_>,
    inventory: &Inventory,
    draft: &Draft,
) -> BTreeMap<Address, Needs> {
    let given_up = given_up(inventory, draft);
    draft
        .decisions
        .iter()
        .map(|(address, decision)| {
            let needs = if address.kind == Kind::Fence {
                // It was seen through the API, or a control plane that is well was.
                Needs::default()
            } else if decision.action == Action::Delete {
                Needs {
                    all: before_removal(decision, wanted, inventory, draft),
                    room: BTreeSet::new(),
                }
            } else {
                let fence = opened_before(decision, draft);
                let roots = decision.resource.needs.iter().chain(&fence);
                let claim = claim(&decision.resource.spec);
                let room = claim.and_then(|claim| given_up.get(&claim));
                Needs {
                    all: nearest(roots, wanted, draft),
                    room: room
                        .into_iter()
                        .flatten()
                        .filter(|other| *other != address)
                        .cloned()
                        .collect(),
                }
            };
            (address.clone(), needs)
        })
        .collect()
}

/// The fence that is taken away before a machine is started: no kubelet may run pods behind one.
fn opened_before(decision: &Decision, draft: &Draft) -> Option<Address> {
    let address = &decision.resource.address;
    let fence = Address::new(Kind::Fence, address.name.clone());
    let opened = address.kind == Kind::Machine && draft.action(&fence) == Some(Action::Delete);
    opened.then_some(fence)
}

/// The steps among these, and behind those that have none, theirs.
fn nearest<'a>(
    roots: impl Iterator<Item = &'a Address>,
    wanted: &Wanted<'a>,
    draft: &Draft,
) -> BTreeSet<Address> {
    let mut found = BTreeSet::new();
    let mut looked = BTreeSet::new();
    let mut open: Vec<&Address> = roots.collect();
    while let Some(address) = open.pop() {
        if !looked.insert(address) {
            continue;
        }
        if draft.decisions.contains_key(address) {
            found.insert(address.clone());
        } else if let Some(need) = wanted.get(address) {
            open.extend(&need.needs);
        }
    }
    found
}

/// What a removal waits for: the removals of the nearest kind that goes before its own, the way to
/// the API server where the thing leaves a cluster, and whoever leaves a network.
fn before_removal(
    decision: &Decision,
    wanted: &Wanted<'_>,
    inventory: &Inventory,
    draft: &Draft,
) -> BTreeSet<Address> {
    let address = &decision.resource.address;
    let rank = removal_rank(address.kind);
    let removed = || {
        let all = draft.decisions.iter();
        all.filter(|(_, decision)| decision.action == Action::Delete)
            .map(|(address, _)| address)
    };
    let before = removed()
        .map(|other| removal_rank(other.kind))
        .filter(|other| *other < rank)
        .max();
    let mut needs: BTreeSet<Address> = removed()
        .filter(|other| Some(removal_rank(other.kind)) == before)
        .cloned()
        .collect();
    if let Some(cluster) = remove::cluster_of(&decision.resource.spec) {
        needs.extend(way_to_api(cluster, wanted, draft));
    }
    if address.kind == Kind::Network {
        let leaves = |other: &&Address| matches!(inventory.spec(other), Some(Spec::Machine(machine)) if machine.network == address.name);
        needs.extend(draft.decisions.keys().filter(leaves).cloned());
    }
    needs
}

/// The steps that mend the way to a cluster's API server.
pub(crate) fn way_to_api(cluster: &Name, wanted: &Wanted<'_>, draft: &Draft) -> BTreeSet<Address> {
    let way = wanted
        .values()
        .filter(|resource| leads_to_api(resource, cluster))
        .map(|resource| &resource.address);
    nearest(way, wanted, draft)
}

/// Whether a cluster is reached through that thing.
fn leads_to_api(resource: &Resource, cluster: &Name) -> bool {
    match &resource.spec {
        Spec::Member(member) => member.first && member.cluster == *cluster,
        Spec::Forward(forward) => {
            matches!(&forward.target, ForwardTarget::Api { cluster: other, .. } if other == cluster)
        }
        _ => false,
    }
}

/// Something that only one thing can have.
type Claim = (Kind, Name, String);

fn claim(spec: &Spec) -> Option<Claim> {
    match spec {
        Spec::Machine(machine) => Some((
            Kind::Machine,
            machine.network.clone(),
            machine.address.addr().to_string(),
        )),
        Spec::Forward(forward) => Some((
            Kind::Forward,
            forward.host.clone(),
            forward.listen?.to_string(),
        )),
        _ => None,
    }
}

/// What steps give up that other steps may want.
fn given_up(inventory: &Inventory, draft: &Draft) -> BTreeMap<Claim, BTreeSet<Address>> {
    let mut all: BTreeMap<Claim, BTreeSet<Address>> = BTreeMap::new();
    for (address, decision) in &draft.decisions {
        let Some(held) = inventory.spec(address).and_then(claim) else {
            continue;
        };
        let kept = decision.action != Action::Delete
            && claim(&decision.resource.spec).as_ref() == Some(&held);
        if !kept {
            all.entry(held).or_default().insert(address.clone());
        }
    }
    all
}
