//! What load balancers hand out, and which addresses somebody has already.

use std::net::IpAddr;

use model::lab::{Cni, Endpoint};
use model::name::Name;
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

/// An address that belongs to something.
pub(crate) struct Taken<'a> {
    pub(crate) address: IpAddr,
    by: By<'a>,
}

/// What has an address.
enum By<'a> {
    Node(&'a Name),
    /// A host, in that network.
    Host(&'a Name, &'a Name),
    /// The router of a network.
    Router(&'a Name),
    /// The API of a cluster.
    Api(&'a Name),
}

impl Taken<'_> {
    /// What has it.
    pub(crate) fn what(&self) -> String {
        match self.by {
            By::Node(name) => format!("node {name}"),
            By::Host(name, _) => format!("host {name}"),
            By::Router(name) => format!("the router of {name}"),
            By::Api(_) => "the API's address".to_owned(),
        }
    }

    /// Where that stands.
    pub(crate) fn field(&self) -> String {
        match self.by {
            By::Node(name) => format!("nodes.{name}"),
            By::Host(name, network) => format!("hosts.{name}.addresses.{network}"),
            By::Router(name) => format!("networks.{name}.gateway"),
            By::Api(name) => format!("clusters.{name}.endpoint.vip"),
        }
    }
}

/// Addresses that belong to something, nodes before hosts before routers.
pub(crate) fn taken<'a>(lab: &'a Subject<'_>) -> Vec<Taken<'a>> {
    let nodes = lab.nodes.iter().flat_map(|(name, node)| {
        let addresses = lab.node_addresses(node).into_iter();
        addresses.map(move |(_, address)| (address, By::Node(name)))
    });
    let hosts = lab.hosts.iter().flat_map(|(name, host)| {
        let addresses = lab.host_addresses(host).into_iter();
        addresses.map(move |(network, address)| (address, By::Host(name, network)))
    });
    let routers = lab.networks.iter().flat_map(|(name, network)| {
        let addresses = network.routers().into_iter();
        addresses.map(move |address| (address, By::Router(name)))
    });
    let apis = lab.clusters.iter().filter_map(|(name, cluster)| {
        let Some(Endpoint::Vip(address)) = cluster.endpoint else {
            return None;
        };
        Some((address, By::Api(name)))
    });
    let all = nodes.chain(hosts).chain(routers).chain(apis);
    all.map(|(address, by)| Taken { address, by }).collect()
}
