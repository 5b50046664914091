//! Clusters and nodes of a lab.

use std::collections::BTreeMap;

use model::lab::{Distribution, Endpoint as Declared, Lab, Machine, Node as DeclaredNode, Role};
use model::name::Name;

use super::names::Index;
use super::{Ask, Cluster, Endpoint, Node, World};
use crate::bits::Bits;
use crate::ids::{ClusterId, Id as _, LinkId, NodeId};
use crate::place::eligible;
use crate::rules;

/// Kubelet keeps this much memory free before it evicts (`memory.available<100Mi`, its default).
const EVICTION_RESERVE: u64 = 100 << 20;
/// What a host's own system takes where the lab file does not say (`hosts.NAME.reserve`).
const SYSTEM_RESERVE: u64 = 512 << 20;

impl World {
    pub(super) fn add_clusters(&mut self, lab: &Lab, index: &mut Index) {
        for (at, name) in lab.clusters.keys().enumerate() {
            index.clusters.insert(name.clone(), ClusterId::at(at));
        }
        self.add_nodes(lab, index);
        for (name, cluster) in &lab.clusters {
            let id = ClusterId::at(self.clusters.len());
            let members = self.nodes.iter().filter(|(_, node)| node.cluster == id);
            let members: Vec<NodeId> = members.map(|(id, _)| id).collect();
            let room = lab.nodes.len();
            let count = members.iter().map(|node| self.nodes[*node].zone + 1).max();
            let zones = (0..count.unwrap_or(0)).map(|zone| {
                let of = members
                    .iter()
                    .filter(|node| self.nodes[**node].zone == zone);
                Bits::of(room, of.copied())
            });
            let zones: Vec<Bits<NodeId>> = zones.collect();
            let control_planes = members
                .iter()
                .filter(|node| self.nodes[**node].control_plane);
            let control_planes: Vec<NodeId> = control_planes.copied().collect();
            let nodes = Bits::of(room, members);
            let row = Cluster {
                name: name.to_string(),
                nodes,
                endpoint: self.endpoint(lab, cluster, &control_planes, index),
                finds_by_itself: finds_by_itself(&cluster.distribution),
                grace: rules::detection::grace(cluster.distribution.kubernetes()),
                taint: rules::eviction::taint(cluster.distribution.kubernetes()),
                shutdown: rules::shutdown::grace(&cluster.distribution),
                zones,
                control_planes,
                dns: None,
                balancer: None,
            };
            self.clusters.push(row);
        }
    }

    fn add_nodes(&mut self, lab: &Lab, index: &mut Index) {
        let mut zones: BTreeMap<(&Name, Option<&String>), usize> = BTreeMap::new();
        let mut zone_count: BTreeMap<&Name, usize> = BTreeMap::new();
        for (name, node) in &lab.nodes {
            let (Some(&host), Some(&cluster)) =
                (index.hosts.get(&node.on), index.clusters.get(&node.cluster))
            else {
                // A reference to nothing is a finding of `check`; here it is no node.
                continue;
            };
            let count = zone_count.entry(&node.cluster).or_default();
            let label = node.labels.get("topology.kubernetes.io/zone");
            let zone = *zones.entry((&node.cluster, label)).or_insert_with(|| {
                *count += 1;
                *count - 1
            });
            let disk = node.vm.as_ref().and_then(|vm| vm.on_disk.as_ref());
            let site = self.hosts[host].site;
            let id = self.nodes.push(Node {
                name: name.to_string(),
                host,
                cluster,
                control_plane: node.role == Role::ControlPlane,
                disk: disk
                    .and_then(|disk| index.disks.get(&(host, disk.clone())))
                    .copied(),
                room: room(lab, node),
                link: link(lab, node, index),
                uplink: if spans_sites(lab, &node.cluster) {
                    site.and_then(|site| self.sites[site].uplink)
                } else {
                    None
                },
                zone,
                links: lab
                    .node_networks(node)
                    .into_iter()
                    .filter_map(|network| index.links.get(network))
                    .copied()
                    .collect(),
                labels: eligible::labels(lab, name, node),
            });
            index.nodes.insert(name.clone(), id);
        }
    }

    fn endpoint(
        &mut self,
        lab: &Lab,
        cluster: &model::lab::Cluster,
        control_planes: &[NodeId],
        index: &Index,
    ) -> Endpoint {
        let first = control_planes.first().copied();
        match &cluster.endpoint {
            Some(Declared::Vip(_)) => {
                let talos = matches!(cluster.distribution, Distribution::Talos(_));
                if !talos {
                    self.assume("the API's address moves as kube-vip moves it (rule 11)");
                }
                Endpoint::Vip(rules::vip::taken_over(talos))
            }
            Some(Declared::Node(name)) => {
                let node = index.nodes.get(name).copied().or(first);
                node.map_or(Endpoint::Outside, Endpoint::Node)
            }
            Some(Declared::Dns(dns)) => {
                let network = dns.network.as_ref().and_then(|name| lab.networks.get(name));
                let server = network.and_then(|network| {
                    let told = network.dns.as_ref().and_then(|dns| dns.server.as_ref());
                    told.or(network.router.as_ref())
                });
                let server = server.and_then(|server| index.hosts.get(server)).copied();
                server.map_or(Endpoint::Outside, Endpoint::Name)
            }
            None => first.map_or(Endpoint::Outside, Endpoint::Node),
        }
    }
}

/// Whether every node balances over the control planes by itself: Talos has `KubePrism`, k3s'
/// agents a client of their own.
fn finds_by_itself(distribution: &Distribution) -> bool {
    match distribution {
        Distribution::Talos(talos) => talos.kubeprism != Some(0),
        Distribution::K3s(_) | Distribution::Kairos(_) | Distribution::K3os(_) => true,
        Distribution::Kubeadm(_) | Distribution::Nixos(_) => false,
    }
}

fn room(lab: &Lab, node: &DeclaredNode) -> Option<Ask> {
    let (cpu, memory) = match node.machine() {
        Some(Machine::Container(machine)) => (machine.cpu, machine.memory.0),
        Some(Machine::Vm(machine)) => (machine.cpu, machine.memory.0),
        None => {
            let host = lab.host_of(node)?;
            let reserve = host.reserve.clone().unwrap_or_default();
            let memory = host.memory?.0;
            let reserved = reserve.memory.map_or(SYSTEM_RESERVE, |bytes| bytes.0);
            let cpu = host.cpu?.saturating_sub(reserve.cpu.unwrap_or(0));
            (cpu, memory.saturating_sub(reserved))
        }
    };
    Some(Ask {
        millicpu: u64::from(cpu) * 1000,
        memory: memory.saturating_sub(EVICTION_RESERVE),
    })
}

/// The network between a node and the others of its cluster.
fn link(lab: &Lab, node: &DeclaredNode, index: &Index) -> Option<LinkId> {
    let cluster = lab.clusters.get(&node.cluster)?;
    let between = lab.cluster_network(&node.cluster, cluster)?;
    let own = lab.node_networks(node);
    let network = if own.contains(between) {
        between
    } else {
        own.into_iter().next().unwrap_or(between)
    };
    index.links.get(network).copied()
}

fn spans_sites(lab: &Lab, cluster: &Name) -> bool {
    let mut tops: Vec<Option<&Name>> = lab
        .nodes_of(cluster)
        .map(|(_, node)| {
            let mut site = lab.host_of(node).and_then(|host| host.site.as_ref());
            for _ in 0..lab.sites.len() {
                let around = site
                    .and_then(|site| lab.sites.get(site))
                    .and_then(|site| site.within.as_ref());
                if around.is_none() {
                    break;
                }
                site = around;
            }
            site
        })
        .collect();
    tops.sort();
    tops.dedup();
    tops.len() > 1
}
