//! Fates of what many things stand on: APIs, addresses, storages, networks.

use super::course::{Asker, stopped};
use super::fate::{Away, Cause, Fate, Thing, Verdict};
use crate::events::Scenario;
use crate::ids::{BackupId, ClusterId, Id as _, LinkId, PoolId, StorageId};
use crate::rules;
use crate::span::Span;
use crate::world::{BalancerKind, Cluster, Endpoint, StorageKind};

/// How long the API of a cluster may be away that loses some of its control planes.
pub(super) fn handed_over(cluster: &Cluster, scenario: &Scenario) -> Span {
    let elected = rules::etcd::ELECTION;
    match &cluster.endpoint {
        Endpoint::Vip(_) if scenario.in_order() => elected.both(rules::vip::HANDED_OVER),
        Endpoint::Vip(taken_over) => elected.either(*taken_over),
        Endpoint::Node(_) | Endpoint::Name(_) | Endpoint::Outside => elected,
    }
}

impl Asker<'_> {
    pub(super) fn api(&self, id: ClusterId) -> Fate {
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
        // In order, the address goes at once and etcd at the end.
        let from = match self.scenario.in_order() {
            true => Span::new(0, rules::budgets::GRACE),
            false => Span::NOW,
        };
        let until = handed_over(cluster, &self.scenario).after(from);
        Fate {
            certain: false,
            away: Some(Away {
                from,
                until: Some(until),
            }),
            cause: Cause::HandedOver(id),
            ..Fate::untouched(thing)
        }
    }

    pub(super) fn addresses(&self, id: ClusterId) -> Fate {
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

    pub(super) fn storage(&self, id: StorageId) -> Fate {
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
    pub(super) fn pool(&self, id: PoolId) -> Fate {
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

    pub(super) fn link(&self, id: LinkId) -> Fate {
        let thing = Thing::Link(id);
        if self.sure.links[id.index()] {
            Fate::untouched(thing)
        } else {
            stopped(thing, Verdict::Down, Cause::LinkGone(id))
        }
    }

    /// A backup runs when where it is written to is there at its turn.
    pub(super) fn backup(&self, id: BackupId) -> Fate {
        let backup = &self.model.world.backups[id];
        let thing = Thing::Backup(id);
        if let Some(storage) = backup.storage {
            let fate = self.storage(storage);
            let cause = match fate.cause {
                Cause::Untouched | Cause::Still(_) => return Fate::untouched(thing),
                cause => cause,
            };
            return Fate {
                thing,
                cause,
                ..fate
            };
        }
        let there = |link: &&LinkId| self.sure.links[link.index()];
        match (backup.uplinks.iter().find(there), backup.uplinks.first()) {
            (None, Some(link)) => stopped(thing, Verdict::Down, Cause::LinkGone(*link)),
            (Some(_), _) | (None, None) => Fate::untouched(thing),
        }
    }
}
