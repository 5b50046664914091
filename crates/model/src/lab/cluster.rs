//! Clusters, their distribution and how they are reached.

use std::net::IpAddr;
use std::time::Duration;

use ipnet::IpNet;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::cni::Cni;
use super::patch::Patch;
use super::secret::SecretRef;
use crate::dual::Dual;
use crate::duration::Period;
use crate::name::Name;

/// A Kubernetes cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Cluster {
    /// Which Kubernetes, and how it is installed.
    pub distribution: Distribution,
    /// Where its API answers. Default: the first control plane's own address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<Endpoint>,
    /// The address range of pods, or one of each family. Every node gets a part of it.
    #[schemars(example = "10.244.0.0/16")]
    pub pods: Dual<IpNet>,
    /// How large each node's part is, as a prefix length. Default: 24, and 64 for IPv6.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 16, max = 120))]
    #[schemars(example = 24)]
    pub pods_per_node: Option<u8>,
    /// The address range of Services, or one of each family.
    #[schemars(example = "10.96.0.0/16")]
    pub services: Dual<IpNet>,
    /// The address of DNS in the cluster. Default: the tenth of `services`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(example = "10.96.0.10")]
    pub dns: Option<IpAddr>,
    /// The address of the API in the cluster. Default: the first of `services`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(example = "10.96.0.1")]
    pub api_service: Option<IpAddr>,
    /// The DNS domain inside the cluster.
    #[serde(default = "cluster_local")]
    #[schemars(example = "cluster.local")]
    pub domain: String,
    /// The pod network.
    pub cni: Cni,
    /// Who carries Service addresses to pods. Default: what the pod network needs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proxy: Option<Proxy>,
    /// The network between the nodes. Default: the one that the first node's address is in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"lan")]
    pub network: Option<Name>,
    /// Further names and addresses that the API is reached by, for its certificate. Those that
    /// the lab file tells anyway need not be here.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(example = serde_json::json!(["api.home.example.net"]))]
    pub sans: Vec<String>,
    /// Its certificates.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificates: Option<Certificates>,
    /// Signing in with accounts of somebody else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub oidc: Option<Oidc>,
    /// Raw configuration for what the lab file has no field for: an escape hatch.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub patches: Vec<Patch>,
}

fn cluster_local() -> String {
    "cluster.local".to_owned()
}

/// Where a cluster's API answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Endpoint {
    /// At an address that the control planes hand to each other.
    Vip(#[schemars(example = "10.0.0.10")] IpAddr),
    /// At one of its control planes.
    Node(#[schemars(example = "control-plane-1")] Name),
    /// At a name.
    Dns(EndpointName),
}

/// A name that an API answers at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct EndpointName {
    /// The name.
    #[schemars(example = "api.home.example.net")]
    pub name: String,
    /// The network whose DNS knows it. Default: a server outside the lab.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"lan")]
    pub network: Option<Name>,
    /// Where it leads. Default: to all control planes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(example = "10.0.0.10")]
    pub address: Option<IpAddr>,
}

/// Which Kubernetes, and how it is installed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Distribution {
    /// Upstream Kubernetes, installed by kubeadm on Debian nodes.
    Kubeadm(Kubeadm),
    /// Talos Linux: an operating system that is only Kubernetes.
    Talos(Talos),
    /// k3s on an operating system of your choice.
    K3s(K3s),
    /// Kubernetes from NixOS' own modules.
    Nixos(Nixos),
    /// Kairos: an immutable system with k3s.
    Kairos(K3s),
    /// k3OS. It is at its end of life since 2023.
    K3os(K3s),
}

impl Distribution {
    /// The Kubernetes version, without `v`, where the distribution names one.
    #[must_use]
    pub fn kubernetes(&self) -> Option<&str> {
        match self {
            Self::Kubeadm(kubeadm) => Some(&kubeadm.kubernetes),
            Self::Talos(talos) => Some(&talos.kubernetes),
            Self::K3s(k3s) | Self::Kairos(k3s) | Self::K3os(k3s) => {
                k3s.version.split(['+', '-']).next()
            }
            Self::Nixos(nixos) => nixos.kubernetes.as_deref(),
        }
    }

    /// Its name as the lab file writes it.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Kubeadm(_) => "kubeadm",
            Self::Talos(_) => "talos",
            Self::K3s(_) => "k3s",
            Self::Nixos(_) => "nixos",
            Self::Kairos(_) => "kairos",
            Self::K3os(_) => "k3os",
        }
    }
}

/// Upstream Kubernetes by kubeadm.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Kubeadm {
    /// The Kubernetes version, without `v`.
    #[schemars(example = "1.36.3", regex(pattern = r"^1\.[0-9]+\.[0-9]+$"))]
    pub kubernetes: String,
}

/// Talos Linux.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Talos {
    /// The version of Talos, without `v`.
    #[schemars(example = "1.12.4")]
    pub version: String,
    /// The Kubernetes version, without `v`.
    #[schemars(example = "1.35.0")]
    pub kubernetes: String,
    /// System extensions that are built into its image.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(example = serde_json::json!(["siderolabs/i915"]))]
    pub extensions: Vec<String>,
    /// Further arguments for its kernel.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(example = serde_json::json!(["net.ifnames=0"]))]
    pub kernel_args: Vec<String>,
    /// The port of KubePrism, its load balancer for the API on every node. Default: 7445; 0: off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(example = 7445)]
    pub kubeprism: Option<u16>,
    /// The version of the configuration's contract. Default: that of `version`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(example = "1.12")]
    pub contract: Option<String>,
    /// The version of the program `talosctl` that looks after it. Default: `version`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(example = "1.12.1")]
    pub talosctl: Option<String>,
}

/// k3s.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct K3s {
    /// Its version, without `v`.
    #[schemars(example = "1.36.2+k3s1")]
    pub version: String,
    /// Where its state is kept. Default: etcd with several control planes, else sqlite.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub datastore: Option<Datastore>,
    /// Parts of it that are left out, such as `traefik` or `servicelb`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(example = serde_json::json!(["traefik", "servicelb"]))]
    pub disable: Vec<String>,
}

/// Where k3s keeps its state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Datastore {
    /// etcd inside k3s.
    Etcd,
    /// A file on the only control plane.
    Sqlite,
}

/// Kubernetes from NixOS' modules.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Nixos {
    /// The release, such as `25.11`.
    #[schemars(example = "25.11")]
    pub release: String,
    /// The Kubernetes version that the release brings, without `v`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(example = "1.34.2")]
    pub kubernetes: Option<String>,
    /// Signatures of binary caches are checked.
    #[serde(default = "yes", skip_serializing_if = "Clone::clone")]
    #[schemars(extend("default" = true))]
    pub require_signatures: bool,
}

const fn yes() -> bool {
    true
}

/// Who carries Service addresses to pods.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Proxy {
    /// kube-proxy with iptables.
    Iptables,
    /// kube-proxy with nftables.
    Nftables,
    /// kube-proxy with IPVS.
    Ipvs,
    /// The pod network itself; no kube-proxy runs.
    None,
}

const YEAR: Duration = Duration::from_secs(365 * 24 * 3600);

/// A cluster's certificates.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Certificates {
    /// How long the authority is valid. It is made with the cluster. Default: 10y.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authority: Option<Period>,
    /// How long the others are valid. Default: 1y.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub leaves: Option<Period>,
    /// How long before their end the others are renewed. Default: a third of their time; `0s`: only
    /// once they have ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub renew_before: Option<Period>,
    /// A folder of certificates inside the lab's folder, where somebody else issues them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"pki")]
    pub folder: Option<String>,
}

impl Certificates {
    /// How long the authority is valid: for ten years where nobody says otherwise, as kubeadm has it.
    #[must_use]
    pub fn authority_lasts(&self) -> Duration {
        self.authority.map_or(10 * YEAR, |period| period.0)
    }

    /// How long the others are valid: for a year where nobody says otherwise, as kubeadm has it.
    #[must_use]
    pub fn leaves_last(&self) -> Duration {
        self.leaves.map_or(YEAR, |period| period.0)
    }

    /// How long before their end they are renewed.
    #[must_use]
    pub fn renewed_before(&self) -> Duration {
        self.renew_before
            .map_or(self.leaves_last() / 3, |period| period.0)
    }

    /// Whether nothing is said.
    #[must_use]
    pub fn is_silent(&self) -> bool {
        *self == Self::default()
    }
}

/// Signing in with accounts of somebody else (OpenID Connect).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Oidc {
    /// Who issues the tokens.
    #[schemars(example = "https://login.example.net")]
    pub issuer: String,
    /// The cluster's name there.
    #[schemars(example = &"kubernetes")]
    pub client: String,
    /// The secret for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<SecretRef>,
    /// The claim that names the user. Default: `sub`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"email")]
    pub username_claim: Option<String>,
}
