//! Preemption: where a pod may get room by driving less important ones out. Source: Kubernetes,
//! `pkg/scheduler/framework/plugins/defaultpreemption/default_preemption.go`.

use super::schedule::Scheduler;
use crate::bits::Bits;
use crate::ids::{NodeId, WorkloadId};
use crate::world::World;

impl Scheduler<'_> {
    /// The nodes on which a pod that fits nowhere may take the room of less important ones. Which
    /// of them it is depends on whom it would drive out; whom, on their age.
    pub fn preempting(&mut self, id: WorkloadId) -> Bits<NodeId> {
        let model = self.model;
        let workload = &model.world.workloads[id];
        let mut found = Bits::none(model.world.nodes.len());
        if !workload.preempts {
            return found;
        }
        let mut driven: Vec<(WorkloadId, u32)> = Vec::new();
        for node in &workload.nodes {
            if !self.alive.has(node) || !self.is_near(id, node) {
                continue;
            }
            driven.clear();
            driven.extend(
                below(&model.world, id)
                    .map(|other| (other, self.count(other, node)))
                    .filter(|(_, count)| *count > 0),
            );
            for (other, count) in &driven {
                for _ in 0..*count {
                    self.take_off(*other, node);
                }
            }
            if !driven.is_empty() && self.fitting(id).has(node) {
                found.insert(node);
            }
            for (other, count) in &driven {
                for _ in 0..*count {
                    self.put_back(*other, node);
                }
            }
        }
        found
    }
}

/// Those that a workload may drive out.
pub fn below(world: &World, id: WorkloadId) -> impl Iterator<Item = WorkloadId> {
    let priority = world.workloads[id].priority;
    let less = world
        .workloads
        .iter()
        .filter(move |(_, other)| other.priority < priority);
    less.map(|(id, _)| id)
}
