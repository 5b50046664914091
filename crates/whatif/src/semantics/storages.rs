//! Storages and their pools.

use super::{Algebra, Run};
use crate::ids::{HostId, Id as _, PoolId, StorageId};
use crate::rules;
use crate::world::{Element, StorageKind};

impl<A: Algebra> Run<'_, A> {
    pub(super) fn storages(&mut self) {
        self.state.storages.clear();
        self.state.pools.clear();
        for id in self.world.storages.ids() {
            let bit = self.storage(id);
            self.state.storages.push(bit);
        }
        // What exports another storage stands on that.
        for (id, storage) in self.world.storages.iter() {
            if let StorageKind::Nfs { of: Some(of), .. } = &storage.kind {
                let bit = self.state.storages[id.index()];
                let of = self.state.storages[of.index()];
                self.state.storages[id.index()] = self.algebra.both(bit, of);
            }
        }
        for id in self.world.pools.ids() {
            let bit = self.pool(id);
            self.state.pools.push(bit);
        }
    }

    fn storage(&mut self, id: StorageId) -> A::Bit {
        let stands = self.stands(Element::Storage(id));
        let kind = match &self.world.storages[id].kind {
            StorageKind::Ceph(ceph) => {
                self.state.second.clear();
                for host in &ceph.monitors {
                    let bit = self.daemon(*host, ceph.in_cluster);
                    self.state.second.push(bit);
                }
                let most = rules::ceph::monitors(ceph.count);
                // Where more could have one than there are, the worst case is that each that is
                // gone had one.
                let wanted = if self.course.lucky {
                    most
                } else {
                    ceph.monitors.len().saturating_sub(ceph.count - most)
                };
                self.algebra.at_least(wanted, &self.state.second)
            }
            StorageKind::Zfs { host, vdevs } => {
                let mut bit = self.state.hosts[host.index()];
                for (disks, may_fail) in vdevs {
                    self.state.pile.clear();
                    for disk in disks {
                        self.state.pile.push(self.state.disks[disk.index()]);
                    }
                    let wanted = disks.len().saturating_sub(*may_fail);
                    let enough = self.algebra.at_least(wanted, &self.state.pile);
                    bit = self.algebra.both(bit, enough);
                }
                bit
            }
            StorageKind::Nfs { host, .. } => self.in_network(*host),
            StorageKind::Local | StorageKind::Folder => self.algebra.constant(true),
            StorageKind::Object(uplinks) => {
                let mut bit = self.algebra.constant(true);
                for link in uplinks {
                    bit = self.algebra.both(bit, self.state.links[link.index()]);
                }
                bit
            }
            StorageKind::Unknown(_) => self.unknown(),
        };
        self.algebra.both(stands, kind)
    }

    /// A host that runs and is in one of its networks.
    fn in_network(&mut self, host: HostId) -> A::Bit {
        let links = &self.world.hosts[host].links;
        let runs = self.state.hosts[host.index()];
        if links.is_empty() {
            return runs;
        }
        self.state.pile.clear();
        for link in links {
            self.state.pile.push(self.state.links[link.index()]);
        }
        let reached = self.algebra.at_least(1, &self.state.pile);
        self.algebra.both(runs, reached)
    }

    /// A daemon of a storage: on the host itself, or in a pod of a node on it.
    fn daemon(&mut self, host: HostId, in_cluster: bool) -> A::Bit {
        if !in_cluster {
            return self.in_network(host);
        }
        self.state.pile.clear();
        for node in self.world.nodes_on(host) {
            self.state.pile.push(self.state.nodes[node.index()]);
        }
        self.algebra.at_least(1, &self.state.pile)
    }

    fn pool(&mut self, id: PoolId) -> A::Bit {
        let pool = &self.world.pools[id];
        let storage = self.state.storages[pool.storage.index()];
        if pool.unknown.is_some() {
            let unknown = self.unknown();
            return self.algebra.both(storage, unknown);
        }
        let StorageKind::Ceph(ceph) = &self.world.storages[pool.storage].kind else {
            return storage;
        };
        let in_cluster = ceph.in_cluster;
        self.state.second.clear();
        for domain in &pool.domains {
            let mut bit = self
                .algebra
                .constant(!self.course.lucky || domain.disks.is_empty());
            for disk in &domain.disks {
                let disk = self.state.disks[disk.index()];
                // A domain that lost one of its disks lost some copies.
                bit = if self.course.lucky {
                    self.algebra.either(bit, disk)
                } else {
                    self.algebra.both(bit, disk)
                };
            }
            for host in &domain.hosts {
                let host = self.daemon(*host, in_cluster);
                bit = self.algebra.both(bit, host);
            }
            self.state.second.push(bit);
        }
        let copies = pool.size.min(pool.domains.len());
        let wanted = if copies < pool.min {
            pool.domains.len() + 1
        } else {
            pool.domains.len() - rules::ceph::may_be_away(copies, pool.min)
        };
        let enough = self.algebra.at_least(wanted, &self.state.second);
        self.algebra.both(storage, enough)
    }
}
