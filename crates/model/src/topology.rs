//! What follows from a lab about who is where: addresses, networks, the way between two nodes.
//! Shared by the rules and by the expansion, so that both see the same.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use crate::lab::{Cluster, ETHERNET_MTU, Host, Lab, Network, Node, Role};
use crate::name::Name;

/// A member of a network: a thing with an address in it.
pub type Members<'a> = BTreeMap<&'a Name, BTreeSet<IpAddr>>;

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
        let own = node.address.iter().flat_map(|address| {
            let found = address.iter();
            found.filter_map(|address| Some((self.network_of(address)?.0, address)))
        });
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
        let handed_out = self
            .host_of(node)
            .filter(|_| node.machine().is_none())
            .into_iter()
            .flat_map(|host| host.addresses.keys())
            .filter_map(|network| self.networks.get_key_value(network))
            .map(|(name, _)| name);
        self.node_addresses(node)
            .into_iter()
            .map(|(network, _)| network)
            .chain(handed_out)
            .collect()
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

    /// The networks that packets between the nodes of a cluster take. `None` stands for a pair that
    /// has none in common.
    #[must_use]
    pub fn ways(&self, cluster: &Name) -> BTreeSet<Option<&Name>> {
        // Nodes with the same networks take the same ways: there are few such groups.
        let mut groups: BTreeMap<BTreeSet<&Name>, usize> = BTreeMap::new();
        for (_, node) in self.nodes_of(cluster) {
            *groups.entry(self.node_networks(node)).or_default() += 1;
        }
        let groups: Vec<_> = groups.into_iter().collect();
        let mut ways = BTreeSet::new();
        for (position, (one, count)) in groups.iter().enumerate() {
            if *count > 1 {
                ways.insert(self.common(one, one));
            }
            for (other, _) in groups.iter().skip(position + 1) {
                ways.insert(self.common(one, other));
            }
        }
        ways
    }

    /// The smallest packet size on all ways between the nodes of a cluster, and the network that
    /// it comes from. With one node: that of its network.
    #[must_use]
    pub fn narrowest_way(&self, cluster: &Name) -> Option<(&Name, u16)> {
        let ways = self.ways(cluster);
        let single = || {
            let (_, node) = self.nodes_of(cluster).next()?;
            self.network_of(self.node_address(node)?)
                .map(|(name, _)| name)
        };
        let narrowest = ways
            .into_iter()
            .flatten()
            .map(|name| (name, self.network_mtu(name)))
            .min_by_key(|(_, mtu)| *mtu);
        narrowest.or_else(|| single().map(|name| (name, self.network_mtu(name))))
    }

    /// The largest packet that fits into the pods of a cluster, and the network that bounds it: what
    /// the narrowest way carries, less what the encapsulation adds.
    #[must_use]
    pub fn room_in_pods(&self, name: &Name, cluster: &Cluster) -> Option<(&Name, u16)> {
        let (network, carries) = self.narrowest_way(name)?;
        let v6_only = self
            .networks
            .get(network)
            .is_some_and(|network| network.cidr.v4().is_none());
        let overhead = cluster.cni.encapsulation().overhead(v6_only);
        Some((network, carries.saturating_sub(overhead)))
    }

    /// The network that packets between two nodes take: a common one, plain before overlay, the
    /// one with the larger MTU first; `None` where they have none in common.
    #[must_use]
    pub fn way(&self, one: &Node, other: &Node) -> Option<&Name> {
        self.common(&self.node_networks(one), &self.node_networks(other))
    }

    fn common<'a>(&self, one: &BTreeSet<&'a Name>, other: &BTreeSet<&'a Name>) -> Option<&'a Name> {
        one.intersection(other).copied().max_by_key(|name| {
            let plain = self
                .networks
                .get(*name)
                .is_some_and(|network| network.overlay.is_none());
            (plain, self.network_mtu(name))
        })
    }

    /// The largest packet that a network carries: declared; else what its software sets; else what
    /// the network below it leaves; else Ethernet's.
    #[must_use]
    pub fn network_mtu(&self, name: &Name) -> u16 {
        self.mtu_below(name, 0)
    }

    fn mtu_below(&self, name: &Name, depth: usize) -> u16 {
        let Some(network) = self.networks.get(name) else {
            return ETHERNET_MTU;
        };
        if let Some(declared) = network.mtu {
            return declared;
        }
        // A circle of networks is a finding of its own; here it only must end.
        let below = network
            .over
            .as_ref()
            .filter(|_| depth < self.networks.len())
            .map_or(ETHERNET_MTU, |below| self.mtu_below(below, depth + 1));
        match &network.overlay {
            None => below,
            Some(overlay) => overlay.preset_mtu().unwrap_or_else(|| {
                // Whether the outer packets are of IPv4 or IPv6 the underlay decides; IPv6 costs
                // more and is safe for both.
                let v6 = network
                    .over
                    .as_ref()
                    .and_then(|below| self.networks.get(below))
                    .is_none_or(|below| below.cidr.v6().is_some());
                below.saturating_sub(overlay.overhead(v6))
            }),
        }
    }

    /// Everything that has an address in a network, hosts and nodes, by its name.
    #[must_use]
    pub fn members(&self, network: &Name) -> Members<'_> {
        let mut members: Members<'_> = BTreeMap::new();
        for (name, host) in &self.hosts {
            for (_, address) in self
                .host_addresses(host)
                .into_iter()
                .filter(|(of, _)| *of == network)
            {
                members.entry(name).or_default().insert(address);
            }
        }
        for (name, node) in &self.nodes {
            for (_, address) in self
                .node_addresses(node)
                .into_iter()
                .filter(|(of, _)| *of == network)
            {
                members.entry(name).or_default().insert(address);
            }
        }
        members
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
