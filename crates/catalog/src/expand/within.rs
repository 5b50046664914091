//! What all nodes, components and apps of a cluster share, worked out once: for each of them anew
//! it would cost the square of them.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use model::lab::{Cluster, Component, Lab, Named, Node, Role};
use model::name::Name;
use model::resource::{Address, Kind};
use model::topology::Topology;

use super::api_forward_address;
use crate::derive;

/// A cluster with what follows from its nodes.
pub(super) struct Within<'a> {
    pub(super) name: &'a Name,
    pub(super) cluster: &'a Cluster,
    pub(super) nodes: Vec<(&'a Name, &'a Node)>,
    /// The largest packet inside pods.
    pub(super) pod_mtu: u16,
    /// The names that all nodes resolve without DNS.
    pub(super) hosts: Named<IpAddr>,
    /// Some nodes are there for the work.
    pub(super) has_workers: bool,
    /// What the API server's certificate covers.
    pub(super) api_names: BTreeSet<String>,
    /// The memberships of all nodes.
    pub(super) members: BTreeSet<Address>,
    /// The API, as what needs it says.
    pub(super) api: Option<Address>,
    /// The names of the components that the lab declares for it, by their entry in the catalog.
    declared: BTreeMap<&'a str, &'a Name>,
    /// The lab has other clusters, whose components have the same entries.
    among_others: bool,
}

impl<'a> Within<'a> {
    pub(super) fn of(topology: &Topology<'a>, name: &'a Name, cluster: &'a Cluster) -> Self {
        let lab = topology.lab();
        let nodes: Vec<_> = topology.nodes_of(name).collect();
        let members = nodes
            .iter()
            .map(|(node, _)| Address::new(Kind::Member, (*node).clone()));
        Self {
            name,
            cluster,
            pod_mtu: derive::pod_mtu(topology, name, cluster),
            hosts: derive::hosts(lab, name),
            has_workers: nodes.iter().any(|(_, node)| node.role == Role::Worker),
            api_names: derive::certificate_names(lab, name),
            members: members.collect(),
            api: api_forward_address(name),
            declared: declared(lab, name)
                .map(|(component, entry)| (entry.as_str(), component))
                .collect(),
            among_others: lab.clusters.len() > 1,
            nodes,
        }
    }

    /// The component of this cluster that an entry of the catalog becomes: as the lab names it, or
    /// else by its entry, with the cluster's name before it where another cluster has one too.
    pub(super) fn component(&self, entry: &str) -> Option<Name> {
        match self.declared.get(entry) {
            Some(name) => Some((*name).clone()),
            None if self.among_others => format!("{}-{entry}", self.name).parse().ok(),
            None => entry.parse().ok(),
        }
    }

    /// Whether the lab declares a component of this entry for it.
    pub(super) fn declares(&self, entry: &str) -> bool {
        self.declared.contains_key(entry)
    }

    /// The same as [`Self::component`], as what needs it says.
    pub(super) fn component_address(&self, entry: &str) -> Option<Address> {
        Some(Address::new(Kind::Component, self.component(entry)?))
    }

    /// The control planes, in the order of their names.
    pub(super) fn control_planes(&self) -> impl Iterator<Item = (&'a Name, &'a Node)> {
        let nodes = self.nodes.iter().copied();
        nodes.filter(|(_, node)| node.role == Role::ControlPlane)
    }

    /// The control plane that creates the cluster.
    pub(super) fn first(&self) -> Option<(&'a Name, &'a Node)> {
        self.control_planes().next()
    }
}

/// The components that a lab declares for a cluster, each with its entry in the catalog.
pub(super) fn declared<'a>(
    lab: &'a Lab,
    cluster: &Name,
) -> impl Iterator<Item = (&'a Name, &'a Name)> {
    let of_it = move |component: &Component| {
        component.enabled && component.cluster.as_ref().is_none_or(|of| of == cluster)
    };
    let components = lab.components.iter();
    components
        .filter(move |(_, component)| of_it(component))
        .map(|(name, component)| (name, component.entry(name)))
}
