//! Answers in words.

use super::entries::{Entry, What};
use super::fate::Thing;
use crate::ids::{Id as _, WorkloadId};
use crate::semantics::Model;
use crate::world::{Origin, World};

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
        Thing::Backup(backup) => format!("backup {}", world.backups[backup].name),
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
        What::Braked(id) => ("eviction stops, too much is gone", cluster(id)),
        What::EvictedBefore(id) => ("pods of the first gone nodes may be deleted", cluster(id)),
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
        Thing::Backup(id) => (8, id.index()),
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
