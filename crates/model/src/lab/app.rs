//! The user's own workloads.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Settings;
use crate::name::Name;

/// One of your own workloads: from the catalog, or from a folder of manifests.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct App {
    /// The cluster that it runs in. Default: the only one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster: Option<Name>,
    /// The namespace that it runs in. Default: the app's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<Name>,
    /// A folder of Kubernetes manifests, relative to the lab file and inside its folder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(example = "apps/jellyfin")]
    pub manifests: Option<String>,
    /// An entry of the catalog.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub catalog: Option<Name>,
    /// Settings of the catalog entry.
    #[serde(default, skip_serializing_if = "Settings::is_empty")]
    pub settings: Settings,
    /// Where it can be reached from outside the cluster.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expose: Option<Expose>,
}

/// Where an app's objects come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AppSource<'a> {
    /// A folder of manifests, relative to the lab file.
    Manifests(&'a str),
    /// An entry of the catalog.
    Catalog(&'a Name),
}

impl App {
    /// Where its objects come from; `None` where the file names both sources or none.
    #[must_use]
    pub fn source(&self) -> Option<AppSource<'_>> {
        match (&self.manifests, &self.catalog) {
            (Some(folder), None) => Some(AppSource::Manifests(folder)),
            (None, Some(entry)) => Some(AppSource::Catalog(entry)),
            (None, None) | (Some(_), Some(_)) => None,
        }
    }
}

/// Where an app can be reached from outside its cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Expose {
    /// Through a forwarder on 127.0.0.1 of the machine that Steading runs on.
    Forward(Forward),
}

/// A port on 127.0.0.1 that leads to a Service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Forward {
    /// The Service's name, in the app's namespace.
    pub service: Name,
    /// The Service's port.
    #[schemars(range(min = 1, max = 65_535))]
    pub port: u16,
    /// The port on 127.0.0.1. Default: a free one, the same one every time where possible.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub listen: Option<u16>,
}
