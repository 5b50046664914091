//! What things of each kind consist of, what they need, and how they are seen.

mod host;
mod inside;

use std::collections::BTreeMap;

use model::inventory::Observed;
use model::plan::LabId;
use model::resource::{Address, Kind, Resource, Spec};

use crate::state::{Home, State, part};

/// The kinds that each driver looks after.
pub(crate) const DRIVERS: [&[Kind]; 4] = [
    &[Kind::Artifact, Kind::Image],
    &[
        Kind::Network,
        Kind::Router,
        Kind::Host,
        Kind::Machine,
        Kind::Forward,
    ],
    &[Kind::Member],
    &[Kind::Fence, Kind::Component, Kind::App, Kind::Connectivity],
];

/// Where the record of a thing lies.
pub(crate) fn home(address: &Address, spec: &Spec) -> Home {
    match spec {
        Spec::Artifact(_)
        | Spec::Image(_)
        | Spec::Network(_)
        | Spec::Router(_)
        | Spec::Host(_)
        | Spec::Machine(_)
        | Spec::Forward(_)
        | Spec::Remains => Home::Host,
        Spec::Member(_) => Home::Disk(address.name.clone()),
        Spec::Objects(objects) => Home::Cluster(objects.cluster.clone()),
        Spec::Connectivity(proof) => Home::Cluster(proof.cluster.clone()),
        Spec::Fence(fence) => Home::Cluster(fence.cluster.clone()),
    }
}

/// The parts of a thing and where they lie, in the order in which they are made.
pub(crate) fn parts(address: &Address, spec: &Spec) -> Vec<(&'static str, Home)> {
    let home = home(address, spec);
    match spec {
        Spec::Artifact(_) | Spec::Image(_) => vec![(part::CONTENT, home)],
        Spec::Network(_) | Spec::Router(_) | Spec::Host(_) | Spec::Forward(_) => {
            vec![(part::PROCESS, home)]
        }
        Spec::Remains => Vec::new(),
        Spec::Machine(_) => [part::DISK, part::PROCESS, part::LINK]
            .map(|name| (name, Home::Host))
            .into(),
        Spec::Member(member) => {
            let node = (part::NODE, Home::Cluster(member.cluster.clone()));
            if member.first {
                vec![(part::ETCD, home), node]
            } else {
                vec![node]
            }
        }
        Spec::Objects(_) => part::OBJECTS.map(|name| (name, home.clone())).into(),
        Spec::Connectivity(_) | Spec::Fence(_) => vec![(part::CONTENT, home)],
    }
}

/// The parts that must be made anew where a running thing becomes one of another spec.
pub(crate) fn outdated(old: &Spec, new: &Spec) -> &'static [&'static str] {
    match (old, new) {
        (Spec::Machine(old), Spec::Machine(new)) => {
            let mut neighbours = old.clone();
            neighbours.hosts.clone_from(&new.hosts);
            if neighbours == *new {
                &[]
            } else {
                &[part::PROCESS]
            }
        }
        (Spec::Network(_) | Spec::Router(_) | Spec::Host(_) | Spec::Forward(_), _) => {
            &[part::PROCESS]
        }
        (Spec::Artifact(_) | Spec::Image(_) | Spec::Fence(_), _) => &[part::CONTENT],
        (Spec::Objects(_), _) => &part::OBJECTS,
        (Spec::Machine(_) | Spec::Member(_) | Spec::Connectivity(_) | Spec::Remains, _) => &[],
    }
}

/// Whether a part can be made now; why not otherwise.
pub(crate) fn ready(
    state: &State,
    lab: LabId,
    resource: &Resource,
    name: &str,
) -> Result<(), String> {
    match &resource.spec {
        Spec::Artifact(_) | Spec::Network(_) | Spec::Router(_) | Spec::Host(_) | Spec::Remains => {
            Ok(())
        }
        Spec::Image(image) => host::image(state, image),
        Spec::Machine(machine) => host::machine(state, &resource.address, machine, name),
        Spec::Forward(forward) => host::forward(state, &resource.address, forward),
        Spec::Member(member) => inside::member(state, lab, &resource.address, member, name),
        Spec::Objects(objects) => state.reachable(lab, &objects.cluster),
        Spec::Fence(fence) => state.reachable(lab, &fence.cluster),
        Spec::Connectivity(proof) => inside::connectivity(state, lab, proof),
    }
}

/// What a look at the world finds of these kinds.
pub(crate) fn see(
    state: &State,
    lab: LabId,
    kinds: &[Kind],
    wanted: &[&Resource],
) -> BTreeMap<Address, Observed> {
    let mut seen = BTreeMap::new();
    for (address, record) in &state.records {
        let is_wanted = wanted.iter().any(|resource| resource.address == *address);
        if kinds.contains(&address.kind) && (record.owner == lab || is_wanted) {
            seen.extend(host::see(state, lab, address, record).map(|seen| (address.clone(), seen)));
        }
    }
    if kinds.contains(&Kind::Member) {
        inside::see_members(state, lab, wanted, &mut seen);
    }
    if kinds.contains(&Kind::App) {
        inside::see_objects(state, lab, wanted, &mut seen);
    }
    seen
}
