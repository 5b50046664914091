//! A lab as arrays: what can fail, what stands on what, what runs where. Made once from a lab file
//! (later also from what was observed); every question is answered from it without a look back.

mod around;
mod balancers;
mod claims;
mod clusters;
mod elements;
mod live;
mod manifests;
mod names;
mod pods;
mod reach;
mod relations;
mod running;
pub mod selectors;
mod storages;
mod workloads;

use std::collections::BTreeMap;

use model::lab::{Availability, Lab};
use serde_json::Value;

pub use claims::{Offer, Unbound};
pub use live::{Live, Now};
pub use names::NotFound;
pub use running::{
    Attach, Controller, HostPort, Origin, Protocol, Relations, Spread, Toward, VolumeUse, Way,
    Workload,
};

use crate::bits::Bits;
use crate::ids::{
    BackupId, ClusterId, DiskId, ElementId, HostId, LinkId, NodeId, OfferId, PoolId, SiteId,
    StorageId, Table, TopologyId, WorkloadId,
};
use crate::span::{Ms, Span};

/// What a world is made from.
#[derive(Debug, Clone, Copy)]
pub struct Input<'a> {
    /// The lab.
    pub lab: &'a Lab,
    /// The objects of apps that come as manifests, by the apps' names. An app whose manifests are
    /// not here is unknown.
    pub manifests: &'a BTreeMap<String, Vec<Value>>,
}

/// A whole lab as the failure model sees it.
#[derive(Debug, Clone, Default)]
pub struct World {
    /// The lab's name.
    pub name: String,
    /// Its sites.
    pub sites: Table<SiteId, Site>,
    /// Its hosts.
    pub hosts: Table<HostId, Host>,
    /// Their disks.
    pub disks: Table<DiskId, Disk>,
    /// Networks and uplinks.
    pub links: Table<LinkId, Link>,
    /// Its clusters.
    pub clusters: Table<ClusterId, Cluster>,
    /// Their nodes.
    pub nodes: Table<NodeId, Node>,
    /// Its storages.
    pub storages: Table<StorageId, Storage>,
    /// Their pools.
    pub pools: Table<PoolId, Pool>,
    /// Its backups.
    pub backups: Table<BackupId, Backup>,
    /// What runs in pods.
    pub workloads: Table<WorkloadId, Workload>,
    /// Volumes that claims may be bound to.
    pub offers: Table<OfferId, Offer>,
    /// Labels of nodes that pods tell places apart by.
    pub topologies: Table<TopologyId, Topology>,
    /// What can fail by itself, in the order of the kinds of [`Element`].
    pub elements: Table<ElementId, Element>,
    /// What was assumed where the lab file is silent, each once.
    pub assumed: Vec<String>,
}

/// Something that can fail by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Element {
    /// A host, with all that is in it.
    Host(HostId),
    /// A disk.
    Disk(DiskId),
    /// A network or an uplink.
    Link(LinkId),
    /// A node, while its host is on.
    Node(NodeId),
    /// A storage as a whole.
    Storage(StorageId),
}

/// A place with power and uplink.
#[derive(Debug, Clone)]
pub struct Site {
    /// Its name.
    pub name: String,
    /// The outermost place around it, or itself.
    pub top: SiteId,
    /// The hosts in it and in the places within.
    pub hosts: Bits<HostId>,
    /// The way to the internet of the outermost place.
    pub uplink: Option<LinkId>,
    /// How long it goes on without power from outside.
    pub ups: Option<Ms>,
}

/// A machine.
#[derive(Debug, Clone)]
pub struct Host {
    /// Its name.
    pub name: String,
    /// Where it stands.
    pub site: Option<SiteId>,
    /// When it is on.
    pub availability: Availability,
    /// The disks with its system; one of them is enough.
    pub system: Vec<DiskId>,
    /// The networks that it is in.
    pub links: Vec<LinkId>,
    /// Hosts without which it does not start: they hand out its address or its system.
    pub starts_from: Vec<HostId>,
}

/// A disk.
#[derive(Debug, Clone)]
pub struct Disk {
    /// Its name.
    pub name: String,
    /// Its host.
    pub host: HostId,
}

/// A network, or the uplink of a site.
#[derive(Debug, Clone)]
pub struct Link {
    /// Its name.
    pub name: String,
    /// The network that carries it.
    pub over: Option<LinkId>,
    /// The host that it does not work without.
    pub router: Option<HostId>,
    /// The host that members must reach before they join.
    pub control: Option<HostId>,
    /// Whether it is made of links between its members.
    pub overlay: bool,
    /// The host that answers for its names.
    pub dns: Option<HostId>,
    /// Names whose answers come from that host.
    pub zone: Option<String>,
}

/// A Kubernetes cluster.
#[derive(Debug, Clone)]
pub struct Cluster {
    /// Its name.
    pub name: String,
    /// Its nodes.
    pub nodes: Bits<NodeId>,
    /// Those that hold its state.
    pub control_planes: Vec<NodeId>,
    /// Where its API answers.
    pub endpoint: Endpoint,
    /// Every node finds a control plane by itself, without the endpoint.
    pub finds_by_itself: bool,
    /// How long a node may be silent before it counts as gone (rule 1).
    pub grace: Ms,
    /// How long after that its taint comes (rule 3).
    pub taint: Span,
    /// What kubelet keeps for stopping its pods when its machine is shut down (rule 0).
    pub shutdown: Ms,
    /// Its nodes by zone (rule 4).
    pub zones: Vec<Bits<NodeId>>,
    /// What answers for names inside of it.
    pub dns: Option<WorkloadId>,
    /// Who hands out addresses of the network.
    pub balancer: Option<Balancer>,
}

/// Where a cluster's API answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Endpoint {
    /// At an address that the control planes hand to each other, after that time (rule 11).
    Vip(Span),
    /// At one node.
    Node(NodeId),
    /// At a name that a host answers for; the addresses behind it are all control planes.
    Name(HostId),
    /// At a name that somebody outside of the lab answers for.
    Outside,
}

/// Who hands out addresses of the network to Services.
#[derive(Debug, Clone)]
pub struct Balancer {
    /// How.
    pub kind: BalancerKind,
    /// The nodes that can answer for an address.
    pub speakers: Bits<NodeId>,
}

/// How addresses are announced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BalancerKind {
    /// One node answers (ARP); the nodes find out among themselves who (`MetalLB`, rule 12).
    Memberlist,
    /// One node answers (ARP); the API keeps who (Cilium).
    Leases,
    /// Every node announces it to routers (BGP).
    Routes(Vec<HostId>),
    /// Every node answers at its own address (k3s).
    EveryNode,
    /// Nobody knows.
    Unknown(String),
}

/// A Kubernetes node.
#[derive(Debug, Clone)]
pub struct Node {
    /// Its name.
    pub name: String,
    /// Its host.
    pub host: HostId,
    /// Its cluster.
    pub cluster: ClusterId,
    /// It holds the cluster's state.
    pub control_plane: bool,
    /// The disk of the host that its own lies on.
    pub disk: Option<DiskId>,
    /// What pods may use; `None`: told nowhere.
    pub room: Option<Ask>,
    /// The network between it and the others.
    pub link: Option<LinkId>,
    /// The uplink that it needs to reach the others, where the cluster spans sites.
    pub uplink: Option<LinkId>,
    /// Its position among the zones of its cluster.
    pub zone: usize,
    /// The networks that it has an address in.
    pub links: Vec<LinkId>,
    /// Its labels, with those that kubelet sets.
    pub labels: selectors::Labels,
}

/// Places of nodes by the value of a label.
#[derive(Debug, Clone, Default)]
pub struct Topology {
    /// The label.
    pub key: String,
    /// Each node's place; `None`: it does not have the label.
    pub of: Vec<Option<usize>>,
    /// The nodes of each place.
    pub domains: Vec<Bits<NodeId>>,
    /// The nodes that have the label.
    pub labelled: Bits<NodeId>,
}

/// Processor and memory: asked for, or there.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ask {
    /// Thousandths of a processor thread.
    pub millicpu: u64,
    /// Bytes.
    pub memory: u64,
}

/// A place for data.
#[derive(Debug, Clone)]
pub struct Storage {
    /// Its name.
    pub name: String,
    /// What it is.
    pub kind: StorageKind,
    /// Its pools.
    pub pools: Vec<PoolId>,
}

/// What a storage is.
#[derive(Debug, Clone)]
pub enum StorageKind {
    /// Ceph (rule 13).
    Ceph(Ceph),
    /// A ZFS pool.
    Zfs {
        /// Its host.
        host: HostId,
        /// Disks, and how many of them may fail, of each virtual device.
        vdevs: Vec<(Vec<DiskId>, usize)>,
    },
    /// An NFS server, and the pool that it exports.
    Nfs {
        /// Its host.
        host: HostId,
        /// What it exports.
        of: Option<StorageId>,
    },
    /// The nodes' own disks.
    Local,
    /// A folder of the machine that all nodes are containers of: there as long as any of them is.
    Folder,
    /// An object store outside of the lab, and the uplinks to it.
    Object(Vec<LinkId>),
    /// Something that the model knows nothing of.
    Unknown(String),
}

/// A Ceph cluster.
#[derive(Debug, Clone, Default)]
pub struct Ceph {
    /// Where its monitors may be.
    pub monitors: Vec<HostId>,
    /// How many there are.
    pub count: usize,
    /// It runs in pods on nodes.
    pub in_cluster: bool,
}

/// A backup.
#[derive(Debug, Clone)]
pub struct Backup {
    /// Its name.
    pub name: String,
    /// The storage of the lab that it is written to.
    pub storage: Option<StorageId>,
    /// The uplinks to where it is written to outside of the lab; one of them is enough.
    pub uplinks: Vec<LinkId>,
}

/// A pool of Ceph, or the whole of another storage.
#[derive(Debug, Clone)]
pub struct Pool {
    /// Its name; empty for the whole of a storage.
    pub name: String,
    /// Its storage.
    pub storage: StorageId,
    /// Disks of each failure domain; empty where the whole storage is meant. A domain without
    /// disks told has its host instead.
    pub domains: Vec<Domain>,
    /// How many copies.
    pub size: usize,
    /// How many copies must be there.
    pub min: usize,
    /// What is not known of it.
    pub unknown: Option<String>,
}

/// What two copies never share.
#[derive(Debug, Clone, Default)]
pub struct Domain {
    /// Its hosts.
    pub hosts: Vec<HostId>,
    /// Its disks, where they are told.
    pub disks: Vec<DiskId>,
}

/// A set of elements: what fails.
pub type Failure = Bits<ElementId>;

impl World {
    /// The world of a lab.
    #[must_use]
    pub fn of(input: Input<'_>) -> Self {
        let mut world = Self {
            name: input.lab.lab.to_string(),
            ..Self::default()
        };
        let mut index = names::Index::default();
        world.add_around(input.lab, &mut index);
        world.add_clusters(input.lab, &mut index);
        world.add_storages(input.lab, &mut index);
        world.add_backups(input.lab, &index);
        world.add_workloads(input, &mut index);
        world.add_balancers(input.lab, &index);
        world.number_elements();
        world.assumed.sort();
        world.assumed.dedup();
        world
    }

    fn assume(&mut self, what: impl Into<String>) {
        self.assumed.push(what.into());
    }
}
