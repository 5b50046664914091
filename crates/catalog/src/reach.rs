//! What a lab declares that this version does not carry out. The file may hold all of it, and
//! `check` looks at all of it; what nobody would make must not be promised by a plan.

use model::diagnostic::{Diagnostic, FieldPath, Place, Severity};
use model::lab::{
    Access, AppSource, Cluster, Cni, Distribution, Endpoint, Expose, Lab, Machine, Node,
};
use model::name::Name;

use crate::component::{ComponentKind, components};
use crate::{snapshots, storage};

/// The code of what is declared and not carried out.
pub const CODE: &str = "U001";

/// Everything of a lab that this version does not carry out, in the order of the sections. Empty:
/// a plan of the lab is a plan of the whole lab.
#[must_use]
pub fn beyond_reach(lab: &Lab) -> Vec<Diagnostic> {
    let mut beyond = Beyond(Vec::new());
    for (name, network) in &lab.networks {
        if network.overlay.is_some() {
            beyond.add(format!("networks.{name}.overlay"), "overlays");
        }
        if network.cidr.v6().is_some() {
            beyond.add(format!("networks.{name}.cidr"), "networks with IPv6");
        }
    }
    for (name, cluster) in &lab.clusters {
        beyond.cluster(name, cluster);
    }
    for (name, node) in &lab.nodes {
        beyond.node(lab, name, node);
    }
    for (name, component) in lab.components.iter().filter(|(_, one)| one.enabled) {
        let entry = components().get(component.entry(name).as_str());
        if entry.is_none_or(|entry| entry.kind != ComponentKind::Component) {
            beyond.add(format!("components.{name}"), "this component");
        }
    }
    for (name, app) in lab.apps.iter().filter(|(_, app)| app.enabled) {
        if matches!(app.source(), Some(AppSource::Chart(_))) {
            beyond.add(format!("apps.{name}.chart"), "Helm charts");
        }
        if let Some(AppSource::Catalog(entry)) = app.source()
            && components().get(entry.as_str()).is_none()
        {
            beyond.add(format!("apps.{name}.catalog"), "this app");
        }
        if matches!(app.expose, Some(ref expose) if !matches!(expose, Expose::Forward(_))) {
            beyond.add(format!("apps.{name}.expose"), "this way in");
        }
        for (volume, declared) in &app.volumes {
            let field = format!("apps.{name}.volumes.{volume}");
            let class = storage::class_of(lab, declared).map(|class| class.declared);
            if !matches!(app.source(), Some(AppSource::Catalog(_))) {
                beyond.add(field, "volumes of manifests and charts");
            } else if class.is_some_and(|storage| !storage::is_reached(storage)) {
                beyond.add(field, "volumes of this class");
            }
        }
        if !app.devices.is_empty() {
            beyond.add(format!("apps.{name}.devices"), "devices");
        }
    }
    for (name, storage) in &lab.storage {
        if !storage::is_reached(storage) {
            beyond.add(format!("storage.{name}"), "this storage");
        }
    }
    for (section, empty) in [
        ("firewall", lab.firewall.is_empty()),
        ("images", lab.images.is_empty()),
        ("users", lab.users.is_empty()),
        ("observability", lab.observability.is_empty()),
    ] {
        if !empty {
            beyond.add(section.to_owned(), "this section");
        }
    }
    for (name, backup) in &lab.backups {
        if !snapshots::carried_out(backup) {
            let what = "backups other than snapshots of etcd that are kept here";
            beyond.add(format!("backups.{name}"), what);
        }
    }
    beyond.0
}

struct Beyond(Vec<Diagnostic>);

impl Beyond {
    fn add(&mut self, field: String, what: &str) {
        self.0.push(Diagnostic {
            code: CODE.to_owned(),
            severity: Severity::Error,
            message: format!("this version does not carry out {what} yet"),
            places: vec![Place {
                field: FieldPath(field),
                span: None,
                label: String::new(),
            }],
            help: Some(
                "`steading check` looks at all of the lab; leave this out to run the rest"
                    .to_owned(),
            ),
            fix: None,
        });
    }

    fn cluster(&mut self, name: &Name, cluster: &Cluster) {
        let at = |field: &str| format!("clusters.{name}.{field}");
        if !matches!(cluster.distribution, Distribution::Kubeadm(_)) {
            self.add(at("distribution"), "this distribution");
        }
        if !matches!(cluster.cni, Cni::Flannel(_)) {
            self.add(at("cni"), "this pod network");
        }
        if cluster.pods.v6().is_some() || cluster.services.v6().is_some() {
            self.add(at("pods"), "IPv6");
        }
        if matches!(cluster.endpoint, Some(Endpoint::Dns(_))) {
            self.add(at("endpoint"), "endpoints that are names");
        }
        let issued = cluster.certificates.as_ref();
        if issued.is_some_and(|one| one.folder.is_some()) {
            self.add(at("certificates.folder"), "certificates of somebody else");
        }
        for (given, field) in [
            (cluster.proxy.is_some(), "proxy"),
            (cluster.oidc.is_some(), "oidc"),
            (!cluster.patches.is_empty(), "patches"),
            (cluster.pods_per_node.is_some(), "pods-per-node"),
            (cluster.dns.is_some(), "dns"),
            (cluster.api_service.is_some(), "api-service"),
        ] {
            if given {
                self.add(at(field), "this field");
            }
        }
    }

    fn node(&mut self, lab: &Lab, name: &Name, node: &Node) {
        match node.machine() {
            Some(Machine::Container(_)) => {}
            Some(Machine::Vm(_)) => self.add(format!("nodes.{name}.vm"), "virtual machines"),
            None => self.add(format!("nodes.{name}"), "nodes that are their hosts"),
        }
        if !node.patches.is_empty() {
            self.add(format!("nodes.{name}.patches"), "patches");
        }
        let local = lab
            .host_of(node)
            .is_some_and(|host| host.access == Some(Access::Local));
        if !local {
            self.add(format!("nodes.{name}.on"), "hosts other than this machine");
        }
    }
}
