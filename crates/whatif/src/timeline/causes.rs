//! Causes in words: why something becomes of a thing.

use super::fate::{Cause, Thing};
use super::words::workload;
use crate::ids::WorkloadId;
use crate::semantics::Model;
use crate::world::{Attach, Storage, StorageKind, World};

/// Why, in a sentence without its end.
#[expect(clippy::too_many_lines, reason = "a table: a sentence for each cause")]
pub(super) fn cause(
    model: &Model,
    of: Thing,
    cause: Cause,
    gone: &crate::bits::Bits<crate::ids::NodeId>,
) -> String {
    let world = &model.world;
    let cluster = |id: crate::ids::ClusterId| world.clusters[id].name.as_str();
    let members = |id: crate::ids::ClusterId| {
        let members = &world.clusters[id].control_planes;
        let there = members.iter().filter(|node| !gone.has(**node)).count();
        (there, members.len())
    };
    match cause {
        Cause::Untouched => "nothing that it stands on goes".to_owned(),
        Cause::NotThereBefore => "it is not there before either".to_owned(),
        Cause::OthersLeft => "enough of its pods are elsewhere".to_owned(),
        Cause::Evicted => "its pods are evicted and made anew elsewhere".to_owned(),
        Cause::Ended => "its pods end in order and are made anew elsewhere".to_owned(),
        Cause::Fenced => "its nodes are marked out-of-service, so that it moves at once".to_owned(),
        Cause::Drained => "its pods are asked to go before, and start elsewhere".to_owned(),
        Cause::Held => {
            "its disruption budget lets no pod go, so that a drain waits for ever".to_owned()
        }
        Cause::DrivenOut(by) => {
            format!(
                "{} is more important and may take its room",
                workload(world, by)
            )
        }
        Cause::Tied => "other pods that it must be near or away from may be in the way".to_owned(),
        Cause::Volume(position, attach) => volume(world, of, position, attach, gone),
        Cause::StatefulSet => {
            "it is a StatefulSet: its pod stays Terminating until the node returns".to_owned()
        }
        Cause::Daemon => "it has one pod on each node, and none moves".to_owned(),
        Cause::Patient => "its pods bear a gone node for ever".to_owned(),
        Cause::Braked => {
            "most of its zone is gone, so that eviction stops; it moves only if its node fell \
             silent among the first, or if its whole zone did and others stand"
                .to_owned()
        }
        Cause::NoRoom => "the nodes that are left may have no room for it".to_owned(),
        Cause::NoNode => "no node that is left takes it".to_owned(),
        Cause::NoControl(id) => {
            format!(
                "nobody can place its pods while the API of {} is gone",
                cluster(id)
            )
        }
        Cause::Quorum(id) => {
            let (there, all) = members(id);
            format!(
                "{there} of {all} control planes are left, and {} are needed",
                all / 2 + 1
            )
        }
        Cause::Endpoint(_) => "what its address leads to is gone".to_owned(),
        Cause::HandedOver(id) => {
            let (there, all) = members(id);
            format!(
                "{there} of {all} control planes are left; the one with its address may be gone"
            )
        }
        Cause::Announced(_) => "the node that answers for an address may be gone".to_owned(),
        Cause::NobodyAnswers(_) => "no node is left that could answer for its address".to_owned(),
        Cause::Still(id) => format!(
            "{} stands still until what went counts as gone",
            world.storages[id].name
        ),
        Cause::StorageGone(id) => format!("{} is gone", world.storages[id].name),
        Cause::Copies(id) => {
            let pool = &world.pools[id];
            let storage = &world.storages[pool.storage].name;
            if pool.size.min(pool.domains.len()) < pool.min {
                return format!(
                    "{storage} has {} places for copies and needs {}",
                    pool.domains.len(),
                    pool.min
                );
            }
            format!(
                "{storage} has fewer than {} copies of some data left",
                pool.min
            )
        }
        Cause::CopiesLost(id) => {
            let storage = &world.storages[world.pools[id].storage].name;
            format!("the disks with all copies of some data in {storage} failed")
        }
        Cause::DiskLost(_) => "the disk that its data lies on failed".to_owned(),
        Cause::LinkGone(id) => format!("{} is gone", world.links[id].name),
        Cause::NamesGone(host) => {
            format!(
                "{} answers for its name, and is gone",
                world.hosts[host].name
            )
        }
        Cause::NotHeard(_) => {
            "only a node with a pod of it answers for its address, and some of those cannot"
                .to_owned()
        }
        Cause::Needs(id) => format!("it needs {}", workload(world, id)),
        Cause::Through(id) => format!("the way leads through {}", workload(world, id)),
        Cause::NotKnown => unknown(model, of),
    }
}

/// Where the nodes are that a workload may have been on and that are gone.
fn lost_nodes(
    world: &World,
    id: WorkloadId,
    gone: &crate::bits::Bits<crate::ids::NodeId>,
) -> String {
    let workload = &world.workloads[id];
    let names: Vec<&str> = workload
        .nodes
        .iter()
        .filter(|node| gone.has(*node))
        .map(|node| world.nodes[node].name.as_str())
        .collect();
    names.join(", ")
}

fn kind(storage: &Storage) -> &'static str {
    match storage.kind {
        StorageKind::Ceph(_) => "Ceph",
        StorageKind::Zfs { .. } => "ZFS",
        StorageKind::Nfs { .. } => "NFS",
        StorageKind::Local => "the node's disk",
        StorageKind::Folder => "a shared folder",
        StorageKind::Object(_) => "an object store",
        StorageKind::Unknown(_) => "a storage",
    }
}

fn volume(
    world: &World,
    of: Thing,
    position: usize,
    attach: Attach,
    gone: &crate::bits::Bits<crate::ids::NodeId>,
) -> String {
    let (Thing::Workload(id) | Thing::Way(id)) = of else {
        return "a volume cannot follow".to_owned();
    };
    let Some(volume) = world.workloads[id].volumes.get(position) else {
        return "a volume cannot follow".to_owned();
    };
    let storage = &world.storages[world.pools[volume.pool].storage];
    let nodes = lost_nodes(world, id, gone);
    match attach {
        Attach::Pinned => format!(
            "its volume {} lies on {} of {nodes}",
            volume.name,
            kind(storage)
        ),
        Attach::OneNode | Attach::Anywhere => format!(
            "its volume {} stays attached to the node that is gone ({nodes})",
            volume.name
        ),
    }
}

/// What is not known.
fn unknown(model: &Model, of: Thing) -> String {
    let world = &model.world;
    let told = match of {
        Thing::Workload(id) | Thing::Way(id) => {
            let workload = &world.workloads[id];
            let needed = workload
                .needs
                .iter()
                .flat_map(|needed| &world.workloads[needed].unknown);
            let mut all: Vec<String> = workload.unknown.iter().chain(needed).cloned().collect();
            if let Some(crate::world::Way::Unknown(why)) = &workload.way {
                all.push(why.clone());
            }
            let untold = &model.rooms[id].untold;
            if all.is_empty() && !untold.is_empty() {
                let names: Vec<&str> = untold
                    .iter()
                    .map(|node| world.nodes[node].name.as_str())
                    .collect();
                all.push(format!("nothing tells how large {} is", names.join(" or ")));
            }
            let pools = workload.volumes.iter().filter_map(|volume| {
                let pool = &world.pools[volume.pool];
                match &world.storages[pool.storage].kind {
                    StorageKind::Unknown(why) => Some(why.clone()),
                    _ => pool.unknown.clone(),
                }
            });
            all.extend(pools);
            let balancer = &world.clusters[workload.cluster].balancer;
            if let (Some(crate::world::Way::Balanced { .. }), Some(balancer)) =
                (&workload.way, balancer)
                && let crate::world::BalancerKind::Unknown(why) = &balancer.kind
            {
                all.push(why.clone());
            }
            if all.is_empty() && world.clusters[workload.cluster].balancer.is_none() {
                all.push("nothing is told that hands out addresses of the network".to_owned());
            }
            all
        }
        Thing::Storage(id) => {
            let storage = &world.storages[id];
            let pools = storage
                .pools
                .iter()
                .filter_map(|pool| world.pools[*pool].unknown.clone());
            let own = match &storage.kind {
                StorageKind::Unknown(why) => Some(why.clone()),
                _ => None,
            };
            own.into_iter().chain(pools).collect()
        }
        Thing::Addresses(id) => match &world.clusters[id].balancer {
            Some(balancer) => match &balancer.kind {
                crate::world::BalancerKind::Unknown(why) => vec![why.clone()],
                _ => Vec::new(),
            },
            None => vec!["nothing is told that hands out addresses of the network".to_owned()],
        },
        Thing::Dns(id) => match world.clusters[id].dns {
            Some(dns) => return unknown(model, Thing::Workload(dns)),
            None => Vec::new(),
        },
        Thing::Api(_) | Thing::Link(_) | Thing::Backup(_) => Vec::new(),
    };
    if told.is_empty() {
        "something that it stands on is not known".to_owned()
    } else {
        told.join("; ")
    }
}
