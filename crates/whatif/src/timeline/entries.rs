//! What happens, in the order of time.

use super::course::Asker;
use super::fate::{Away, Cause, Fate, Thing, Verdict};
use crate::ids::{ClusterId, ElementId, Id as _, NodeId, StorageId};
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
    /// Another leader is chosen, another one answers at the API's address.
    HandOver(ClusterId),
    /// Another controller-manager leads.
    Leader(ClusterId),
    /// A node counts as gone.
    NotReady(NodeId),
    /// Eviction stops in a zone of that many nodes.
    Braked(ClusterId),
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
    let world = &asker.model.world;
    let mut add = |at, what, rule, certain| {
        entries.push(Entry {
            at,
            what,
            rule,
            certain,
        });
    };
    let scenario = &asker.scenario;
    for element in &scenario.off {
        let what = if scenario.graceful {
            What::ShutDown(element)
        } else {
            What::Cut(element)
        };
        add(Span::NOW, what, RuleNo::Shutdown, true);
        if let Some(back) = scenario.back {
            add(
                Span::new(back, back),
                What::Returns(element),
                RuleNo::Comeback,
                true,
            );
        }
    }
    for element in &scenario.fail {
        add(Span::NOW, What::Fails(element), RuleNo::Shutdown, true);
    }
    for (id, cluster) in world.clusters.iter() {
        if !cluster.nodes.meets(&asker.gone) || !asker.sure.quorum[id.index()] {
            continue;
        }
        let known = asker.after.known(id);
        let in_order = scenario.in_order() && cluster.shutdown > 0;
        let leads = cluster
            .control_planes
            .iter()
            .any(|node| asker.gone.has(*node));
        if leads && !in_order {
            add(
                rules::leader::TAKEN_OVER,
                What::Leader(id),
                RuleNo::Leader,
                false,
            );
        }
        let rule = if in_order {
            RuleNo::Shutdown
        } else {
            RuleNo::Detection
        };
        for node in cluster.nodes.iter().filter(|node| asker.gone.has(*node)) {
            add(known, What::NotReady(node), rule, true);
        }
        if in_order || scenario.fenced {
            continue;
        }
        let braked = cluster
            .zones
            .iter()
            .any(|zone| rules::brakes::stops(zone.len(), zone.common(&asker.gone)));
        if braked {
            add(
                rules::eviction::tainted(known),
                What::Braked(id),
                RuleNo::Brakes,
                true,
            );
        } else if let Some(deleted) = rules::eviction::deleted(known, rules::eviction::PATIENCE) {
            let turns = cluster
                .zones
                .iter()
                .map(|zone| rules::brakes::turn(zone.len(), zone.common(&asker.gone)).latest);
            let turn = Span::new(0, turns.max().unwrap_or(0));
            add(
                deleted.after(turn),
                What::Evicted(id),
                RuleNo::Eviction,
                true,
            );
        }
    }
    for (id, storage) in world.storages.iter() {
        if !matches!(storage.kind, StorageKind::Ceph(_)) || !asker.sure.storages[id.index()] {
            continue;
        }
        let serves = |pool: &crate::ids::PoolId| asker.sure.pools[pool.index()];
        if let Some(still) = asker.after.still(id)
            && storage.pools.iter().all(serves)
        {
            add(still, What::StillNoMore(id), RuleNo::Ceph, true);
            let pools = storage.pools.iter().map(|pool| &world.pools[*pool]);
            let elsewhere = pools.clone().all(|pool| {
                let left = pool.domains.iter().filter(|domain| {
                    domain
                        .hosts
                        .iter()
                        .all(|host| asker.sure.hosts[host.index()])
                });
                left.count() >= pool.size
            });
            if elsewhere {
                add(
                    rules::ceph::COPIED_ELSEWHERE,
                    What::CopiedElsewhere(id),
                    RuleNo::Ceph,
                    true,
                );
            }
        }
    }
    for fate in fates {
        // The way to something that is away itself is told with it, and so are names.
        let told = match fate.thing {
            Thing::Way(id) => fates
                .iter()
                .any(|other| other.thing == Thing::Workload(id) && other.away == fate.away),
            Thing::Dns(_) => false,
            Thing::Workload(id) => world
                .clusters
                .iter()
                .any(|(_, cluster)| cluster.dns == Some(id)),
            Thing::Storage(_) => fate.verdict == Verdict::Stays,
            Thing::Api(_) | Thing::Addresses(_) | Thing::Link(_) => false,
        };
        if !told {
            of_fate(fate, &mut add);
        }
    }
    entries.sort_by_key(|entry| entry.at);
}

fn of_fate(fate: &Fate, add: &mut impl FnMut(Span, What, RuleNo, bool)) {
    let Some(Away { from, until }) = fate.away else {
        return;
    };
    if matches!(fate.verdict, Verdict::Unknown) || fate.cause == Cause::NotThereBefore {
        return;
    }
    let rule = fate.cause.rule();
    add(from, What::Stops(fate.thing), rule, fate.certain);
    if let Some(until) = until {
        add(until, What::Serves(fate.thing), rule, fate.certain);
    }
}
