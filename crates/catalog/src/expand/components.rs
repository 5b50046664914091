//! Components of a cluster: what every cluster has, its pod network, and what the lab declares.

use std::collections::BTreeSet;

use model::diagnostic::FieldPath;
use model::lab::{AppSource, Cni, Lab, Settings, Storage};
use model::name::Name;
use model::resource::{Address, Kind, Objects, SHARED_FOLDER, Spec};
use serde_json::{Value, json};

use super::Expansion;
use super::within::{Within, declared};
use crate::component::{Component, ComponentKind, components};
use crate::{derive, image, manifests, settings, storage};

/// Components that every cluster has.
const ALWAYS: [&str; 2] = ["coredns", "netcheck"];
/// What brings storage of kind `folder`.
const FOLDERS: &str = "folders";
/// What brings storage of kind `local`.
const LOCAL_VOLUMES: &str = "local-volumes";

impl Expansion<'_> {
    pub(super) fn cluster_components(&mut self, within: &Within<'_>) {
        let Cni::Flannel(flannel) = &within.cluster.cni else {
            return;
        };
        let mut own = Settings::new();
        own.insert("backend".to_owned(), json!(flannel.backend));
        let path = FieldPath(format!("clusters.{}.cni", within.name));
        self.of_every_cluster(within, "flannel", &own, &path);
        let lab = self.lab;
        for (name, entry) in declared(lab, within.name) {
            let path = FieldPath(format!("components.{name}"));
            let settings = lab.components.get(name).map(|given| &given.settings);
            let settings = settings.cloned().unwrap_or_default();
            self.component(within, (name.clone(), entry.as_str()), &settings, &path);
        }
        let brought = ALWAYS.into_iter().chain(storage_components(lab));
        for entry in brought.filter(|entry| !within.declares(entry)) {
            let path = FieldPath(format!("components.{entry}"));
            self.of_every_cluster(within, entry, &Settings::new(), &path);
        }
    }

    /// A component that the cluster has without being told.
    fn of_every_cluster(
        &mut self,
        within: &Within<'_>,
        entry: &str,
        settings: &Settings,
        path: &FieldPath,
    ) {
        if let Some(name) = within.component(entry) {
            self.component(within, (name, entry), settings, path);
        }
    }

    fn component(
        &mut self,
        within: &Within<'_>,
        (name, entry): (Name, &str),
        given: &Settings,
        path: &FieldPath,
    ) {
        let entry = components()
            .get(entry)
            .filter(|e| e.kind == ComponentKind::Component);
        let Some(entry) = entry else {
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
        let mut needs = objects_needs(within, entry);
        needs.retain(|need| need.name != name || need.kind != Kind::Component);
        let objects = self.rendered(entry, (&name, &namespace), within, given, path);
        let spec = Objects {
            cluster: within.name.clone(),
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

    /// The classes of volumes that a component brings.
    fn classes(&self, entry: &str) -> Vec<Value> {
        storage::classes(self.lab)
            .filter(|class| match class.declared {
                Storage::Folder(_) => entry == FOLDERS,
                Storage::Local(_) => entry == LOCAL_VOLUMES,
                _ => false,
            })
            .map(|class| class.told(self.lab))
            .collect()
    }

    pub(super) fn rendered(
        &mut self,
        entry: &Component,
        (name, namespace): (&Name, &Name),
        within: &Within<'_>,
        given: &Settings,
        path: &FieldPath,
    ) -> Vec<Value> {
        let settings = settings::complete(entry, given, path, &mut self.findings);
        let cluster = within.cluster;
        let endpoint = derive::endpoint(self.lab, within.name, cluster);
        let values = json!({
            "lab": self.lab.lab,
            "name": name,
            "namespace": namespace,
            "version": entry.version,
            "settings": settings,
            "pod_mtu": within.pod_mtu,
            "classes": self.classes(&entry.name),
            "shared_folder": SHARED_FOLDER,
            "cluster": {
                "name": within.name,
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
}

/// The container images of all that runs in the lab's clusters, as the catalog names them.
pub(super) fn images(lab: &Lab) -> BTreeSet<&'static str> {
    let own = lab.components.iter().filter(|(_, one)| one.enabled);
    let apps = lab.apps.values().filter(|app| app.enabled);
    let mut entries: BTreeSet<&str> = own.map(|(name, one)| one.entry(name).as_str()).collect();
    entries.extend(apps.filter_map(|app| match app.source() {
        Some(AppSource::Catalog(entry)) => Some(entry.as_str()),
        _ => None,
    }));
    for entry in ALWAYS.into_iter().chain(storage_components(lab)) {
        entries.insert(entry);
    }
    entries
        .into_iter()
        .filter_map(|entry| components().get(entry))
        .flat_map(|entry| entry.images.iter().map(String::as_str))
        .collect()
}

/// The components that bring the lab's storage.
pub(super) fn storage_components(lab: &Lab) -> impl Iterator<Item = &'static str> {
    let local = |one: &Storage| matches!(one, Storage::Local(_)) && !one.classes().is_empty();
    [
        storage::shares_folder(lab).then_some(FOLDERS),
        lab.storage.values().any(local).then_some(LOCAL_VOLUMES),
    ]
    .into_iter()
    .flatten()
}

/// What objects of a cluster need: the API through its forward, and what the entry names.
pub(super) fn objects_needs(within: &Within<'_>, entry: &Component) -> BTreeSet<Address> {
    let first = within.first();
    let first = first.map(|(name, _)| Address::new(Kind::Member, name.clone()));
    let named = entry.needs.iter().filter_map(|need| {
        // `cni` stands for the cluster's pod network.
        within.component_address(if need == "cni" { "flannel" } else { need })
    });
    // Its pods may land on any node: all have its container images first.
    let further = entry.images.iter().any(|name| image::is_further(name));
    let nodes = within.nodes.iter().filter(|_| further);
    let machines = nodes.map(|(name, _)| Address::new(Kind::Machine, (*name).clone()));
    first
        .into_iter()
        .chain(within.api.clone())
        .chain(named)
        .chain(machines)
        .collect()
}
