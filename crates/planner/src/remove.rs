//! Removal of what is ours and no longer declared.

use std::collections::{BTreeMap, BTreeSet};

use model::inventory::{Inventory, Presence};
use model::lab::Role;
use model::name::Name;
use model::plan::{Action, Impact, Reason};
use model::resource::{Address, Kind, Member, Resource, Spec};

use crate::{Draft, Wanted, needs};

/// Decides about everything that is ours and not wanted.
pub(crate) fn remove(wanted: &Wanted<'_>, inventory: &Inventory, draft: &mut Draft) {
    // What lives only inside a cluster goes with its machines.
    let kept: BTreeSet<&Name> = wanted
        .values()
        .filter(|resource| resource.address.kind == Kind::Member)
        .filter_map(|resource| cluster_of(&resource.spec))
        .collect();
    let reason = if wanted.is_empty() {
        Reason::Down
    } else {
        Reason::Undeclared
    };
    for (address, seen) in &inventory.things {
        let spec = match &seen.presence {
            Presence::Ours { spec, .. } => spec.as_deref(),
            Presence::Off { .. } => None,
            Presence::Foreign { .. } | Presence::Unseen { .. } => continue,
        };
        if wanted.contains_key(address) || matches!(address.kind, Kind::Artifact | Kind::Image) {
            continue;
        }
        let inside = matches!(
            address.kind,
            Kind::Member | Kind::Component | Kind::App | Kind::Connectivity | Kind::Fence
        );
        if inside && kept.is_empty() {
            continue;
        }
        let spec = match spec {
            // In which cluster it is cannot be told, nor so the way to it.
            None if inside => {
                let text = "it is no longer declared, but what it was made from cannot be read; \
                            run again once it can";
                draft.note(address, text.to_owned(), false);
                continue;
            }
            None => &Spec::Remains,
            Some(spec) => spec,
        };
        if inside && !cluster_of(spec).is_some_and(|cluster| kept.contains(cluster)) {
            continue;
        }
        let resource = Resource {
            address: address.clone(),
            spec: spec.clone(),
            needs: BTreeSet::new(),
        };
        let impact = removal_impact(&resource, inventory);
        let reason = match spec {
            Spec::Fence(fence) => Reason::HostBack {
                host: fence.host.clone(),
            },
            _ => reason.clone(),
        };
        draft.decide(&resource, Action::Delete, impact, reason);
    }
    for member in unseen_members(wanted, inventory, draft) {
        draft.decide(&member, Action::Delete, Impact::None, reason.clone());
    }
}

/// The memberships that machines to be removed may have: their cluster cannot be asked before this
/// plan has mended the way to it, and their pods shall be moved away first all the same.
fn unseen_members(wanted: &Wanted<'_>, inventory: &Inventory, draft: &Draft) -> Vec<Resource> {
    let machines = draft.decisions.values().filter_map(|decision| {
        let address = &decision.resource.address;
        match &decision.resource.spec {
            Spec::Machine(machine) if decision.action == Action::Delete => Some((address, machine)),
            _ => None,
        }
    });
    machines
        .filter_map(|(address, machine)| {
            let member = Address::new(Kind::Member, address.name.clone());
            if inventory.things.contains_key(&member) {
                return None;
            }
            // A machine knows the names of all nodes of its cluster.
            let first = wanted.values().find_map(|resource| match &resource.spec {
                Spec::Member(member)
                    if member.first && machine.hosts.contains_key(&resource.address.name) =>
                {
                    Some(member)
                }
                _ => None,
            })?;
            if needs::way_to_api(&first.cluster, wanted, draft).is_empty() {
                return None;
            }
            Some(Resource {
                address: member,
                spec: Spec::Member(Member {
                    role: Role::Worker,
                    first: false,
                    shared: None,
                    planes: BTreeMap::new(),
                    address: machine.address.addr(),
                    labels: BTreeMap::new(),
                    taints: Vec::new(),
                    ..first.clone()
                }),
                needs: BTreeSet::new(),
            })
        })
        .collect()
}

/// The cluster that a thing is in.
pub(crate) fn cluster_of(spec: &Spec) -> Option<&Name> {
    match spec {
        Spec::Member(member) => Some(&member.cluster),
        Spec::Objects(objects) => Some(&objects.cluster),
        Spec::Connectivity(connectivity) => Some(&connectivity.cluster),
        Spec::Fence(fence) => Some(&fence.cluster),
        Spec::Artifact(_)
        | Spec::Image(_)
        | Spec::Network(_)
        | Spec::Router(_)
        | Spec::Host(_)
        | Spec::Machine(_)
        | Spec::Forward(_)
        | Spec::Remains => None,
    }
}

/// A control plane's machine holds the cluster's data.
fn removal_impact(resource: &Resource, inventory: &Inventory) -> Impact {
    // The record that would tell is the first to come and the last to go: without it there is no disk.
    if !matches!(resource.spec, Spec::Machine(_)) {
        return Impact::None;
    }
    let member = Address::new(Kind::Member, resource.address.name.clone());
    match inventory.things.get(&member).map(|seen| &seen.presence) {
        Some(Presence::Ours {
            spec: Some(spec), ..
        }) => match &**spec {
            Spec::Member(member) if member.role == Role::Worker => Impact::Recreate,
            _ => Impact::Wipe,
        },
        // Whether it held the only copy is not known: say so rather than not.
        _ => Impact::Wipe,
    }
}
