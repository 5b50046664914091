//! Times of a scenario that many things share, computed once for each question.

use super::fate::Fate;
use super::shared::handed_over;
use crate::bits::Bits;
use crate::events::Scenario;
use crate::ids::{ClusterId, DiskId, Id as _, NodeId, PoolId, StorageId, WorkloadId};
use crate::rules;
use crate::semantics::{Course, Model, State};
use crate::span::Span;
use crate::world::{Element, StorageKind};

/// What is seen of a scenario.
pub(super) struct Seen<'a> {
    pub(super) model: &'a Model,
    pub(super) scenario: &'a Scenario,
    pub(super) gone: &'a Bits<NodeId>,
    pub(super) before: &'a State<bool>,
    pub(super) now: &'a State<bool>,
}

/// Times that many things share.
#[derive(Debug, Clone, Default)]
pub(super) struct After {
    /// When gone nodes of a cluster count as gone.
    gone: Vec<Span>,
    /// When they are marked out-of-service, if somebody does.
    marked: Vec<Span>,
    /// How many nodes are gone, by cluster and zone.
    counts: Vec<Vec<usize>>,
    still: Vec<Option<Span>>,
    pools_lost: Vec<bool>,
    storages_lost: Vec<bool>,
    failed: Vec<bool>,
    /// Fates of workloads by themselves, while those with their needs are put together.
    pub(super) own: Vec<Fate>,
}

impl After {
    pub(super) fn compute(&mut self, seen: &Seen<'_>) {
        self.clusters(seen);
        self.disks(seen);
        self.storages(seen);
    }

    fn clusters(&mut self, seen: &Seen<'_>) {
        let world = &seen.model.world;
        self.gone.clear();
        self.marked.clear();
        self.counts.resize_with(world.clusters.len(), Vec::new);
        for (id, cluster) in world.clusters.iter() {
            let first = rules::detection::gone(cluster.grace);
            // Any of the control planes may lead the controllers.
            let leader = cluster
                .control_planes
                .iter()
                .any(|node| seen.gone.has(*node));
            let only = cluster.control_planes.len() == 1;
            let gone = if seen.scenario.in_order() && cluster.shutdown > 0 {
                rules::shutdown::pods_ended(cluster.shutdown)
            } else if leader && !only {
                first.either(rules::leader::gone(cluster.grace))
            } else {
                first
            };
            self.gone.push(gone);
            self.marked.push(rules::attach::marked(
                seen.scenario.graceful,
                leader.then(|| handed_over(cluster, seen.scenario)),
            ));
            let counts = &mut self.counts[id.index()];
            counts.clear();
            counts.extend(cluster.zones.iter().map(|zone| zone.common(seen.gone)));
        }
    }

    fn disks(&mut self, seen: &Seen<'_>) {
        let world = &seen.model.world;
        self.failed.clear();
        let failed = |disk: DiskId| seen.scenario.fail.has(world.element(Element::Disk(disk)));
        self.failed.extend(world.disks.ids().map(failed));
    }

    fn storages(&mut self, seen: &Seen<'_>) {
        let world = &seen.model.world;
        self.pools_lost.clear();
        for (_, pool) in world.pools.iter() {
            // Each domain may hold a copy of the same on the disk that failed.
            let with_a_loss = pool
                .domains
                .iter()
                .filter(|domain| domain.disks.iter().any(|disk| self.failed[disk.index()]))
                .count();
            self.pools_lost
                .push(pool.size > 0 && with_a_loss >= pool.size);
        }
        self.still.clear();
        self.storages_lost.clear();
        for (_, storage) in world.storages.iter() {
            let lost = match &storage.kind {
                StorageKind::Zfs { vdevs, .. } => vdevs.iter().any(|(disks, may_fail)| {
                    disks
                        .iter()
                        .filter(|disk| self.failed[disk.index()])
                        .count()
                        > *may_fail
                }),
                StorageKind::Ceph(_)
                | StorageKind::Nfs { .. }
                | StorageKind::Local
                | StorageKind::Folder
                | StorageKind::Object(_)
                | StorageKind::Unknown(_) => false,
            };
            self.storages_lost.push(lost);
            let mut hosts_left = 0;
            let mut touched = false;
            for domain in storage
                .pools
                .iter()
                .take(1)
                .flat_map(|pool| &world.pools[*pool].domains)
            {
                let host_left = domain.hosts.iter().any(|host| seen.now.hosts[host.index()]);
                hosts_left += usize::from(host_left);
                let gone = |was: bool, is: bool| was && !is;
                touched |= domain.hosts.iter().any(|host| {
                    gone(
                        seen.before.hosts[host.index()],
                        seen.now.hosts[host.index()],
                    )
                });
                touched |= domain.disks.iter().any(|disk| {
                    gone(
                        seen.before.disks[disk.index()],
                        seen.now.disks[disk.index()],
                    )
                });
            }
            self.still
                .push(touched.then(|| rules::ceph::stands_still(hosts_left)));
        }
        for (id, storage) in world.storages.iter() {
            if let StorageKind::Nfs { of: Some(of), .. } = &storage.kind {
                self.storages_lost[id.index()] |= self.storages_lost[of.index()];
            }
        }
    }

    /// When gone nodes of a cluster count as gone.
    pub(super) fn known(&self, cluster: ClusterId) -> Span {
        self.gone[cluster.index()]
    }

    /// When gone nodes of a cluster are marked out-of-service, if somebody does.
    pub(super) fn marked(&self, cluster: ClusterId) -> Span {
        self.marked[cluster.index()]
    }

    /// How long a storage stands still because something of it went.
    pub(super) fn still(&self, storage: StorageId) -> Option<Span> {
        self.still[storage.index()]
    }

    pub(super) fn storage_lost(&self, storage: StorageId) -> bool {
        self.storages_lost[storage.index()]
    }

    pub(super) fn pool_lost(&self, pool: PoolId) -> bool {
        self.pools_lost[pool.index()]
    }

    /// Whether a disk failed that data of it may have lain on, on a node.
    pub(super) fn disk_lost(&self, model: &Model, id: WorkloadId) -> bool {
        let world = &model.world;
        let workload = &world.workloads[id];
        let on = |node: NodeId| {
            let node = &world.nodes[node];
            match node.disk {
                Some(disk) => self.failed[disk.index()],
                None => {
                    let system = &world.hosts[node.host].system;
                    !system.is_empty() && system.iter().all(|disk| self.failed[disk.index()])
                }
            }
        };
        if workload.at.is_empty() {
            workload.nodes.iter().any(on)
        } else {
            workload.at.iter().any(|node| on(*node))
        }
    }

    /// When the tolerations of a workload's pods end: the first and the last of its nodes.
    pub(super) fn deleted(&self, model: &Model, id: WorkloadId) -> Option<Span> {
        let world = &model.world;
        let workload = &world.workloads[id];
        let cluster = &world.clusters[workload.cluster];
        let tainted = self.gone[workload.cluster.index()].after(cluster.taint);
        let deleted = rules::eviction::deleted(tainted, workload.patience)?;
        let zones = &cluster.zones;
        let counts = &self.counts[workload.cluster.index()];
        let turns = zones
            .iter()
            .zip(counts)
            .filter(|(zone, count)| **count > 0 && zone.meets(&workload.nodes))
            .map(|(zone, count)| rules::brakes::turn(zone.len(), *count));
        let turn = turns.fold(Span::NOW, |all, one| {
            Span::new(0, all.latest.max(one.latest))
        });
        Some(deleted.after(turn))
    }

    /// When pods of it run elsewhere, if nothing is in the way.
    pub(super) fn replaced(
        &self,
        model: &Model,
        scenario: &Scenario,
        id: WorkloadId,
    ) -> Option<Span> {
        let workload = &model.world.workloads[id];
        let cluster = &model.world.clusters[workload.cluster];
        let course = scenario.course(Course::SURE);
        let ended = if course.ends(&model.world, workload) {
            rules::shutdown::pods_ended(cluster.shutdown.max(rules::budgets::GRACE))
        } else if scenario.fenced {
            self.marked(workload.cluster)
        } else {
            self.deleted(model, id)?
        };
        Some(ended.after(rules::controllers::STARTS))
    }
}
