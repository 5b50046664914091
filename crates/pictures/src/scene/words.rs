//! What there is to say of a part.

use model::lab;
use model::lab::{Availability, Host, Machine};
use whatif::ids::{ClusterId, HostId, WorkloadId};
use whatif::world::{BalancerKind, Controller, Endpoint, Storage, StorageKind, World};

use super::Kind;

pub(super) fn when_on(availability: &Availability) -> Option<String> {
    match availability {
        Availability::Always => None,
        Availability::Volatile => Some("volatile".to_owned()),
        Availability::On(hours) => Some(format!("on {hours}")),
        Availability::Metered => Some("metered".to_owned()),
    }
}

/// Model and size of a host.
pub(super) fn host(host: &Host) -> Vec<String> {
    let mut lines: Vec<String> = host.model.iter().cloned().collect();
    if let Some(cloud) = &host.cloud {
        lines.push(format!("{} {}", cloud.word(), cloud.instance().size));
    }
    let size = size(host.cpu, host.memory.map(|memory| memory.to_string()));
    lines.extend(size);
    lines
}

fn size(cpu: Option<u32>, memory: Option<String>) -> Option<String> {
    let cpu = cpu.map(|cpu| match cpu {
        1 => "1 thread".to_owned(),
        cpu => format!("{cpu} threads"),
    });
    let both: Vec<String> = cpu.into_iter().chain(memory).collect();
    (!both.is_empty()).then(|| both.join(", "))
}

pub(super) fn disk(host: Option<&Host>, name: &str) -> String {
    let Some(disk) = host.and_then(|host| host.disks.get(name)) else {
        return "disk".to_owned();
    };
    let mut words = vec!["disk".to_owned()];
    words.extend(disk.size.map(|size| size.to_string()));
    words.join(", ")
}

pub(super) fn node(control_plane: bool, node: Option<&lab::Node>) -> String {
    let role = if control_plane {
        "control plane"
    } else {
        "worker"
    };
    let size = match node.and_then(lab::Node::machine) {
        Some(Machine::Container(one)) => size(Some(one.cpu), Some(one.memory.to_string())),
        Some(Machine::Vm(one)) => size(Some(one.cpu), Some(one.memory.to_string())),
        None => None,
    };
    match size {
        Some(size) => format!("{role}, {size}"),
        None => role.to_owned(),
    }
}

pub(super) fn network(kind: Kind, network: Option<&lab::Network>) -> String {
    let range = network.map(|network| network.cidr.to_string());
    let what = match kind {
        Kind::Uplink => Some("to the internet".to_owned()),
        Kind::Overlay => Some("overlay".to_owned()),
        _ => None,
    };
    let both: Vec<String> = what.into_iter().chain(range).collect();
    both.join(", ")
}

fn names(world: &World, hosts: &[HostId]) -> String {
    let names: Vec<&str> = hosts
        .iter()
        .map(|host| world.hosts[*host].name.as_str())
        .collect();
    names.join(", ")
}

pub(super) fn storage(world: &World, storage: &Storage) -> String {
    match &storage.kind {
        StorageKind::Ceph(ceph) if ceph.in_cluster => {
            format!(
                "Ceph in pods, monitors may be on {}",
                names(world, &ceph.monitors)
            )
        }
        StorageKind::Ceph(ceph) => format!("Ceph on {}", names(world, &ceph.monitors)),
        StorageKind::Zfs { host, .. } => format!("ZFS on {}", world.hosts[*host].name),
        StorageKind::Nfs { host, .. } => format!("NFS from {}", world.hosts[*host].name),
        StorageKind::Local => "on each node's own disk".to_owned(),
        StorageKind::Folder => "a folder that all nodes share".to_owned(),
        StorageKind::Object(_) => "object store outside of the lab".to_owned(),
        StorageKind::Unknown(why) => format!("not known: {why}"),
    }
}

pub(super) fn cluster(name: &str, cluster: Option<&lab::Cluster>) -> String {
    match cluster {
        Some(cluster) => {
            let version = cluster.distribution.kubernetes().unwrap_or_default();
            let of = format!("{name}: {} {version}", cluster.distribution.word());
            format!("{}, {}", of.trim_end(), cluster.cni.word())
        }
        None => name.to_owned(),
    }
}

pub(super) fn endpoint(world: &World, id: ClusterId) -> String {
    match &world.clusters[id].endpoint {
        Endpoint::Vip(_) => "at an address that the control planes hand to each other".to_owned(),
        Endpoint::Node(node) => format!("at {}", world.nodes[*node].name),
        Endpoint::Name(host) => format!("at a name that {} answers for", world.hosts[*host].name),
        Endpoint::Outside => "at a name from outside of the lab".to_owned(),
    }
}

pub(super) fn balancer(world: &World, id: ClusterId) -> String {
    let kind = world.clusters[id].balancer.as_ref().map(|one| &one.kind);
    match kind {
        Some(BalancerKind::Memberlist) => "of Services: one node answers, the nodes agree who",
        Some(BalancerKind::Leases) => "of Services: one node answers, the API keeps who",
        Some(BalancerKind::Routes(_)) => "of Services: every node announces them to routers",
        Some(BalancerKind::EveryNode) => "of Services: every node answers at its own",
        Some(BalancerKind::Unknown(_)) | None => "of Services: nobody knows how",
    }
    .to_owned()
}

pub(super) fn workload(world: &World, id: WorkloadId) -> String {
    let one = &world.workloads[id];
    let mut words = vec![match one.controller {
        Controller::DaemonSet => "one pod on each node".to_owned(),
        _ if one.replicas == 1 => "1 pod".to_owned(),
        _ => format!("{} pods", one.replicas),
    }];
    let names: Vec<&str> = one
        .nodes
        .iter()
        .map(|node| world.nodes[node].name.as_str())
        .collect();
    let all = world.clusters[one.cluster].nodes.len() == names.len();
    words.push(match names.as_slice() {
        [] => "no node takes it".to_owned(),
        _ if all => "on any node".to_owned(),
        names => format!("may run on {}", names.join(", ")),
    });
    for volume in &one.volumes {
        let storage = &world.storages[world.pools[volume.pool].storage].name;
        words.push(format!("volume {} on {storage}", volume.name));
    }
    words.extend(one.unknown.iter().map(|why| format!("not known: {why}")));
    words.join("; ")
}
