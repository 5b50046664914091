//! Storages of a lab, their pools and classes.

use std::collections::BTreeMap;

use model::lab::{
    FailureDomain, HostDisk, Lab, ObjectProvider, Pool as DeclaredPool, PoolKind, Service,
    Storage as Declared, Target,
};
use model::name::Name;

use super::names::Index;
use super::{Backup, Ceph, Domain, Pool, Storage, StorageKind, World};
use crate::ids::{DiskId, HostId, Id as _, LinkId, PoolId, StorageId};

/// Ceph's own default (`osd_pool_default_size`).
const COPIES: usize = 3;
/// Rook's own default (`spec.mon.count`).
const MONITORS: usize = 3;

impl Pool {
    /// The whole of a storage that is not divided into pools: there once, wherever it lies.
    pub(super) const fn whole(storage: StorageId) -> Self {
        Self {
            name: String::new(),
            storage,
            domains: Vec::new(),
            size: 1,
            min: 1,
            unknown: None,
        }
    }
}

impl World {
    pub(super) fn add_storages(&mut self, lab: &Lab, index: &mut Index) {
        for (at, name) in lab.storage.keys().enumerate() {
            index.storages.insert(name.clone(), StorageId::at(at));
        }
        for (name, storage) in &lab.storage {
            let id = StorageId::at(self.storages.len());
            let kind = self.kind_of(lab, storage, index);
            let pools = self.pools_of(lab, id, storage, index);
            for (class_name, class) in storage.classes() {
                let named = class.pool.as_ref().and_then(|name| pools.get(name));
                let Some(pool) = named.or_else(|| pools.values().next()).copied() else {
                    continue;
                };
                index.classes.insert(format!("{name}.{class_name}"), pool);
                index.classes.entry(class_name.to_string()).or_insert(pool);
                if class.default {
                    index.default_class = Some(pool);
                }
            }
            self.storages.push(Storage {
                name: name.to_string(),
                kind,
                pools: pools.into_values().collect(),
            });
        }
        // The only class is the one that is meant.
        let mut all: Vec<PoolId> = index.classes.values().copied().collect();
        all.sort();
        all.dedup();
        if let (None, [only]) = (index.default_class, all.as_slice()) {
            index.default_class = Some(*only);
        }
    }

    /// Where backups are written to. One without a target that is known is a finding of `check`.
    pub(super) fn add_backups(&mut self, lab: &Lab, index: &Index) {
        for (name, backup) in &lab.backups {
            let storage = match &backup.to {
                Target::Storage(name) => index.storages.get(name).copied(),
                Target::B2(_) | Target::S3(_) | Target::Here => None,
            };
            let outside = matches!(&backup.to, Target::B2(_) | Target::S3(_));
            self.backups.push(Backup {
                name: name.to_string(),
                storage,
                uplinks: if outside {
                    self.all_uplinks()
                } else {
                    Vec::new()
                },
            });
        }
    }

    /// The ways to the internet of the sites that nodes stand at.
    fn all_uplinks(&self) -> Vec<LinkId> {
        let mut uplinks: Vec<LinkId> = self
            .nodes
            .iter()
            .filter_map(|(_, node)| self.hosts[node.host].site)
            .filter_map(|site| self.sites[site].uplink)
            .collect();
        uplinks.sort();
        uplinks.dedup();
        uplinks
    }

    fn kind_of(&self, lab: &Lab, storage: &Declared, index: &Index) -> StorageKind {
        let host = |name: &Name| index.hosts.get(name).copied();
        match storage {
            Declared::External(ceph) => {
                let monitors: Vec<HostId> = ceph.monitors.iter().filter_map(host).collect();
                StorageKind::Ceph(Ceph {
                    count: monitors.len(),
                    monitors,
                    in_cluster: false,
                })
            }
            Declared::Rook(rook) => {
                let cluster = lab.cluster_or_only(rook.cluster.as_ref());
                let nodes = cluster.into_iter().flat_map(|(name, _)| lab.nodes_of(name));
                let mut monitors: Vec<HostId> =
                    nodes.filter_map(|(_, node)| host(&node.on)).collect();
                monitors.sort();
                monitors.dedup();
                let wanted = rook.monitors.map_or(MONITORS, |count| count as usize);
                StorageKind::Ceph(Ceph {
                    count: wanted.min(monitors.len()),
                    monitors,
                    in_cluster: true,
                })
            }
            Declared::Zfs(zfs) => match host(&zfs.on) {
                None => StorageKind::Unknown("its host is none of the lab".to_owned()),
                Some(on) => {
                    let disks = |names: &[Name]| {
                        let found = names
                            .iter()
                            .filter_map(|disk| index.disks.get(&(on, disk.clone())).copied());
                        found.collect::<Vec<DiskId>>()
                    };
                    let vdevs = zfs.vdevs.iter();
                    let vdevs = vdevs.map(|vdev| (disks(vdev.disks()), vdev.may_fail()));
                    StorageKind::Zfs {
                        host: on,
                        vdevs: vdevs.collect(),
                    }
                }
            },
            Declared::Nfs(nfs) => match host(&nfs.server) {
                None => StorageKind::Unknown("its server is none of the lab's hosts".to_owned()),
                Some(server) => StorageKind::Nfs {
                    host: server,
                    of: exported(lab, &nfs.server, &nfs.export)
                        .and_then(|name| index.storages.get(name))
                        .copied(),
                },
            },
            Declared::Local(_) => StorageKind::Local,
            Declared::Folder(_) => StorageKind::Folder,
            Declared::Object(object) => match object.provider {
                ObjectProvider::B2 | ObjectProvider::S3 => StorageKind::Object(self.all_uplinks()),
                ObjectProvider::Compatible => {
                    StorageKind::Unknown("the lab file does not tell who serves it".to_owned())
                }
            },
        }
    }

    fn pools_of(
        &mut self,
        lab: &Lab,
        storage: StorageId,
        declared: &Declared,
        index: &Index,
    ) -> BTreeMap<Name, PoolId> {
        let mut all = BTreeMap::new();
        if let Some(pools) = declared.pools() {
            for (name, pool) in pools {
                let row = self.pool(lab, storage, declared, (name.as_str(), pool), index);
                all.insert(name.clone(), self.pools.push(row));
            }
            if pools.is_empty() {
                let default = DeclaredPool::default();
                let row = self.pool(lab, storage, declared, ("", &default), index);
                if let Ok(name) = "pool".parse() {
                    all.insert(name, self.pools.push(row));
                }
            }
        } else if let Ok(name) = "all".parse() {
            all.insert(name, self.pools.push(Pool::whole(storage)));
        }
        all
    }

    fn pool(
        &self,
        lab: &Lab,
        storage: StorageId,
        declared: &Declared,
        (name, pool): (&str, &DeclaredPool),
        index: &Index,
    ) -> Pool {
        let mut domains: BTreeMap<String, Domain> = BTreeMap::new();
        for (host, disk) in osds(lab, declared) {
            let Some(host_id) = index.hosts.get(&host).copied() else {
                continue;
            };
            let disk_id = disk
                .as_ref()
                .and_then(|disk| index.disks.get(&(host_id, disk.clone())).copied());
            let site = lab.hosts.get(&host).and_then(|host| host.site.as_ref());
            let key = match (pool.failure_domain, &disk) {
                (FailureDomain::Disk, Some(disk)) => format!("{host}.{disk}"),
                (FailureDomain::Site, _) => site.map_or_else(String::new, ToString::to_string),
                (FailureDomain::Host, _) | (FailureDomain::Disk, None) => host.to_string(),
            };
            let domain = domains.entry(key).or_default();
            domain.hosts.push(host_id);
            domain.hosts.dedup();
            domain.disks.extend(disk_id);
        }
        let size = pool.replicas.map_or(COPIES, |copies| copies as usize);
        // The lab file's own default; Ceph's would be one less for an even number.
        let min = pool.min_replicas.map_or(size / 2 + 1, |min| min as usize);
        let no_metadata = pool.kind == PoolKind::File
            && matches!(declared, Declared::External(_))
            && !lab
                .hosts
                .values()
                .any(|host| host.runs.contains(&Service::CephMds));
        let unknown = if domains.is_empty() {
            Some("nothing tells which disks its data lies on (osds)".to_owned())
        } else if no_metadata {
            Some("no host is told to run ceph-mds, which CephFS needs".to_owned())
        } else {
            None
        };
        Pool {
            name: name.to_owned(),
            storage,
            domains: domains.into_values().collect(),
            size,
            min,
            unknown,
        }
    }
}

/// Where Ceph's data lies: declared disks, or the hosts that are said to run its daemons.
fn osds(lab: &Lab, declared: &Declared) -> Vec<(Name, Option<Name>)> {
    let told: Vec<_> = declared
        .osds()
        .iter()
        .filter_map(HostDisk::parts)
        .map(|(host, disk)| (host, Some(disk)))
        .collect();
    if !told.is_empty() || !matches!(declared, Declared::External(_)) {
        return told;
    }
    lab.hosts
        .iter()
        .filter(|(_, host)| host.runs.contains(&Service::CephOsd))
        .map(|(name, _)| (name.clone(), None))
        .collect()
}

/// The ZFS pool that a folder lies in: one of that host whose name begins the path.
fn exported<'a>(lab: &'a Lab, server: &Name, export: &str) -> Option<&'a Name> {
    let first = export.trim_start_matches('/').split('/').next()?;
    lab.storage
        .iter()
        .find_map(|(name, storage)| match storage {
            Declared::Zfs(zfs) if zfs.on == *server && name.as_str() == first => Some(name),
            _ => None,
        })
}
