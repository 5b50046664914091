//! What stands when something fails, in the end and without anybody's help: written once, for
//! single failures as well as for the circuits that prove promises ([`Algebra`]).
//!
//! Everything here is monotone: more failures never heal. So nothing is asked for the absence of
//! something, and what depends on luck is asked for its worst and its best case.

use crate::bits::Bits;
use crate::ids::{
    ClusterId, ElementId, HostId, Id as _, NodeId, PoolId, StorageId, Table, WorkloadId,
};
use crate::place::room::{Room, rooms};
use crate::rules;
use crate::world::{
    BalancerKind, Controller, Element, Endpoint, StorageKind, Way, Workload, World,
};
use model::lab::Apart;

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
}

impl Course {
    /// What is certain.
    pub const SURE: Self = Self {
        lucky: false,
        benefit: false,
        fenced: false,
        ended: false,
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
    pub pods: Vec<B>,
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
            pods: Vec::new(),
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

    fn storages(&mut self) {
        self.state.storages.clear();
        self.state.pools.clear();
        for id in self.world.storages.ids() {
            let bit = self.storage(id);
            self.state.storages.push(bit);
        }
        // What exports another storage stands on that.
        for (id, storage) in self.world.storages.iter() {
            if let StorageKind::Nfs { of: Some(of), .. } = &storage.kind {
                let bit = self.state.storages[id.index()];
                let of = self.state.storages[of.index()];
                self.state.storages[id.index()] = self.algebra.both(bit, of);
            }
        }
        for id in self.world.pools.ids() {
            let bit = self.pool(id);
            self.state.pools.push(bit);
        }
    }

    fn storage(&mut self, id: StorageId) -> A::Bit {
        let stands = self.stands(Element::Storage(id));
        let kind = match &self.world.storages[id].kind {
            StorageKind::Ceph(ceph) => {
                self.state.second.clear();
                for host in &ceph.monitors {
                    let bit = self.daemon(*host, ceph.in_cluster);
                    self.state.second.push(bit);
                }
                let most = rules::ceph::monitors(ceph.count);
                // Where more could have one than there are, the worst case is that each that is
                // gone had one.
                let wanted = if self.course.lucky {
                    most
                } else {
                    ceph.monitors.len().saturating_sub(ceph.count - most)
                };
                self.algebra.at_least(wanted, &self.state.second)
            }
            StorageKind::Zfs { host, vdevs } => {
                let mut bit = self.state.hosts[host.index()];
                for (disks, may_fail) in vdevs {
                    self.state.pile.clear();
                    for disk in disks {
                        self.state.pile.push(self.state.disks[disk.index()]);
                    }
                    let wanted = disks.len().saturating_sub(*may_fail);
                    let enough = self.algebra.at_least(wanted, &self.state.pile);
                    bit = self.algebra.both(bit, enough);
                }
                bit
            }
            StorageKind::Nfs { host, .. } => self.in_network(*host),
            StorageKind::Local => self.algebra.constant(true),
            StorageKind::Object(uplinks) => {
                let mut bit = self.algebra.constant(true);
                for link in uplinks {
                    bit = self.algebra.both(bit, self.state.links[link.index()]);
                }
                bit
            }
            StorageKind::Unknown(_) => self.unknown(),
        };
        self.algebra.both(stands, kind)
    }

    /// A host that runs and is in one of its networks.
    fn in_network(&mut self, host: HostId) -> A::Bit {
        let links = &self.world.hosts[host].links;
        let runs = self.state.hosts[host.index()];
        if links.is_empty() {
            return runs;
        }
        self.state.pile.clear();
        for link in links {
            self.state.pile.push(self.state.links[link.index()]);
        }
        let reached = self.algebra.at_least(1, &self.state.pile);
        self.algebra.both(runs, reached)
    }

    /// A daemon of a storage: on the host itself, or in a pod of a node on it.
    fn daemon(&mut self, host: HostId, in_cluster: bool) -> A::Bit {
        if !in_cluster {
            return self.in_network(host);
        }
        self.state.pile.clear();
        for node in self.world.nodes_on(host) {
            self.state.pile.push(self.state.nodes[node.index()]);
        }
        self.algebra.at_least(1, &self.state.pile)
    }

    fn pool(&mut self, id: PoolId) -> A::Bit {
        let pool = &self.world.pools[id];
        let storage = self.state.storages[pool.storage.index()];
        if pool.unknown.is_some() {
            let unknown = self.unknown();
            return self.algebra.both(storage, unknown);
        }
        let StorageKind::Ceph(ceph) = &self.world.storages[pool.storage].kind else {
            return storage;
        };
        let in_cluster = ceph.in_cluster;
        self.state.second.clear();
        for domain in &pool.domains {
            let mut bit = self
                .algebra
                .constant(!self.course.lucky || domain.disks.is_empty());
            for disk in &domain.disks {
                let disk = self.state.disks[disk.index()];
                // A domain that lost one of its disks lost some copies.
                bit = if self.course.lucky {
                    self.algebra.either(bit, disk)
                } else {
                    self.algebra.both(bit, disk)
                };
            }
            for host in &domain.hosts {
                let host = self.daemon(*host, in_cluster);
                bit = self.algebra.both(bit, host);
            }
            self.state.second.push(bit);
        }
        let copies = pool.size.min(pool.domains.len());
        let wanted = if copies < pool.min {
            pool.domains.len() + 1
        } else {
            pool.domains.len() - rules::ceph::may_be_away(copies, pool.min)
        };
        let enough = self.algebra.at_least(wanted, &self.state.second);
        self.algebra.both(storage, enough)
    }

    fn workloads(&mut self) {
        self.state.pods.clear();
        self.state.left.clear();
        self.state.own.clear();
        for (id, workload) in self.world.workloads.iter() {
            let left = self.left(id, workload);
            let moved = self.moved(id, workload);
            let runs = match moved {
                Some(moved) => self.algebra.either(left, moved),
                None => left,
            };
            let rest = self.stands_on(workload);
            self.state.pods.push(left);
            let left = self.algebra.both(left, rest);
            let own = self.algebra.both(runs, rest);
            self.state.left.push(left);
            self.state.own.push(own);
        }
    }

    /// Its volumes, its uplinks, and whether it is known at all.
    fn stands_on(&mut self, workload: &Workload) -> A::Bit {
        let mut bit = if workload.unknown.is_empty() {
            self.algebra.constant(true)
        } else {
            self.unknown()
        };
        for volume in &workload.volumes {
            bit = self
                .algebra
                .both(bit, self.state.pools[volume.pool.index()]);
        }
        for link in &workload.uplinks {
            bit = self.algebra.both(bit, self.state.links[link.index()]);
        }
        bit
    }

    /// A pod of it is left where it was.
    fn left(&mut self, id: WorkloadId, workload: &Workload) -> A::Bit {
        if !workload.at.is_empty() {
            self.state.pile.clear();
            for node in &workload.at {
                self.state.pile.push(self.state.nodes[node.index()]);
            }
            return self.algebra.at_least(1, &self.state.pile);
        }
        let model = self.model;
        let (holds, untold) = (&model.rooms[id].holds, &model.rooms[id].untold);
        // What runs now had room somewhere, told or not.
        let untold = (!untold.is_empty()).then_some(untold);
        let count = holds.len() + untold.map_or(0, Bits::len);
        let replicas = workload.replicas;
        if count == 0 || replicas == 0 {
            return self.algebra.constant(false);
        }
        if self.course.lucky || workload.controller == Controller::DaemonSet {
            return self.among_two(1, holds, untold);
        }
        match workload.apart {
            None => self.among_two(count, holds, untold),
            Some(Apart::Node) => self.among_two(count - replicas.min(count) + 1, holds, untold),
            Some(Apart::Host | Apart::Site) => self.domains(id, replicas),
        }
    }

    fn among_two(
        &mut self,
        wanted: usize,
        one: &Bits<NodeId>,
        other: Option<&Bits<NodeId>>,
    ) -> A::Bit {
        let Some(other) = other else {
            return self.among(wanted, one);
        };
        self.state.pile.clear();
        for node in one.iter().chain(other) {
            self.state.pile.push(self.state.nodes[node.index()]);
        }
        self.algebra.at_least(wanted, &self.state.pile)
    }

    /// Pods that share no host or site: so many of those must be whole that one of them has one.
    fn domains(&mut self, id: WorkloadId, replicas: usize) -> A::Bit {
        let domains = &self.model.rooms[id].domains;
        self.state.second.clear();
        for domain in domains {
            let whole = self.among(domain.len(), domain);
            self.state.second.push(whole);
        }
        let wanted = domains.len() - replicas.min(domains.len()) + 1;
        self.algebra.at_least(wanted, &self.state.second)
    }

    /// A pod of it is made anew elsewhere; `None` where that never happens.
    fn moved(&mut self, id: WorkloadId, workload: &Workload) -> Option<A::Bit> {
        let Course {
            fenced,
            ended,
            lucky,
            ..
        } = self.course;
        let cluster = &self.world.clusters[workload.cluster];
        let ended = ended && cluster.shutdown > 0;
        let replaced = rules::controllers::replaces(workload.controller, fenced, ended);
        let follows =
            |volume: &crate::world::VolumeUse| rules::attach::follows(volume.attach, fenced, ended);
        let evicted = workload.patience != u64::MAX || fenced || ended;
        if !replaced || !evicted || workload.replicas == 0 || !workload.volumes.iter().all(follows)
        {
            return None;
        }
        let mut bit = self.state.control[workload.cluster.index()];
        if !ended && !fenced && !lucky {
            for zone in cluster
                .zones
                .iter()
                .filter(|zone| zone.meets(&workload.nodes))
            {
                let enough = self.among(rules::brakes::must_be_there(zone.len()), zone);
                bit = self.algebra.both(bit, enough);
            }
        }
        let placed = self.placed(id);
        Some(self.algebra.both(bit, placed))
    }

    fn placed(&mut self, id: WorkloadId) -> A::Bit {
        let model = self.model;
        let room = &model.rooms[id];
        if room.plain || self.course.lucky {
            let untold = (self.course.benefit && !room.untold.is_empty()).then_some(&room.untold);
            return self.among_two(1, &room.holds, untold);
        }
        self.state.weighed.clear();
        for (node, weight) in &room.weights {
            self.state
                .weighed
                .push((self.state.nodes[node.index()], *weight));
        }
        if self.course.benefit {
            for node in &room.untold {
                self.state
                    .weighed
                    .push((self.state.nodes[node.index()], room.threshold));
            }
        }
        self.algebra.weighs(room.threshold, &self.state.weighed)
    }

    fn needs(&mut self) {
        self.state.served.clear();
        self.state.goes_on.clear();
        for (id, workload) in self.world.workloads.iter() {
            let mut served = self.state.own[id.index()];
            let mut goes_on = self.state.left[id.index()];
            for needed in workload.needs.iter().filter(|needed| *needed != id) {
                served = self.algebra.both(served, self.state.own[needed.index()]);
                goes_on = self.algebra.both(goes_on, self.state.left[needed.index()]);
            }
            let dns = self.world.clusters[workload.cluster].dns;
            if let Some(dns) = dns.filter(|dns| workload.needs_dns && *dns != id) {
                served = self.algebra.both(served, self.state.own[dns.index()]);
                goes_on = self.algebra.both(goes_on, self.state.left[dns.index()]);
            }
            self.state.served.push(served);
            self.state.goes_on.push(goes_on);
        }
    }

    fn ways(&mut self) {
        self.state.reached.clear();
        for (id, workload) in self.world.workloads.iter() {
            let served = self.state.served[id.index()];
            let way = self.way(workload);
            let reached = self.algebra.both(served, way);
            self.state.reached.push(reached);
        }
    }

    fn way(&mut self, workload: &Workload) -> A::Bit {
        match &workload.way {
            None | Some(Way::Forward) => self.algebra.constant(true),
            Some(Way::Balanced { .. }) => self.state.balanced[workload.cluster.index()],
            Some(Way::Through(by)) => {
                let door = self.state.served[by.index()];
                let by = &self.world.workloads[*by];
                match &by.way {
                    Some(Way::Balanced { .. }) => self
                        .algebra
                        .both(door, self.state.balanced[by.cluster.index()]),
                    None | Some(Way::Forward | Way::Through(_) | Way::Unknown(_)) => door,
                }
            }
            Some(Way::Unknown(_)) => self.unknown(),
        }
    }
}

/// Truth values: one failure, asked directly.
#[derive(Debug)]
pub struct Plain<'a> {
    failure: &'a crate::world::Failure,
    joined: &'a mut Bits<NodeId>,
}

impl<'a> Plain<'a> {
    /// Notes in `joined` which nodes are there.
    pub fn new(failure: &'a crate::world::Failure, joined: &'a mut Bits<NodeId>) -> Self {
        joined.clear();
        Self { failure, joined }
    }
}

impl Algebra for Plain<'_> {
    type Bit = bool;

    fn constant(&mut self, value: bool) -> bool {
        value
    }

    fn stands(&mut self, element: ElementId) -> bool {
        !self.failure.has(element)
    }

    fn at_least(&mut self, wanted: usize, of: &[bool]) -> bool {
        of.iter().filter(|bit| **bit).count() >= wanted
    }

    fn weighs(&mut self, wanted: u32, of: &[(bool, u32)]) -> bool {
        let sum: u64 = of
            .iter()
            .filter(|(bit, _)| *bit)
            .map(|(_, weight)| u64::from(*weight))
            .sum();
        sum >= u64::from(wanted)
    }

    fn both(&mut self, one: bool, other: bool) -> bool {
        one && other
    }

    fn either(&mut self, one: bool, other: bool) -> bool {
        one || other
    }

    fn joined(&mut self, node: NodeId, joined: bool) {
        if joined {
            self.joined.insert(node);
        }
    }

    fn nodes(
        &mut self,
        wanted: usize,
        among: &Bits<NodeId>,
        _: &[bool],
        _: &mut Vec<bool>,
    ) -> bool {
        among.common(&self.joined) >= wanted
    }
}
