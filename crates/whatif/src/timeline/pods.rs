//! Fates of what runs in pods, by itself.

use super::course::{Asker, stopped};
use super::fate::{Away, Cause, Fate, Thing, Verdict};
use crate::bits::Bits;
use crate::ids::{Id as _, NodeId, WorkloadId};
use crate::rules;
use crate::semantics::Course;
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
        let by = self.driven_out_by(id);
        if !touched && by.is_none() {
            return Fate::untouched(thing);
        }
        if self.sure.kept[at] {
            return match by {
                Some(by) => self.driven_out(id, by),
                None => Fate {
                    partly: Some(self.after.known(workload.cluster)),
                    certain: false,
                    cause: Cause::OthersLeft,
                    ..Fate::untouched(thing)
                },
            };
        }
        let certain = !self.possible.pods[at];
        if let Some(until) = self.after.replaced(self.model, &self.scenario, id)
            && self.runs_elsewhere(id)
        {
            return self.moves(id, certain, until);
        }
        let why = self.why_not(id);
        let short = matches!(why, Cause::NoNode | Cause::NoRoom | Cause::Tied);
        if short && room.untold.meets(&self.joined) {
            return stopped(thing, Verdict::Unknown, Cause::NotKnown);
        }
        Fate {
            certain,
            ..stopped(thing, Verdict::Waits, why)
        }
    }

    /// Its pods are made anew elsewhere.
    fn moves(&self, id: WorkloadId, certain: bool, until: Span) -> Fate {
        let thing = Thing::Workload(id);
        let workload = &self.model.world.workloads[id];
        let course = self.scenario.course(Course::SURE);
        let ends = course.ends(&self.model.world, workload);
        if ends && course.drained && workload.must_stay > 0 {
            // Its budget lets the next one go only once the one before runs.
            return Fate {
                partly: Some(until),
                cause: Cause::Drained,
                ..Fate::untouched(thing)
            };
        }
        let cause = match (self.scenario.fenced, ends, course.drained) {
            (_, true, true) => Cause::Drained,
            (true, ..) => Cause::Fenced,
            (false, true, false) => Cause::Ended,
            (false, false, _) => Cause::Evicted,
        };
        Fate {
            certain,
            away: Some(Away {
                from: Span::NOW,
                until: Some(until),
            }),
            ..stopped(thing, Verdict::Moves, cause)
        }
    }

    /// Who may drive its pods out, if somebody may: who is more important, must move, and may not
    /// find room without. Where nobody can place pods, nobody does.
    fn driven_out_by(&self, id: WorkloadId) -> Option<WorkloadId> {
        let workload = &self.model.world.workloads[id];
        if !self.possible.control[workload.cluster.index()] {
            return None;
        }
        let mut above = self.model.rooms[id].above.iter().copied();
        above.find(|other| !self.sure.calm[other.index()])
    }

    /// It may be driven out on a node that goes on: then it starts again where there is room.
    fn driven_out(&self, id: WorkloadId, by: WorkloadId) -> Fate {
        let verdict = if self.sure.again[id.index()] {
            Verdict::Moves
        } else {
            Verdict::Waits
        };
        let until = self.after.replaced(self.model, &self.scenario, by);
        Fate {
            certain: false,
            away: Some(Away {
                from: until.unwrap_or(Span::NOW),
                until: until
                    .filter(|_| verdict == Verdict::Moves)
                    .map(|until| until.after(rules::controllers::STARTS)),
            }),
            ..stopped(Thing::Workload(id), verdict, Cause::DrivenOut(by))
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
        let course = self.scenario.course(Course::SURE);
        let ended = course.ends(&self.model.world, workload);
        let fenced = self.scenario.fenced;
        let stuck = workload
            .volumes
            .iter()
            .position(|volume| !rules::attach::follows(volume.attach, fenced, ended));
        if course.drained && !ended {
            return Cause::Held;
        }
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
        if room.tied {
            return Cause::Tied;
        }
        if !room.sure.plain && !room.sure.enough(&self.joined) {
            return Cause::NoRoom;
        }
        let whole = |domain: &Bits<NodeId>| {
            room.sure.plain && domain.meets(&room.holds) && domain.within(&self.joined)
        };
        if !room.domains.is_empty() && !fenced && !ended && !room.domains.iter().any(whole) {
            return Cause::Tied;
        }
        Cause::Evicted
    }
}
