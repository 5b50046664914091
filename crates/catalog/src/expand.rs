//! The expansion of a lab into resources.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use ipnet::IpNet;
use model::diagnostic::{Diagnostic, FieldPath, Place, Severity};
use model::digest::Digest;
use model::lab::{
    App, AppSource, Cluster, Cni, Distribution, Expose, Lab, Network, Node, Role, Settings,
};
use model::name::Name;
use model::resource::{
    Address, Connectivity, ForwardTarget, Forwarder, Kind, Member, NodeImage, NodeMachine,
    NodeNetwork, Objects, Resource, Spec,
};
use serde_json::{Value, json};

use crate::component::{Component, ComponentKind, components};
use crate::{derive, image, manifests, settings};

/// Components that every cluster has.
const ALWAYS: [&str; 2] = ["coredns", "netcheck"];

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
    let mut expansion = Expansion {
        lab,
        files,
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
        let needs = BTreeSet::from([
            image.clone(),
            Address::new(Kind::Network, network_name.clone()),
        ]);
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
        let address_of = |node: &Node| self.lab.node_address(node);
        let (Some(dns), Some(address), Some(endpoint)) = (
            derive::dns_address(&cluster.services.first()),
            address_of(node),
            self.lab.nodes.get(first).and_then(address_of),
        ) else {
            return;
        };
        let spec = Member {
            cluster: node.cluster.clone(),
            role: node.role,
            first: name == first,
            address,
            endpoint: format!("{endpoint}:{}", derive::API_PORT),
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
        self.add(
            Address::new(Kind::Member, name.clone()),
            Spec::Member(spec),
            needs,
        );
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
                port: derive::API_PORT,
            },
        };
        let needs = BTreeSet::from([Address::new(Kind::Machine, (*first).clone())]);
        if let Some(address) = api_forward_address(cluster) {
            self.add(address, Spec::Forward(spec), needs);
        }
    }

    fn cluster_components(&mut self, name: &Name, cluster: &Cluster) {
        let Cni::Flannel(flannel) = &cluster.cni else {
            return;
        };
        let mut own = Settings::new();
        own.insert("backend".to_owned(), json!(flannel.backend));
        self.component(
            name,
            cluster,
            ("flannel", "flannel"),
            &own,
            &FieldPath(format!("clusters.{name}.cni")),
        );
        let declared: BTreeMap<&str, &model::lab::Component> = self
            .lab
            .components
            .iter()
            .filter(|(_, component)| component.enabled)
            .map(|(name, component)| (name.as_str(), component))
            .collect();
        let names: BTreeSet<&str> = ALWAYS.into_iter().chain(declared.keys().copied()).collect();
        for component in names {
            let path = FieldPath(format!("components.{component}"));
            let given = declared.get(component).copied();
            let entry = given.and_then(|one| one.catalog.as_ref());
            let entry = entry.map_or(component, Name::as_str);
            let settings = given.map_or_else(Settings::new, |one| one.settings.clone());
            self.component(name, cluster, (component, entry), &settings, &path);
        }
    }

    fn component(
        &mut self,
        cluster_name: &Name,
        cluster: &Cluster,
        (name, entry): (&str, &str),
        given: &Settings,
        path: &FieldPath,
    ) {
        let entry = components()
            .get(entry)
            .filter(|e| e.kind == ComponentKind::Component);
        let (Some(entry), Ok(name)) = (entry, name.parse::<Name>()) else {
            let known: Vec<&str> = components()
                .values()
                .filter(|entry| entry.kind == ComponentKind::Component)
                .map(|entry| entry.name.as_str())
                .collect();
            let help = format!("the catalog has: {}", known.join(", "));
            self.finding(
                "S102",
                path.clone(),
                format!("the catalog has no component {name}"),
                help,
            );
            return;
        };
        let namespace = entry.namespace.as_deref().and_then(|n| n.parse().ok());
        let namespace: Name = namespace.unwrap_or_else(|| name.clone());
        let mut needs = self.objects_needs(cluster_name, entry);
        needs.retain(|need| need.name != name || need.kind != Kind::Component);
        let objects = self.rendered(
            entry,
            &name,
            &namespace,
            (cluster_name, cluster),
            given,
            path,
        );
        let spec = Objects {
            cluster: cluster_name.clone(),
            source: format!("{} {}", entry.name, entry.version),
            namespace,
            objects,
        };
        self.add(
            Address::new(Kind::Component, name),
            Spec::Objects(spec),
            needs,
        );
    }

    /// What objects of a cluster need: the API through its forward, and what the entry names.
    fn objects_needs(&self, cluster: &Name, entry: &Component) -> BTreeSet<Address> {
        let mut needs: BTreeSet<Address> = self
            .lab
            .control_planes(cluster)
            .next()
            .map(|(name, _)| Address::new(Kind::Member, name.clone()))
            .into_iter()
            .chain(api_forward_address(cluster))
            .collect();
        for need in &entry.needs {
            // `cni` stands for the cluster's pod network.
            let name = if need == "cni" { "flannel" } else { need };
            needs.extend(
                name.parse()
                    .ok()
                    .map(|name| Address::new(Kind::Component, name)),
            );
        }
        needs
    }

    fn rendered(
        &mut self,
        entry: &Component,
        name: &Name,
        namespace: &Name,
        (cluster_name, cluster): (&Name, &Cluster),
        given: &Settings,
        path: &FieldPath,
    ) -> Vec<Value> {
        let settings = settings::complete(entry, given, path, &mut self.findings);
        let first = self.lab.control_planes(cluster_name).next();
        let endpoint = first.and_then(|(_, node)| self.lab.node_address(node));
        let values = json!({
            "lab": self.lab.lab,
            "name": name,
            "namespace": namespace,
            "version": entry.version,
            "settings": settings,
            "pod_mtu": derive::pod_mtu(self.lab, cluster_name, cluster),
            "cluster": {
                "name": cluster_name,
                "pods": cluster.pods.first(),
                "services": cluster.services.first(),
                "dns": derive::dns_address(&cluster.services.first()),
                "domain": cluster.domain,
                "endpoint": { "host": endpoint, "port": derive::API_PORT },
            },
        });
        match manifests::render(entry, &values) {
            Ok(objects) => objects,
            Err(why) => {
                self.finding(
                    "S111",
                    path.clone(),
                    why,
                    "report this: the catalog is wrong".to_owned(),
                );
                Vec::new()
            }
        }
    }

    fn apps(&mut self) {
        for (name, app) in self.lab.apps.iter().filter(|(_, app)| app.enabled) {
            let path = FieldPath(format!("apps.{name}"));
            let cluster_name = app
                .cluster
                .as_ref()
                .or_else(|| self.lab.clusters.keys().next());
            let found = cluster_name.and_then(|name| self.lab.clusters.get_key_value(name));
            if let Some((cluster_name, cluster)) = found {
                self.app(name, app, (cluster_name, cluster), &path);
            }
        }
    }

    fn app(
        &mut self,
        name: &Name,
        app: &App,
        (cluster_name, cluster): (&Name, &Cluster),
        path: &FieldPath,
    ) {
        let namespace = app.namespace.clone().unwrap_or_else(|| name.clone());
        let mut needs = BTreeSet::new();
        let (source, objects) = match app.source() {
            Some(AppSource::Catalog(entry_name)) => {
                let entry = components().get(entry_name.as_str());
                let Some(entry) = entry.filter(|e| e.kind == ComponentKind::App) else {
                    return self.unknown_app(entry_name, path);
                };
                needs = self.objects_needs(cluster_name, entry);
                let path = path.field("settings");
                let cluster = (cluster_name, cluster);
                let objects = self.rendered(entry, name, &namespace, cluster, &app.settings, &path);
                (format!("{} {}", entry.name, entry.version), objects)
            }
            Some(AppSource::Manifests(folder)) => {
                let path = path.field("manifests");
                let objects = manifests::from_folder(folder, self.files, &path, &mut self.findings);
                (folder.to_owned(), objects)
            }
            // Others tell of it: `check` where there is no source, `beyond_reach` of charts.
            Some(AppSource::Chart(_)) | None => return,
        };
        needs.extend(self.app_needs(cluster_name));
        let address = Address::new(Kind::App, name.clone());
        let spec = Objects {
            cluster: cluster_name.clone(),
            source,
            namespace: namespace.clone(),
            objects,
        };
        self.add(address.clone(), Spec::Objects(spec), needs);
        if let Some(Expose::Forward(forward)) = &app.expose {
            self.app_forward(name, forward, &namespace, (cluster_name, cluster), address);
        }
    }

    /// What every app needs: the API, all nodes, the pod network and names.
    fn app_needs(&self, cluster: &Name) -> Vec<Address> {
        let members = self
            .lab
            .nodes_of(cluster)
            .map(|(node, _)| Address::new(Kind::Member, node.clone()));
        let components = ["flannel", "coredns"]
            .into_iter()
            .filter_map(|name| Some(Address::new(Kind::Component, name.parse().ok()?)));
        members
            .chain(components)
            .chain(api_forward_address(cluster))
            .collect()
    }

    fn unknown_app(&mut self, entry: &Name, path: &FieldPath) {
        let known: Vec<&str> = components()
            .values()
            .filter(|entry| entry.kind == ComponentKind::App)
            .map(|entry| entry.name.as_str())
            .collect();
        let help = match model::read::nearest(entry.as_str(), known.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("the catalog has: {}", known.join(", ")),
        };
        self.finding(
            "S102",
            path.field("catalog"),
            format!("the catalog has no app {entry}"),
            help,
        );
    }

    fn app_forward(
        &mut self,
        name: &Name,
        forward: &model::lab::Forward,
        namespace: &Name,
        (cluster_name, cluster): (&Name, &Cluster),
        app: Address,
    ) {
        let nodes: BTreeMap<&Name, &Node> = self.lab.nodes_of(cluster_name).collect();
        let (Some(dns), Some(host)) = (
            derive::dns_address(&cluster.services.first()),
            nodes.values().next().map(|node| node.on.clone()),
        ) else {
            return;
        };
        let spec = Forwarder {
            host,
            listen: forward.listen,
            target: ForwardTarget::Service {
                cluster: cluster_name.clone(),
                nodes: nodes.into_keys().cloned().collect(),
                namespace: namespace.clone(),
                service: forward.service.clone(),
                port: forward.port,
                dns,
                domain: cluster.domain.clone(),
            },
        };
        let address = Address::new(Kind::Forward, name.clone());
        self.add(address, Spec::Forward(spec), BTreeSet::from([app]));
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
