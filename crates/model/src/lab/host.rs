//! Sites and hosts.

mod hardware;
mod power;

use std::collections::BTreeMap;
use std::net::IpAddr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use hardware::{Disk, DiskKind, DiskRole, Gpu, GpuVendor, Mac, Nic, Speed, UsbDevice};
pub use power::{Availability, Hours, Management, Plug, PlugKind, Power};

use super::Named;
use super::secret::SecretRef;
use crate::dual::Dual;
use crate::name::Name;
use crate::quantity::Bytes;

/// A place with power and uplink.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Site {
    /// A cloud provider's region that it is, such as `eu-west-1`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(example = "eu-west-1")]
    pub region: Option<String>,
    /// A cloud provider's availability zone that it is, such as `eu-west-1a`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"eu-west-1a")]
    pub zone: Option<String>,
    /// A place inside another: a room, a rack, an availability zone of a region.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"house")]
    pub within: Option<Name>,
    /// Power that lasts for a while after the mains fail.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ups: Option<crate::duration::Period>,
}

/// A physical or cloud machine.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Host {
    /// The site it stands at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"attic")]
    pub site: Option<Name>,
    /// What it is, in a person's words: `Intel N100`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(example = "Intel N100")]
    pub model: Option<String>,
    /// Its processor architecture.
    #[serde(default)]
    pub arch: Arch,
    /// Its processor threads, as the operating system counts them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(example = 8)]
    pub cpu: Option<u32>,
    /// Its memory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(example = "16Gi")]
    pub memory: Option<Bytes>,
    /// Its memory corrects errors (ECC).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub ecc: bool,
    /// Its network interfaces, by the operating system's names.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub nics: Named<Nic>,
    /// Its addresses, each by the network that it is in. `dhcp`: whatever is handed out.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub addresses: BTreeMap<Name, HostAddress>,
    /// Its disks, by names that you choose or the operating system's.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub disks: Named<Disk>,
    /// Its graphics processors.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub gpus: Named<Gpu>,
    /// USB devices that workloads use.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub usb: Named<UsbDevice>,
    /// When it is on.
    #[serde(default, skip_serializing_if = "Availability::is_always")]
    pub availability: Availability,
    /// How it is switched on and off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub power: Option<Power>,
    /// What it starts from. Default: its disk.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub boot: Option<Boot>,
    /// The operating system on it, where a person or another tool looks after that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub os: Option<Os>,
    /// What runs virtual machines on it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hypervisor: Option<Hypervisor>,
    /// It is rented: where, and of which type.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cloud: Option<Cloud>,
    /// How Steading reaches it. Default: not at all; what needs it is refused then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub access: Option<Access>,
    /// Services on it outside Kubernetes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub runs: Vec<Service>,
    /// What is kept for the operating system and for what `runs`. Default: half a gibibyte, and
    /// what is known of the services.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reserve: Option<Size>,
    /// Ports that its own firewall lets in, as `tcp/6443`. Default: it has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(example = serde_json::json!(["tcp/6443", "udp/8472"]))]
    pub open_ports: Option<Vec<String>>,
    /// It routes with BGP.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bgp: Option<BgpRouter>,
    /// It restarts by itself after updates, without asking anybody.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub reboots_by_itself: bool,
}

impl Host {
    /// How fast it reaches a network: as the fastest of its interfaces that are declared to be
    /// connected to it. `None`: no speed is told.
    #[must_use]
    pub fn speed_into(&self, network: &Name) -> Option<Speed> {
        let into = |nic: &&Nic| nic.network.as_ref() == Some(network);
        let speeds = self.nics.values().filter(into).filter_map(|nic| nic.speed);
        speeds.max().filter(|speed| speed.0 > 0)
    }
}

/// An address of a host: fixed, or whatever DHCP hands out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum HostAddress {
    /// Whatever DHCP hands out.
    Dhcp(DhcpWord),
    /// A fixed one, or one of each family.
    Fixed(Dual<IpAddr>),
}

/// The word `dhcp`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum DhcpWord {
    /// Whatever DHCP hands out.
    Dhcp,
}

impl HostAddress {
    /// The fixed addresses.
    #[must_use]
    pub fn fixed(&self) -> Vec<IpAddr> {
        match self {
            Self::Dhcp(_) => Vec::new(),
            Self::Fixed(addresses) => addresses.iter().collect(),
        }
    }
}

/// A processor architecture, in Kubernetes' words.
#[derive(
    Debug,
    Clone,
    Copy,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Arch {
    /// x86, 64 bits.
    #[default]
    Amd64,
    /// ARM, 64 bits.
    Arm64,
}

/// Processor threads and memory.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Size {
    /// Processor threads.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(example = 2)]
    pub cpu: Option<u32>,
    /// Memory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(example = "4Gi")]
    pub memory: Option<Bytes>,
}

/// What a host starts from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Boot {
    /// Its own disk.
    Disk,
    /// The network (PXE): no disk, card or stick has to be written.
    Netboot,
}

/// How Steading reaches a host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Access {
    /// It is the machine that Steading runs on.
    Local,
    /// By SSH, as `USER@HOST` or `USER@HOST:PORT`.
    Ssh(#[schemars(example = "root@10.0.0.2")] String),
}

/// A service on a host outside Kubernetes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Service {
    /// A Ceph monitor.
    CephMon,
    /// A Ceph manager.
    CephMgr,
    /// A Ceph object storage daemon.
    CephOsd,
    /// A Ceph metadata server.
    CephMds,
    /// An NFS server.
    Nfs,
    /// A DHCP server.
    Dhcp,
    /// A DNS server.
    Dns,
    /// A time server.
    Ntp,
    /// A router between networks.
    Router,
    /// A server that machines boot from.
    Netboot,
    /// A WireGuard server.
    Wireguard,
    /// A headscale server.
    Headscale,
    /// A git server.
    Git,
    /// A Zigbee bridge.
    Zigbee,
    /// Home Assistant.
    HomeAssistant,
    /// Something else.
    Other,
}

/// The operating system of a host that another tool or a person looks after.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Os {
    /// Debian.
    Debian(Release),
    /// Ubuntu.
    Ubuntu(Release),
    /// NixOS.
    Nixos(Release),
    /// Rocky Linux.
    Rocky(Release),
    /// Another one; its name and release.
    Other(#[schemars(example = "OPNsense 25.7")] String),
}

/// A release of an operating system.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Release {
    /// Such as `13` or `25.11`.
    #[schemars(example = "13")]
    pub release: String,
}

/// What runs virtual machines on a host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Hypervisor {
    /// QEMU with the kernel's KVM, driven by Steading.
    Qemu(Qemu),
    /// Proxmox VE.
    Proxmox(Proxmox),
}

/// QEMU/KVM.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Qemu {
    /// The network that machines are bridged to. Default: the one that the host's address is in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"lan")]
    pub bridge: Option<Name>,
}

/// Proxmox VE.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Proxmox {
    /// Its version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(example = "9.0")]
    pub version: Option<String>,
    /// Where its API answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(example = "https://10.0.0.40:8006")]
    pub url: Option<String>,
    /// The token for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<SecretRef>,
    /// It runs on NixOS.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub on_nixos: bool,
}

/// Where a host is rented.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Cloud {
    /// Amazon EC2.
    Ec2(Instance),
    /// Linode.
    Linode(Instance),
}

impl Cloud {
    /// The provider, as the lab file writes it.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Ec2(_) => "ec2",
            Self::Linode(_) => "linode",
        }
    }

    /// The instance, whoever rents it out.
    #[must_use]
    pub const fn instance(&self) -> &Instance {
        match self {
            Self::Ec2(instance) | Self::Linode(instance) => instance,
        }
    }
}

/// A rented machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Instance {
    /// The provider's name for its size, such as `t3.medium`.
    #[serde(rename = "type")]
    #[schemars(example = "t3.medium")]
    pub size: String,
    /// The region, such as `ap-northeast-2`.
    #[schemars(example = "ap-northeast-2")]
    pub region: String,
    /// The availability zone, such as `ap-northeast-2a`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(example = "ap-northeast-2a")]
    pub zone: Option<String>,
    /// The image that it starts from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(example = "debian-13")]
    pub image: Option<String>,
    /// A script that runs at its first start, inside the lab's folder. Changing it makes the
    /// machine anew.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(example = "cloud/first-boot.sh")]
    pub first_boot: Option<String>,
    /// The provider's subnet that it is in, as a network of the lab.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"cloud")]
    pub subnet: Option<Name>,
}

/// BGP on a router of the lab.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct BgpRouter {
    /// Its autonomous system.
    #[schemars(example = 64512)]
    pub asn: u32,
    /// Who it peers with: hosts or nodes of the lab.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(example = serde_json::json!(["worker-1"]))]
    pub neighbours: Vec<Name>,
}
