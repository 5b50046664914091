//! Apps, and the forwards that lead to them.

use std::collections::{BTreeMap, BTreeSet};

use model::diagnostic::FieldPath;
use model::lab::{App, AppSource, Expose, Settings};
use model::name::Name;
use model::resource::{Address, ForwardTarget, Forwarder, Kind, Objects, Spec};
use serde_json::{Value, json};

use super::Expansion;
use super::components::{objects_needs, storage_components};
use super::volumes::each_its_own;
use super::within::Within;
use super::{placement, volumes};
use crate::component::{Component, ComponentKind, components};
use crate::{derive, manifests};

/// The setting that says who looks after an app's pods.
const CONTROLLER: &str = "controller";

impl Expansion<'_> {
    pub(super) fn apps(&mut self, clusters: &BTreeMap<&Name, Within<'_>>) {
        for (name, app) in self.lab.apps.iter().filter(|(_, app)| app.enabled) {
            let path = FieldPath(format!("apps.{name}"));
            let within = match &app.cluster {
                Some(cluster) => clusters.get(cluster),
                None => clusters.values().next(),
            };
            if let Some(within) = within {
                self.app(name, app, within, &path);
            }
        }
    }

    fn app(&mut self, name: &Name, app: &App, within: &Within<'_>, path: &FieldPath) {
        let namespace = app.namespace.clone().unwrap_or_else(|| name.clone());
        let mut needs = BTreeSet::new();
        let (source, objects) = match app.source() {
            Some(AppSource::Catalog(entry_name)) => {
                let entry = components().get(entry_name.as_str());
                let Some(entry) = entry.filter(|e| e.kind == ComponentKind::App) else {
                    return self.unknown_app(entry_name, path);
                };
                needs = objects_needs(within, entry);
                let path = path.field("settings");
                let settings = settings(app, entry);
                let mut objects =
                    self.rendered(entry, (name, &namespace), within, &settings, &path);
                placement::carry_out(self.lab, within.name, app, &mut objects);
                let whose = (within.name, name, &namespace);
                volumes::give(self.lab, whose, app, &mut objects);
                (format!("{} {}", entry.name, entry.version), objects)
            }
            Some(AppSource::Manifests(folder)) => {
                let path = path.field("manifests");
                let mut objects =
                    manifests::from_folder(folder, self.files, &path, &mut self.findings);
                placement::carry_out(self.lab, within.name, app, &mut objects);
                (folder.to_owned(), objects)
            }
            // Others tell of it: `check` where there is no source, `beyond_reach` of charts.
            Some(AppSource::Chart(_)) | None => return,
        };
        needs.extend(app_needs(within));
        if !app.volumes.is_empty() {
            let brought = storage_components(self.lab);
            needs.extend(brought.filter_map(|entry| within.component_address(entry)));
        }
        let address = Address::new(Kind::App, name.clone());
        let spec = Objects {
            cluster: within.name.clone(),
            source,
            namespace: namespace.clone(),
            objects,
        };
        self.add(address.clone(), Spec::Objects(spec), needs);
        if let Some(Expose::Forward(forward)) = &app.expose {
            self.app_forward(name, forward, &namespace, within, address);
        }
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
        within: &Within<'_>,
        app: Address,
    ) {
        let cluster = within.cluster;
        let (Some(dns), Some(host)) = (
            derive::dns_address(&cluster.services.first()),
            within.nodes.first().map(|(_, node)| node.on.clone()),
        ) else {
            return;
        };
        let spec = Forwarder {
            host,
            listen: forward.listen,
            target: ForwardTarget::Service {
                cluster: within.name.clone(),
                nodes: within
                    .nodes
                    .iter()
                    .map(|(name, _)| (*name).clone())
                    .collect(),
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
}

/// The settings of an app from the catalog. Who looks after its pods follows from its volumes, where
/// the entry leaves that open and the lab file does not say.
fn settings(app: &App, entry: &Component) -> Settings {
    let mut settings = app.settings.clone();
    if entry.settings.contains_key(CONTROLLER) && !settings.contains_key(CONTROLLER) {
        let told = settings.get("replicas").and_then(Value::as_u64);
        let replicas = app.replicas.map(u64::from).or(told).unwrap_or(1);
        if each_its_own(app, usize::try_from(replicas).unwrap_or(usize::MAX)) {
            settings.insert(CONTROLLER.to_owned(), json!("StatefulSet"));
        }
    }
    settings
}

/// What every app needs: the API, all nodes, the pod network and names.
fn app_needs(within: &Within<'_>) -> impl Iterator<Item = Address> {
    let components = ["flannel", "coredns"]
        .into_iter()
        .filter_map(|entry| within.component_address(entry));
    let members = within.members.iter().cloned();
    members.chain(components).chain(within.api.clone())
}

#[cfg(test)]
#[path = "apps_tests.rs"]
mod tests;
