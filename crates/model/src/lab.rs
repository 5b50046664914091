//! The lab as a person declares it. Field names and shapes are the file format.
//!
//! Every struct lists all its fields, none is flattened, variants are externally tagged
//! (`container: { cpu: 2 }`): so each value keeps its own place in the file, and later kinds of
//! machines, distributions and components are added without changing what exists.

mod app;
mod cluster;
mod host;
mod network;
mod node;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use app::{App, AppSource, Expose, Forward};
pub use cluster::{Cluster, Cni, Distribution, Flannel, FlannelBackend, Kubeadm};
pub use host::{Access, Arch, Host, Site};
pub use network::Network;
pub use node::{ContainerMachine, Machine, Node, Role, Taint, TaintEffect};

use crate::name::Name;

/// Things by their names, in the order of the names.
pub type Named<T> = BTreeMap<Name, T>;

/// A whole lab: what one lab file, or a folder of them, declares.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Lab {
    /// The lab's name. Nodes, networks and files on the hosts carry it.
    pub lab: Name,
    /// Places with power and uplink of their own.
    #[serde(default)]
    pub sites: Named<Site>,
    /// Networks that hosts and nodes are attached to.
    #[serde(default)]
    pub networks: Named<Network>,
    /// Physical or cloud machines.
    #[serde(default)]
    pub hosts: Named<Host>,
    /// Kubernetes clusters.
    #[serde(default)]
    pub clusters: Named<Cluster>,
    /// Kubernetes nodes, each on a host.
    #[serde(default)]
    pub nodes: Named<Node>,
    /// Cluster services out of the catalog, by their catalog name, with their settings.
    #[serde(default)]
    pub components: Named<Settings>,
    /// Your own workloads.
    #[serde(default)]
    pub apps: Named<App>,
}

/// Settings of a catalog entry. Its own schema in the catalog says which there are.
pub type Settings = BTreeMap<String, serde_json::Value>;
