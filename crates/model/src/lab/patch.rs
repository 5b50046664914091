//! Escape hatches: raw configuration for what the lab file has no field for.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Raw configuration, merged into what Steading writes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Patch {
    /// Into Talos' machine configuration (a strategic merge patch).
    Talos(Value),
    /// Into kubeadm's configuration; the document's `kind` says into which.
    Kubeadm(Value),
    /// Into k3s' `config.yaml`.
    K3s(Value),
    /// A NixOS module: a file inside the lab's folder.
    Nixos(String),
    /// Into kubelet's configuration.
    Kubelet(Value),
}
