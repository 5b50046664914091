//! Whether there is room for certain, in whatever order pods come.
//!
//! To keep a pod off a node the others must fill it until less is free than the pod asks for. That
//! costs them an amount of processor or of memory; each resource is spent once. If the nodes that
//! are left cost more than all the others ask for together, one of them has room for certain. The
//! share of the others' whole demand that a node costs is its weight; there are as many wholes as
//! resources that anybody asks for. More failures take weights away, never add any: the bound is
//! monotone, so that sets of failures can be searched with it.

use std::collections::BTreeMap;

use model::lab::Apart;

use crate::bits::Bits;
use crate::ids::{Id as _, NodeId, Table, WorkloadId};
use crate::world::{Ask, Controller, Workload, World};

/// One whole of a resource. Weights are rounded down: the bound stays on the safe side.
const WHOLE: u64 = 64;

/// The room that a workload finds.
#[derive(Debug, Clone)]
pub struct Room {
    /// Nodes that it may run on and that are large enough for a pod of it.
    pub holds: Bits<NodeId>,
    /// Nodes that it may run on and whose size is told nowhere.
    pub untold: Bits<NodeId>,
    /// For pods that share no host or site: the nodes of each of those.
    pub domains: Vec<Bits<NodeId>>,
    /// Any one of the nodes has room for certain.
    pub plain: bool,
    /// The weight that must be left.
    pub threshold: u32,
    /// Each node's weight.
    pub weights: Vec<(NodeId, u32)>,
}

/// The room of every workload.
#[must_use]
pub fn rooms(world: &World) -> Table<WorkloadId, Room> {
    let daemons = daemons(world);
    let mut rooms = Table::default();
    for (id, workload) in world.workloads.iter() {
        rooms.push(room(world, id, workload, &daemons));
    }
    rooms
}

/// What daemons take of every node; they are there whatever happens.
fn daemons(world: &World) -> Vec<Ask> {
    let mut taken = vec![Ask::default(); world.nodes.len()];
    for (_, workload) in world.workloads.iter() {
        if workload.controller == Controller::DaemonSet {
            for node in &workload.nodes {
                taken[node.index()].millicpu += workload.asks.millicpu;
                taken[node.index()].memory += workload.asks.memory;
            }
        }
    }
    taken
}

fn room(world: &World, id: WorkloadId, workload: &Workload, daemons: &[Ask]) -> Room {
    let mut holds = Bits::none(world.nodes.len());
    let mut untold = Bits::none(world.nodes.len());
    let others = others(world, id, workload);
    let wholes = u64::from(others.millicpu > 0) + u64::from(others.memory > 0);
    let nothing = workload.asks == Ask::default();
    let mut weights = Vec::new();
    for node in &workload.nodes {
        match world.nodes[node].room {
            None if nothing => {
                holds.insert(node);
                weights.push((node, u64::MAX));
            }
            None => untold.insert(node),
            Some(room) => {
                let taken = if workload.controller == Controller::DaemonSet {
                    Ask::default()
                } else {
                    daemons[node.index()]
                };
                if let Some(weight) = weight(room, taken, workload.asks, others) {
                    holds.insert(node);
                    weights.push((node, weight));
                }
            }
        }
    }
    let threshold = wholes * WHOLE + 1;
    let plain = wholes == 0 || nothing || weights.iter().all(|(_, weight)| *weight >= threshold);
    let small = |weight: u64| u32::try_from(weight.min(threshold)).unwrap_or(u32::MAX);
    let mut all = holds.clone();
    all.add(&untold);
    Room {
        domains: domains(world, workload, &all),
        holds,
        untold,
        plain,
        threshold: small(threshold),
        weights: weights
            .into_iter()
            .map(|(node, weight)| (node, small(weight)))
            .collect(),
    }
}

/// The nodes that a workload may be on, by what two of its pods never share.
fn domains(world: &World, workload: &Workload, nodes: &Bits<NodeId>) -> Vec<Bits<NodeId>> {
    let mut by_domain: BTreeMap<usize, Bits<NodeId>> = BTreeMap::new();
    for node in nodes {
        let host = world.nodes[node].host;
        let site = world.hosts[host].site;
        let domain = match workload.apart {
            None | Some(Apart::Node) => return Vec::new(),
            Some(Apart::Host) => host.index(),
            Some(Apart::Site) => site.map_or(usize::MAX, |site| site.index()),
        };
        let none = || Bits::none(world.nodes.len());
        by_domain.entry(domain).or_insert_with(none).insert(node);
    }
    by_domain.into_values().collect()
}

/// What a node costs those that want to fill it; `None` where a pod does not fit at all.
fn weight(room: Ask, taken: Ask, asks: Ask, others: Ask) -> Option<u64> {
    let share = |room: u64, taken: u64, asks: u64, others: u64| {
        let free = room.checked_sub(taken)?.checked_sub(asks)?;
        Some(if others == 0 || asks == 0 {
            u64::MAX
        } else {
            // One more than what stays free without harm.
            u64::try_from(u128::from(free + 1) * u128::from(WHOLE) / u128::from(others))
                .unwrap_or(u64::MAX)
        })
    };
    let cpu = share(
        room.millicpu,
        taken.millicpu,
        asks.millicpu,
        others.millicpu,
    )?;
    let memory = share(room.memory, taken.memory, asks.memory, others.memory)?;
    Some(cpu.min(memory))
}

/// What all others that could be in the way ask for: no less important, and at home on one of the
/// same nodes.
fn others(world: &World, id: WorkloadId, workload: &Workload) -> Ask {
    let mut sum = Ask::default();
    for (other_id, other) in world.workloads.iter() {
        let in_the_way = other_id != id
            && other.controller != Controller::DaemonSet
            && other.priority >= workload.priority
            && other.nodes.meets(&workload.nodes);
        if in_the_way {
            sum.millicpu += other.asks.millicpu * other.replicas as u64;
            sum.memory += other.asks.memory * other.replicas as u64;
        }
    }
    sum
}
