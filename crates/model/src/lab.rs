//! The lab as a person declares it. Field names and shapes are the file format.
//!
//! Every struct lists all its fields, none is flattened, variants are externally tagged
//! (`container: { cpu: 2 }`): so each value keeps its own place in the file, and later kinds of
//! machines, distributions and components are added without changing what exists. The one
//! exception is [`Component`], whose settings stand beside its fields.

mod app;
mod around;
mod clock;
mod cluster;
mod cni;
mod component;
mod host;
mod keeping;
mod network;
mod node;
mod patch;
mod secret;
mod storage;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use app::{
    Apart, App, AppSource, Chart, Expose, Forward, Ingress, LoadBalancer, Placement, Requests,
};
pub use around::{
    ClusterAccess, FirewallAction, FirewallRule, ImageBuild, Signal, User, Watched, WatchedKind,
};
pub use clock::TimeOfDay;
pub use cluster::{
    Certificates, Cluster, Datastore, Distribution, Endpoint, EndpointName, K3s, Kubeadm, Nixos,
    Oidc, Proxy, Talos,
};
pub use cni::{
    Bgp, Calico, CalicoDataplane, Cilium, Cni, Encapsulation, Flannel, FlannelBackend, TailnetCni,
};
pub use component::Component;
pub use host::{
    Access, Arch, Availability, BgpRouter, Boot, Cloud, DhcpWord, Disk, DiskKind, DiskRole, Gpu,
    GpuVendor, Host, HostAddress, Hours, Hypervisor, Instance, Mac, Management, Nic, Os, Plug,
    PlugKind, Power, Proxmox, Qemu, Release, Service, Site, Size, Speed, UsbDevice,
};
pub use keeping::{
    Accepted, Backup, Bucket, Claims, Event, OffAndFails, OneOrMany, Promise, Replica, Rhythm,
    Target,
};
pub use network::{
    Dhcp, Dns, ETHERNET_MTU, Headscale, JoinKey, Network, Overlay, Reservation, Tailscale, Tunnel,
    TunnelKind, Wifi, Wireguard,
};
pub use node::{ContainerMachine, Machine, Node, Role, Taint, TaintEffect, VirtualMachine};
pub use patch::Patch;
pub use secret::{Secret, SecretRef};
pub use storage::{
    Class, ExternalCeph, FailureDomain, Folder, HostDisk, Local, Nfs, ObjectProvider, ObjectStore,
    Pool, PoolKind, Reclaim, Rook, Storage, Vdev, Volume, Zfs,
};

use crate::name::Name;

/// Things by their names, in the order of the names.
pub type Named<T> = BTreeMap<Name, T>;

/// A whole lab: what one lab file, or a folder of them, declares.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Lab {
    /// The version of this format. Default: the newest. Steading reads older ones.
    #[serde(default = "newest", skip_serializing_if = "is_newest")]
    #[schemars(range(min = 1, max = 1))]
    #[schemars(example = 1)]
    pub format: u32,
    /// The lab's name. Nodes, networks and files on the hosts carry it.
    #[schemars(example = &"home")]
    pub lab: Name,
    /// Places with power and uplink of their own.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub sites: Named<Site>,
    /// Networks that hosts and nodes are attached to.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub networks: Named<Network>,
    /// Rules of firewalls between networks, in their order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub firewall: Vec<FirewallRule>,
    /// Physical or cloud machines.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub hosts: Named<Host>,
    /// Kubernetes clusters.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub clusters: Named<Cluster>,
    /// Kubernetes nodes, each on a host.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub nodes: Named<Node>,
    /// Where data is kept.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub storage: Named<Storage>,
    /// Cluster services out of the catalog, by their names, with their settings.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub components: Named<Component>,
    /// Your own workloads.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub apps: Named<App>,
    /// Container images that the lab builds.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub images: Named<ImageBuild>,
    /// Where secrets are kept; never the secrets.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub secrets: Named<Secret>,
    /// Who uses the lab, and what they may do.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub users: Named<User>,
    /// Things outside the clusters that are watched.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub observability: Named<Watched>,
    /// What must stay when something else goes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub promises: Vec<Promise>,
    /// What is kept in case it is lost.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub backups: Named<Backup>,
    /// Findings of `steading check` that are known and meant to be.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub accepts: Vec<Accepted>,
    /// Totals that the lab's description tells. The check adds up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub claims: Option<Claims>,
    /// How its replica stands on one machine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replica: Option<Replica>,
    /// What an import could not place: kept word for word, used by nobody.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub notes: BTreeMap<String, String>,
}

/// The newest version of the format.
pub const FORMAT: u32 = 1;

const fn newest() -> u32 {
    FORMAT
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it")]
const fn is_newest(format: &u32) -> bool {
    *format == FORMAT
}

/// Settings of a catalog entry. Its own schema in the catalog says which there are.
pub type Settings = BTreeMap<String, serde_json::Value>;
