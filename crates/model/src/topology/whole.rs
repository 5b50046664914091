//! A lab with maps of who is where, for whoever asks about all of it.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::ops::Deref;

use super::meetings::Meetings;
use super::mtu::{Carries, mtu};
use crate::lab::{Cluster, Lab, Network, Node, Role};
use crate::name::Name;
use crate::range::AddressRange;
use crate::ranges::Ranges;

/// A node by its name.
type Named<'a> = (&'a Name, &'a Node);

/// A lab with maps of who is where. The lab's own methods look through all networks or nodes for
/// each answer: who asks for every node pays the square of them.
pub struct Topology<'a> {
    lab: &'a Lab,
    nodes_of: BTreeMap<&'a Name, Vec<Named<'a>>>,
    nodes_on: BTreeMap<&'a Name, Vec<Named<'a>>>,
    /// The ranges of all networks, and whose each is.
    ranges: Ranges,
    whose: Vec<(&'a Name, &'a Network)>,
    mtus: BTreeMap<&'a Name, u16>,
}

impl Deref for Topology<'_> {
    type Target = Lab;

    fn deref(&self) -> &Lab {
        self.lab
    }
}

impl<'a> Topology<'a> {
    /// That of a lab.
    #[must_use]
    pub fn of(lab: &'a Lab) -> Self {
        let mut nodes_of: BTreeMap<_, Vec<_>> = BTreeMap::new();
        let mut nodes_on: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for (name, node) in &lab.nodes {
            nodes_of
                .entry(&node.cluster)
                .or_default()
                .push((name, node));
            nodes_on.entry(&node.on).or_default().push((name, node));
        }
        let networks = lab.networks.iter().flat_map(|(name, network)| {
            let ranges = network.cidr.iter();
            ranges.map(move |range| ((name, network), AddressRange::from(range)))
        });
        let (whose, ranges): (Vec<_>, Vec<_>) = networks.unzip();
        Self {
            lab,
            nodes_of,
            nodes_on,
            ranges: Ranges::new(ranges),
            whose,
            mtus: mtus(lab),
        }
    }

    /// The lab itself.
    #[must_use]
    pub const fn lab(&self) -> &'a Lab {
        self.lab
    }

    /// The network that an address lies in, the narrowest first.
    #[must_use]
    pub fn network_of(&self, address: IpAddr) -> Option<(&'a Name, &'a Network)> {
        let position = self.ranges.narrowest(address)?;
        self.whose.get(position).copied()
    }

    /// The nodes of a cluster.
    pub fn nodes_of(&self, cluster: &Name) -> impl Iterator<Item = Named<'a>> {
        self.nodes_of.get(cluster).into_iter().flatten().copied()
    }

    /// The control planes of a cluster, in the order of their names.
    pub fn control_planes(&self, cluster: &Name) -> impl Iterator<Item = Named<'a>> {
        self.nodes_of(cluster)
            .filter(|(_, node)| node.role == Role::ControlPlane)
    }

    /// The nodes on a host, or the one that it is.
    pub fn nodes_on(&self, host: &Name) -> impl Iterator<Item = Named<'a>> {
        self.nodes_on.get(host).into_iter().flatten().copied()
    }

    /// As [`Lab::node_addresses`].
    #[must_use]
    pub fn node_addresses(&self, node: &Node) -> Vec<(&'a Name, IpAddr)> {
        self.lab
            .addresses_by(node, |address| self.network_of(address))
    }

    /// As [`Lab::node_networks`].
    #[must_use]
    pub fn node_networks(&self, node: &Node) -> BTreeSet<&'a Name> {
        self.lab.networks_by(node, self.node_addresses(node))
    }

    /// As [`Lab::network_mtu`].
    #[must_use]
    pub fn network_mtu(&self, name: &Name) -> u16 {
        let known = self.mtus.get(name).copied();
        known.unwrap_or_else(|| self.lab.network_mtu(name))
    }

    /// The networks that packets between the nodes of a cluster take, between any two a common one,
    /// plain before overlay, the one with the larger MTU first. `None` stands for a pair that has
    /// none in common.
    #[must_use]
    pub fn ways(&self, cluster: &Name) -> BTreeSet<Option<&'a Name>> {
        // Nodes with the same networks take the same ways: there are few such groups.
        let mut groups: BTreeMap<BTreeSet<&Name>, usize> = BTreeMap::new();
        for (_, node) in self.nodes_of(cluster) {
            *groups.entry(self.node_networks(node)).or_default() += 1;
        }
        let mut meetings = Meetings::of(groups.len());
        for (position, _) in groups
            .values()
            .enumerate()
            .filter(|(_, count)| **count == 1)
        {
            // No packet goes from a node to itself.
            meetings.meet(&[position]);
        }
        let mut best_first: Vec<_> = members(groups.keys()).into_iter().collect();
        best_first.sort_by_cached_key(|(name, _)| {
            let network = self.networks.get(*name);
            let plain = network.is_some_and(|network| network.overlay.is_none());
            std::cmp::Reverse((plain, self.network_mtu(name), *name))
        });
        let ways = best_first
            .into_iter()
            .filter(|(_, members)| meetings.meet(members))
            .map(|(name, _)| Some(name));
        let mut ways: BTreeSet<_> = ways.collect();
        if meetings.apart().is_some() {
            ways.insert(None);
        }
        ways
    }

    /// The smallest packet size on all ways between the nodes of a cluster, and the network that
    /// it comes from. With one node: that of its network.
    #[must_use]
    pub fn narrowest_way(&self, cluster: &Name) -> Option<(&'a Name, u16)> {
        let single = || {
            let (_, node) = self.nodes_of(cluster).next()?;
            let (name, _) = self.network_of(self.node_address(node)?)?;
            Some((name, self.network_mtu(name)))
        };
        let ways = self.ways(cluster).into_iter().flatten();
        ways.map(|name| (name, self.network_mtu(name)))
            .min_by_key(|(_, mtu)| *mtu)
            .or_else(single)
    }

    /// The largest packet that fits into the pods of a cluster, and the network that bounds it: what
    /// the narrowest way carries, less what the encapsulation adds.
    #[must_use]
    pub fn room_in_pods(&self, name: &Name, cluster: &Cluster) -> Option<(&'a Name, u16)> {
        let (network, carries) = self.narrowest_way(name)?;
        let v6_only = self
            .networks
            .get(network)
            .is_some_and(|network| network.cidr.v4().is_none());
        let overhead = cluster.cni.encapsulation().overhead(v6_only);
        Some((network, carries.saturating_sub(overhead)))
    }
}

/// The first two of several sets of networks that have nothing in common, by their positions.
#[must_use]
pub fn apart(sets: &[BTreeSet<&Name>]) -> Option<(usize, usize)> {
    let mut meetings = Meetings::of(sets.len());
    for position in 0..sets.len() {
        meetings.meet(&[position]);
    }
    for all in members(sets).values() {
        meetings.meet(all);
    }
    meetings.apart()
}

/// For each network the positions of the sets that hold it.
fn members<'s, 'a: 's>(
    sets: impl IntoIterator<Item = &'s BTreeSet<&'a Name>>,
) -> BTreeMap<&'a Name, Vec<usize>> {
    let mut members: BTreeMap<&Name, Vec<usize>> = BTreeMap::new();
    for (position, set) in sets.into_iter().enumerate() {
        for network in set {
            members.entry(network).or_default().push(position);
        }
    }
    members
}

/// What all networks carry. Names are looked up once: networks may lie on each other in a chain of
/// all of them.
fn mtus(lab: &Lab) -> BTreeMap<&Name, u16> {
    let names = lab.networks.keys().enumerate();
    let positions: BTreeMap<&Name, usize> = names.map(|(at, name)| (name, at)).collect();
    let carries = lab
        .networks
        .values()
        .map(|network| match lab.carries(network) {
            Carries::Fixed(bytes) => Carries::Fixed(bytes),
            Carries::Less(below, bytes) => {
                let below = below.and_then(|below| positions.get(below).copied());
                Carries::Less(below, bytes)
            }
        });
    let carries: Vec<Carries<usize>> = carries.collect();
    let of = |at: usize| carries.get(at).copied().unwrap_or(Carries::Less(None, 0));
    let mtu = |at| mtu(of, at, lab.networks.len());
    positions
        .iter()
        .map(|(name, at)| (*name, mtu(*at)))
        .collect()
}
