//! The course of a scenario: every thing's fate.

use super::after::{After, Seen};
use super::comeback::Comeback;
use super::entries::{self, Entry};
use super::fate::{Away, Cause, Fate, Thing, Verdict};
use crate::bits::Bits;
use crate::events::Scenario;
use crate::ids::{ClusterId, Id as _, NodeId, WorkloadId};
use crate::semantics::{Course, Model, Plain, State, evaluate};
use crate::span::Span;
use crate::world::Way;

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
        for backup in world.backups.ids() {
            let fate = self.backup(backup);
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

    /// When a node is ready again, by the question asked last; `None`: nothing in it brings it back,
    /// or nothing was to return. A node that did not go is there at time 0.
    #[must_use]
    pub fn node_back(&self, node: NodeId) -> Option<Span> {
        self.scenario.back.and_then(|_| self.comeback.of_node(node))
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
        self.scenario.drained = scenario.drained;
        self.scenario.back = scenario.back;
        self.scenario.gone();
    }

    fn evaluate(&mut self) {
        let with = |course: Course| self.scenario.course(course);
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
                if let Some(host) = workload.named_by
                    && !self.sure.hosts[host.index()]
                {
                    let gone = stopped(Thing::Way(id), Verdict::Down, Cause::NamesGone(host));
                    // What was asked before may be remembered for a while.
                    let gone = Fate {
                        certain: false,
                        ..gone
                    };
                    fate = fate.and(gone, gone.cause);
                }
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
            Way::Balanced { keep_source } => {
                let answered = answered(cluster);
                let fate = served.and(answered, answered.cause);
                if *keep_source && !self.is_heard(id) {
                    let silent = stopped(Thing::Way(id), Verdict::Down, Cause::NotHeard(cluster));
                    let silent = Fate {
                        certain: false,
                        ..silent
                    };
                    return fate.and(silent, silent.cause);
                }
                fate
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

    /// Whether every node that may have a pod of it can answer for its address.
    fn is_heard(&self, id: WorkloadId) -> bool {
        let workload = &self.model.world.workloads[id];
        let balancer = &self.model.world.clusters[workload.cluster].balancer;
        balancer
            .as_ref()
            .is_none_or(|balancer| workload.nodes.within(&balancer.speakers))
    }

    fn workload_of(&self, thing: Thing) -> WorkloadOf {
        match thing {
            Thing::Workload(id) | Thing::Way(id) => {
                WorkloadOf(self.model.world.workloads[id].cluster, id)
            }
            Thing::Api(id) | Thing::Dns(id) | Thing::Addresses(id) => {
                WorkloadOf(id, WorkloadId::at(0))
            }
            Thing::Storage(_) | Thing::Link(_) | Thing::Backup(_) => {
                WorkloadOf(ClusterId::at(0), WorkloadId::at(0))
            }
        }
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
pub(super) const fn stopped(thing: Thing, verdict: Verdict, cause: Cause) -> Fate {
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
