//! Nodes and the machines that they run as.

use std::collections::BTreeMap;
use std::net::IpAddr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::name::Name;
use crate::quantity::Bytes;

/// A Kubernetes node. With none of the machine kinds, the host itself is the node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Node {
    /// The cluster that it belongs to.
    pub cluster: Name,
    /// What it does in the cluster.
    pub role: Role,
    /// The host that it runs on.
    pub on: Name,
    /// It runs as a container (namespaces) on the host: ready in seconds, no emulation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub container: Option<ContainerMachine>,
    /// Its address in one of the networks.
    pub address: IpAddr,
    /// Kubernetes labels.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// Kubernetes taints. Default: for a control plane of a cluster with workers, kubeadm's
    /// `node-role.kubernetes.io/control-plane:NoSchedule`; else none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub taints: Option<Vec<Taint>>,
}

impl Node {
    /// What the node runs as, if the lab file says so.
    #[must_use]
    pub fn machine(&self) -> Option<Machine> {
        self.container.clone().map(Machine::Container)
    }
}

/// What a node does in its cluster.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Runs the API server, etcd and the controllers.
    ControlPlane,
    /// Runs workloads.
    Worker,
}

/// What a node runs as.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Machine {
    /// Namespaces on its host.
    Container(ContainerMachine),
}

/// The size of a container machine: what Kubernetes is shown, and the limit that the host keeps.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ContainerMachine {
    /// Processor threads.
    #[schemars(range(min = 1, max = 1024))]
    pub cpu: u32,
    /// Memory.
    #[schemars(example = "4Gi")]
    pub memory: Bytes,
}

/// A Kubernetes taint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Taint {
    /// Its key, such as `dedicated`.
    pub key: String,
    /// Its value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// What it does to pods that do not tolerate it.
    pub effect: TaintEffect,
}

/// What a taint does to pods that do not tolerate it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum TaintEffect {
    /// They are not placed there.
    NoSchedule,
    /// They are placed there only where nothing else is left.
    PreferNoSchedule,
    /// They are not placed there, and those that run there are evicted.
    NoExecute,
}
