//! Nodes and the machines that they run as.

use std::collections::BTreeMap;
use std::net::IpAddr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::host::Mac;
use super::patch::Patch;
use crate::dual::Dual;
use crate::name::Name;
use crate::quantity::Bytes;

/// A Kubernetes node. With none of the machine kinds, the host itself is the node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Node {
    /// The cluster that it belongs to.
    #[schemars(example = &"main")]
    pub cluster: Name,
    /// What it does in the cluster.
    pub role: Role,
    /// The host that it runs on.
    #[schemars(example = &"nas")]
    pub on: Name,
    /// It runs as a container (namespaces) on the host: ready in seconds, no emulation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub container: Option<ContainerMachine>,
    /// It runs as a virtual machine on the host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vm: Option<VirtualMachine>,
    /// Its address in one of the networks, or one of each family. Default, where the host itself
    /// is the node: the host's in the cluster's network.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(example = "10.0.0.61")]
    pub address: Option<Dual<IpAddr>>,
    /// Further addresses, each by the network that it is in.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(example = serde_json::json!({ "storage": "10.0.9.21" }))]
    pub addresses: BTreeMap<Name, Dual<IpAddr>>,
    /// Kubernetes labels.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(example = serde_json::json!({ "disk": "fast" }))]
    pub labels: BTreeMap<String, String>,
    /// Kubernetes taints. Default: for a control plane of a cluster with workers, kubeadm's
    /// `node-role.kubernetes.io/control-plane:NoSchedule`; else none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub taints: Option<Vec<Taint>>,
    /// Raw configuration for what the lab file has no field for: an escape hatch.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub patches: Vec<Patch>,
}

impl Node {
    /// What the node runs as, if the lab file says so.
    #[must_use]
    pub fn machine(&self) -> Option<Machine> {
        match (&self.container, &self.vm) {
            (Some(container), _) => Some(Machine::Container(container.clone())),
            (None, Some(vm)) => Some(Machine::Vm(vm.clone())),
            (None, None) => None,
        }
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
    /// A virtual machine on its host.
    Vm(VirtualMachine),
}

impl Machine {
    /// Its processor threads and memory.
    #[must_use]
    pub const fn size(&self) -> (u32, Bytes) {
        match self {
            Self::Container(machine) => (machine.cpu, machine.memory),
            Self::Vm(machine) => (machine.cpu, machine.memory),
        }
    }
}

/// The size of a container machine: what Kubernetes is shown, and the limit that the host keeps.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct ContainerMachine {
    /// Processor threads.
    #[schemars(range(min = 1, max = 1024))]
    #[schemars(example = 2)]
    pub cpu: u32,
    /// Memory.
    #[schemars(example = "4Gi")]
    pub memory: Bytes,
}

/// A virtual machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct VirtualMachine {
    /// Processor threads.
    #[schemars(range(min = 1, max = 1024))]
    #[schemars(example = 4)]
    pub cpu: u32,
    /// Memory.
    #[schemars(example = "8Gi")]
    pub memory: Bytes,
    /// The size of its disk.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(example = "40Gi")]
    pub disk: Option<Bytes>,
    /// Its hardware address. Default: derived from the lab and the node's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(example = "52:54:00:00:00:21")]
    pub mac: Option<Mac>,
    /// Devices of the host that it is given: names of `gpus`, `usb` or `disks`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(example = serde_json::json!(["gpu"]))]
    pub devices: Vec<Name>,
    /// The disk of the host that its own lies on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(example = "disk-1")]
    pub on_disk: Option<Name>,
}

/// A Kubernetes taint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Taint {
    /// Its key, such as `dedicated`.
    #[schemars(example = &"dedicated")]
    pub key: String,
    /// Its value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"storage")]
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
