//! What workloads stand on and how they are reached: volumes, ways in, names.

use model::lab::{App, Expose, Lab, Named, Target, Volume};
use model::name::Name;

use super::manifests::Claim;
use super::names::Index;
use super::{Attach, StorageKind, VolumeUse, Way, Workload, World};
use crate::ids::{HostId, PoolId, WorkloadId};
use crate::place::eligible::Wish;
use crate::span::Ms;

impl World {
    pub(super) fn volumes(
        &mut self,
        lab: &Lab,
        app_name: &Name,
        volumes: &Named<Volume>,
        workload: &mut Workload,
        wish: &mut Wish,
        index: &Index,
    ) {
        for (name, volume) in volumes {
            if let Some(node) = &volume.on {
                wish.held.push(vec![node.clone()]);
            }
            let Some(pool) = self.pool_of(volume, index) else {
                workload
                    .unknown
                    .push(format!("no storage class fits its volume {name}"));
                continue;
            };
            let storage = &self.storages[self.pools[pool].storage];
            let one_host = match &storage.kind {
                StorageKind::Zfs { host, .. } => Some(*host),
                _ => None,
            };
            let attach = match &storage.kind {
                StorageKind::Local | StorageKind::Zfs { .. } => Attach::Pinned,
                StorageKind::Ceph(_) | StorageKind::Folder if volume.shared => Attach::Anywhere,
                StorageKind::Ceph(_) if self.is_file(lab, pool) => Attach::Anywhere,
                StorageKind::Ceph(_) | StorageKind::Folder => Attach::OneNode,
                StorageKind::Nfs { .. } | StorageKind::Object(_) | StorageKind::Unknown(_) => {
                    Attach::Anywhere
                }
            };
            if let Some(host) = one_host {
                let on = self
                    .nodes_on(host)
                    .map(|node| self.nodes[node].name.clone());
                let on: Vec<Name> = on.filter_map(|name| name.parse().ok()).collect();
                wish.held.push(on);
            }
            workload.volumes.push(VolumeUse {
                name: name.to_string(),
                pool,
                attach,
                on: volume
                    .on
                    .as_ref()
                    .and_then(|on| index.nodes.get(on))
                    .copied(),
                backup: backup(lab, app_name, name, volume),
            });
        }
    }

    fn is_file(&self, lab: &Lab, pool: PoolId) -> bool {
        let pool = &self.pools[pool];
        let storage = &self.storages[pool.storage].name;
        lab.storage
            .get(storage.as_str())
            .and_then(|storage| storage.pools()?.get(pool.name.as_str()))
            .is_some_and(|pool| pool.kind == model::lab::PoolKind::File)
    }

    fn pool_of(&mut self, volume: &Volume, index: &Index) -> Option<PoolId> {
        if let Some(class) = &volume.class {
            return index.classes.get(class).copied();
        }
        if volume.on.is_some() {
            let local = self
                .storages
                .iter()
                .find(|(_, storage)| matches!(storage.kind, StorageKind::Local));
            if let Some((_, storage)) = local {
                return storage.pools.first().copied();
            }
        }
        index.default_class
    }

    pub(super) fn way(&self, workload: WorkloadId, app: &App, index: &Index) -> Option<Way> {
        let through = |by: Option<&Name>, fits: &dyn Fn(&Workload) -> bool| {
            let named = by.and_then(|by| index.workloads.get(by)).copied();
            let mut all = self
                .workloads
                .iter()
                .filter(|(_, one)| one.cluster == self.workloads[workload].cluster && fits(one));
            let only = all
                .next()
                .map(|(id, _)| id)
                .filter(|_| all.next().is_none());
            named.or(only).map_or_else(
                || Way::Unknown("the lab file does not tell what leads to it".to_owned()),
                Way::Through,
            )
        };
        Some(match app.expose.as_ref()? {
            Expose::Forward(_) => Way::Forward,
            Expose::LoadBalancer(balancer) => Way::Balanced {
                keep_source: balancer.keep_source,
            },
            Expose::Ingress(ingress) => through(ingress.by.as_ref(), &|one| one.ingress),
            Expose::Tunnel(ingress) => through(ingress.by.as_ref(), &|one| !one.uplinks.is_empty()),
        })
    }

    /// The host that answers for an app's name: the DNS of the network whose zone it lies in, the
    /// longest of them. A tunnel's names are answered for outside.
    pub(super) fn named_by(&self, app: &App) -> Option<HostId> {
        let Some(Expose::Ingress(ingress)) = &app.expose else {
            return None;
        };
        let within = |zone: &&String| {
            let rest = ingress.host.strip_suffix(zone.as_str());
            rest.is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
        };
        let links = self.links.iter();
        let zones =
            links.filter_map(|(_, link)| Some((link.zone.as_ref().filter(within)?, link.dns?)));
        zones
            .max_by_key(|(zone, _)| zone.len())
            .map(|(_, host)| host)
    }
}

/// The volumes of an app: those of the lab file, and those that its objects claim besides.
pub(super) fn volumes_of(app: &App, claims: Vec<Claim>, workload: &mut Workload) -> Named<Volume> {
    let mut all = app.volumes.clone();
    // Where the lab file tells the app's volumes, the claims are for these.
    let claims = claims.into_iter().filter(|_| app.volumes.is_empty());
    for claim in claims {
        match (claim.name.parse::<Name>(), claim.volume) {
            (Ok(name), Some(volume)) => {
                all.insert(name, volume);
            }
            _ => workload.unknown.push(format!(
                "its volume claim {} is neither among its manifests nor its volumes",
                claim.name
            )),
        }
    }
    all
}

/// The backup that keeps a volume, and how old it may be.
fn backup(lab: &Lab, app: &Name, volume: &Name, declared: &Volume) -> Option<(String, Ms)> {
    if declared.no_backup.is_some() {
        return None;
    }
    let own = format!("{app}.{volume}");
    lab.backups.iter().find_map(|(name, backup)| {
        let kept = backup.of.iter().any(|of| of == "volumes" || *of == own);
        let every = backup.every.map_or(86_400, |every| every.0.as_secs());
        let elsewhere = !matches!(&backup.to, Target::Storage(to)
            if declared.class.as_ref().is_some_and(|class| class.starts_with(to.as_str())));
        (kept && elsewhere).then(|| (name.to_string(), every * 1000))
    })
}
