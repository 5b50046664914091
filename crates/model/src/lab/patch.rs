//! Escape hatches: raw configuration for what the lab file has no field for.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Raw configuration, merged into what Steading writes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Patch {
    /// Into Talos' machine configuration (a strategic merge patch).
    Talos(
        #[schemars(example = serde_json::json!({ "machine": { "sysctls": { "vm.swappiness": "1" } } }))]
         Value,
    ),
    /// Into kubeadm's configuration; the document's `kind` says into which.
    Kubeadm(
        #[schemars(example = serde_json::json!({ "kind": "ClusterConfiguration", "featureGates": { "ControlPlaneKubeletLocalMode": true } }))]
         Value,
    ),
    /// Into k3s' `config.yaml`.
    K3s(#[schemars(example = serde_json::json!({ "kubelet-arg": ["max-pods=200"] }))] Value),
    /// A NixOS module: a file inside the lab's folder.
    Nixos(#[schemars(example = "nixos/worker.nix")] String),
    /// Into kubelet's configuration.
    Kubelet(#[schemars(example = serde_json::json!({ "maxPods": 200 }))] Value),
}
