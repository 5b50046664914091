//! What stands when something fails, in the end and without anybody's help: written once, for
//! single failures as well as for the circuits that prove promises ([`Algebra`]).
//!
//! Everything here is monotone: more failures never heal. So nothing is asked for the absence of
//! something, and what depends on luck is asked for its worst and its best case.

mod plain;
mod storages;
mod workloads;

pub use plain::{Plain, what_stands};

use crate::bits::Bits;
use crate::ids::{ClusterId, ElementId, HostId, Id as _, NodeId, Table, WorkloadId};
use crate::place::room::{Room, rooms};
use crate::rules;
use crate::world::{BalancerKind, Element, Endpoint, Workload, World};

/// A world, and what follows from it for every question.
#[derive(Debug, Clone)]
pub struct Model {
    /// The world.
    pub world: World,
    /// The room of every workload.
    pub rooms: Table<WorkloadId, Room>,
}

impl Model {
    /// The model of a world.
    #[must_use]
    pub fn new(world: World) -> Self {
        let rooms = rooms(&world);
        Self { world, rooms }
    }
}

/// Which of the possible courses is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Course {
    /// Pods are where it is best for them, instead of where it is worst.
    pub lucky: bool,
    /// What is not known turns out well.
    pub benefit: bool,
    /// Nodes that are gone are marked out-of-service.
    pub fenced: bool,
    /// Pods on nodes that go ended in order.
    pub ended: bool,
    /// Nodes that go were drained before.
    pub drained: bool,
}

impl Course {
    /// What is certain.
    pub const SURE: Self = Self {
        lucky: false,
        benefit: false,
        fenced: false,
        ended: false,
        drained: false,
    };
    /// What would be certain if all that is unknown were good.
    pub const UNLESS_UNKNOWN: Self = Self {
        benefit: true,
        ..Self::SURE
    };
    /// What is possible.
    pub const POSSIBLE: Self = Self {
        lucky: true,
        benefit: true,
        ..Self::SURE
    };
}

impl Course {
    /// Whether pods of a workload ended before their machines went (rules 0 and 5).
    #[must_use]
    pub fn ends(&self, world: &World, workload: &Workload) -> bool {
        let time = world.clusters[workload.cluster].shutdown > 0;
        let lets_go = rules::budgets::drain_may_take(workload.replicas, workload.must_stay, 0) > 0;
        self.ended && time || self.drained && lets_go
    }
}

/// Something to compute with: truth values, or gates of a circuit.
pub trait Algebra {
    /// A truth value.
    type Bit: Copy;
    /// Always or never.
    fn constant(&mut self, value: bool) -> Self::Bit;
    /// That one has not failed.
    fn stands(&mut self, element: ElementId) -> Self::Bit;
    /// At least so many of them; none needed: always.
    fn at_least(&mut self, wanted: usize, of: &[Self::Bit]) -> Self::Bit;
    /// The weights of those that are there make at least so much.
    fn weighs(&mut self, wanted: u32, of: &[(Self::Bit, u32)]) -> Self::Bit;

    /// Both of them.
    fn both(&mut self, one: Self::Bit, other: Self::Bit) -> Self::Bit {
        self.at_least(2, &[one, other])
    }

    /// One of them.
    fn either(&mut self, one: Self::Bit, other: Self::Bit) -> Self::Bit {
        self.at_least(1, &[one, other])
    }

    /// Is told about each node.
    fn joined(&mut self, _node: NodeId, _joined: Self::Bit) {}

    /// At least so many of a set of nodes.
    fn nodes(
        &mut self,
        wanted: usize,
        among: &Bits<NodeId>,
        joined: &[Self::Bit],
        pile: &mut Vec<Self::Bit>,
    ) -> Self::Bit {
        pile.clear();
        pile.extend(among.iter().map(|node| joined[node.index()]));
        self.at_least(wanted, pile)
    }
}

/// What stands, by position. Reused from question to question.
#[derive(Debug, Clone)]
pub struct State<B> {
    /// Hosts that run.
    pub hosts: Vec<B>,
    /// Disks that are there.
    pub disks: Vec<B>,
    /// Networks and uplinks that carry.
    pub links: Vec<B>,
    /// Nodes that run and reach their cluster.
    pub nodes: Vec<B>,
    /// Clusters with a quorum.
    pub quorum: Vec<B>,
    /// APIs that answer at their endpoint.
    pub api: Vec<B>,
    /// Clusters whose controllers reach their nodes.
    pub control: Vec<B>,
    /// Somebody answers for addresses of the cluster.
    pub balanced: Vec<B>,
    /// Storages as a whole.
    pub storages: Vec<B>,
    /// Pools that serve.
    pub pools: Vec<B>,
    /// Workloads of which a pod is left where it was, whatever it stands on.
    pub kept: Vec<B>,
    /// The same, and no more important one drives it out.
    pub pods: Vec<B>,
    /// Workloads that find room without driving others out, or need not look for it.
    pub calm: Vec<B>,
    /// Workloads that run again elsewhere if others drive them out.
    pub again: Vec<B>,
    /// The same, and what it stands on is there.
    pub left: Vec<B>,
    /// Workloads that run somewhere, by themselves.
    pub own: Vec<B>,
    /// Workloads that run with all they need.
    pub served: Vec<B>,
    /// The same, without anything having moved.
    pub goes_on: Vec<B>,
    /// Workloads that are served and reached.
    pub reached: Vec<B>,
    pile: Vec<B>,
    second: Vec<B>,
    weighed: Vec<(B, u32)>,
}

impl<B> Default for State<B> {
    fn default() -> Self {
        Self {
            hosts: Vec::new(),
            disks: Vec::new(),
            links: Vec::new(),
            nodes: Vec::new(),
            quorum: Vec::new(),
            api: Vec::new(),
            control: Vec::new(),
            balanced: Vec::new(),
            storages: Vec::new(),
            pools: Vec::new(),
            kept: Vec::new(),
            pods: Vec::new(),
            calm: Vec::new(),
            again: Vec::new(),
            left: Vec::new(),
            own: Vec::new(),
            served: Vec::new(),
            goes_on: Vec::new(),
            reached: Vec::new(),
            pile: Vec::new(),
            second: Vec::new(),
            weighed: Vec::new(),
        }
    }
}

/// Computes what stands.
pub fn evaluate<A: Algebra>(
    model: &Model,
    course: Course,
    algebra: &mut A,
    state: &mut State<A::Bit>,
) {
    let mut run = Run {
        model,
        world: &model.world,
        course,
        algebra,
        state,
    };
    run.hosts_and_disks();
    run.links();
    run.nodes();
    run.clusters();
    run.storages();
    run.workloads();
    run.needs();
    run.ways();
}

struct Run<'a, A: Algebra> {
    model: &'a Model,
    world: &'a World,
    course: Course,
    algebra: &'a mut A,
    state: &'a mut State<A::Bit>,
}

impl<A: Algebra> Run<'_, A> {
    fn stands(&mut self, element: Element) -> A::Bit {
        let number = self.world.element(element);
        self.algebra.stands(number)
    }

    fn unknown(&mut self) -> A::Bit {
        self.algebra.constant(self.course.benefit)
    }

    fn hosts_and_disks(&mut self) {
        self.state.hosts.clear();
        self.state.disks.clear();
        for (id, host) in self.world.hosts.iter() {
            let mut bit = self.stands(Element::Host(id));
            // Several disks with the system mirror each other.
            self.state.pile.clear();
            for disk in &host.system {
                let there = self.stands(Element::Disk(*disk));
                self.state.pile.push(there);
            }
            let wanted = usize::from(!host.system.is_empty());
            let system = self.algebra.at_least(wanted, &self.state.pile);
            bit = self.algebra.both(bit, system);
            self.state.hosts.push(bit);
        }
        for (id, disk) in self.world.disks.iter() {
            let there = self.stands(Element::Disk(id));
            let bit = self
                .algebra
                .both(there, self.state.hosts[disk.host.index()]);
            self.state.disks.push(bit);
        }
    }

    fn links(&mut self) {
        self.state.links.clear();
        for (id, link) in self.world.links.iter() {
            let mut bit = self.stands(Element::Link(id));
            if let Some(router) = link.router {
                bit = self.algebra.both(bit, self.state.hosts[router.index()]);
            }
            self.state.links.push(bit);
        }
        // A network goes with the one that carries it, in a row of as many as there are.
        for _ in 0..3 {
            for (id, link) in self.world.links.iter() {
                if let Some(over) = link.over {
                    let bit = self.state.links[id.index()];
                    let over = self.state.links[over.index()];
                    self.state.links[id.index()] = self.algebra.both(bit, over);
                }
            }
        }
    }

    fn nodes(&mut self) {
        self.state.nodes.clear();
        for (id, node) in self.world.nodes.iter() {
            let mut bit = self.stands(Element::Node(id));
            bit = self.algebra.both(bit, self.state.hosts[node.host.index()]);
            if let Some(disk) = node.disk {
                bit = self.algebra.both(bit, self.state.disks[disk.index()]);
            }
            for link in node.link.into_iter().chain(node.uplink) {
                bit = self.algebra.both(bit, self.state.links[link.index()]);
            }
            self.algebra.joined(id, bit);
            self.state.nodes.push(bit);
        }
    }

    fn clusters(&mut self) {
        for list in [
            &mut self.state.quorum,
            &mut self.state.api,
            &mut self.state.control,
            &mut self.state.balanced,
        ] {
            list.clear();
        }
        for (id, cluster) in self.world.clusters.iter() {
            self.state.pile.clear();
            let nodes = &self.state.nodes;
            let members = cluster
                .control_planes
                .iter()
                .map(|node| nodes[node.index()]);
            self.state.pile.extend(members);
            let wanted = rules::etcd::quorum(cluster.control_planes.len());
            let quorum = self.algebra.at_least(wanted, &self.state.pile);
            let endpoint = match &cluster.endpoint {
                Endpoint::Vip(_) | Endpoint::Outside => quorum,
                Endpoint::Node(node) => self.state.nodes[node.index()],
                // What was asked before may be remembered for a while.
                Endpoint::Name(_) if self.course.lucky => quorum,
                Endpoint::Name(host) => self.state.hosts[host.index()],
            };
            let api = self.algebra.both(quorum, endpoint);
            self.state.quorum.push(quorum);
            self.state.api.push(api);
            let control = if cluster.finds_by_itself { quorum } else { api };
            self.state.control.push(control);
            let balanced = self.balancer(id, control);
            self.state.balanced.push(balanced);
        }
    }

    fn balancer(&mut self, cluster: ClusterId, control: A::Bit) -> A::Bit {
        let Some(balancer) = &self.world.clusters[cluster].balancer else {
            return self.unknown();
        };
        let some = self.among(1, &balancer.speakers);
        match &balancer.kind {
            BalancerKind::Memberlist => some,
            BalancerKind::Leases if self.course.lucky => some,
            BalancerKind::Leases => {
                let all = self.among(balancer.speakers.len(), &balancer.speakers);
                let moved = self.algebra.both(some, control);
                self.algebra.either(all, moved)
            }
            BalancerKind::Routes(routers) => {
                let any = self.any_host(routers);
                self.algebra.both(some, any)
            }
            BalancerKind::EveryNode if self.course.lucky => some,
            BalancerKind::EveryNode => self.among(balancer.speakers.len(), &balancer.speakers),
            BalancerKind::Unknown(_) => {
                let unknown = self.unknown();
                self.algebra.both(some, unknown)
            }
        }
    }

    fn any_host(&mut self, hosts: &[HostId]) -> A::Bit {
        self.state.pile.clear();
        for host in hosts {
            self.state.pile.push(self.state.hosts[host.index()]);
        }
        self.algebra.at_least(1, &self.state.pile)
    }

    fn among(&mut self, wanted: usize, set: &Bits<NodeId>) -> A::Bit {
        self.algebra
            .nodes(wanted, set, &self.state.nodes, &mut self.state.pile)
    }
}
