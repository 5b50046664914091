//! The pod network.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::name::Name;
use crate::range::AddressRange;

/// The pod network.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Cni {
    /// flannel: a simple overlay.
    Flannel(Flannel),
    /// Calico.
    Calico(Calico),
    /// Cilium.
    Cilium(Cilium),
    /// Plain routes over a tailnet whose members route their pods: every node tells the tailnet
    /// its part of the pods' range.
    Tailnet(TailnetCni),
}

impl Cni {
    /// How packets are wrapped between nodes.
    #[must_use]
    pub fn encapsulation(&self) -> Encapsulation {
        match self {
            Self::Flannel(flannel) => match flannel.backend {
                FlannelBackend::Vxlan => Encapsulation::Vxlan,
                FlannelBackend::HostGw => Encapsulation::None,
            },
            Self::Calico(calico) => calico.encapsulation,
            Self::Cilium(cilium) => cilium.encapsulation,
            Self::Tailnet(_) => Encapsulation::None,
        }
    }

    /// The MTU in pods, where it is declared.
    #[must_use]
    pub const fn mtu(&self) -> Option<u16> {
        match self {
            Self::Flannel(flannel) => flannel.mtu,
            Self::Calico(calico) => calico.mtu,
            Self::Cilium(cilium) => cilium.mtu,
            Self::Tailnet(tailnet) => tailnet.mtu,
        }
    }

    /// The UDP port that it sends wrapped packets to, or `None`. Sources: flannel and Cilium use
    /// Linux' old number 8472 for VXLAN, Calico IANA's 4789; Geneve is 6081.
    #[must_use]
    pub fn port(&self) -> Option<u16> {
        match (self, self.encapsulation()) {
            (Self::Calico(_), Encapsulation::Vxlan) => Some(4789),
            (_, Encapsulation::Vxlan) => Some(8472),
            (_, Encapsulation::Geneve) => Some(6081),
            (_, Encapsulation::Wireguard) => Some(51_871),
            (_, Encapsulation::None | Encapsulation::Ipip) => None,
        }
    }

    /// BGP, where it speaks it.
    #[must_use]
    pub const fn bgp(&self) -> Option<&Bgp> {
        match self {
            Self::Calico(calico) => calico.bgp.as_ref(),
            Self::Cilium(cilium) => cilium.bgp.as_ref(),
            Self::Flannel(_) | Self::Tailnet(_) => None,
        }
    }

    /// Its name as the lab file writes it.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Flannel(_) => "flannel",
            Self::Calico(_) => "calico",
            Self::Cilium(_) => "cilium",
            Self::Tailnet(_) => "tailnet",
        }
    }
}

/// How packets are wrapped between nodes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Encapsulation {
    /// VXLAN (RFC 7348).
    #[default]
    Vxlan,
    /// Geneve (RFC 8926).
    Geneve,
    /// IP in IP (RFC 2003): IPv4 only.
    Ipip,
    /// Encrypted with `WireGuard`.
    Wireguard,
    /// Not at all: plain routes.
    None,
}

impl Encapsulation {
    /// Bytes that it adds to each packet, over IPv4 or IPv6. VXLAN and Geneve: outer header
    /// (20 or 40), UDP (8), their own (8, Geneve without options), inner Ethernet (14). IP in IP:
    /// the outer header. `WireGuard`: outer header, UDP (8), its own and the tag (32).
    #[must_use]
    pub const fn overhead(self, v6: bool) -> u16 {
        let outer = if v6 { 40 } else { 20 };
        match self {
            Self::Vxlan | Self::Geneve => outer + 30,
            Self::Ipip => outer,
            Self::Wireguard => outer + 40,
            Self::None => 0,
        }
    }
}

/// Settings of flannel.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Flannel {
    /// How packets travel between nodes.
    #[serde(default)]
    pub backend: FlannelBackend,
    /// The MTU inside pods. Default: derived from the network between the nodes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(example = 1450)]
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

/// Settings of Calico.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Calico {
    /// Its version, without `v`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(example = "3.32.0")]
    pub version: Option<String>,
    /// How packets are wrapped between nodes.
    #[serde(default)]
    pub encapsulation: Encapsulation,
    /// Only packets that leave the node's own network are wrapped.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub cross_subnet: bool,
    /// What handles packets on the node.
    #[serde(default)]
    pub dataplane: CalicoDataplane,
    /// The MTU inside pods. Default: derived from the networks between the nodes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(example = 1450)]
    pub mtu: Option<u16>,
    /// It tells routers its routes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bgp: Option<Bgp>,
    /// The network whose addresses are the ends of wrapped packets. Default: that between the
    /// nodes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"lan")]
    pub network: Option<Name>,
    /// Its controllers run, which free what deleted nodes and pods leave.
    #[serde(default = "yes", skip_serializing_if = "Clone::clone")]
    #[schemars(extend("default" = true))]
    pub controllers: bool,
}

impl Default for Calico {
    fn default() -> Self {
        Self {
            version: Default::default(),
            encapsulation: Default::default(),
            cross_subnet: Default::default(),
            dataplane: Default::default(),
            mtu: Default::default(),
            bgp: Default::default(),
            network: Default::default(),
            controllers: true,
        }
    }
}

const fn yes() -> bool {
    true
}

/// What handles packets on a node with Calico.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum CalicoDataplane {
    /// iptables.
    #[default]
    Iptables,
    /// nftables.
    Nftables,
    /// eBPF.
    Ebpf,
}

/// Settings of Cilium.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Cilium {
    /// Its version, without `v`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(example = "1.19.0")]
    pub version: Option<String>,
    /// How packets are wrapped between nodes; `none` is Cilium's "native routing".
    #[serde(default)]
    pub encapsulation: Encapsulation,
    /// The MTU inside pods. Default: derived from the network between the nodes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(example = 1450)]
    pub mtu: Option<u16>,
    /// Answers travel from the pod's node straight to the client (DSR).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub direct_return: bool,
    /// Addresses for Services of type `LoadBalancer`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub load_balancer: Vec<AddressRange>,
    /// One node answers for each of those addresses on the LAN (ARP, neighbour discovery).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub l2: bool,
    /// It tells routers its routes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bgp: Option<Bgp>,
    /// The name that its agents reach the API by. Default: the cluster's endpoint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(example = "api.home.example.net")]
    pub api: Option<String>,
    /// Pods' addresses are hidden behind the node's when they leave the cluster over IPv6.
    #[serde(default = "yes", skip_serializing_if = "Clone::clone")]
    #[schemars(extend("default" = true))]
    pub masquerade_v6: bool,
}

impl Default for Cilium {
    fn default() -> Self {
        Self {
            version: Default::default(),
            encapsulation: Default::default(),
            mtu: Default::default(),
            direct_return: Default::default(),
            load_balancer: Default::default(),
            l2: Default::default(),
            bgp: Default::default(),
            api: Default::default(),
            masquerade_v6: true,
        }
    }
}

/// Routes over a tailnet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct TailnetCni {
    /// The tailnet, a network of the lab.
    #[schemars(example = &"tailnet")]
    pub network: Name,
    /// The MTU inside pods. Default: that of the tailnet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(example = 1280)]
    pub mtu: Option<u16>,
    /// The image of the agent on every node.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(example = "ghcr.io/tailscale/tailscale:v1.92.0")]
    pub image: Option<String>,
}

/// Routes told to routers by BGP.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Bgp {
    /// The cluster's autonomous system.
    #[schemars(example = 64513)]
    pub asn: u32,
    /// The routers, hosts of the lab.
    #[schemars(example = serde_json::json!(["router"]))]
    pub peers: Vec<Name>,
    /// Only nodes with this label speak, as `key=value`. Default: all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(example = "bgp=yes")]
    pub speakers: Option<String>,
}
