//! What each kind of resource shall be. No secret is ever part of a spec: specs are printed,
//! saved and digested.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::lab::{Arch, Certificates, Machine, Reservation, Role, Speed, Taint};
use crate::name::Name;
use crate::range::AddressRange;

/// Where machines see the folder that they share ([`NodeMachine::shared_folder`]).
pub const SHARED_FOLDER: &str = "/var/lib/steading/shared";

/// What a resource shall be, by kind.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Spec {
    /// See [`Artifact`].
    Artifact(Artifact),
    /// See [`NodeImage`].
    Image(NodeImage),
    /// See [`NodeNetwork`].
    Network(NodeNetwork),
    /// See [`Router`].
    Router(Router),
    /// See [`HostSpace`].
    Host(HostSpace),
    /// See [`Fence`].
    Fence(Fence),
    /// See [`NodeMachine`].
    Machine(NodeMachine),
    /// See [`Member`].
    Member(Member),
    /// See [`Forwarder`].
    Forward(Forwarder),
    /// See [`Objects`].
    Objects(Objects),
    /// See [`Connectivity`].
    Connectivity(Connectivity),
    /// What is left of a thing of ours that cannot tell what it was made from: its making or its
    /// removal was killed. It can only be removed.
    Remains,
}

/// Programs of one upstream project, at one version, for one architecture.
/// The catalog (`catalog/artifacts/<name>.yaml`) says where they come from.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Artifact {
    /// Its name in the catalog, such as `kubernetes`.
    pub name: Name,
    /// Its version, as the publisher writes it without a leading `v`.
    pub version: String,
    /// For which processors.
    pub arch: Arch,
}

/// The file system that nodes start from, with programs and container images inside.
/// Built once per content digest, never changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NodeImage {
    /// The Debian release that it is made from, such as `trixie`.
    pub debian: String,
    /// Debian packages, beside the minimal base.
    pub packages: BTreeSet<String>,
    /// The Kubernetes version, without `v`.
    pub kubernetes: String,
    /// Everything brought in from outside Debian, programs and container images alike.
    pub artifacts: BTreeSet<Artifact>,
    /// Raised when the way of building changes, so that old images are not mistaken for new ones.
    pub recipe: u32,
}

/// A network among the nodes on one host: a bridge in a network namespace of its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NodeNetwork {
    /// The host that it exists on.
    pub host: Name,
    /// Its address range.
    pub cidr: IpNet,
    /// The address of its gateway: the bridge itself, unless a [`Router`] has it.
    pub gateway: IpAddr,
    /// Whether a [`Router`] has it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub routed: bool,
    /// The largest packet, in bytes.
    pub mtu: u16,
}

/// The router of a replica, in namespaces of its own: it has the gateways' addresses, answers for
/// names, hands out addresses, tells the time, and routes between the networks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Router {
    /// The digest of the [`NodeImage`] whose programs it runs.
    pub image: Digest,
    /// Its links, by network.
    pub links: BTreeMap<Name, RouterLink>,
    /// The names that it answers for.
    pub names: BTreeMap<String, BTreeSet<IpAddr>>,
    /// Whether it leads out to the internet, by this machine's own connections.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub uplink: bool,
}

/// The link of a [`Router`] into a network, and what it does there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RouterLink {
    /// The gateway's address, with the prefix length of the network.
    pub address: IpNet,
    /// The largest packet, in bytes.
    pub mtu: u16,
    /// The zone of names in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zone: Option<String>,
    /// What it hands out there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dhcp: Option<DhcpService>,
    /// The networks that nothing is routed to from there.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub closed_to: BTreeSet<Name>,
}

/// Addresses that are handed out.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DhcpService {
    /// Those for whoever asks.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ranges: Vec<AddressRange>,
    /// Those that are kept, by the names of whom they are kept for.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub reservations: BTreeMap<Name, Reservation>,
}

/// What stands for a host in a replica: a network namespace with a bridge for each of the networks
/// that its nodes are attached to, and a control group around all of its nodes. Switched off, it
/// takes them along, and its links.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HostSpace {
    /// Its links into the lab's networks, by network.
    pub links: BTreeMap<Name, HostLink>,
}

/// The link of a [`HostSpace`] into a network.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HostLink {
    /// The largest packet, in bytes.
    pub mtu: u16,
    /// How fast it is, as the host's network interface is declared. Without one: as fast as it goes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub speed: Option<Speed>,
}

/// The mark on a node whose host is off for certain: its pods and volumes may move at once.
/// Source: Kubernetes, `node.kubernetes.io/out-of-service`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fence {
    /// The cluster.
    pub cluster: Name,
    /// The host that is off.
    pub host: Name,
}

/// What a node runs as, with everything that it is told at its first start.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NodeMachine {
    /// The host that it runs on.
    pub host: Name,
    /// Whether the host is one of a replica: a [`HostSpace`] that the machine is inside of.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub inside_host: bool,
    /// Whether it sees the folder that all such machines of the lab share: volumes lie there.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub shared_folder: bool,
    /// Its kind and size.
    pub machine: Machine,
    /// The digest of its [`NodeImage`].
    pub image: Digest,
    /// That of the same image without the container images that only some labs run: machines that
    /// differ in those alone are given them while they run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub system: Option<Digest>,
    /// The network that it is attached to.
    pub network: Name,
    /// Its address with the prefix length of the network.
    pub address: IpNet,
    /// Its router.
    pub gateway: IpAddr,
    /// The largest packet on its link, in bytes.
    pub mtu: u16,
    /// The MTU inside pods, for the CNI configuration.
    pub pod_mtu: u16,
    /// The pod range of the whole cluster: routed to the pod network, never to the gateway.
    pub pods: IpNet,
    /// Names that it resolves without DNS: those of all nodes of its cluster.
    pub hosts: BTreeMap<Name, IpAddr>,
}

/// A node's membership in its cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Member {
    /// The cluster.
    pub cluster: Name,
    /// The role.
    pub role: Role,
    /// Whether this member creates the cluster; the others join.
    pub first: bool,
    /// The node's own address.
    pub address: IpAddr,
    /// The cluster's API endpoint, `host:port`.
    pub endpoint: String,
    /// The address that this control plane holds in turn with the others; without one, the
    /// endpoint is a control plane's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shared: Option<IpAddr>,
    /// For a control plane that is not alone: all of them, with their own addresses.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub planes: BTreeMap<Name, IpAddr>,
    /// The Kubernetes version, without `v`.
    pub kubernetes: String,
    /// The address range of pods.
    pub pods: IpNet,
    /// The address range of Services.
    pub services: IpNet,
    /// The address of cluster DNS: derived, the tenth of the Service range.
    pub dns: IpAddr,
    /// The DNS domain inside the cluster.
    pub domain: String,
    /// Further names and addresses that the API server's certificate covers.
    pub sans: BTreeSet<String>,
    /// For a control plane: how long certificates last, and when they are renewed.
    #[serde(default, skip_serializing_if = "Certificates::is_silent")]
    pub certificates: Certificates,
    /// Kubernetes labels.
    pub labels: BTreeMap<String, String>,
    /// Kubernetes taints.
    pub taints: Vec<Taint>,
}

/// A port on 127.0.0.1 of a host that leads into the lab.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Forwarder {
    /// The host that listens.
    pub host: Name,
    /// The port to listen on; without one, a free one that is the same every time where possible.
    pub listen: Option<u16>,
    /// Where connections lead.
    pub target: ForwardTarget,
}

/// Where a forwarded connection leads.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ForwardTarget {
    /// The API server of a cluster, on any of its control planes.
    Api {
        /// The cluster.
        cluster: Name,
        /// The control planes.
        control_planes: BTreeSet<Name>,
        /// The address that they hold in turn; asked first, each of them after it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        shared: Option<IpAddr>,
        /// The API server's port.
        port: u16,
    },
    /// A Service, through any node of its cluster that answers.
    Service {
        /// The cluster.
        cluster: Name,
        /// The nodes of the cluster.
        nodes: BTreeSet<Name>,
        /// The Service's namespace.
        namespace: Name,
        /// The Service.
        service: Name,
        /// The Service's port.
        port: u16,
        /// The address of cluster DNS, which knows where the Service is.
        dns: IpAddr,
        /// The DNS domain inside the cluster.
        domain: String,
    },
}

/// Kubernetes objects that belong together: a component's or an app's.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Objects {
    /// The cluster that they live in.
    pub cluster: Name,
    /// Where they come from, for people: `flannel 0.28.4`, `apps/jellyfin`.
    pub source: String,
    /// The namespace of those objects that name none.
    pub namespace: Name,
    /// The objects, in the order in which they are applied.
    pub objects: Vec<serde_json::Value>,
}

/// The proof that pods of all nodes reach each other, Services and names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Connectivity {
    /// The cluster.
    pub cluster: Name,
    /// The nodes that must take part.
    pub nodes: BTreeSet<Name>,
    /// Names that must resolve from every node.
    pub names: BTreeSet<String>,
    /// Services, `address:port`, that must answer from every node.
    pub services: BTreeSet<String>,
}
