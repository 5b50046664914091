//! What follows from a lab about who is where: addresses, networks, the way between two nodes.
//! Shared by the rules and by the expansion, so that both see the same.

mod meetings;
mod mtu;
mod whole;

use std::collections::BTreeSet;
use std::net::IpAddr;

use crate::lab::{Cluster, Host, Lab, Network, Node, Role};
use crate::name::Name;
pub use whole::{Topology, apart};

impl Lab {
    /// The network that an address lies in, the narrowest first.
    #[must_use]
    pub fn network_of(&self, address: IpAddr) -> Option<(&Name, &Network)> {
        self.networks
            .iter()
            .filter_map(|(name, network)| {
                let range = network.cidr.around(address)?;
                Some((range.prefix_len(), (name, network)))
            })
            .max_by_key(|(length, _)| *length)
            .map(|(_, found)| found)
    }

    /// The nodes of a cluster.
    pub fn nodes_of<'a>(&'a self, cluster: &Name) -> impl Iterator<Item = (&'a Name, &'a Node)> {
        let cluster = cluster.clone();
        self.nodes
            .iter()
            .filter(move |(_, node)| node.cluster == cluster)
    }

    /// The control planes of a cluster, in the order of their names.
    pub fn control_planes<'a>(
        &'a self,
        cluster: &Name,
    ) -> impl Iterator<Item = (&'a Name, &'a Node)> {
        self.nodes_of(cluster)
            .filter(|(_, node)| node.role == Role::ControlPlane)
    }

    /// The host that a node runs on or is.
    #[must_use]
    pub fn host_of(&self, node: &Node) -> Option<&Host> {
        self.hosts.get(&node.on)
    }

    /// All addresses of a node that the lab file tells, each with its network: its own, and those
    /// of its host where that is the node itself.
    #[must_use]
    pub fn node_addresses(&self, node: &Node) -> Vec<(&Name, IpAddr)> {
        self.addresses_by(node, |address| self.network_of(address))
    }

    /// The same, with the network of an address found in that way.
    fn addresses_by<'a>(
        &'a self,
        node: &Node,
        network_of: impl Fn(IpAddr) -> Option<(&'a Name, &'a Network)>,
    ) -> Vec<(&'a Name, IpAddr)> {
        let own = node.address.iter().flat_map(|address| address.iter());
        let own = own.filter_map(|address| Some((network_of(address)?.0, address)));
        let further = node.addresses.iter().flat_map(|(network, addresses)| {
            let network = self.networks.get_key_value(network).map(|(name, _)| name);
            addresses
                .iter()
                .filter_map(move |address| Some((network?, address)))
        });
        let bare = self
            .host_of(node)
            .filter(|_| node.machine().is_none())
            .into_iter()
            .flat_map(|host| self.host_addresses(host));
        let mut all: Vec<_> = own.chain(further).chain(bare).collect();
        let mut seen = BTreeSet::new();
        all.retain(|(_, address)| seen.insert(*address));
        all
    }

    /// All fixed addresses of a host, each with its network.
    #[must_use]
    pub fn host_addresses(&self, host: &Host) -> Vec<(&Name, IpAddr)> {
        host.addresses
            .iter()
            .flat_map(|(network, addresses)| {
                let network = self.networks.get_key_value(network).map(|(name, _)| name);
                addresses
                    .fixed()
                    .into_iter()
                    .filter_map(move |address| Some((network?, address)))
            })
            .collect()
    }

    /// The address that Kubernetes knows a node by: its own; else the first one in its cluster's
    /// network; else the first that it has.
    #[must_use]
    pub fn node_address(&self, node: &Node) -> Option<IpAddr> {
        if let Some(address) = &node.address {
            return Some(address.first());
        }
        let all = self.node_addresses(node);
        let wanted = self
            .clusters
            .get(&node.cluster)
            .and_then(|cluster| cluster.network.as_ref());
        all.iter()
            .find(|(network, _)| Some(*network) == wanted)
            .or_else(|| all.first())
            .map(|(_, address)| *address)
    }

    /// The networks that a node has an address in, or gets one in by DHCP.
    #[must_use]
    pub fn node_networks(&self, node: &Node) -> BTreeSet<&Name> {
        self.networks_by(node, self.node_addresses(node))
    }

    /// The same, out of a node's addresses.
    fn networks_by<'a>(
        &'a self,
        node: &Node,
        addresses: Vec<(&'a Name, IpAddr)>,
    ) -> BTreeSet<&'a Name> {
        let handed_out = self
            .host_of(node)
            .filter(|_| node.machine().is_none())
            .into_iter()
            .flat_map(|host| host.addresses.keys())
            .filter_map(|network| self.networks.get_key_value(network))
            .map(|(name, _)| name);
        let own = addresses.into_iter().map(|(network, _)| network);
        own.chain(handed_out).collect()
    }

    /// The network between the nodes of a cluster: declared, or that of the first node's address.
    #[must_use]
    pub fn cluster_network<'a>(&'a self, name: &Name, cluster: &'a Cluster) -> Option<&'a Name> {
        if let Some(declared) = &cluster.network {
            return Some(declared);
        }
        self.nodes_of(name)
            .find_map(|(_, node)| self.node_address(node))
            .and_then(|address| self.network_of(address))
            .map(|(name, _)| name)
    }

    /// The cluster that something runs in: the named one, or the only one.
    #[must_use]
    pub fn cluster_or_only<'a>(
        &'a self,
        named: Option<&'a Name>,
    ) -> Option<(&'a Name, &'a Cluster)> {
        match named {
            Some(name) => self.clusters.get_key_value(name),
            None if self.clusters.len() == 1 => self.clusters.iter().next(),
            None => None,
        }
    }
}
