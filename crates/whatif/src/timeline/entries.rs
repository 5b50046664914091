//! What happens, in the order of time.

use super::course::Asker;
use super::fate::{Away, Cause, Fate, Thing, Verdict};
use crate::bits::Bits;
use crate::ids::{ClusterId, ElementId, HostId, Id as _, NodeId, PoolId, StorageId};
use crate::rules::{self, RuleNo};
use crate::span::Span;
use crate::world::StorageKind;

/// Something that happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    /// It loses its power.
    Cut(ElementId),
    /// It is shut down in order.
    ShutDown(ElementId),
    /// It fails.
    Fails(ElementId),
    /// Another controller-manager leads.
    Leader(ClusterId),
    /// A node counts as gone.
    NotReady(NodeId),
    /// Eviction stops in a zone.
    Braked(ClusterId),
    /// Pods of the nodes that were tainted before it stopped are deleted.
    EvictedBefore(ClusterId),
    /// Pods with the usual patience are deleted.
    Evicted(ClusterId),
    /// A storage serves again what lay on what went.
    StillNoMore(StorageId),
    /// Copies are made elsewhere.
    CopiedElsewhere(StorageId),
    /// A thing is no longer there.
    Stops(Thing),
    /// A thing is there again, or elsewhere.
    Serves(Thing),
    /// It is switched on again.
    Returns(ElementId),
}

/// Something that happens, with its time and rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    /// When.
    pub at: Span,
    /// What.
    pub what: What,
    /// By which rule.
    pub rule: RuleNo,
    /// For certain; else it depends on where pods or leaders are.
    pub certain: bool,
}

/// All that happens, in the order of time.
pub(super) fn list(asker: &Asker<'_>, fates: &[Fate], entries: &mut Vec<Entry>) {
    entries.clear();
    let mut list = List { asker, entries };
    list.events();
    for id in asker.model.world.clusters.ids() {
        list.cluster(id);
    }
    for id in asker.model.world.storages.ids() {
        list.storage(id);
    }
    list.fates(fates);
    list.entries.sort_by_key(|entry| entry.at);
}

struct List<'a> {
    asker: &'a Asker<'a>,
    entries: &'a mut Vec<Entry>,
}

impl List<'_> {
    fn add(&mut self, at: Span, what: What, rule: RuleNo, certain: bool) {
        self.entries.push(Entry {
            at,
            what,
            rule,
            certain,
        });
    }

    fn events(&mut self) {
        let scenario = &self.asker.scenario;
        for element in &scenario.off {
            let what = if scenario.graceful {
                What::ShutDown(element)
            } else {
                What::Cut(element)
            };
            self.add(Span::NOW, what, RuleNo::Shutdown, true);
            if let Some(back) = scenario.back {
                let back = Span::new(back, back);
                self.add(back, What::Returns(element), RuleNo::Comeback, true);
            }
        }
        for element in &scenario.fail {
            self.add(Span::NOW, What::Fails(element), RuleNo::Shutdown, true);
        }
    }

    fn cluster(&mut self, id: ClusterId) {
        let asker = self.asker;
        let cluster = &asker.model.world.clusters[id];
        if !cluster.nodes.meets(&asker.gone) || !asker.sure.quorum[id.index()] {
            return;
        }
        let known = asker.after.known(id);
        let in_order = asker.scenario.in_order() && cluster.shutdown > 0;
        let planes = &cluster.control_planes;
        if planes.iter().any(|node| asker.gone.has(*node)) && !in_order {
            let at = rules::leader::TAKEN_OVER;
            self.add(at, What::Leader(id), RuleNo::Leader, false);
        }
        let (known, rule) = match (in_order, asker.scenario.fenced) {
            (true, _) => (known, RuleNo::Shutdown),
            (false, true) => (asker.after.marked(id), RuleNo::Attach),
            (false, false) => (known, RuleNo::Detection),
        };
        for node in cluster.nodes.iter().filter(|node| asker.gone.has(*node)) {
            self.add(known, What::NotReady(node), rule, true);
        }
        if in_order || asker.scenario.fenced {
            return;
        }
        self.evictions(id, known.after(cluster.taint));
    }

    /// What the zones of a cluster do about pods of nodes that are gone and tainted.
    fn evictions(&mut self, id: ClusterId, tainted: Span) {
        let asker = self.asker;
        let cluster = &asker.model.world.clusters[id];
        let gone = |zone: &Bits<NodeId>| zone.common(&asker.gone);
        let count = cluster.zones.len();
        let stops = |zone: &Bits<NodeId>| rules::brakes::stops_among(count, zone.len(), gone(zone));
        let zones = || cluster.zones.iter();
        let deleted = |turn: u64| {
            let deleted = rules::eviction::deleted(tainted, rules::eviction::PATIENCE)?;
            Some(deleted.after(Span::new(0, turn)))
        };
        if let Some(zone) = zones().find(|zone| stops(zone)) {
            self.add(tainted, What::Braked(id), RuleNo::Brakes, true);
            let turn = rules::brakes::turn(zone.len(), rules::brakes::BEFORE_IT_STOPS);
            if let Some(deleted) = deleted(turn.latest) {
                self.add(deleted, What::EvictedBefore(id), RuleNo::Brakes, false);
            }
        }
        // Other zones go on.
        let go_on = zones().filter(|zone| gone(zone) > 0 && !stops(zone));
        let turns = go_on.map(|zone| rules::brakes::turn(zone.len(), gone(zone)).latest);
        if let Some(deleted) = turns.max().and_then(deleted) {
            self.add(deleted, What::Evicted(id), RuleNo::Eviction, true);
        }
    }

    fn storage(&mut self, id: StorageId) {
        let asker = self.asker;
        let world = &asker.model.world;
        let storage = &world.storages[id];
        let serves = |pool: &PoolId| asker.sure.pools[pool.index()];
        let ceph = matches!(storage.kind, StorageKind::Ceph(_));
        let Some(still) = asker.after.still(id) else {
            return;
        };
        if !ceph || !asker.sure.storages[id.index()] || !storage.pools.iter().all(serves) {
            return;
        }
        self.add(still, What::StillNoMore(id), RuleNo::Ceph, true);
        let runs = |host: &HostId| asker.sure.hosts[host.index()];
        let elsewhere = storage.pools.iter().all(|pool| {
            let pool = &world.pools[*pool];
            let left = pool
                .domains
                .iter()
                .filter(|domain| domain.hosts.iter().all(runs));
            left.count() >= pool.size
        });
        if elsewhere {
            let at = rules::ceph::COPIED_ELSEWHERE;
            self.add(at, What::CopiedElsewhere(id), RuleNo::Ceph, true);
        }
    }

    fn fates(&mut self, fates: &[Fate]) {
        let world = &self.asker.model.world;
        for fate in fates {
            // The way to something that is away itself is told with it, and so are names.
            let told = match fate.thing {
                Thing::Way(id) => fates
                    .iter()
                    .any(|other| other.thing == Thing::Workload(id) && other.away == fate.away),
                Thing::Workload(id) => {
                    let mut clusters = world.clusters.iter();
                    clusters.any(|(_, cluster)| cluster.dns == Some(id))
                }
                Thing::Storage(_) => fate.verdict == Verdict::Stays,
                Thing::Dns(_)
                | Thing::Api(_)
                | Thing::Addresses(_)
                | Thing::Link(_)
                | Thing::Backup(_) => false,
            };
            if !told {
                self.fate(fate);
            }
        }
    }

    fn fate(&mut self, fate: &Fate) {
        let Some(Away { from, until }) = fate.away else {
            return;
        };
        if fate.verdict == Verdict::Unknown || fate.cause == Cause::NotThereBefore {
            return;
        }
        let rule = fate.cause.rule();
        self.add(from, What::Stops(fate.thing), rule, fate.certain);
        if let Some(until) = until {
            self.add(until, What::Serves(fate.thing), rule, fate.certain);
        }
    }
}
