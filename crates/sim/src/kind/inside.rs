//! What lives in clusters: members, objects, the proof of connectivity.

use std::collections::BTreeMap;

use model::inventory::{Observed, Presence, Remedy};
use model::name::Name;
use model::plan::LabId;
use model::resource::{Address, Connectivity, Kind, Member, Resource, Spec};

use crate::state::{Record, State, part};

/// A member is made in a running machine; all but the first are let in by the API server.
pub(super) fn member(
    state: &State,
    lab: LabId,
    address: &Address,
    member: &Member,
    name: &str,
) -> Result<(), String> {
    state.machine_up(&address.name)?;
    if name == part::ETCD {
        return Ok(());
    }
    state.api(lab, &member.cluster)
}

/// Every node must be there and answer.
pub(super) fn connectivity(state: &State, lab: LabId, proof: &Connectivity) -> Result<(), String> {
    state.reachable(lab, &proof.cluster)?;
    for node in &proof.nodes {
        answers(state, node)?;
    }
    Ok(())
}

fn answers(state: &State, node: &Name) -> Result<(), String> {
    state.machine_up(node)?;
    let member = Address::new(Kind::Member, node.clone());
    if state.has(&member, part::NODE) {
        Ok(())
    } else {
        Err(format!("{node} is not registered"))
    }
}

/// Members are seen from inside their machines, and as nodes of their cluster.
pub(super) fn see_members(
    state: &State,
    lab: LabId,
    wanted: &[&Resource],
    seen: &mut BTreeMap<Address, Observed>,
) {
    for resource in wanted {
        if let Spec::Member(member) = &resource.spec {
            let found = see_member(state, lab, &resource.address, member);
            seen.extend(found.map(|found| (resource.address.clone(), found)));
        }
    }
    // Nodes of ours that are declared no more; only an API server knows of them.
    for node in &state.parts {
        if let (part::NODE, Spec::Member(member)) = (node.name, &node.spec)
            && node.owner == lab
            && state.reachable(lab, &member.cluster).is_ok()
            && !wanted.iter().any(|one| one.address == node.address)
        {
            let digest = model::digest::Digest::of(&node.spec);
            let found = Observed::ours(Some(digest), Some(node.spec.clone()));
            seen.insert(node.address.clone(), found);
        }
    }
}

fn see_member(state: &State, lab: LabId, address: &Address, member: &Member) -> Option<Observed> {
    if !state.known.contains(&(lab, member.cluster.clone())) {
        return match state.records.get(address) {
            Some(record) if record.owner != lab => Some(foreign(address, record)),
            _ => None,
        };
    }
    if let Err(why) = state.machine_up(&address.name) {
        return Some(Observed::unseen(why));
    }
    let record = state.records.get(address)?;
    if record.owner != lab {
        return Some(foreign(address, record));
    }
    let mut seen = Observed::ours(record.digest.clone(), Some(record.spec.clone()))
        .fact("generation", record.generation.0.to_string());
    if let Err(why) = state.reachable(lab, &member.cluster) {
        let remedy = if member.first {
            Remedy::Repair
        } else {
            Remedy::Wait
        };
        return Some(seen.fault("the API server does not answer", Some(why), remedy));
    }
    if !state.has(address, part::NODE) {
        seen = seen.fault("it is not registered any more", None, Remedy::Repair);
    }
    Some(seen)
}

fn foreign(address: &Address, record: &Record) -> Observed {
    Observed::foreign(format!("{address} of lab {}", record.owner))
}

/// Objects are seen through the API server only.
pub(super) fn see_objects(
    state: &State,
    lab: LabId,
    wanted: &[&Resource],
    seen: &mut BTreeMap<Address, Observed>,
) {
    let kinds = [Kind::Fence, Kind::Component, Kind::App, Kind::Connectivity];
    for (address, record) in &state.records {
        let is_wanted = wanted.iter().any(|one| one.address == *address);
        let Some(cluster) = cluster(&record.spec).filter(|_| kinds.contains(&address.kind)) else {
            continue;
        };
        if state.reachable(lab, cluster).is_err() || (record.owner != lab && !is_wanted) {
            continue;
        }
        let found = see_object(state, lab, address, record);
        seen.insert(address.clone(), found);
    }
    for resource in wanted {
        let Some(cluster) = cluster(&resource.spec) else {
            continue;
        };
        if !state.known.contains(&(lab, cluster.clone())) {
            continue;
        }
        if let Err(why) = state.reachable(lab, cluster) {
            seen.insert(resource.address.clone(), Observed::unseen(why));
        }
    }
    // Whether nodes answer is only asked for a proof that is wanted.
    for resource in wanted {
        if let (Spec::Connectivity(proof), Some(found)) =
            (&resource.spec, seen.get_mut(&resource.address))
            && matches!(found.presence, Presence::Ours { .. })
        {
            for node in &proof.nodes {
                if let Err(why) = answers(state, node) {
                    let what = format!("{node} does not answer");
                    *found = found.clone().fault(what, Some(why), Remedy::Wait);
                }
            }
        }
    }
}

fn see_object(state: &State, lab: LabId, address: &Address, record: &Record) -> Observed {
    if record.owner != lab {
        return foreign(address, record);
    }
    let mut seen = Observed::ours(record.digest.clone(), Some(record.spec.clone()))
        .fact("generation", record.generation.0.to_string());
    for (name, _) in super::parts(address, &record.spec) {
        if !state.has(address, name) {
            seen = seen.fault(format!("{name} is missing"), None, Remedy::Repair);
        }
    }
    seen
}

fn cluster(spec: &Spec) -> Option<&Name> {
    match spec {
        Spec::Objects(objects) => Some(&objects.cluster),
        Spec::Connectivity(proof) => Some(&proof.cluster),
        Spec::Fence(fence) => Some(&fence.cluster),
        _ => None,
    }
}
