//! One course of the scheduler: pods placed one by one, each where most room is left.
//!
//! The real scheduler's choice is one of the nodes that [`Scheduler::fitting`] tells; which one of
//! them is partly chance. Allocates nothing after it is made.

use super::others::Scratch;
use super::volumes::Bindings;
use crate::bits::Bits;
use crate::ids::{Id as _, NodeId, WorkloadId};
use crate::rules::scheduler::MOST_PODS;
use crate::semantics::Model;
use crate::world::{Ask, Controller, HostPort, Workload};
use model::lab::Apart;

/// The state of all nodes, and who is where.
#[derive(Debug, Clone)]
pub struct Scheduler<'a> {
    pub(super) model: &'a Model,
    cpu: Vec<u64>,
    memory: Vec<u64>,
    pods: Vec<u32>,
    pub(super) alive: Bits<NodeId>,
    /// Where pods of each workload are.
    pub(super) taken: Vec<Bits<NodeId>>,
    /// How many of each workload are on each node, a row for each workload.
    pub(super) counts: Vec<u8>,
    pub(super) fitting: Bits<NodeId>,
    pub(super) scratch: Scratch,
    pub(super) bindings: Bindings,
}

impl<'a> Scheduler<'a> {
    /// All nodes are there and empty.
    #[must_use]
    pub fn new(model: &'a Model) -> Self {
        let count = model.world.nodes.len();
        let mut new = Self {
            model,
            cpu: vec![0; count],
            memory: vec![0; count],
            pods: vec![0; count],
            alive: Bits::of(count, model.world.nodes.ids()),
            taken: vec![Bits::none(count); model.world.workloads.len()],
            counts: vec![0; count * model.world.workloads.len()],
            fitting: Bits::none(count),
            scratch: Scratch::new(&model.world),
            bindings: Bindings::new(&model.world),
        };
        let alive = new.alive.clone();
        new.reset(&alive);
        new
    }

    /// Only these nodes are there, and all are empty.
    pub fn reset(&mut self, alive: &Bits<NodeId>) {
        self.alive.copy_from(alive);
        for (id, node) in self.model.world.nodes.iter() {
            // A node whose size is told nowhere takes everything; the answer says so.
            let room = node.room.unwrap_or(Ask {
                millicpu: u64::MAX,
                memory: u64::MAX,
            });
            self.cpu[id.index()] = room.millicpu;
            self.memory[id.index()] = room.memory;
            self.pods[id.index()] = MOST_PODS;
        }
        for taken in &mut self.taken {
            taken.clear();
        }
        self.counts.fill(0);
        self.bindings.clear();
    }

    /// Becomes equal to another one of the same model.
    pub fn copy_from(&mut self, other: &Self, alive: &Bits<NodeId>) {
        self.cpu.copy_from_slice(&other.cpu);
        self.memory.copy_from_slice(&other.memory);
        self.pods.copy_from_slice(&other.pods);
        self.alive.copy_from(alive);
        for (taken, of) in self.taken.iter_mut().zip(&other.taken) {
            taken.copy_from(of);
        }
        self.counts.copy_from_slice(&other.counts);
        self.bindings.copy_from(&other.bindings);
    }

    /// How many pods of a workload are on a node.
    #[must_use]
    pub fn count(&self, id: WorkloadId, node: NodeId) -> u32 {
        u32::from(self.counts[self.at(id, node)])
    }

    fn at(&self, id: WorkloadId, node: NodeId) -> usize {
        id.index() * self.cpu.len() + node.index()
    }

    /// Puts a pod onto a node, and binds its claims that waited for it.
    pub fn put(&mut self, id: WorkloadId, node: NodeId) {
        self.bind(id, node);
        self.put_back(id, node);
    }

    /// Puts a pod onto a node whose claims are bound.
    pub(super) fn put_back(&mut self, id: WorkloadId, node: NodeId) {
        let asks = self.model.world.workloads[id].asks;
        let at = node.index();
        self.cpu[at] = self.cpu[at].saturating_sub(asks.millicpu);
        self.memory[at] = self.memory[at].saturating_sub(asks.memory);
        self.pods[at] = self.pods[at].saturating_sub(1);
        self.taken[id.index()].insert(node);
        let counted = self.at(id, node);
        self.counts[counted] = self.counts[counted].saturating_add(1);
    }

    /// A pod went with its node: others no longer keep apart from it.
    pub fn gone(&mut self, id: WorkloadId, node: NodeId) {
        let counted = self.at(id, node);
        self.counts[counted] = self.counts[counted].saturating_sub(1);
        if self.counts[counted] == 0 {
            self.taken[id.index()].remove(node);
        }
    }

    /// Takes a pod off a node that goes on.
    pub fn take_off(&mut self, id: WorkloadId, node: NodeId) {
        let asks = self.model.world.workloads[id].asks;
        let at = node.index();
        self.cpu[at] = self.cpu[at].saturating_add(asks.millicpu);
        self.memory[at] = self.memory[at].saturating_add(asks.memory);
        self.pods[at] += 1;
        self.gone(id, node);
    }

    /// The nodes that a pod of it may land on now.
    pub fn fitting(&mut self, id: WorkloadId) -> &Bits<NodeId> {
        let workload = &self.model.world.workloads[id];
        self.fitting.copy_from(&workload.nodes);
        self.fitting.keep(&self.alive);
        self.keep_apart(id, workload);
        if !workload.relations.is_empty() {
            self.heed_others(id);
        }
        if !workload.unbound.is_empty() {
            self.keep_volumes(id);
        }
        let Ask { millicpu, memory } = workload.asks;
        for node in &workload.nodes {
            let at = node.index();
            if self.cpu[at] < millicpu || self.memory[at] < memory || self.pods[at] == 0 {
                self.fitting.remove(node);
            }
        }
        &self.fitting
    }

    fn keep_apart(&mut self, id: WorkloadId, workload: &Workload) {
        let own = id.index();
        match workload.apart {
            None => {}
            Some(Apart::Node) => self.fitting.less(&self.taken[own]),
            Some(apart @ (Apart::Host | Apart::Site)) => {
                let world = &self.model.world;
                let domain = |node: NodeId| {
                    let host = world.nodes[node].host;
                    match apart {
                        Apart::Site => world.hosts[host]
                            .site
                            .map_or(usize::MAX, |site| site.index()),
                        Apart::Node | Apart::Host => host.index(),
                    }
                };
                for node in &workload.nodes {
                    if self.taken[own]
                        .iter()
                        .any(|taken| domain(taken) == domain(node))
                    {
                        self.fitting.remove(node);
                    }
                }
            }
        }
        if workload.ports.is_empty() {
            return;
        }
        self.fitting.less(&self.taken[own]);
        for (other, there) in self.model.world.workloads.iter() {
            let clash = |port: &HostPort| workload.ports.iter().any(|own| own.clashes(port));
            if other != id && there.ports.iter().any(clash) {
                self.fitting.less(&self.taken[other.index()]);
            }
        }
    }

    /// Places a pod where the largest share of processor and memory stays free; `None`: nowhere.
    pub fn place(&mut self, id: WorkloadId) -> Option<NodeId> {
        let asks = self.model.world.workloads[id].asks;
        self.fitting(id);
        let mut best: Option<(u64, NodeId)> = None;
        for node in &self.fitting {
            let at = node.index();
            let room = self.model.world.nodes[node].room;
            let score = room.map_or(u64::MAX, |room| {
                let share = |free: u64, all: u64| free * 1000 / all.max(1);
                share(self.cpu[at] - asks.millicpu, room.millicpu)
                    + share(self.memory[at] - asks.memory, room.memory)
            });
            if best.is_none_or(|(most, _)| score > most) {
                best = Some((score, node));
            }
        }
        let (_, node) = best?;
        self.put(id, node);
        Some(node)
    }

    /// Places all pods of all workloads, the important ones first; how many found no place. Where
    /// they are is written to `at`, as pairs.
    pub fn place_all(&mut self, at: &mut Vec<(WorkloadId, NodeId)>) -> usize {
        at.clear();
        let mut left_over = 0;
        let mut order: Vec<WorkloadId> = self.model.world.workloads.ids().collect();
        order.sort_by_key(|id| std::cmp::Reverse(self.model.world.workloads[*id].priority));
        for id in order {
            let workload = &self.model.world.workloads[id];
            if workload.controller == Controller::DaemonSet {
                for node in &workload.nodes {
                    if self.alive.has(node) {
                        self.put(id, node);
                        at.push((id, node));
                    }
                }
                continue;
            }
            for _ in 0..workload.replicas {
                match self.place(id) {
                    Some(node) => at.push((id, node)),
                    None => left_over += 1,
                }
            }
        }
        left_over
    }
}
