//! Answers in words.

use super::entries::{Entry, What};
use super::fate::{Cause, Thing};
use crate::ids::{Id as _, WorkloadId};
use crate::semantics::Model;
use crate::world::{Attach, Origin, Storage, StorageKind, World};

/// What becomes of a node that went.
pub const NOT_READY: &str = "counts as gone";

/// The name of a thing.
pub(super) fn thing(world: &World, thing: Thing) -> String {
    let one = world.clusters.len() < 2;
    let of = |word: &str, cluster: crate::ids::ClusterId| {
        if one {
            word.to_owned()
        } else {
            format!("{word} of {}", world.clusters[cluster].name)
        }
    };
    match thing {
        Thing::Api(cluster) => of("api", cluster),
        Thing::Dns(cluster) => of("dns", cluster),
        Thing::Addresses(cluster) => of("addresses", cluster),
        Thing::Storage(storage) => format!("storage {}", world.storages[storage].name),
        Thing::Link(link) => {
            let link = &world.links[link];
            if link.overlay {
                format!("overlay {}", link.name)
            } else {
                format!("network {}", link.name)
            }
        }
        Thing::Workload(id) => workload(world, id),
        Thing::Way(id) => format!("way to {}", workload(world, id)),
    }
}

/// The name of a workload; the distribution's own with its cluster.
pub(super) fn workload(world: &World, id: WorkloadId) -> String {
    let one = &world.workloads[id];
    if one.origin == Origin::System && world.clusters.len() > 1 {
        return format!("{} of {}", one.name, world.clusters[one.cluster].name);
    }
    one.name.clone()
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

/// Why, in a sentence without its end.
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
        Cause::Volume(position, attach) => volume(world, of, position, attach, gone),
        Cause::StatefulSet => {
            "it is a StatefulSet: its pod stays Terminating until the node returns".to_owned()
        }
        Cause::Daemon => "it has one pod on each node, and none moves".to_owned(),
        Cause::Patient => "its pods bear a gone node for ever".to_owned(),
        Cause::Braked => "most of its zone is gone, so that nothing is evicted".to_owned(),
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
        Cause::Needs(id) => format!("it needs {}", workload(world, id)),
        Cause::Through(id) => format!("the way leads through {}", workload(world, id)),
        Cause::NotKnown => unknown(model, of),
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
            let pools = workload
                .volumes
                .iter()
                .filter_map(|volume| world.pools[volume.pool].unknown.clone());
            all.extend(pools);
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
        Thing::Api(_) | Thing::Link(_) => Vec::new(),
    };
    if told.is_empty() {
        "something that it stands on is not known".to_owned()
    } else {
        told.join("; ")
    }
}

/// What happens, and to what.
pub(super) fn what(model: &Model, entry: &Entry) -> (&'static str, String) {
    let world = &model.world;
    let cluster = |id: crate::ids::ClusterId| world.clusters[id].name.clone();
    let storage = |id: crate::ids::StorageId| world.storages[id].name.clone();
    match entry.what {
        What::Cut(element) => ("loses its power", world.called(element)),
        What::ShutDown(element) => ("is shut down", world.called(element)),
        What::Fails(element) => ("fails", world.called(element)),
        What::Leader(id) => ("another controller-manager leads", cluster(id)),
        What::NotReady(node) => (NOT_READY, world.nodes[node].name.clone()),
        What::Braked(id) => ("nothing is evicted, too much is gone", cluster(id)),
        What::Evicted(id) => ("pods of gone nodes are deleted", cluster(id)),
        What::StillNoMore(id) => ("serves what it stood still with", storage(id)),
        What::CopiedElsewhere(id) => ("begins to copy what lacks copies", storage(id)),
        What::Stops(of) if entry.certain => ("stops", thing(world, of)),
        What::Stops(of) => ("may stop", thing(world, of)),
        What::Serves(of) => ("serves again", thing(world, of)),
        What::Returns(element) => ("is switched on", world.called(element)),
    }
}

/// The position of a thing among what a person wants to read first.
pub(super) fn rank(world: &World, of: Thing) -> (u8, usize) {
    match of {
        Thing::Api(id) => (0, id.index()),
        Thing::Dns(id) => (1, id.index()),
        Thing::Addresses(id) => (2, id.index()),
        Thing::Link(id) => (3, id.index()),
        Thing::Storage(id) => (4, id.index()),
        Thing::Workload(id) | Thing::Way(id) => {
            let origin = match world.workloads[id].origin {
                Origin::System => 5,
                Origin::Component => 6,
                Origin::App => 7,
            };
            (
                origin,
                id.index() * 2 + usize::from(matches!(of, Thing::Way(_))),
            )
        }
    }
}
