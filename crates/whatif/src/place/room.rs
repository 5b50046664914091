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
    /// Room for certain.
    pub sure: Share,
    /// The same without driving less important pods out.
    pub calm: Share,
    /// Those that may drive its pods out where room is short.
    pub above: Vec<WorkloadId>,
    /// It is among those of somebody.
    pub presses: bool,
    /// Other pods than its own decide where its pods may be.
    pub tied: bool,
}

/// What must be left of the nodes so that a pod has room for certain.
#[derive(Debug, Clone, Default)]
pub struct Share {
    /// Any one of the nodes has it.
    pub plain: bool,
    /// The weight that must be left.
    pub threshold: u32,
    /// Each node's weight.
    pub weights: Vec<(NodeId, u32)>,
}

impl Share {
    /// Whether enough of the nodes are left.
    #[must_use]
    pub fn enough(&self, left: &Bits<NodeId>) -> bool {
        let there = self.weights.iter().filter(|(node, _)| left.has(*node));
        let mut there = there.map(|(_, weight)| u64::from(*weight)).peekable();
        there.peek().is_some() && (self.plain || there.sum::<u64>() >= u64::from(self.threshold))
    }
}

/// The room of every workload.
#[must_use]
pub fn rooms(world: &World) -> Table<WorkloadId, Room> {
    let daemons = daemons(world);
    let mut rooms = Table::default();
    for (id, workload) in world.workloads.iter() {
        rooms.push(room(world, id, workload, &daemons));
    }
    press(world, &mut rooms);
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
    for node in &workload.nodes {
        match free(world, workload, node, daemons) {
            Some(Free::Told(..) | Free::Any) => holds.insert(node),
            Some(Free::Untold) => untold.insert(node),
            None => {}
        }
    }
    let share = |any: bool| {
        let others = others(world, id, workload, any);
        share(world, workload, daemons, others)
    };
    let mut all = holds.clone();
    all.add(&untold);
    Room {
        domains: domains(world, id, workload, &all),
        sure: share(!workload.preempts),
        calm: share(true),
        above: Vec::new(),
        presses: false,
        tied: tied(id, workload),
        holds,
        untold,
    }
}

/// What is free on a node for a pod, the others aside.
enum Free {
    /// Free beside the pod: processor and memory.
    Told(Ask),
    /// Enough of everything: it asks for nothing.
    Any,
    /// Nothing tells how large the node is.
    Untold,
}

/// `None`: the node is too small for a pod.
fn free(world: &World, workload: &Workload, node: NodeId, daemons: &[Ask]) -> Option<Free> {
    let nothing = workload.asks == Ask::default();
    let Some(room) = world.nodes[node].room else {
        return Some(if nothing { Free::Any } else { Free::Untold });
    };
    let taken = if workload.controller == Controller::DaemonSet {
        Ask::default()
    } else {
        daemons[node.index()]
    };
    let rest = |room: u64, taken: u64, asks: u64| room.checked_sub(taken)?.checked_sub(asks);
    Some(Free::Told(Ask {
        millicpu: rest(room.millicpu, taken.millicpu, workload.asks.millicpu)?,
        memory: rest(room.memory, taken.memory, workload.asks.memory)?,
    }))
}

fn share(world: &World, workload: &Workload, daemons: &[Ask], others: Ask) -> Share {
    // Only what the pod asks for can be short.
    let short = |asks: u64, others: u64| u64::from(asks > 0 && others > 0);
    let wholes =
        short(workload.asks.millicpu, others.millicpu) + short(workload.asks.memory, others.memory);
    let mut weights = Vec::new();
    for node in &workload.nodes {
        let weight = match free(world, workload, node, daemons) {
            Some(Free::Told(free)) => weight(free, workload.asks, others),
            Some(Free::Any) => u64::MAX,
            Some(Free::Untold) | None => continue,
        };
        weights.push((node, weight));
    }
    let threshold = wholes * WHOLE + 1;
    let nothing = workload.asks == Ask::default();
    let small = |weight: u64| u32::try_from(weight.min(threshold)).unwrap_or(u32::MAX);
    Share {
        plain: wholes == 0 || nothing || weights.iter().all(|(_, weight)| *weight >= threshold),
        threshold: small(threshold),
        weights: weights
            .into_iter()
            .map(|(node, weight)| (node, small(weight)))
            .collect(),
    }
}

/// Whether pods of others decide where its pods may be. Keeping apart from its own does not: where
/// all of its pods are gone, none of them is in the way.
fn tied(id: WorkloadId, workload: &Workload) -> bool {
    let relations = &workload.relations;
    let others = |who: &Bits<WorkloadId>| who.iter().any(|other| other != id);
    // Volumes that wait for their first pod may be taken by others before.
    !workload.unbound.is_empty()
        || !relations.near.is_empty()
        || relations.away.iter().any(|term| others(&term.who))
        || relations
            .spread
            .iter()
            .any(|spread| others(&spread.toward.who))
        || relations.kept_away_by.iter().any(|(other, _)| *other != id)
}

/// Who may drive whom out: the more important ones that may move, ask for something, and do not
/// find room for certain without.
fn press(world: &World, rooms: &mut Table<WorkloadId, Room>) {
    let presses = |id: &WorkloadId| {
        let workload = &world.workloads[*id];
        workload.preempts
            && workload.controller != Controller::DaemonSet
            && workload.asks != Ask::default()
            && !rooms[*id].calm.plain
    };
    let pressing: Vec<WorkloadId> = world.workloads.ids().filter(presses).collect();
    for (id, workload) in world.workloads.iter() {
        // Of a DaemonSet, all pods would have to go at once.
        if workload.controller == Controller::DaemonSet || workload.asks == Ask::default() {
            continue;
        }
        let above = pressing.iter().copied().filter(|other| {
            let other = &world.workloads[*other];
            other.priority > workload.priority
                && other.cluster == workload.cluster
                && other.nodes.meets(&workload.nodes)
        });
        rooms[id].above = above.collect();
        for at in 0..rooms[id].above.len() {
            let other = rooms[id].above[at];
            rooms[other].presses = true;
        }
    }
}

/// The nodes that a workload may be on, by what two of its pods never share.
fn domains(
    world: &World,
    id: WorkloadId,
    workload: &Workload,
    nodes: &Bits<NodeId>,
) -> Vec<Bits<NodeId>> {
    let mut by_domain: BTreeMap<usize, Bits<NodeId>> = BTreeMap::new();
    // A label keeps pods apart only where every node has it.
    let mut labels = workload.relations.away.iter().filter(|term| {
        let labelled = &world.topologies[term.topology].labelled;
        term.who.has(id) && nodes.within(labelled)
    });
    let label = labels.next().map(|term| &world.topologies[term.topology]);
    for node in nodes {
        let host = world.nodes[node].host;
        let site = world.hosts[host].site;
        let domain = match (workload.apart, label) {
            (Some(Apart::Node), _) | (None, None) => return Vec::new(),
            (Some(Apart::Host), _) => host.index(),
            (Some(Apart::Site), _) => site.map_or(usize::MAX, |site| site.index()),
            (None, Some(label)) => label.of[node.index()].unwrap_or(usize::MAX),
        };
        let none = || Bits::none(world.nodes.len());
        by_domain.entry(domain).or_insert_with(none).insert(node);
    }
    by_domain.into_values().collect()
}

/// What a node costs those that want to fill it.
fn weight(free: Ask, asks: Ask, others: Ask) -> u64 {
    let share = |free: u64, asks: u64, others: u64| {
        if others == 0 || asks == 0 {
            u64::MAX
        } else {
            // One more than what stays free without harm.
            u64::try_from(u128::from(free + 1) * u128::from(WHOLE) / u128::from(others))
                .unwrap_or(u64::MAX)
        }
    };
    let cpu = share(free.millicpu, asks.millicpu, others.millicpu);
    cpu.min(share(free.memory, asks.memory, others.memory))
}

/// What all others that could be in the way ask for: at home on one of the same nodes, and no less
/// important, or `any`.
fn others(world: &World, id: WorkloadId, workload: &Workload, any: bool) -> Ask {
    let mut sum = Ask::default();
    for (other_id, other) in world.workloads.iter() {
        let in_the_way = other_id != id
            && other.controller != Controller::DaemonSet
            && (any || other.priority >= workload.priority)
            && other.nodes.meets(&workload.nodes);
        if in_the_way {
            sum.millicpu += other.asks.millicpu * other.replicas as u64;
            sum.memory += other.asks.memory * other.replicas as u64;
        }
    }
    sum
}
