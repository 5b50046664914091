//! The user's own workloads.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::storage::Volume;
use super::{Named, Settings};
use crate::name::Name;
use crate::quantity::Bytes;

/// One of your own workloads: from the catalog, from a folder of manifests, or a Helm chart.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct App {
    /// The cluster that it runs in. Default: the only one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"main")]
    pub cluster: Option<Name>,
    /// The namespace that it runs in. Default: the app's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"media")]
    pub namespace: Option<Name>,
    /// A folder of Kubernetes manifests, relative to the lab file and inside its folder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(example = "apps/jellyfin")]
    pub manifests: Option<String>,
    /// An entry of the catalog.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"podinfo")]
    pub catalog: Option<Name>,
    /// A Helm chart.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chart: Option<Chart>,
    /// Settings of the catalog entry.
    #[serde(default, skip_serializing_if = "Settings::is_empty")]
    pub settings: Settings,
    /// Whether it is there at all. What is declared with `false` is a plan for later.
    #[serde(default = "yes", skip_serializing_if = "Clone::clone")]
    #[schemars(extend("default" = true))]
    pub enabled: bool,
    /// Where it can be reached from outside the cluster.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expose: Option<Expose>,
    /// The container image that it runs, where manifests do not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(example = "ghcr.io/example/photos:1.4.0")]
    pub image: Option<String>,
    /// How many pods. Default: what the catalog or the manifests say, else 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(example = 2)]
    pub replicas: Option<u32>,
    /// It keeps no data in its pods and may run several times.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stateless: Option<bool>,
    /// What each pod asks for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requests: Option<Requests>,
    /// Its volumes.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub volumes: Named<Volume>,
    /// Devices that it uses, as `HOST.DEVICE`, by names of `gpus` and `usb`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(example = serde_json::json!(["nas.gpu"]))]
    pub devices: Vec<String>,
    /// Where its pods may run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub placement: Option<Placement>,
    /// Components and apps that it does not work without.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(example = serde_json::json!(["ingress-nginx"]))]
    pub needs: Vec<Name>,
    /// Secrets that it reads, by their names under `secrets`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(example = serde_json::json!(["smtp-password"]))]
    pub secrets: Vec<Name>,
}

impl Default for App {
    fn default() -> Self {
        Self {
            cluster: Default::default(),
            namespace: Default::default(),
            manifests: Default::default(),
            catalog: Default::default(),
            chart: Default::default(),
            settings: Default::default(),
            enabled: true,
            expose: Default::default(),
            image: Default::default(),
            replicas: Default::default(),
            stateless: Default::default(),
            requests: Default::default(),
            volumes: Default::default(),
            devices: Default::default(),
            placement: Default::default(),
            needs: Default::default(),
            secrets: Default::default(),
        }
    }
}

const fn yes() -> bool {
    true
}

/// A Helm chart.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Chart {
    /// Its name.
    #[schemars(example = &"jellyfin")]
    pub name: String,
    /// Its repository: `https://…` or `oci://…`.
    #[schemars(example = "https://charts.example.net")]
    pub repository: String,
    /// Its version.
    #[schemars(example = "2.3.0")]
    pub version: String,
    /// Its values: an escape hatch.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    #[schemars(example = serde_json::json!({ "persistence": { "enabled": true } }))]
    pub values: Value,
}

/// What each pod asks for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Requests {
    /// Processor threads, in thousandths.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(example = 100)]
    pub millicpu: Option<u32>,
    /// Memory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(example = "256Mi")]
    pub memory: Option<Bytes>,
}

/// Where pods may run. All that is named must hold.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Placement {
    /// Only on these nodes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(example = serde_json::json!(["worker-1"]))]
    pub nodes: Vec<Name>,
    /// Only on nodes with these labels.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(example = serde_json::json!({ "disk": "fast" }))]
    pub labels: BTreeMap<String, String>,
    /// Raw terms of node affinity; one of them is enough, as in Kubernetes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(example = serde_json::json!([{ "zone": "attic" }, { "disk": "fast" }]))]
    pub any_of: Vec<BTreeMap<String, String>>,
    /// It may run on nodes of hosts that come and go. Default: what the taints say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub volatile: Option<bool>,
    /// Pods of it stay apart: never two of them on one node, host or site.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub apart: Option<Apart>,
}

/// What two pods never share.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Apart {
    /// A node.
    Node,
    /// A host.
    Host,
    /// A site.
    Site,
}

/// Where an app's objects come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AppSource<'a> {
    /// A folder of manifests, relative to the lab file.
    Manifests(&'a str),
    /// An entry of the catalog.
    Catalog(&'a Name),
    /// A Helm chart.
    Chart(&'a Chart),
}

impl App {
    /// Where its objects come from; `None` where the file names several sources or none.
    #[must_use]
    pub fn source(&self) -> Option<AppSource<'_>> {
        match (&self.manifests, &self.catalog, &self.chart) {
            (Some(folder), None, None) => Some(AppSource::Manifests(folder)),
            (None, Some(entry), None) => Some(AppSource::Catalog(entry)),
            (None, None, Some(chart)) => Some(AppSource::Chart(chart)),
            _ => None,
        }
    }
}

/// Where an app can be reached from outside its cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Expose {
    /// Through a forwarder on 127.0.0.1 of the machine that Steading runs on.
    Forward(Forward),
    /// At an address of the network (a Service of type `LoadBalancer`).
    LoadBalancer(LoadBalancer),
    /// By its name, through an ingress.
    Ingress(Ingress),
    /// By its name, through a tunnel to a provider: no port of the lab is open.
    Tunnel(Ingress),
}

/// A port on 127.0.0.1 that leads to a Service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Forward {
    /// The Service's name, in the app's namespace.
    #[schemars(example = &"podinfo")]
    pub service: Name,
    /// The Service's port.
    #[schemars(range(min = 1, max = 65_535))]
    #[schemars(example = 9898)]
    pub port: u16,
    /// The port on 127.0.0.1. Default: a free one, the same one every time where possible.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(example = 9898)]
    pub listen: Option<u16>,
}

/// An address of the network that leads to a Service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct LoadBalancer {
    /// The Service's name, in the app's namespace. Default: the app's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"photos")]
    pub service: Option<Name>,
    /// The ports, as `tcp/443`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(example = serde_json::json!(["tcp/443"]))]
    pub ports: Vec<String>,
    /// The address. Default: a free one of the pool.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(example = "10.0.0.101")]
    pub address: Option<std::net::IpAddr>,
    /// Pods see the client's own address (`externalTrafficPolicy: Local`).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub keep_source: bool,
}

/// A name that leads to a Service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Ingress {
    /// The name, such as `photos.example.net`.
    #[schemars(example = "photos.example.net")]
    pub host: String,
    /// The component that leads there, such as `ingress-nginx`. Default: the only one that can.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(example = "ingress-nginx")]
    pub by: Option<Name>,
    /// The Service's name, in the app's namespace. Default: the app's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"photos")]
    pub service: Option<Name>,
    /// The Service's port. Default: 80.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(example = 80)]
    pub port: Option<u16>,
}

#[cfg(test)]
mod tests {
    use super::App;
    use crate::lab::{Calico, Cilium};

    #[test]
    fn what_is_not_said_is_the_same_in_a_file_and_in_a_program() {
        let nothing = || serde_json::json!({});
        assert_eq!(
            serde_json::from_value::<App>(nothing()).unwrap(),
            App::default()
        );
        assert_eq!(
            serde_json::from_value::<Calico>(nothing()).unwrap(),
            Calico::default()
        );
        assert_eq!(
            serde_json::from_value::<Cilium>(nothing()).unwrap(),
            Cilium::default()
        );
    }
}
