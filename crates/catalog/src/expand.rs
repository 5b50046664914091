//! The expansion of a lab into resources.

mod apps;
mod components;
mod placement;
pub(crate) mod router;
mod volumes;
mod within;

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use ipnet::IpNet;
use model::diagnostic::{Diagnostic, FieldPath, Place, Severity};
use model::digest::Digest;
use model::lab::{Certificates, Distribution, Lab, Network, Node, Role};
use model::name::Name;
use model::resource::{
    Address, Connectivity, ForwardTarget, Forwarder, HostLink, HostSpace, Kind, Member,
    NodeMachine, NodeNetwork, Resource, Spec,
};
use model::topology::Topology;

use crate::{derive, image, storage};
pub use volumes::each_its_own;
use within::Within;

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
    let topology = Topology::of(lab);
    let clusters: BTreeMap<&Name, Within<'_>> = lab
        .clusters
        .iter()
        .map(|(name, cluster)| (name, Within::of(&topology, name, cluster)))
        .collect();
    for within in clusters.values() {
        expansion.cluster(within);
    }
    expansion.apps(&clusters);
    for within in clusters.values() {
        expansion.connectivity(within);
    }
    if expansion.findings.is_empty() {
        Ok(expansion.resources.into_values().collect())
    } else {
        Err(expansion.findings)
    }
}

/// The image of a cluster's nodes.
struct Image {
    address: Address,
    digest: Digest,
    /// That of the same without the container images that only some labs run.
    system: Option<Digest>,
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

    fn cluster(&mut self, within: &Within<'_>) {
        let Some(image) = self.image(within) else {
            return;
        };
        let Some((first, _)) = within.first() else {
            return;
        };
        for (name, node) in &within.nodes {
            self.network_of_node(node);
            self.host_of_node(node);
            self.machine(name, node, within, &image);
            self.member(name, node, within, first);
        }
        if self.with_hosts {
            self.router(&image.address, &image.digest);
        }
        self.api_forward(within);
        self.cluster_components(within);
    }

    /// The image of the cluster's nodes, with the artifacts that it is made from.
    fn image(&mut self, within: &Within<'_>) -> Option<Image> {
        let (name, distribution) = (within.name, &within.cluster.distribution);
        let Distribution::Kubeadm(kubeadm) = distribution else {
            return None;
        };
        let arch = within
            .nodes
            .iter()
            .find_map(|(_, node)| self.lab.host_of(node))
            .map_or_else(Default::default, |host| host.arch);
        let run = components::images(self.lab);
        let Some(image) = image::node_image(distribution, arch, &run) else {
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
        let system = image::node_image(distribution, arch, &BTreeSet::new());
        let digest = Digest::of(&image);
        self.add(address.clone(), Spec::Image(image), needs);
        Some(Image {
            address,
            digest,
            system: system.map(|system| Digest::of(&system)),
        })
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
            routed: self.with_hosts,
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
            speed: self
                .lab
                .host_of(node)
                .and_then(|host| host.speed_into(name)),
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

    fn machine(&mut self, name: &Name, node: &Node, within: &Within<'_>, image: &Image) {
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
            shared_folder: storage::shares_folder(self.lab),
            machine,
            image: image.digest.clone(),
            system: image.system.clone(),
            network: network_name.clone(),
            address,
            gateway,
            mtu: self.lab.network_mtu(network_name),
            pod_mtu: within.pod_mtu,
            pods: within.cluster.pods.first(),
            hosts: within.hosts.clone(),
        };
        let below = match self.with_hosts {
            true => Address::new(Kind::Host, node.on.clone()),
            false => Address::new(Kind::Network, network_name.clone()),
        };
        let needs = BTreeSet::from([image.address.clone(), below]);
        self.add(
            Address::new(Kind::Machine, name.clone()),
            Spec::Machine(spec),
            needs,
        );
    }

    fn member(&mut self, name: &Name, node: &Node, within: &Within<'_>, first: &Name) {
        let cluster = within.cluster;
        let Distribution::Kubeadm(kubeadm) = &cluster.distribution else {
            return;
        };
        let (Some(dns), Some(address), Some(endpoint)) = (
            derive::dns_address(&cluster.services.first()),
            self.lab.node_address(node),
            derive::endpoint(self.lab, within.name, within.cluster),
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
                Role::ControlPlane => within.api_names.clone(),
                Role::Worker => BTreeSet::new(),
            },
            certificates: match node.role {
                Role::ControlPlane => cluster.certificates.clone().unwrap_or_default(),
                Role::Worker => Certificates::default(),
            },
            labels: derive::labels(self.lab, node),
            taints: derive::taints(node, within.has_workers),
        };
        let mut needs = BTreeSet::from([Address::new(Kind::Machine, name.clone())]);
        // kubeadm's driver grants rights and labels nodes through it, and drains them.
        needs.extend(within.api.clone());
        if name != first {
            needs.insert(Address::new(Kind::Member, first.clone()));
        }
        if node.role == Role::ControlPlane {
            needs.extend(Self::before_plane(name, within, first));
        }
        self.add(
            Address::new(Kind::Member, name.clone()),
            Spec::Member(spec),
            needs,
        );
    }

    /// What a control plane waits for beside its machine.
    fn before_plane(name: &Name, within: &Within<'_>, first: &Name) -> Vec<Address> {
        let planes = within.control_planes().map(|(name, _)| name);
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

    fn api_forward(&mut self, within: &Within<'_>) {
        let planes: Vec<_> = within.control_planes().collect();
        let Some((first, node)) = planes.first() else {
            return;
        };
        let spec = Forwarder {
            host: node.on.clone(),
            listen: None,
            target: ForwardTarget::Api {
                cluster: within.name.clone(),
                control_planes: planes.iter().map(|(name, _)| (*name).clone()).collect(),
                shared: derive::vip(self.lab, within.name),
                port: derive::API_PORT,
            },
        };
        let needs = BTreeSet::from([Address::new(Kind::Machine, (*first).clone())]);
        if let Some(address) = within.api.clone() {
            self.add(address, Spec::Forward(spec), needs);
        }
    }

    fn connectivity(&mut self, within: &Within<'_>) {
        let (name, cluster) = (within.name, within.cluster);
        let nodes = within.nodes.iter().map(|(node, _)| (*node).clone());
        let mut needs = within.members.clone();
        needs.extend(
            self.resources
                .values()
                .filter(|one| one.address.kind == Kind::Component)
                .filter(
                    |one| matches!(&one.spec, Spec::Objects(objects) if objects.cluster == *name),
                )
                .map(|one| one.address.clone()),
        );
        needs.extend(within.api.clone());
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
            nodes: nodes.collect(),
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
