//! Apps, and the forwards that lead to them.

use std::collections::{BTreeMap, BTreeSet};

use model::diagnostic::FieldPath;
use model::lab::{App, AppSource, Cluster, Expose, Node};
use model::name::Name;
use model::resource::{Address, ForwardTarget, Forwarder, Kind, Objects, Spec};

use super::{Expansion, api_forward_address};
use crate::component::{ComponentKind, components};
use crate::{derive, manifests};

impl Expansion<'_> {
    pub(super) fn apps(&mut self) {
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
}
