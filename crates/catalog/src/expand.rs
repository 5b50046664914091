//! The expansion of a lab into resources.

mod apps;
mod components;

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use ipnet::IpNet;
use model::diagnostic::{Diagnostic, FieldPath, Place, Severity};
use model::digest::Digest;
use model::lab::{Cluster, Distribution, Lab, Network, Node, Role};
use model::name::Name;
use model::resource::{
    Address, Connectivity, ForwardTarget, Forwarder, HostLink, HostSpace, Kind, Member, NodeImage,
    NodeMachine, NodeNetwork, Resource, Spec,
};

use crate::{derive, image};

/// All resources of a lab that `check` finds nothing fatal in. `files` are the manifests below the
/// folders that apps name, by their paths relative to the lab.
///
/// # Errors
/// Findings about what only the expansion sees: settings that do not fit, manifests that cannot be
/// read, references to nothing.
pub fn expand(
    lab: &Lab,
    files: &BTreeMap<String, Vec<u8>>,
) -> Result<Vec<Resource>, Vec<Diagnostic>> {
    resources(lab, files, false)
}

/// All resources of a [replica](crate::Replica): those of its lab, with every host a thing of its own that its
/// machines are inside of.
///
/// # Errors
/// As [`expand`].
pub fn expand_replica(lab: &Lab) -> Result<Vec<Resource>, Vec<Diagnostic>> {
    resources(lab, &BTreeMap::new(), true)
}

fn resources(
    lab: &Lab,
    files: &BTreeMap<String, Vec<u8>>,
    with_hosts: bool,
) -> Result<Vec<Resource>, Vec<Diagnostic>> {
    let mut expansion = Expansion {
        lab,
        files,
        with_hosts,
        resources: BTreeMap::new(),
        findings: Vec::new(),
    };
    for (name, cluster) in &lab.clusters {
        expansion.cluster(name, cluster);
    }
    expansion.apps();
    for name in lab.clusters.keys() {
        expansion.connectivity(name);
    }
    if expansion.findings.is_empty() {
        Ok(expansion.resources.into_values().collect())
    } else {
        Err(expansion.findings)
    }
}

struct Expansion<'a> {
    lab: &'a Lab,
    files: &'a BTreeMap<String, Vec<u8>>,
    /// Hosts are things of the lab, as in a replica, not given ones.
    with_hosts: bool,
    resources: BTreeMap<Address, Resource>,
    findings: Vec<Diagnostic>,
}

impl Expansion<'_> {
    fn add(&mut self, address: Address, spec: Spec, needs: BTreeSet<Address>) {
        self.resources.insert(
            address.clone(),
            Resource {
                address,
                spec,
                needs,
            },
        );
    }

    fn finding(&mut self, code: &str, field: FieldPath, message: String, help: String) {
        self.findings.push(Diagnostic {
            code: code.to_owned(),
            severity: Severity::Error,
            message,
            places: vec![Place {
                field,
                span: None,
                label: String::new(),
            }],
            help: Some(help),
            fix: None,
        });
    }

    fn cluster(&mut self, name: &Name, cluster: &Cluster) {
        let Some(image) = self.image(name, cluster) else {
            return;
        };
        let digest = Digest::of(&image.1);
        let lab = self.lab;
        let Some((first, _)) = lab.control_planes(name).next() else {
            return;
        };
        for (node_name, node) in lab.nodes_of(name) {
            self.network_of_node(node);
            self.host_of_node(node);
            self.machine(node_name, node, cluster, (&image.0, &digest));
            self.member(node_name, node, cluster, first);
        }
        self.api_forward(name);
        self.cluster_components(name, cluster);
    }

    /// The image of the cluster's nodes, with the artifacts that it is made from.
    fn image(&mut self, name: &Name, cluster: &Cluster) -> Option<(Address, NodeImage)> {
        let Distribution::Kubeadm(kubeadm) = &cluster.distribution else {
            return None;
        };
        let arch = self
            .lab
            .nodes_of(name)
            .find_map(|(_, node)| self.lab.host_of(node))
            .map_or_else(Default::default, |host| host.arch);
        let Some(image) = image::node_image(&cluster.distribution, arch) else {
            let field = format!("clusters.{name}.distribution.kubeadm.kubernetes");
            let known = image::kubernetes_versions().join(", ");
            self.finding(
                "S112",
                FieldPath(field),
                format!(
                    "there are no node programs for Kubernetes {}",
                    kubeadm.kubernetes
                ),
                format!("write one of: {known}"),
            );
            return None;
        };
        let mut needs = BTreeSet::new();
        for artifact in &image.artifacts {
            let address = Address::new(Kind::Artifact, artifact.name.clone());
            needs.insert(address.clone());
            self.add(address, Spec::Artifact(artifact.clone()), BTreeSet::new());
        }
        // Dots are no part of names; the version makes one image a version.
        let label = format!("kubeadm-{}", kubeadm.kubernetes.replace('.', "-"));
        let address = Address::new(Kind::Image, label.parse().ok()?);
        self.add(address.clone(), Spec::Image(image.clone()), needs);
        Some((address, image))
    }

    /// The network that a node's address lies in, and the address.
    fn place(&self, node: &Node) -> Option<(&Name, &Network, IpAddr)> {
        let address = self.lab.node_address(node)?;
        let (name, network) = self.lab.network_of(address)?;
        Some((name, network, address))
    }

    fn network_of_node(&mut self, node: &Node) {
        let Some((name, network, _)) = self.place(node) else {
            return;
        };
        let Some(gateway) = network.router_address() else {
            return;
        };
        let spec = NodeNetwork {
            host: node.on.clone(),
            cidr: network.cidr.first(),
            gateway,
            mtu: self.lab.network_mtu(name),
        };
        let address = Address::new(Kind::Network, name.clone());
        self.add(address, Spec::Network(spec), BTreeSet::new());
    }

    /// The host of a node, where hosts are made; each node adds the network that it is in.
    fn host_of_node(&mut self, node: &Node) {
        let Some((name, _, _)) = self.place(node).filter(|_| self.with_hosts) else {
            return;
        };
        let link = HostLink {
            mtu: self.lab.network_mtu(name),
        };
        let (name, address) = (name.clone(), Address::new(Kind::Host, node.on.clone()));
        let host = self.resources.entry(address.clone()).or_insert(Resource {
            address,
            spec: Spec::Host(HostSpace {
                links: BTreeMap::new(),
            }),
            needs: BTreeSet::new(),
        });
        host.needs.insert(Address::new(Kind::Network, name.clone()));
        if let Spec::Host(space) = &mut host.spec {
            space.links.insert(name, link);
        }
    }

    fn machine(
        &mut self,
        name: &Name,
        node: &Node,
        cluster: &Cluster,
        (image, digest): (&Address, &Digest),
    ) {
        let Some(machine) = node.machine() else {
            return;
        };
        let Some((network_name, network, address)) = self.place(node) else {
            return;
        };
        let (Some(gateway), Ok(address)) = (
            network.router_address(),
            IpNet::new(address, network.cidr.first().prefix_len()),
        ) else {
            return;
        };
        let spec = NodeMachine {
            host: node.on.clone(),
            inside_host: self.with_hosts,
            machine,
            image: digest.clone(),
            network: network_name.clone(),
            address,
            gateway,
            mtu: self.lab.network_mtu(network_name),
            pod_mtu: derive::pod_mtu(self.lab, &node.cluster, cluster),
            pods: cluster.pods.first(),
            hosts: derive::hosts(self.lab, &node.cluster),
        };
        let below = match self.with_hosts {
            true => Address::new(Kind::Host, node.on.clone()),
            false => Address::new(Kind::Network, network_name.clone()),
        };
        let needs = BTreeSet::from([image.clone(), below]);
        self.add(
            Address::new(Kind::Machine, name.clone()),
            Spec::Machine(spec),
            needs,
        );
    }

    fn member(&mut self, name: &Name, node: &Node, cluster: &Cluster, first: &Name) {
        let Distribution::Kubeadm(kubeadm) = &cluster.distribution else {
            return;
        };
        let (Some(dns), Some(address), Some(endpoint)) = (
            derive::dns_address(&cluster.services.first()),
            self.lab.node_address(node),
            derive::endpoint(self.lab, &node.cluster, cluster),
        ) else {
            return;
        };
        let spec = Member {
            cluster: node.cluster.clone(),
            role: node.role,
            first: name == first,
            address,
            endpoint: format!("{endpoint}:{}", derive::API_PORT),
            shared: match node.role {
                Role::ControlPlane => derive::vip(self.lab, &node.cluster),
                Role::Worker => None,
            },
            planes: match node.role {
                Role::ControlPlane => derive::planes(self.lab, &node.cluster),
                Role::Worker => BTreeMap::new(),
            },
            kubernetes: kubeadm.kubernetes.clone(),
            pods: cluster.pods.first(),
            services: cluster.services.first(),
            dns,
            domain: cluster.domain.clone(),
            sans: match node.role {
                Role::ControlPlane => derive::certificate_names(self.lab, &node.cluster),
                Role::Worker => BTreeSet::new(),
            },
            labels: node.labels.clone(),
            taints: derive::taints(self.lab, node),
        };
        let mut needs = BTreeSet::from([Address::new(Kind::Machine, name.clone())]);
        // kubeadm's driver grants rights and labels nodes through it, and drains them.
        needs.extend(api_forward_address(&node.cluster));
        if name != first {
            needs.insert(Address::new(Kind::Member, first.clone()));
        }
        if node.role == Role::ControlPlane {
            needs.extend(self.before_plane(name, node, first));
        }
        self.add(
            Address::new(Kind::Member, name.clone()),
            Spec::Member(spec),
            needs,
        );
    }

    /// What a control plane waits for beside its machine.
    fn before_plane(&self, name: &Name, node: &Node, first: &Name) -> Vec<Address> {
        let planes = self.lab.control_planes(&node.cluster).map(|(name, _)| name);
        if name == first {
            // It makes the cluster, unless the cluster lives on another: all can be asked.
            return planes
                .map(|other| Address::new(Kind::Machine, other.clone()))
                .collect();
        }
        // Two members that join etcd at once stall it: one after the other.
        let before = planes.take_while(|other| *other != name).last();
        before
            .map(|other| Address::new(Kind::Member, other.clone()))
            .into_iter()
            .collect()
    }

    fn api_forward(&mut self, cluster: &Name) {
        let planes: Vec<_> = self.lab.control_planes(cluster).collect();
        let Some((first, node)) = planes.first() else {
            return;
        };
        let spec = Forwarder {
            host: node.on.clone(),
            listen: None,
            target: ForwardTarget::Api {
                cluster: cluster.clone(),
                control_planes: planes.iter().map(|(name, _)| (*name).clone()).collect(),
                shared: derive::vip(self.lab, cluster),
                port: derive::API_PORT,
            },
        };
        let needs = BTreeSet::from([Address::new(Kind::Machine, (*first).clone())]);
        if let Some(address) = api_forward_address(cluster) {
            self.add(address, Spec::Forward(spec), needs);
        }
    }

    fn connectivity(&mut self, name: &Name) {
        let Some(cluster) = self.lab.clusters.get(name) else {
            return;
        };
        let nodes: BTreeSet<Name> = self
            .lab
            .nodes_of(name)
            .map(|(node, _)| node.clone())
            .collect();
        let mut needs: BTreeSet<Address> = nodes
            .iter()
            .map(|node| Address::new(Kind::Member, node.clone()))
            .collect();
        needs.extend(
            self.resources
                .keys()
                .filter(|a| a.kind == Kind::Component)
                .cloned(),
        );
        needs.extend(api_forward_address(name));
        let services = derive::api_service(&cluster.services.first())
            .map(|address| format!("{address}:443"))
            .into_iter()
            .chain(
                derive::dns_address(&cluster.services.first())
                    .map(|address| format!("{address}:53")),
            )
            .collect();
        let spec = Connectivity {
            cluster: name.clone(),
            nodes,
            names: BTreeSet::from([format!("kubernetes.default.svc.{}", cluster.domain)]),
            services,
        };
        let address = Address::new(Kind::Connectivity, name.clone());
        self.add(address, Spec::Connectivity(spec), needs);
    }
}

/// The address of a cluster's API forward.
fn api_forward_address(cluster: &Name) -> Option<Address> {
    let name = format!("{cluster}-api").parse().ok()?;
    Some(Address::new(Kind::Forward, name))
}

#[cfg(test)]
mod tests;
