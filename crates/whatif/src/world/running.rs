//! What runs in pods, and what its pods say of nodes, of each other, and of volumes.

use model::lab::Apart;

use super::Ask;
use crate::bits::Bits;
use crate::ids::{ClusterId, HostId, LinkId, NodeId, PoolId, TopologyId, WorkloadId};
use crate::span::Ms;

/// Who looks after pods (rule 6).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Controller {
    /// A `ReplicaSet`: a pod that is being deleted is replaced at once.
    Deployment,
    /// A `StatefulSet`: a pod is replaced when it is gone for certain.
    StatefulSet,
    /// A `DaemonSet`: one on every node, none moves.
    DaemonSet,
}

/// Something that runs in pods.
#[derive(Debug, Clone)]
pub struct Workload {
    /// Its name.
    pub name: String,
    /// Where it comes from.
    pub origin: Origin,
    /// Its cluster.
    pub cluster: ClusterId,
    /// Who looks after its pods.
    pub controller: Controller,
    /// How many pods.
    pub replicas: usize,
    /// What each asks for.
    pub asks: Ask,
    /// Who is in front when room is short.
    pub priority: i32,
    /// Its pods may take the room of less important ones.
    pub preempts: bool,
    /// How many of its pods a drain must leave (rule 5).
    pub must_stay: usize,
    /// Nodes that it may run on, room aside.
    pub nodes: Bits<NodeId>,
    /// None of its pods is there: all of them are just being made anew, where they may be.
    pub anew: bool,
    /// Where its pods are, one each, as far as known.
    pub at: Vec<NodeId>,
    /// What two of its pods never share.
    pub apart: Option<Apart>,
    /// What its pods say of other pods.
    pub relations: Relations,
    /// Ports of the node that it takes.
    pub ports: Vec<HostPort>,
    /// Its volumes.
    pub volumes: Vec<VolumeUse>,
    /// Its claims that nobody has bound yet, the smallest first.
    pub unbound: Vec<super::Unbound>,
    /// All that it does not work without, itself included.
    pub needs: Bits<WorkloadId>,
    /// It finds what it needs by name.
    pub needs_dns: bool,
    /// Ways to the internet that it does not work without.
    pub uplinks: Vec<LinkId>,
    /// How long it tolerates a node that is not reachable (rule 3).
    pub patience: Ms,
    /// It keeps nothing in its pods, or may run several times.
    pub several: bool,
    /// How it is reached from outside of the cluster.
    pub way: Option<Way>,
    /// The host of the lab that answers for the name that it is reached by.
    pub named_by: Option<HostId>,
    /// It leads others in by their names.
    pub ingress: bool,
    /// It joins networks of clients.
    pub vpn: bool,
    /// What is not known of it.
    pub unknown: Vec<String>,
}

/// What pods say of other pods (rule 8).
#[derive(Debug, Clone, Default)]
pub struct Relations {
    /// Whom they must be near.
    pub near: Vec<Toward>,
    /// Those that all terms of `near` mean: only these count.
    pub near_all: Bits<WorkloadId>,
    /// Whom they must be away from.
    pub away: Vec<Toward>,
    /// Over what they are spread.
    pub spread: Vec<Spread>,
    /// Who must be away from them, and in which places.
    pub kept_away_by: Vec<(WorkloadId, TopologyId)>,
}

impl Relations {
    /// Whether other pods make a difference.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.near.is_empty()
            && self.away.is_empty()
            && self.spread.is_empty()
            && self.kept_away_by.is_empty()
    }
}

/// Some workloads, and what is meant by near.
#[derive(Debug, Clone)]
pub struct Toward {
    /// Nodes of one place are near each other.
    pub topology: TopologyId,
    /// Who is meant.
    pub who: Bits<WorkloadId>,
}

impl Default for Toward {
    fn default() -> Self {
        Self {
            topology: crate::ids::Id::at(0),
            who: Bits::default(),
        }
    }
}

/// A hard constraint of spread.
#[derive(Debug, Clone)]
pub struct Spread {
    /// Who counts, and over which places.
    pub toward: Toward,
    /// How many more a place may have than the one with the fewest.
    pub most: u32,
    /// With fewer places than this, the fewest count as none.
    pub least_domains: usize,
    /// The nodes that count.
    pub counted: Bits<NodeId>,
}

/// A port of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct HostPort {
    /// Its number.
    pub number: u16,
    /// Its protocol.
    pub protocol: Protocol,
    /// The address; `None`: all of them.
    pub address: Option<std::net::IpAddr>,
}

impl HostPort {
    /// Whether both cannot be taken on one node.
    #[must_use]
    pub fn clashes(&self, other: &Self) -> bool {
        let address = self.address.is_none() || other.address.is_none();
        self.number == other.number
            && self.protocol == other.protocol
            && (address || self.address == other.address)
    }
}

/// The protocol of a port.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
    /// SCTP.
    Sctp,
}

/// Where a workload comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Origin {
    /// The section `apps`.
    App,
    /// The section `components`.
    Component,
    /// The distribution.
    System,
}

/// A volume in use.
#[derive(Debug, Clone)]
pub struct VolumeUse {
    /// Its name.
    pub name: String,
    /// Where it lies.
    pub pool: PoolId,
    /// How it comes to a node.
    pub attach: Attach,
    /// The node that it lies on, where that is told.
    pub on: Option<NodeId>,
    /// A backup keeps it, with how old that may be at most.
    pub backup: Option<(String, Ms)>,
}

/// How a volume comes to a node (rule 7).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Attach {
    /// Any node at any time.
    Anywhere,
    /// One node at a time: the old one must let go first.
    OneNode,
    /// It lies on a node.
    Pinned,
}

/// How a workload is reached from outside of its cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Way {
    /// At an address of the network; pods see the client's own address.
    Balanced {
        /// Only a node with a pod answers.
        keep_source: bool,
    },
    /// By name through another workload.
    Through(WorkloadId),
    /// A forwarder on the machine that Steading runs on.
    Forward,
    /// Nobody knows.
    Unknown(String),
}
