//! Clusters, their distribution and their pod network.

use ipnet::IpNet;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A Kubernetes cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Cluster {
    /// Which Kubernetes, and how it is installed.
    pub distribution: Distribution,
    /// The address range of pods. Every node gets a part of it.
    #[schemars(with = "String", example = "10.244.0.0/16")]
    pub pods: IpNet,
    /// The address range of Services.
    #[schemars(with = "String", example = "10.96.0.0/16")]
    pub services: IpNet,
    /// The DNS domain inside the cluster.
    #[serde(default = "cluster_local")]
    pub domain: String,
    /// The pod network.
    pub cni: Cni,
}

fn cluster_local() -> String {
    "cluster.local".to_owned()
}

/// Which Kubernetes, and how it is installed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Distribution {
    /// Upstream Kubernetes, installed by kubeadm on Debian nodes.
    Kubeadm(Kubeadm),
}

/// Upstream Kubernetes by kubeadm.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Kubeadm {
    /// The Kubernetes version, without `v`.
    #[schemars(example = "1.36.3", regex(pattern = r"^1\.[0-9]+\.[0-9]+$"))]
    pub kubernetes: String,
}

/// The pod network.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Cni {
    /// flannel: a simple overlay.
    Flannel(Flannel),
}

/// Settings of flannel.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Flannel {
    /// How packets travel between nodes.
    #[serde(default)]
    pub backend: FlannelBackend,
    /// The MTU inside pods. Default: derived from the network between the nodes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mtu: Option<u16>,
}

/// How flannel carries packets between nodes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum FlannelBackend {
    /// VXLAN encapsulation: works across routers.
    #[default]
    Vxlan,
    /// Plain routes, no encapsulation: all nodes on one network.
    HostGw,
}

impl FlannelBackend {
    /// Bytes that the encapsulation adds to each packet over IPv4: outer IPv4 (20), UDP (8),
    /// VXLAN (8), inner Ethernet (14). Source: RFC 7348, section 5.
    #[must_use]
    pub const fn overhead(self) -> u16 {
        match self {
            Self::Vxlan => 50,
            Self::HostGw => 0,
        }
    }
}
