//! Claims that wait for their first pod: which nodes they let it onto, and what they are bound to
//! there. The smallest volume that fits is taken, else a new one is made. Source: Kubernetes,
//! `pkg/scheduler/framework/plugins/volumebinding/binder.go`.

use super::schedule::Scheduler;
use crate::bits::Bits;
use crate::ids::{Id as _, NodeId, OfferId, WorkloadId};
use crate::world::World;

/// What became of volumes that are offered, and of claims that wait.
#[derive(Debug, Clone)]
pub(super) struct Bindings {
    /// Volumes that a claim was bound to.
    taken: Bits<OfferId>,
    /// Of claims that all pods of a workload share: the nodes that their volumes are reached from.
    shared: Vec<Vec<Option<Bits<NodeId>>>>,
    /// What the claims of the pod that is looked at would be bound to.
    chosen: Vec<Option<OfferId>>,
}

impl Bindings {
    pub(super) fn new(world: &World) -> Self {
        let claims = world.workloads.iter();
        let claims = claims.map(|(_, one)| vec![None; one.unbound.len()]);
        let most = world.workloads.iter().map(|(_, one)| one.unbound.len());
        Self {
            taken: Bits::none(world.offers.len()),
            shared: claims.collect(),
            chosen: Vec::with_capacity(most.max().unwrap_or(0)),
        }
    }

    pub(super) fn clear(&mut self) {
        self.taken.clear();
        for bound in self.shared.iter_mut().flatten() {
            *bound = None;
        }
    }

    pub(super) fn copy_from(&mut self, other: &Self) {
        self.taken.copy_from(&other.taken);
        self.shared.clone_from(&other.shared);
    }
}

impl Scheduler<'_> {
    /// Takes away the nodes on which a claim of a workload's pod would find no volume.
    pub(super) fn keep_volumes(&mut self, id: WorkloadId) {
        for node in &self.model.world.workloads[id].nodes {
            if self.fitting.has(node) && !self.finds_volumes(id, node) {
                self.fitting.remove(node);
            }
        }
    }

    /// Whether every claim finds a volume; those that are chosen are kept in mind.
    fn finds_volumes(&mut self, id: WorkloadId, node: NodeId) -> bool {
        let world = &self.model.world;
        let Bindings {
            taken,
            shared,
            chosen,
        } = &mut self.bindings;
        chosen.clear();
        for (at, claim) in world.workloads[id].unbound.iter().enumerate() {
            let bound = shared[id.index()].get(at).and_then(Option::as_ref);
            if let Some(nodes) = bound {
                if !nodes.has(node) {
                    return false;
                }
                chosen.push(None);
                continue;
            }
            let free = |offer: &OfferId| {
                !taken.has(*offer)
                    && !chosen.contains(&Some(*offer))
                    && world.offers[*offer].nodes.has(node)
            };
            let smallest = claim
                .offers
                .iter()
                .filter(free)
                .min_by_key(|offer| world.offers[*offer].size);
            match smallest {
                Some(offer) => chosen.push(Some(offer)),
                None if claim.makes.has(node) => chosen.push(None),
                None => return false,
            }
        }
        true
    }

    /// What the claims of a pod are bound to when it is placed there, in the order of the
    /// workload's claims; `None`: a volume that is made for it, or that it had before.
    pub fn takes(&mut self, id: WorkloadId, node: NodeId) -> &[Option<OfferId>] {
        if !self.finds_volumes(id, node) {
            self.bindings.chosen.clear();
        }
        &self.bindings.chosen
    }

    /// Binds the claims of a pod that is placed.
    pub(super) fn bind(&mut self, id: WorkloadId, node: NodeId) {
        let world = &self.model.world;
        if world.workloads[id].unbound.is_empty() || !self.finds_volumes(id, node) {
            return;
        }
        let Bindings {
            taken,
            shared,
            chosen,
        } = &mut self.bindings;
        let claims = world.workloads[id].unbound.iter();
        for ((claim, offer), bound) in claims.zip(chosen.iter()).zip(&mut shared[id.index()]) {
            if let Some(offer) = offer {
                taken.insert(*offer);
            }
            if !claim.each && bound.is_none() {
                let only = || Bits::of(world.nodes.len(), [node]);
                *bound = Some(offer.map_or_else(only, |offer| world.offers[offer].nodes.clone()));
            }
        }
    }

    /// Says from where the volume of a claim that all pods share is reached, where it was made for
    /// the first of them: its driver decides that.
    pub fn made(&mut self, id: WorkloadId, claim: usize, nodes: &Bits<NodeId>) {
        if let Some(bound) = self.bindings.shared[id.index()].get_mut(claim) {
            *bound = Some(nodes.clone());
        }
    }
}
