//! Values that follow from others.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use ipnet::IpNet;
use model::lab::{Cluster, Cni, Lab, Named, Network, Node, Role, Taint, TaintEffect};
use model::name::Name;

/// The port of API servers.
pub const API_PORT: u16 = 6443;

/// The network that an address lies in, the narrowest first.
#[must_use]
pub fn network_of(lab: &Lab, address: IpAddr) -> Option<(&Name, &Network)> {
    lab.networks
        .iter()
        .filter(|(_, network)| network.cidr.contains(&address))
        .max_by_key(|(_, network)| network.cidr.prefix_len())
}

/// The nodes of a cluster.
pub(crate) fn nodes_of<'a>(lab: &'a Lab, cluster: &Name) -> BTreeMap<&'a Name, &'a Node> {
    lab.nodes
        .iter()
        .filter(|(_, node)| node.cluster == *cluster)
        .collect()
}

/// The control planes of a cluster, in the order of their names.
pub(crate) fn control_planes<'a>(lab: &'a Lab, cluster: &Name) -> Vec<(&'a Name, &'a Node)> {
    nodes_of(lab, cluster)
        .into_iter()
        .filter(|(_, node)| node.role == Role::ControlPlane)
        .collect()
}

/// The largest packet inside pods: what the narrowest network between the nodes carries, less what
/// the encapsulation adds; or less, where the lab file says less.
#[must_use]
pub fn pod_mtu(lab: &Lab, name: &Name, cluster: &Cluster) -> u16 {
    let path = nodes_of(lab, name)
        .values()
        .filter_map(|node| network_of(lab, node.address))
        .map(|(_, network)| network.mtu)
        .min()
        .unwrap_or(1500);
    let Cni::Flannel(flannel) = &cluster.cni;
    let derived = path.saturating_sub(flannel.backend.overhead());
    flannel.mtu.unwrap_or(derived)
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

/// The names and addresses that the API server's certificate covers: every control plane by name
/// and address, and the loopback address that the forwarder listens on.
pub(crate) fn certificate_names(lab: &Lab, cluster: &Name) -> BTreeSet<String> {
    control_planes(lab, cluster)
        .into_iter()
        .flat_map(|(name, node)| [name.to_string(), node.address.to_string()])
        .chain(["127.0.0.1".to_owned(), "localhost".to_owned()])
        .collect()
}

/// The taints of a node: declared, or kubeadm's for control planes where there are workers to do
/// the work.
pub(crate) fn taints(lab: &Lab, node: &Node) -> Vec<Taint> {
    if let Some(taints) = &node.taints {
        return taints.clone();
    }
    let has_workers = nodes_of(lab, &node.cluster)
        .values()
        .any(|other| other.role == Role::Worker);
    if node.role == Role::ControlPlane && has_workers {
        return vec![Taint {
            key: "node-role.kubernetes.io/control-plane".to_owned(),
            value: None,
            effect: TaintEffect::NoSchedule,
        }];
    }
    Vec::new()
}

/// The names that all nodes of a cluster resolve without DNS.
pub(crate) fn hosts(lab: &Lab, cluster: &Name) -> Named<IpAddr> {
    nodes_of(lab, cluster)
        .into_iter()
        .map(|(name, node)| (name.clone(), node.address))
        .collect()
}
