//! What was switched off returns (rule 16): when each thing is there again, and what waits for
//! itself.

use super::course::Asker;
use super::fate::Thing;
use crate::ids::{ClusterId, HostId, Id as _, LinkId, NodeId, StorageId, WorkloadId};
use crate::rules::{self, comeback};
use crate::span::Span;
use crate::world::{Element, Endpoint, StorageKind, Way, World};

/// When things are there again, by position; `None`: never, or not found yet.
#[derive(Debug, Clone, Default)]
pub(super) struct Comeback {
    hosts: Vec<Option<Span>>,
    links: Vec<Option<Span>>,
    machines: Vec<Option<Span>>,
    nodes: Vec<Option<Span>>,
    quorum: Vec<Option<Span>>,
    api: Vec<Option<Span>>,
    storages: Vec<Option<Span>>,
    workloads: Vec<Option<Span>>,
    served: Vec<Option<Span>>,
    dns: Vec<Option<Span>>,
    pile: Vec<Span>,
    changed: bool,
}

/// Sets what was not known.
fn learn(place: &mut Option<Span>, found: Option<Span>, changed: &mut bool) {
    if place.is_none() && found.is_some() {
        *place = found;
        *changed = true;
    }
}

impl Comeback {
    /// Looks round after round for what can start, until nothing new can.
    pub(super) fn compute(&mut self, asker: &Asker<'_>) {
        let world = &asker.model.world;
        self.begin(world);
        loop {
            self.changed = false;
            for id in world.hosts.ids() {
                let found = self.host(asker, id);
                learn(&mut self.hosts[id.index()], found, &mut self.changed);
            }
            for id in world.links.ids() {
                let found = self.link(asker, id);
                learn(&mut self.links[id.index()], found, &mut self.changed);
            }
            for id in world.nodes.ids() {
                let found = self.machine(asker, id);
                learn(&mut self.machines[id.index()], found, &mut self.changed);
            }
            for id in world.clusters.ids() {
                let found = self.quorum(asker, id);
                learn(&mut self.quorum[id.index()], found, &mut self.changed);
                let found = self.api(asker, id);
                learn(&mut self.api[id.index()], found, &mut self.changed);
            }
            for id in world.nodes.ids() {
                let found = self.node(asker, id);
                learn(&mut self.nodes[id.index()], found, &mut self.changed);
            }
            for id in world.storages.ids() {
                let found = self.storage(asker, id);
                learn(&mut self.storages[id.index()], found, &mut self.changed);
            }
            for id in world.workloads.ids() {
                let found = self.workload(asker, id);
                learn(&mut self.workloads[id.index()], found, &mut self.changed);
            }
            if !self.changed {
                break;
            }
        }
        for id in world.workloads.ids() {
            self.served[id.index()] = self.with_needs(world, id);
        }
        self.dns.clear();
        let dns = world.clusters.iter().map(|(_, cluster)| cluster.dns);
        self.dns
            .extend(dns.map(|dns| dns.and_then(|dns| self.served[dns.index()])));
    }

    fn begin(&mut self, world: &World) {
        let clear = |list: &mut Vec<Option<Span>>, count: usize| {
            list.clear();
            list.resize(count, None);
        };
        clear(&mut self.hosts, world.hosts.len());
        clear(&mut self.links, world.links.len());
        clear(&mut self.machines, world.nodes.len());
        clear(&mut self.nodes, world.nodes.len());
        clear(&mut self.quorum, world.clusters.len());
        clear(&mut self.api, world.clusters.len());
        clear(&mut self.storages, world.storages.len());
        clear(&mut self.workloads, world.workloads.len());
        clear(&mut self.served, world.workloads.len());
    }

    /// When a thing is there again.
    pub(super) fn of(&self, thing: Thing) -> Option<Span> {
        match thing {
            Thing::Api(id) => self.api[id.index()],
            Thing::Dns(id) => self.dns[id.index()],
            Thing::Addresses(id) => self.api[id.index()],
            Thing::Storage(id) => self.storages[id.index()],
            Thing::Link(id) => self.links[id.index()],
            // It waits for its next turn anyway.
            Thing::Backup(_) => None,
            Thing::Workload(id) | Thing::Way(id) => self.served[id.index()],
        }
    }

    /// When a node is ready again.
    pub(super) fn of_node(&self, id: NodeId) -> Option<Span> {
        self.nodes.get(id.index()).copied().flatten()
    }

    fn returns(asker: &Asker<'_>, element: Element) -> Option<Span> {
        let number = asker.model.world.element(element);
        let scenario = &asker.scenario;
        if scenario.fail.has(number) || scenario.away.has(number) {
            return None;
        }
        if scenario.off.has(number) {
            let at = scenario.back?;
            return Some(Span::new(at, at));
        }
        Some(Span::NOW)
    }

    fn host(&self, asker: &Asker<'_>, id: HostId) -> Option<Span> {
        let world = &asker.model.world;
        let host = &world.hosts[id];
        let mut at = Self::returns(asker, Element::Host(id))?;
        let disks = host.system.iter();
        let system = disks.filter_map(|disk| Self::returns(asker, Element::Disk(*disk)));
        if let Some(first) = system.min() {
            at = at.both(first);
        } else if !host.system.is_empty() {
            return None;
        }
        let runs_on = at == Span::NOW;
        if runs_on {
            return Some(at);
        }
        for other in &host.starts_from {
            at = at.both(self.hosts[other.index()]?);
        }
        Some(at.after(comeback::BOOTS))
    }

    fn link(&self, asker: &Asker<'_>, id: LinkId) -> Option<Span> {
        let link = &asker.model.world.links[id];
        let mut at = Self::returns(asker, Element::Link(id))?;
        if let Some(router) = link.router {
            at = at.both(self.hosts[router.index()]?);
        }
        if let Some(over) = link.over.filter(|over| *over != id) {
            at = at.both(self.links[over.index()]?);
        }
        Some(at)
    }

    /// A node's machine: its host, its disk, its networks; whoever joins an overlay anew asks the
    /// server.
    fn machine(&self, asker: &Asker<'_>, id: NodeId) -> Option<Span> {
        let node = &asker.model.world.nodes[id];
        let mut at = Self::returns(asker, Element::Node(id))?.both(self.hosts[node.host.index()]?);
        if let Some(disk) = node.disk {
            at = at.both(Self::returns(asker, Element::Disk(disk))?);
        }
        for link in node.link.into_iter().chain(node.uplink) {
            at = at.both(self.links[link.index()]?);
            let joins = asker.gone.has(id);
            if let Some(control) = asker.model.world.links[link].control.filter(|_| joins) {
                at = at.both(self.hosts[control.index()]?);
            }
        }
        Some(at)
    }

    fn kth(&mut self, wanted: usize, of: impl Iterator<Item = Option<Span>>) -> Option<Span> {
        self.pile.clear();
        self.pile.extend(of.flatten());
        if self.pile.len() < wanted {
            return None;
        }
        let Some(last) = wanted.checked_sub(1) else {
            return Some(Span::NOW);
        };
        self.pile.sort_by_key(|span| span.earliest);
        let earliest = self.pile[last].earliest;
        self.pile.sort_by_key(|span| span.latest);
        Some(Span::new(earliest, self.pile[last].latest))
    }

    fn quorum(&mut self, asker: &Asker<'_>, id: ClusterId) -> Option<Span> {
        let members = &asker.model.world.clusters[id].control_planes;
        if members.is_empty() {
            return None;
        }
        let machines = std::mem::take(&mut self.machines);
        let of = members.iter().map(|node| machines[node.index()]);
        let wanted = rules::etcd::quorum(members.len());
        let found = self.kth(wanted, of);
        self.machines = machines;
        let stood = asker.sure.quorum[id.index()];
        Some(if stood {
            Span::NOW
        } else {
            found?.after(comeback::JOINS)
        })
    }

    fn api(&self, asker: &Asker<'_>, id: ClusterId) -> Option<Span> {
        let quorum = self.quorum[id.index()]?;
        Some(match &asker.model.world.clusters[id].endpoint {
            Endpoint::Vip(_) | Endpoint::Outside => quorum,
            Endpoint::Node(node) => quorum.both(self.machines[node.index()]?),
            Endpoint::Name(host) => quorum.both(self.hosts[host.index()]?),
        })
    }

    fn node(&self, asker: &Asker<'_>, id: NodeId) -> Option<Span> {
        let machine = self.machines[id.index()]?;
        if !asker.gone.has(id) && machine == Span::NOW {
            return Some(Span::NOW);
        }
        let cluster = asker.model.world.nodes[id].cluster;
        let control = if asker.model.world.clusters[cluster].finds_by_itself {
            self.quorum[cluster.index()]?
        } else {
            self.api[cluster.index()]?
        };
        Some(machine.both(control).after(comeback::JOINS))
    }

    fn storage(&mut self, asker: &Asker<'_>, id: StorageId) -> Option<Span> {
        let world = &asker.model.world;
        let at = Self::returns(asker, Element::Storage(id))?;
        let found = match &world.storages[id].kind {
            StorageKind::Ceph(ceph) => {
                let daemon = |this: &Self, host: HostId| {
                    if !ceph.in_cluster {
                        return this.hosts[host.index()];
                    }
                    world
                        .nodes_on(host)
                        .find_map(|node| this.nodes[node.index()])
                };
                let monitors: Vec<_> = ceph
                    .monitors
                    .iter()
                    .map(|host| daemon(self, *host))
                    .collect();
                let most = self.kth(rules::ceph::monitors(ceph.count), monitors.into_iter())?;
                let mut all = most;
                for pool in &world.storages[id].pools {
                    let pool = &world.pools[*pool];
                    let domains: Vec<_> = pool
                        .domains
                        .iter()
                        .map(|domain| domain.hosts.first().and_then(|host| daemon(self, *host)))
                        .collect();
                    let away = rules::ceph::may_be_away(pool.size.min(domains.len()), pool.min);
                    let wanted = domains.len() - away.min(domains.len());
                    all = all.both(self.kth(wanted, domains.into_iter())?);
                }
                all
            }
            StorageKind::Zfs { host, .. } => self.hosts[host.index()]?,
            StorageKind::Nfs { host, of } => {
                let of = match of {
                    Some(of) => self.storages[of.index()]?,
                    None => Span::NOW,
                };
                self.hosts[host.index()]?.both(of)
            }
            StorageKind::Local | StorageKind::Folder | StorageKind::Unknown(_) => Span::NOW,
            StorageKind::Object(links) => {
                let mut at = Span::NOW;
                for link in links {
                    at = at.both(self.links[link.index()]?);
                }
                at
            }
        };
        Some(at.both(found))
    }

    /// When its pods run: at the earliest when the first of its nodes is there again, at the latest
    /// when the last one is.
    fn workload(&self, asker: &Asker<'_>, id: WorkloadId) -> Option<Span> {
        let world = &asker.model.world;
        let workload = &world.workloads[id];
        let mut earliest = u64::MAX;
        let mut latest = 0;
        let mut any = false;
        for node in workload.nodes.iter().filter(|node| asker.gone.has(*node)) {
            // It was on one of those that went; where one does not return it may wait for ever.
            let at = self.nodes[node.index()];
            if let Some(at) = at {
                any = true;
                earliest = earliest.min(at.earliest);
                latest = latest.max(at.latest);
            }
        }
        let mut at = if any {
            Span::new(earliest, latest)
        } else if workload.nodes.meets(&asker.gone) {
            return None;
        } else {
            Span::NOW
        };
        for volume in &workload.volumes {
            at = at.both(self.storages[world.pools[volume.pool].storage.index()]?);
        }
        for link in &workload.uplinks {
            at = at.both(self.links[link.index()]?);
        }
        Some(at.after(rules::controllers::STARTS))
    }

    fn with_needs(&self, world: &World, id: WorkloadId) -> Option<Span> {
        let workload = &world.workloads[id];
        let mut at = self.workloads[id.index()]?;
        for needed in &workload.needs {
            at = at.both(self.workloads[needed.index()]?);
        }
        if let Some(Way::Through(by)) = &workload.way {
            at = at.both(self.workloads[by.index()]?);
        }
        if let Some(host) = workload.named_by {
            at = at.both(self.hosts[host.index()]?);
        }
        Some(at)
    }
}
