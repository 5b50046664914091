//! What is known of software that a lab may name: `catalog/known.yaml`.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::OnceLock;

use model::quantity::Bytes;
use serde::{Deserialize, Deserializer};

use crate::component::ComponentKind;

const DATA: &str = include_str!("../../../catalog/known.yaml");
const PLATFORMS: &str = include_str!("../../../catalog/platforms.yaml");

/// What is known of a component or app, whether or not Steading can bring it up.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Known {
    /// What it is, in one sentence.
    pub about: String,
    /// Whether it serves the cluster or is a workload.
    pub kind: ComponentKind,
    /// What it gives to others.
    #[serde(default)]
    pub provides: Vec<Capability>,
    /// What it does not work without.
    #[serde(default)]
    pub needs: Vec<Capability>,
    /// Beginnings of versions, each with the day after which nobody mends them, as `2026-03-31`.
    #[serde(default)]
    pub eol: BTreeMap<String, String>,
    /// What must run so that it serves. Where that is left out, the failure model says "unknown".
    #[serde(default, deserialize_with = "runs")]
    pub runs: Option<Runs>,
}

/// The pods that must run so that something serves.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Runs {
    /// Who looks after them.
    pub kind: RunsAs,
    /// How many there are by default. Default: 1, or one on every node.
    #[serde(default)]
    pub replicas: Option<u32>,
    /// Thousandths of a processor thread that each asks for by default.
    #[serde(default)]
    pub millicpu: Option<u32>,
    /// Memory that each asks for by default.
    #[serde(default)]
    pub memory: Option<Bytes>,
    /// They tolerate all taints.
    #[serde(default)]
    pub everywhere: bool,
}

/// Who looks after pods.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RunsAs {
    /// A `Deployment`.
    Deployment,
    /// A `StatefulSet`.
    Statefulset,
    /// A `DaemonSet`.
    Daemonset,
}

/// Reads `deployment` as well as `{ kind: deployment, replicas: 2 }`.
fn runs<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Runs>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Written {
        Word(RunsAs),
        Full(Runs),
    }
    Ok(Some(match Written::deserialize(deserializer)? {
        Written::Full(runs) => runs,
        Written::Word(kind) => Runs {
            kind,
            replicas: None,
            millicpu: None,
            memory: None,
            everywhere: false,
        },
    }))
}

/// Something that one entry gives and another needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Capability {
    /// Backups of volumes.
    Backups,
    /// Certificates that are renewed.
    Certificates,
    /// Names outside the cluster for what runs in it.
    Dns,
    /// A cluster that follows a Git repository.
    Gitops,
    /// Graphics processors in pods.
    Gpu,
    /// A way in by host name.
    Ingress,
    /// Addresses of the network for Services.
    LoadBalancer,
    /// Encrypted and routed traffic between pods.
    Mesh,
    /// Metrics that are collected.
    Metrics,
    /// Network policies that are enforced.
    Policies,
    /// Container images from nearby.
    RegistryMirror,
    /// Secrets that need not lie in the open.
    Secrets,
    /// Objects of kind `ServiceMonitor` that somebody reads.
    ServiceMonitors,
    /// Volumes.
    Storage,
    /// A way in through a provider.
    Tunnel,
}

impl Capability {
    /// Its word in the catalog.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Backups => "backups",
            Self::Certificates => "certificates",
            Self::Dns => "dns",
            Self::Gitops => "gitops",
            Self::Gpu => "gpu",
            Self::Ingress => "ingress",
            Self::LoadBalancer => "load-balancer",
            Self::Mesh => "mesh",
            Self::Metrics => "metrics",
            Self::Policies => "policies",
            Self::RegistryMirror => "registry-mirror",
            Self::Secrets => "secrets",
            Self::ServiceMonitors => "service-monitors",
            Self::Storage => "storage",
            Self::Tunnel => "tunnel",
        }
    }

    /// Whether a lab can have it without any component: from its pod network, its distribution, or
    /// a section of the lab file.
    #[must_use]
    pub const fn of_the_lab(self) -> bool {
        match self {
            // Cilium and k3s hand out addresses, Calico and Cilium enforce policies; the sections
            // `storage`, `backups` and `secrets` give what their names say.
            Self::Backups | Self::LoadBalancer | Self::Policies | Self::Secrets | Self::Storage => {
                true
            }
            Self::Certificates
            | Self::Dns
            | Self::Gitops
            | Self::Gpu
            | Self::Ingress
            | Self::Mesh
            | Self::Metrics
            | Self::RegistryMirror
            | Self::ServiceMonitors
            | Self::Tunnel => false,
        }
    }
}

impl fmt::Display for Capability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

/// Everything known, by the names of the entries. The data is part of the program and read once; a
/// test reads all of it.
#[must_use]
pub fn known() -> &'static BTreeMap<String, Known> {
    static ALL: OnceLock<BTreeMap<String, Known>> = OnceLock::new();
    ALL.get_or_init(|| serde_saphyr::from_str(DATA).unwrap_or_default())
}

/// The days after which nobody mends a version of what clusters are made of: product, then the
/// beginning of a version, then the day.
#[must_use]
pub fn platforms() -> &'static BTreeMap<String, BTreeMap<String, String>> {
    static ALL: OnceLock<BTreeMap<String, BTreeMap<String, String>>> = OnceLock::new();
    ALL.get_or_init(|| serde_saphyr::from_str(PLATFORMS).unwrap_or_default())
}

#[cfg(test)]
mod tests;
