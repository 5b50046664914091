//! What load balancers hand out, and which addresses somebody has already.

use std::net::IpAddr;

use model::lab::{Cni, Endpoint};
use model::range::AddressRange;

use crate::Subject;

/// A range that a load balancer hands out.
pub(crate) struct Pool {
    /// Where it stands.
    pub(crate) field: String,
    /// `None`: what stands there is no range.
    pub(crate) range: Option<AddressRange>,
}

/// The pools of all pod networks and components that are there.
pub(crate) fn pools(lab: &Subject<'_>) -> Vec<Pool> {
    let cilium = lab.clusters.iter().flat_map(|(name, cluster)| {
        let ranges = match &cluster.cni {
            Cni::Cilium(cilium) => cilium.load_balancer.as_slice(),
            _ => &[],
        };
        ranges.iter().map(move |range| Pool {
            field: format!("clusters.{name}.cni.cilium.load-balancer"),
            range: Some(*range),
        })
    });
    let enabled = lab.components.iter().filter(|(_, one)| one.enabled);
    let components = enabled.flat_map(|(name, component)| {
        ["pool", "pools"].into_iter().flat_map(move |setting| {
            let ranges = component.texts(setting).into_iter();
            ranges.map(move |text| Pool {
                field: format!("components.{name}.{setting}"),
                range: text.parse().ok(),
            })
        })
    });
    cilium.chain(components).collect()
}

/// Addresses that belong to something, with what it is and where that stands.
pub(crate) fn taken(lab: &Subject<'_>) -> Vec<(String, IpAddr, String)> {
    let mut all = Vec::new();
    for (name, node) in &lab.nodes {
        for (_, address) in lab.node_addresses(node) {
            all.push((format!("node {name}"), address, format!("nodes.{name}")));
        }
    }
    for (name, host) in &lab.hosts {
        for (network, address) in lab.host_addresses(host) {
            let field = format!("hosts.{name}.addresses.{network}");
            all.push((format!("host {name}"), address, field));
        }
    }
    for (name, network) in &lab.networks {
        for address in network.routers() {
            let field = format!("networks.{name}.gateway");
            all.push((format!("the router of {name}"), address, field));
        }
    }
    for (name, cluster) in &lab.clusters {
        if let Some(Endpoint::Vip(address)) = cluster.endpoint {
            let field = format!("clusters.{name}.endpoint.vip");
            all.push(("the API's address".to_owned(), address, field));
        }
    }
    all
}
