//! Values that follow from others.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use ipnet::IpNet;
use model::lab::{Cluster, ETHERNET_MTU, Endpoint, Lab, Named, Node, Role, Taint, TaintEffect};
use model::name::Name;
use model::topology::Topology;

/// The label of a node that tells the host below it.
pub(crate) const HOST_LABEL: &str = "steading.dev/host";
/// The label of a node that tells the site of its host.
pub(crate) const SITE_LABEL: &str = "steading.dev/site";
/// kubeadm's taint of control planes.
pub(crate) const CONTROL_PLANE_TAINT: &str = "node-role.kubernetes.io/control-plane";

/// The port of API servers.
pub const API_PORT: u16 = 6443;

/// The largest packet inside pods: what the narrowest way between the nodes carries, less what
/// the encapsulation adds; or less, where the lab file says less.
#[must_use]
pub fn pod_mtu(topology: &Topology<'_>, name: &Name, cluster: &Cluster) -> u16 {
    let alone = || ETHERNET_MTU.saturating_sub(cluster.cni.encapsulation().overhead(false));
    let derived = topology.room_in_pods(name, cluster);
    let derived = derived.map_or_else(alone, |(_, room)| room);
    cluster.cni.mtu().unwrap_or(derived)
}

/// The address of cluster DNS: the tenth of the Service range, as kubeadm has it
/// (`GetDNSIP` in `cmd/kubeadm/app/constants`).
#[must_use]
pub fn dns_address(services: &IpNet) -> Option<IpAddr> {
    match services {
        IpNet::V4(range) => {
            let address = u32::from(range.network()).checked_add(10)?;
            let address = IpAddr::V4(address.into());
            services.contains(&address).then_some(address)
        }
        IpNet::V6(range) => {
            let address = u128::from(range.network()).checked_add(10)?;
            Some(IpAddr::V6(address.into()))
        }
    }
}

/// The address of the API server inside the cluster: the first of the Service range.
pub(crate) fn api_service(services: &IpNet) -> Option<IpAddr> {
    match services {
        IpNet::V4(range) => Some(IpAddr::V4(
            u32::from(range.network()).checked_add(1)?.into(),
        )),
        IpNet::V6(range) => Some(IpAddr::V6(
            u128::from(range.network()).checked_add(1)?.into(),
        )),
    }
}

/// The address that a cluster's API answers at: the one that its control planes hold in turn, that
/// of the control plane that is named, or that of the first one.
pub(crate) fn endpoint(lab: &Lab, name: &Name, cluster: &Cluster) -> Option<IpAddr> {
    let node = match &cluster.endpoint {
        Some(Endpoint::Vip(address)) => return Some(*address),
        Some(Endpoint::Node(node)) => lab.nodes.get(node),
        Some(Endpoint::Dns(_)) | None => lab.control_planes(name).next().map(|(_, node)| node),
    };
    lab.node_address(node?)
}

/// The address that the control planes of a cluster hold in turn, if there is one.
pub(crate) fn vip(lab: &Lab, cluster: &Name) -> Option<IpAddr> {
    match lab.clusters.get(cluster)?.endpoint {
        Some(Endpoint::Vip(address)) => Some(address),
        _ => None,
    }
}

/// The control planes of a cluster that has several, or an address that they hold in turn.
pub(crate) fn planes(lab: &Lab, cluster: &Name) -> BTreeMap<Name, IpAddr> {
    let planes: BTreeMap<_, _> = lab
        .control_planes(cluster)
        .filter_map(|(name, node)| Some((name.clone(), lab.node_address(node)?)))
        .collect();
    if planes.len() > 1 || vip(lab, cluster).is_some() {
        planes
    } else {
        BTreeMap::new()
    }
}

/// The names and addresses that the API server's certificate covers: every control plane by name
/// and address, and the loopback address that the forwarder listens on.
pub(crate) fn certificate_names(lab: &Lab, cluster: &Name) -> BTreeSet<String> {
    lab.control_planes(cluster)
        .flat_map(|(name, node)| {
            let addresses = lab.node_addresses(node).into_iter();
            let addresses = addresses.map(|(_, address)| address.to_string());
            std::iter::once(name.to_string()).chain(addresses)
        })
        .chain(cluster_names(lab, cluster))
        .chain(["127.0.0.1".to_owned(), "localhost".to_owned()])
        .collect()
}

/// What the cluster is reached by besides its control planes: its endpoint, and what is declared.
fn cluster_names(lab: &Lab, cluster: &Name) -> Vec<String> {
    let Some(cluster) = lab.clusters.get(cluster) else {
        return Vec::new();
    };
    let endpoint = match &cluster.endpoint {
        Some(Endpoint::Vip(address)) => Some(address.to_string()),
        Some(Endpoint::Dns(dns)) => Some(dns.name.clone()),
        Some(Endpoint::Node(_)) | None => None,
    };
    endpoint.into_iter().chain(cluster.sans.clone()).collect()
}

/// The taints of a node of a lab.
#[must_use]
pub fn node_taints(lab: &Lab, node: &Node) -> Vec<Taint> {
    let mut nodes = lab.nodes_of(&node.cluster);
    taints(node, nodes.any(|(_, other)| other.role == Role::Worker))
}

/// The taints of a node: declared, or kubeadm's for control planes where there are workers to do
/// the work.
pub(crate) fn taints(node: &Node, has_workers: bool) -> Vec<Taint> {
    if let Some(taints) = &node.taints {
        return taints.clone();
    }
    if node.role == Role::ControlPlane && has_workers {
        return vec![Taint {
            key: CONTROL_PLANE_TAINT.to_owned(),
            value: None,
            effect: TaintEffect::NoSchedule,
        }];
    }
    Vec::new()
}

/// The labels of a node: declared ones, and what pods that stay apart are told apart by.
pub(crate) fn labels(lab: &Lab, node: &Node) -> BTreeMap<String, String> {
    let mut labels = node.labels.clone();
    labels.insert(HOST_LABEL.to_owned(), node.on.to_string());
    if let Some(site) = lab.host_of(node).and_then(|host| host.site.as_ref()) {
        labels.insert(SITE_LABEL.to_owned(), site.to_string());
    }
    labels
}

/// The names that all nodes of a cluster resolve without DNS.
pub(crate) fn hosts(lab: &Lab, cluster: &Name) -> Named<IpAddr> {
    lab.nodes_of(cluster)
        .filter_map(|(name, node)| Some((name.clone(), lab.node_address(node)?)))
        .collect()
}
