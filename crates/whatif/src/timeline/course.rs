//! The course of a scenario: every thing's fate.

use super::after::{After, Seen};
use super::comeback::Comeback;
use super::entries::{self, Entry};
use super::fate::{Away, Cause, Fate, Thing, Verdict};
use crate::bits::Bits;
use crate::events::Scenario;
use crate::ids::{ClusterId, Id as _, LinkId, NodeId, PoolId, StorageId, WorkloadId};
use crate::rules;
use crate::semantics::{Course, Model, Plain, State, evaluate};
use crate::span::Span;
use crate::world::{Attach, BalancerKind, Controller, Endpoint, StorageKind, Way};

/// Answers questions about one model. Everything that it needs is kept from question to question.
#[derive(Debug, Clone)]
pub struct Asker<'a> {
    pub(super) model: &'a Model,
    pub(super) scenario: Scenario,
    /// What is certain, what would be if the unknown were good, what is possible; and what was
    /// certain and possible before.
    pub(super) sure: State<bool>,
    pub(super) unless: State<bool>,
    pub(super) possible: State<bool>,
    pub(super) before: State<bool>,
    pub(super) joined: Bits<NodeId>,
    pub(super) joined_before: Bits<NodeId>,
    /// Nodes that were there and are gone.
    pub(super) gone: Bits<NodeId>,
    pub(super) after: After,
    pub(super) comeback: Comeback,
    fates: Vec<Fate>,
    entries: Vec<Entry>,
}

impl<'a> Asker<'a> {
    /// Nothing was asked yet.
    #[must_use]
    pub fn new(model: &'a Model) -> Self {
        let nodes = model.world.nodes.len();
        Self {
            model,
            scenario: Scenario::new(&model.world),
            sure: State::default(),
            unless: State::default(),
            possible: State::default(),
            before: State::default(),
            joined: Bits::none(nodes),
            joined_before: Bits::none(nodes),
            gone: Bits::none(nodes),
            after: After::default(),
            comeback: Comeback::default(),
            fates: Vec::new(),
            entries: Vec::new(),
        }
    }

    /// What becomes of everything: in the order of clusters, storages, networks, workloads.
    pub fn ask(&mut self, scenario: &Scenario) -> &[Fate] {
        self.take(scenario);
        self.evaluate();
        self.times();
        self.fates.clear();
        let world = &self.model.world;
        for cluster in world.clusters.ids() {
            let fate = self.api(cluster);
            self.fates.push(fate);
            if world.clusters[cluster].balancer.is_some() {
                let fate = self.addresses(cluster);
                self.fates.push(fate);
            }
        }
        for storage in world.storages.ids() {
            let fate = self.storage(storage);
            self.fates.push(fate);
        }
        for link in world.links.ids() {
            let fate = self.link(link);
            self.fates.push(fate);
        }
        self.workloads();
        if self.scenario.back.is_some() {
            let mut comeback = std::mem::take(&mut self.comeback);
            comeback.compute(self);
            self.comeback = comeback;
            self.end_waiting();
        }
        &self.fates
    }

    /// The same, as what happens in the order of time.
    pub fn timeline(&mut self, scenario: &Scenario) -> (&[Fate], &[Entry]) {
        self.ask(scenario);
        let mut entries = std::mem::take(&mut self.entries);
        entries::list(self, &self.fates, &mut entries);
        self.entries = entries;
        (&self.fates, &self.entries)
    }

    fn take(&mut self, scenario: &Scenario) {
        self.scenario.away.copy_from(&scenario.away);
        self.scenario.off.copy_from(&scenario.off);
        self.scenario.fail.copy_from(&scenario.fail);
        self.scenario.graceful = scenario.graceful;
        self.scenario.fenced = scenario.fenced;
        self.scenario.back = scenario.back;
        self.scenario.gone();
    }

    fn evaluate(&mut self) {
        let with = |course: Course| Course {
            fenced: self.scenario.fenced,
            ended: self.scenario.in_order(),
            ..course
        };
        let (sure, unless, possible) = (
            with(Course::SURE),
            with(Course::UNLESS_UNKNOWN),
            with(Course::POSSIBLE),
        );
        let model = self.model;
        let mut plain = Plain::new(&self.scenario.away, &mut self.joined_before);
        evaluate(model, Course::POSSIBLE, &mut plain, &mut self.before);
        let all = self.scenario.gone();
        evaluate(
            model,
            possible,
            &mut Plain::new(all, &mut self.joined),
            &mut self.possible,
        );
        evaluate(
            model,
            unless,
            &mut Plain::new(all, &mut self.joined),
            &mut self.unless,
        );
        evaluate(
            model,
            sure,
            &mut Plain::new(all, &mut self.joined),
            &mut self.sure,
        );
        self.gone.copy_from(&self.joined_before);
        self.gone.less(&self.joined);
    }

    fn times(&mut self) {
        let seen = Seen {
            model: self.model,
            scenario: &self.scenario,
            gone: &self.gone,
            before: &self.before,
            now: &self.sure,
        };
        self.after.compute(&seen);
    }

    fn api(&self, id: ClusterId) -> Fate {
        let thing = Thing::Api(id);
        let at = id.index();
        let cluster = &self.model.world.clusters[id];
        if !self.before.api[at] {
            return stopped(thing, Verdict::Down, Cause::NotThereBefore);
        }
        if !self.possible.quorum[at] {
            return stopped(thing, Verdict::Down, Cause::Quorum(id));
        }
        if !self.sure.api[at] {
            let certain = !self.possible.api[at];
            return Fate {
                certain,
                ..stopped(thing, Verdict::Down, Cause::Endpoint(id))
            };
        }
        if !cluster
            .control_planes
            .iter()
            .any(|node| self.gone.has(*node))
        {
            return Fate::untouched(thing);
        }
        let elected = rules::etcd::ELECTION;
        let until = match &cluster.endpoint {
            Endpoint::Vip(_) if self.scenario.in_order() => elected.both(rules::vip::HANDED_OVER),
            Endpoint::Vip(taken_over) => elected.either(*taken_over),
            Endpoint::Node(_) | Endpoint::Name(_) | Endpoint::Outside => elected,
        };
        Fate {
            certain: false,
            away: Some(Away {
                from: Span::NOW,
                until: Some(until),
            }),
            cause: Cause::HandedOver(id),
            ..Fate::untouched(thing)
        }
    }

    fn addresses(&self, id: ClusterId) -> Fate {
        let thing = Thing::Addresses(id);
        let at = id.index();
        let Some(balancer) = &self.model.world.clusters[id].balancer else {
            return stopped(thing, Verdict::Unknown, Cause::NotKnown);
        };
        if !self.sure.balanced[at] {
            if self.unless.balanced[at] {
                return stopped(thing, Verdict::Unknown, Cause::NotKnown);
            }
            return Fate {
                certain: !self.possible.balanced[at],
                ..stopped(thing, Verdict::Down, Cause::NobodyAnswers(id))
            };
        }
        if !balancer.speakers.meets(&self.gone) {
            return Fate::untouched(thing);
        }
        let until = match &balancer.kind {
            _ if self.scenario.in_order() && self.model.world.clusters[id].shutdown > 0 => {
                rules::vip::HANDED_OVER
            }
            BalancerKind::Memberlist => rules::balancer::noticed(balancer.speakers.len()),
            BalancerKind::Leases => rules::balancer::LEASE,
            BalancerKind::Routes(_) => rules::balancer::HOLD,
            BalancerKind::EveryNode | BalancerKind::Unknown(_) => {
                return Fate::untouched(thing);
            }
        };
        Fate {
            certain: false,
            away: Some(Away {
                from: Span::NOW,
                until: Some(until),
            }),
            cause: Cause::Announced(id),
            ..Fate::untouched(thing)
        }
    }

    fn storage(&self, id: StorageId) -> Fate {
        let pools = &self.model.world.storages[id].pools;
        let whole = self.whole(id);
        let fates = pools.iter().map(|pool| self.pool(*pool));
        fates.fold(whole, |worst, fate| worst.and(fate, fate.cause))
    }

    /// A storage, its pools aside.
    fn whole(&self, id: StorageId) -> Fate {
        let thing = Thing::Storage(id);
        let at = id.index();
        if !self.sure.storages[at] {
            if self.unless.storages[at] {
                return stopped(thing, Verdict::Unknown, Cause::NotKnown);
            }
            if self.after.storage_lost(id) {
                let pool = self.model.world.storages[id].pools.first();
                if let Some(pool) = pool {
                    return stopped(thing, Verdict::Lost, Cause::CopiesLost(*pool));
                }
            }
            return Fate {
                certain: !self.possible.storages[at],
                ..stopped(thing, Verdict::Down, Cause::StorageGone(id))
            };
        }
        let StorageKind::Ceph(_) = &self.model.world.storages[id].kind else {
            return Fate::untouched(thing);
        };
        match self.after.still(id) {
            None => Fate::untouched(thing),
            Some(until) => Fate {
                away: Some(Away {
                    from: Span::NOW,
                    until: Some(until),
                }),
                cause: Cause::Still(id),
                ..Fate::untouched(thing)
            },
        }
    }

    /// A pool, with the storage that it is of.
    fn pool(&self, id: PoolId) -> Fate {
        let pool = &self.model.world.pools[id];
        let thing = Thing::Storage(pool.storage);
        let whole = self.whole(pool.storage);
        if self.sure.pools[id.index()] || whole.verdict > Verdict::Stays {
            return whole;
        }
        if self.unless.pools[id.index()] {
            return stopped(thing, Verdict::Unknown, Cause::NotKnown);
        }
        if self.after.pool_lost(id) {
            return stopped(thing, Verdict::Lost, Cause::CopiesLost(id));
        }
        Fate {
            certain: !self.possible.pools[id.index()],
            ..stopped(thing, Verdict::Down, Cause::Copies(id))
        }
    }

    fn link(&self, id: LinkId) -> Fate {
        let thing = Thing::Link(id);
        if self.sure.links[id.index()] {
            Fate::untouched(thing)
        } else {
            stopped(thing, Verdict::Down, Cause::LinkGone(id))
        }
    }

    fn workloads(&mut self) {
        let world = &self.model.world;
        let first = self.fates.len();
        for id in world.workloads.ids() {
            let fate = self.own(id);
            self.fates.push(fate);
        }
        // Needs are closed: all that it needs stands in one set.
        self.after.own.clear();
        self.after.own.extend_from_slice(&self.fates[first..]);
        for (id, workload) in world.workloads.iter() {
            let mut fate = self.after.own[id.index()];
            for needed in workload.needs.iter().filter(|needed| *needed != id) {
                fate = fate.and(self.after.own[needed.index()], Cause::Needs(needed));
            }
            let dns = world.clusters[workload.cluster].dns;
            if let Some(dns) = dns.filter(|dns| workload.needs_dns && *dns != id) {
                fate = fate.and(self.after.own[dns.index()], Cause::Needs(dns));
            }
            self.fates[first + id.index()] = fate;
        }
        for (id, workload) in world.workloads.iter() {
            let served = self.fates[first + id.index()];
            if let Some(way) = &workload.way {
                let mut fate = self.way(way, served, first);
                fate.thing = Thing::Way(id);
                self.fates.push(fate);
            }
            if world.clusters[workload.cluster].dns == Some(id) {
                let mut fate = served;
                fate.thing = Thing::Dns(workload.cluster);
                self.fates.push(fate);
            }
        }
    }

    fn way(&self, way: &Way, served: Fate, first: usize) -> Fate {
        let WorkloadOf(cluster, id) = self.workload_of(served.thing);
        let answered = |cluster: ClusterId| {
            if self.model.world.clusters[cluster].balancer.is_some() {
                self.addresses(cluster)
            } else {
                stopped(Thing::Addresses(cluster), Verdict::Unknown, Cause::NotKnown)
            }
        };
        match way {
            Way::Forward => served,
            Way::Balanced { .. } => {
                let answered = answered(cluster);
                served.and(answered, answered.cause)
            }
            Way::Through(by) => {
                let door = self.fates[first + by.index()];
                let mut fate = served.and(door, Cause::Through(*by));
                if matches!(
                    self.model.world.workloads[*by].way,
                    Some(Way::Balanced { .. })
                ) {
                    let answered = answered(self.model.world.workloads[*by].cluster);
                    fate = fate.and(answered, answered.cause);
                }
                fate
            }
            Way::Unknown(_) => served.and(
                stopped(Thing::Way(id), Verdict::Unknown, Cause::NotKnown),
                Cause::NotKnown,
            ),
        }
    }

    fn workload_of(&self, thing: Thing) -> WorkloadOf {
        match thing {
            Thing::Workload(id) | Thing::Way(id) => {
                WorkloadOf(self.model.world.workloads[id].cluster, id)
            }
            Thing::Api(id) | Thing::Dns(id) | Thing::Addresses(id) => {
                WorkloadOf(id, WorkloadId::at(0))
            }
            Thing::Storage(_) | Thing::Link(_) => WorkloadOf(ClusterId::at(0), WorkloadId::at(0)),
        }
    }

    /// A workload by itself: its pods, volumes and uplinks.
    fn own(&self, id: WorkloadId) -> Fate {
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

    /// What waited ends its waiting when what went is back.
    fn end_waiting(&mut self) {
        let Self {
            fates, comeback, ..
        } = self;
        for fate in fates.iter_mut() {
            if let Some(away) = &mut fate.away
                && away.until.is_none()
                && fate.verdict != Verdict::Lost
            {
                away.until = comeback.of(fate.thing);
            }
        }
    }
}

struct WorkloadOf(ClusterId, WorkloadId);

/// It stops at once, and nothing ends that.
const fn stopped(thing: Thing, verdict: Verdict, cause: Cause) -> Fate {
    Fate {
        thing,
        verdict,
        certain: true,
        away: Some(Away {
            from: Span::NOW,
            until: None,
        }),
        partly: None,
        cause,
    }
}
