//! What runs in pods: where it was, elsewhere, with what it needs, and the way to it.

use model::lab::Apart;

use super::{Algebra, Course, Run};
use crate::bits::Bits;
use crate::ids::{Id as _, NodeId, WorkloadId};
use crate::rules;
use crate::world::{Attach, Controller, Way, Workload};

impl<A: Algebra> Run<'_, A> {
    pub(super) fn workloads(&mut self) {
        self.state.kept.clear();
        self.state.pods.clear();
        self.state.again.clear();
        self.state.left.clear();
        self.state.own.clear();
        self.calm();
        for (id, workload) in self.world.workloads.iter() {
            if workload.anew {
                self.made_anew(id, workload);
                continue;
            }
            let kept = self.left(id, workload);
            let left = self.undisturbed(id, kept);
            let again = self.again(id, workload, kept);
            let moved = self.moved(id, workload);
            let mut runs = self.algebra.either(left, again);
            if let Some(moved) = moved {
                runs = self.algebra.either(runs, moved);
            }
            let rest = self.stands_on(workload);
            self.state.kept.push(kept);
            self.state.pods.push(left);
            self.state.again.push(again);
            let left = self.algebra.both(left, rest);
            let own = self.algebra.both(runs, rest);
            self.state.left.push(left);
            self.state.own.push(own);
        }
    }

    /// All of its pods are just being made anew: somebody must place them, and nothing of it is left.
    fn made_anew(&mut self, id: WorkloadId, workload: &Workload) {
        let mut volumes = workload.volumes.iter();
        let placed = if volumes.any(|volume| volume.attach == Attach::Pinned) {
            self.left(id, workload)
        } else {
            self.placed(id)
        };
        let control = self.state.control[workload.cluster.index()];
        let runs = self.algebra.both(control, placed);
        let rest = self.stands_on(workload);
        let own = self.algebra.both(runs, rest);
        let nothing = self.algebra.constant(false);
        for list in [
            &mut self.state.kept,
            &mut self.state.pods,
            &mut self.state.again,
            &mut self.state.left,
        ] {
            list.push(nothing);
        }
        self.state.own.push(own);
    }

    /// Its volumes, its uplinks, and whether it is known at all.
    fn stands_on(&mut self, workload: &Workload) -> A::Bit {
        let mut bit = if workload.unknown.is_empty() {
            self.algebra.constant(true)
        } else {
            self.unknown()
        };
        for volume in &workload.volumes {
            bit = self
                .algebra
                .both(bit, self.state.pools[volume.pool.index()]);
        }
        for link in &workload.uplinks {
            bit = self.algebra.both(bit, self.state.links[link.index()]);
        }
        bit
    }

    /// A pod of it is left where it was.
    fn left(&mut self, id: WorkloadId, workload: &Workload) -> A::Bit {
        if !workload.at.is_empty() {
            self.state.pile.clear();
            for node in &workload.at {
                self.state.pile.push(self.state.nodes[node.index()]);
            }
            return self.algebra.at_least(1, &self.state.pile);
        }
        let model = self.model;
        let (holds, untold) = (&model.rooms[id].holds, &model.rooms[id].untold);
        // What runs now had room somewhere, told or not.
        let untold = (!untold.is_empty()).then_some(untold);
        let count = holds.len() + untold.map_or(0, Bits::len);
        let replicas = workload.replicas;
        if count == 0 || replicas == 0 {
            return self.algebra.constant(false);
        }
        if self.course.lucky || workload.controller == Controller::DaemonSet {
            return self.among_two(1, holds, untold);
        }
        if workload.apart == Some(Apart::Node) {
            return self.among_two(count - replicas.min(count) + 1, holds, untold);
        }
        if self.model.rooms[id].domains.is_empty() {
            return self.among_two(count, holds, untold);
        }
        self.domains(id, replicas)
    }

    fn among_two(
        &mut self,
        wanted: usize,
        one: &Bits<NodeId>,
        other: Option<&Bits<NodeId>>,
    ) -> A::Bit {
        let Some(other) = other else {
            return self.among(wanted, one);
        };
        self.state.pile.clear();
        for node in one.iter().chain(other) {
            self.state.pile.push(self.state.nodes[node.index()]);
        }
        self.algebra.at_least(wanted, &self.state.pile)
    }

    /// Pods that share no host or site: so many of those must be whole that one of them has one.
    fn domains(&mut self, id: WorkloadId, replicas: usize) -> A::Bit {
        let domains = &self.model.rooms[id].domains;
        self.state.second.clear();
        for domain in domains {
            let whole = self.among(domain.len(), domain);
            self.state.second.push(whole);
        }
        let wanted = domains.len() - replicas.min(domains.len()) + 1;
        self.algebra.at_least(wanted, &self.state.second)
    }

    /// Who need not drive others out: nothing of it goes, or it finds room anyway.
    fn calm(&mut self) {
        self.state.calm.clear();
        for (id, workload) in self.world.workloads.iter() {
            let asked = self.model.rooms[id].presses && !self.course.lucky;
            let calm = if !asked {
                self.algebra.constant(true)
            } else {
                let untouched = self.among(workload.nodes.len(), &workload.nodes);
                let room = self.weighs(id, true);
                self.algebra.either(untouched, room)
            };
            self.state.calm.push(calm);
        }
    }

    /// It is left where it was, and nobody drives it out. Where nobody can place pods, nobody does;
    /// that is not said here, because it would make a failure heal.
    fn undisturbed(&mut self, id: WorkloadId, kept: A::Bit) -> A::Bit {
        let model = self.model;
        let mut bit = kept;
        for above in &model.rooms[id].above {
            bit = self.algebra.both(bit, self.state.calm[above.index()]);
        }
        bit
    }

    /// Driven out by others on a node that goes on, it runs again elsewhere.
    fn again(&mut self, id: WorkloadId, workload: &Workload, kept: A::Bit) -> A::Bit {
        let pinned = workload
            .volumes
            .iter()
            .any(|volume| volume.attach == Attach::Pinned);
        if self.model.rooms[id].above.is_empty() || pinned || self.course.lucky {
            return self.algebra.constant(false);
        }
        let control = self.state.control[workload.cluster.index()];
        let placed = self.placed(id);
        let placed = self.algebra.both(control, placed);
        self.algebra.both(kept, placed)
    }

    /// A pod of it is made anew elsewhere; `None` where that never happens.
    fn moved(&mut self, id: WorkloadId, workload: &Workload) -> Option<A::Bit> {
        let Course { fenced, lucky, .. } = self.course;
        let cluster = &self.world.clusters[workload.cluster];
        let ended = self.course.ends(self.world, workload);
        let replaced = rules::controllers::replaces(workload.controller, fenced, ended);
        let follows =
            |volume: &crate::world::VolumeUse| rules::attach::follows(volume.attach, fenced, ended);
        let evicted = workload.patience != u64::MAX || fenced || ended;
        if !replaced || !evicted || workload.replicas == 0 || !workload.volumes.iter().all(follows)
        {
            return None;
        }
        let mut bit = self.state.control[workload.cluster.index()];
        if !ended && !fenced && !lucky {
            for zone in cluster
                .zones
                .iter()
                .filter(|zone| zone.meets(&workload.nodes))
            {
                let enough = self.among(rules::brakes::must_be_there(zone.len()), zone);
                bit = self.algebra.both(bit, enough);
            }
        }
        let placed = self.placed(id);
        bit = self.algebra.both(bit, placed);
        // Pods on nodes that are gone still count where they may not be near each other.
        let domains = &self.model.rooms[id].domains;
        if !domains.is_empty() && !ended && !fenced && !lucky {
            let whole = self.whole_domain(id);
            bit = self.algebra.both(bit, whole);
        }
        Some(bit)
    }

    /// At least one place of pods that keep apart lost none of its nodes, and has room.
    fn whole_domain(&mut self, id: WorkloadId) -> A::Bit {
        let room = &self.model.rooms[id];
        if !room.sure.plain {
            return self.algebra.constant(false);
        }
        self.state.second.clear();
        for domain in &room.domains {
            if domain.meets(&room.holds) || self.course.benefit {
                let whole = self.among(domain.len(), domain);
                self.state.second.push(whole);
            }
        }
        self.algebra.at_least(1, &self.state.second)
    }

    fn placed(&mut self, id: WorkloadId) -> A::Bit {
        let model = self.model;
        let room = &model.rooms[id];
        if room.tied && !self.course.lucky {
            return self.algebra.constant(false);
        }
        if room.sure.plain || self.course.lucky {
            let untold = (self.course.benefit && !room.untold.is_empty()).then_some(&room.untold);
            return self.among_two(1, &room.holds, untold);
        }
        self.weighs(id, false)
    }

    /// There is room for certain; `calm`: without driving others out.
    fn weighs(&mut self, id: WorkloadId, calm: bool) -> A::Bit {
        let room = &self.model.rooms[id];
        let share = if calm { &room.calm } else { &room.sure };
        self.state.weighed.clear();
        for (node, weight) in &share.weights {
            self.state
                .weighed
                .push((self.state.nodes[node.index()], *weight));
        }
        if self.course.benefit {
            for node in &room.untold {
                self.state
                    .weighed
                    .push((self.state.nodes[node.index()], share.threshold));
            }
        }
        self.algebra.weighs(share.threshold, &self.state.weighed)
    }

    pub(super) fn needs(&mut self) {
        self.state.served.clear();
        self.state.goes_on.clear();
        for (id, workload) in self.world.workloads.iter() {
            let mut served = self.state.own[id.index()];
            let mut goes_on = self.state.left[id.index()];
            for needed in workload.needs.iter().filter(|needed| *needed != id) {
                served = self.algebra.both(served, self.state.own[needed.index()]);
                goes_on = self.algebra.both(goes_on, self.state.left[needed.index()]);
            }
            let dns = self.world.clusters[workload.cluster].dns;
            if let Some(dns) = dns.filter(|dns| workload.needs_dns && *dns != id) {
                served = self.algebra.both(served, self.state.own[dns.index()]);
                goes_on = self.algebra.both(goes_on, self.state.left[dns.index()]);
            }
            self.state.served.push(served);
            self.state.goes_on.push(goes_on);
        }
    }

    pub(super) fn ways(&mut self) {
        self.state.reached.clear();
        for (id, workload) in self.world.workloads.iter() {
            let served = self.state.served[id.index()];
            let mut way = self.way(workload);
            // What was asked before may be remembered for a while.
            if let Some(host) = workload.named_by.filter(|_| !self.course.lucky) {
                way = self.algebra.both(way, self.state.hosts[host.index()]);
            }
            let reached = self.algebra.both(served, way);
            self.state.reached.push(reached);
        }
    }

    fn way(&mut self, workload: &Workload) -> A::Bit {
        match &workload.way {
            None | Some(Way::Forward) => self.algebra.constant(true),
            Some(Way::Balanced { keep_source }) => {
                let balanced = self.state.balanced[workload.cluster.index()];
                let heard = *keep_source && self.is_heard(workload);
                if !keep_source || heard {
                    balanced
                } else {
                    self.algebra.constant(false)
                }
            }
            Some(Way::Through(by)) => {
                let door = self.state.served[by.index()];
                let by = &self.world.workloads[*by];
                match &by.way {
                    Some(Way::Balanced { .. }) => self
                        .algebra
                        .both(door, self.state.balanced[by.cluster.index()]),
                    None | Some(Way::Forward | Way::Through(_) | Way::Unknown(_)) => door,
                }
            }
            Some(Way::Unknown(_)) => self.unknown(),
        }
    }

    /// Whether only a node with a pod answers for its address, and every node that may have one
    /// can (rule 12); in the lucky course, one of them.
    fn is_heard(&self, workload: &Workload) -> bool {
        let balancer = &self.world.clusters[workload.cluster].balancer;
        balancer.as_ref().is_none_or(|balancer| {
            if self.course.lucky {
                workload.nodes.meets(&balancer.speakers)
            } else {
                workload.nodes.within(&balancer.speakers)
            }
        })
    }
}
