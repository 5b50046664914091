//! Fates of what runs in pods, by itself.

use super::course::{Asker, stopped};
use super::fate::{Away, Cause, Fate, Thing, Verdict};
use crate::ids::{Id as _, WorkloadId};
use crate::rules;
use crate::span::Span;
use crate::world::{Attach, Controller};

impl Asker<'_> {
    /// A workload by itself: its pods, volumes and uplinks.
    pub(super) fn own(&self, id: WorkloadId) -> Fate {
        let thing = Thing::Workload(id);
        let at = id.index();
        let workload = &self.model.world.workloads[id];
        if !self.before.own[at] {
            return stopped(thing, Verdict::Down, Cause::NotThereBefore);
        }
        let mut fate = self.pods(id);
        for (position, volume) in workload.volumes.iter().enumerate() {
            let pool = self.pool(volume.pool);
            fate = fate.and(pool, pool.cause);
            let pinned = volume.attach == Attach::Pinned && fate.verdict == Verdict::Waits;
            if pinned && self.after.disk_lost(self.model, id) {
                fate.verdict = Verdict::Lost;
                fate.cause = Cause::DiskLost(id);
            } else if pinned {
                fate.cause = Cause::Volume(position, volume.attach);
            }
        }
        for link in &workload.uplinks {
            let link = self.link(*link);
            fate = fate.and(link, link.cause);
        }
        if !workload.unknown.is_empty() && fate.verdict <= Verdict::Waits {
            return stopped(thing, Verdict::Unknown, Cause::NotKnown);
        }
        fate
    }

    /// Its pods alone.
    fn pods(&self, id: WorkloadId) -> Fate {
        let thing = Thing::Workload(id);
        let at = id.index();
        let workload = &self.model.world.workloads[id];
        let room = &self.model.rooms[id];
        let touched = if workload.at.is_empty() {
            room.holds.meets(&self.gone) || room.untold.meets(&self.gone)
        } else {
            workload.at.iter().any(|node| self.gone.has(*node))
        };
        if !touched {
            return Fate::untouched(thing);
        }
        if self.sure.pods[at] {
            return Fate {
                partly: Some(self.after.known(workload.cluster)),
                certain: false,
                cause: Cause::OthersLeft,
                ..Fate::untouched(thing)
            };
        }
        let certain = !self.possible.pods[at];
        if let Some(until) = self.after.replaced(self.model, &self.scenario, id)
            && self.runs_elsewhere(id)
        {
            let cause = if self.scenario.fenced {
                Cause::Fenced
            } else if self.scenario.in_order()
                && self.model.world.clusters[workload.cluster].shutdown > 0
            {
                Cause::Ended
            } else {
                Cause::Evicted
            };
            return Fate {
                verdict: Verdict::Moves,
                certain,
                away: Some(Away {
                    from: Span::NOW,
                    until: Some(until),
                }),
                ..stopped(thing, Verdict::Moves, cause)
            };
        }
        let why = self.why_not(id);
        let short = matches!(why, Cause::NoNode | Cause::NoRoom);
        if short && room.untold.meets(&self.joined) {
            return stopped(thing, Verdict::Unknown, Cause::NotKnown);
        }
        Fate {
            certain,
            ..stopped(thing, Verdict::Waits, why)
        }
    }

    /// Whether its pods are made anew elsewhere for certain, its volumes' storages aside.
    fn runs_elsewhere(&self, id: WorkloadId) -> bool {
        self.why_not(id) == Cause::Evicted
    }

    /// What keeps its pods from being made anew; [`Cause::Evicted`]: nothing does.
    fn why_not(&self, id: WorkloadId) -> Cause {
        let workload = &self.model.world.workloads[id];
        let cluster = &self.model.world.clusters[workload.cluster];
        let ended = self.scenario.in_order() && cluster.shutdown > 0;
        let fenced = self.scenario.fenced;
        let stuck = workload
            .volumes
            .iter()
            .position(|volume| !rules::attach::follows(volume.attach, fenced, ended));
        if let Some(position) = stuck {
            return Cause::Volume(position, workload.volumes[position].attach);
        }
        if !rules::controllers::replaces(workload.controller, fenced, ended) {
            return if workload.controller == Controller::DaemonSet {
                Cause::Daemon
            } else {
                Cause::StatefulSet
            };
        }
        if workload.patience == u64::MAX && !fenced && !ended {
            return Cause::Patient;
        }
        if !self.sure.control[workload.cluster.index()] {
            return Cause::NoControl(workload.cluster);
        }
        let braked = cluster.zones.iter().any(|zone| {
            zone.meets(&workload.nodes)
                && zone.common(&self.joined) < rules::brakes::must_be_there(zone.len())
        });
        if braked && !fenced && !ended {
            return Cause::Braked;
        }
        let room = &self.model.rooms[id];
        if !room.holds.meets(&self.joined) {
            return Cause::NoNode;
        }
        let weight: u64 = room
            .weights
            .iter()
            .filter(|(node, _)| self.joined.has(*node))
            .map(|(_, weight)| u64::from(*weight))
            .sum();
        if !room.plain && weight < u64::from(room.threshold) {
            return Cause::NoRoom;
        }
        Cause::Evicted
    }
}
