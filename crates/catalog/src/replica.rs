//! A lab as it can stand on one machine: every host stood in for by namespaces, what the catalog
//! does not reach by what is nearest to it, and everything else left out. Nothing silently: each
//! change is told.

mod apps;
mod around;
mod storage;

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use model::dual::Dual;
use model::lab::{
    Access, Arch, Cluster, Cni, Component, ContainerMachine, Distribution, Encapsulation, Endpoint,
    Flannel, FlannelBackend, Kubeadm, Lab, Network, Node,
};
use model::name::Name;
use model::quantity::Bytes;
use serde::Serialize;

use crate::component::{ComponentKind, components};
use crate::image::kubernetes_versions;

/// The size of a node whose host's size nobody told: small, so that what does not fit shows.
const UNTOLD: ContainerMachine = ContainerMachine {
    cpu: 4,
    memory: Bytes(4 << 30),
};
/// The label of nodes that tells for which processors they are in the lab.
const ARCH_LABEL: &str = "steading.dev/arch";

/// A lab as a replica of it is.
#[derive(Debug, Clone, PartialEq)]
pub struct Replica {
    /// What is carried out: it is within reach of this version.
    pub lab: Lab,
    /// What is other than in the lab.
    pub changes: Vec<Change>,
}

/// One thing that is other in a replica.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Change {
    /// Where in the lab file.
    pub field: String,
    /// What stands in its place; `None`: it is left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stands_in: Option<String>,
    /// Why.
    pub why: String,
}

/// The replica of a lab on a machine with processors of that kind. The result is only meant to be
/// expanded: rules about the real lab have judged the real lab.
#[must_use]
pub fn replica(lab: &Lab, here: Arch) -> Replica {
    let mut making = Making {
        changes: Vec::new(),
        of: lab,
    };
    let mut lab = lab.clone();
    making.clusters(&mut lab);
    making.nodes(&mut lab);
    making.hosts(&mut lab, here);
    making.networks(&mut lab);
    making.keep_reservations(&mut lab);
    making.gateways(&mut lab);
    making.endpoints(&mut lab);
    making.components(&mut lab);
    making.storage(&mut lab);
    making.apps(&mut lab);
    apps::tell_arch(making.of, &mut lab, here);
    making.rest(&mut lab);
    Replica {
        lab,
        changes: making.changes,
    }
}

struct Making<'a> {
    changes: Vec<Change>,
    of: &'a Lab,
}

impl Making<'_> {
    fn stands_in(
        &mut self,
        field: impl Into<String>,
        stands_in: impl Into<String>,
        why: impl Into<String>,
    ) {
        self.changes.push(Change {
            field: field.into(),
            stands_in: Some(stands_in.into()),
            why: why.into(),
        });
    }

    fn left_out(&mut self, field: impl Into<String>, why: impl Into<String>) {
        self.changes.push(Change {
            field: field.into(),
            stands_in: None,
            why: why.into(),
        });
    }

    /// One cluster, of upstream Kubernetes.
    fn clusters(&mut self, lab: &mut Lab) {
        let size = |name: &Name| self.of.nodes_of(name).count();
        let kept = lab.clusters.keys().max_by_key(|name| size(name)).cloned();
        let names: Vec<Name> = lab.clusters.keys().cloned().collect();
        for name in names.into_iter().filter(|name| Some(name) != kept.as_ref()) {
            lab.clusters.remove(&name);
            let nodes: Vec<&str> = self
                .of
                .nodes_of(&name)
                .map(|(node, _)| node.as_str())
                .collect();
            let nodes = nodes.join(", ");
            lab.nodes.retain(|_, node| node.cluster != name);
            lab.apps
                .retain(|_, app| app.cluster.as_ref() != Some(&name));
            lab.components
                .retain(|_, component| component.cluster.as_ref() != Some(&name));
            let why = "a replica is of one cluster; this is the one with fewer nodes";
            self.left_out(format!("clusters.{name} with its nodes {nodes}"), why);
        }
        for (name, cluster) in &mut lab.clusters {
            self.cluster(name, cluster);
        }
    }

    fn cluster(&mut self, name: &Name, cluster: &mut Cluster) {
        let at = |field: &str| format!("clusters.{name}.{field}");
        self.distribution(at("distribution"), &mut cluster.distribution);
        if !matches!(cluster.cni, Cni::Flannel(_)) {
            let (backend, says) = match cluster.cni.encapsulation() {
                Encapsulation::None => (FlannelBackend::HostGw, "flannel with plain routes"),
                _ => (FlannelBackend::Vxlan, "flannel with VXLAN"),
            };
            cluster.cni = Cni::Flannel(Flannel { backend, mtu: None });
            self.stands_in(at("cni"), says, "its images are not in the node image");
        }
        for (field, range) in [
            ("pods", &mut cluster.pods),
            ("services", &mut cluster.services),
        ] {
            if range.v6().is_some() {
                if let Some(v4) = range.v4() {
                    *range = Dual::one(v4);
                }
                self.left_out(at(field), "IPv6 is not carried out yet");
            }
        }
        // It has authorities of its own, which are as long as the lab's.
        let issued = cluster.certificates.as_mut();
        let folder = issued.and_then(|one| one.folder.take());
        for (field, given) in [
            ("proxy", cluster.proxy.take().is_some()),
            ("certificates.folder", folder.is_some()),
            ("oidc", cluster.oidc.take().is_some()),
            ("patches", !std::mem::take(&mut cluster.patches).is_empty()),
            ("pods-per-node", cluster.pods_per_node.take().is_some()),
            ("dns", cluster.dns.take().is_some()),
            ("api-service", cluster.api_service.take().is_some()),
        ] {
            if given {
                self.left_out(at(field), "this field is not carried out yet");
            }
        }
    }

    fn distribution(&mut self, field: String, distribution: &mut Distribution) {
        let asked = distribution.kubernetes().map(str::to_owned);
        let known = kubernetes_versions();
        let same = asked.filter(|asked| known.contains(asked));
        let Some(version) = same.or_else(|| known.into_iter().next_back()) else {
            return;
        };
        let before = match &*distribution {
            Distribution::Kubeadm(kubeadm) if kubeadm.kubernetes == version => return,
            other => match other.kubernetes() {
                Some(of) => format!("{} with Kubernetes {of}", other.word()),
                None => other.word().to_owned(),
            },
        };
        let after = format!("kubeadm with Kubernetes {version}");
        self.stands_in(field, after, format!("{before} cannot be had here"));
        *distribution = Distribution::Kubeadm(Kubeadm {
            kubernetes: version,
        });
    }

    /// Every node a container with the declared size.
    fn nodes(&mut self, lab: &mut Lab) {
        let mut untold = Vec::new();
        for (name, node) in &mut lab.nodes {
            let host = self.of.hosts.get(&node.on);
            let told = node.machine().map(|machine| machine.size()).or_else(|| {
                let host = host?;
                Some((host.cpu?, host.memory?))
            });
            let (cpu, memory) = told.unwrap_or_else(|| {
                untold.push(name.to_string());
                let cpu = host.and_then(|host| host.cpu).unwrap_or(UNTOLD.cpu);
                let memory = host.and_then(|host| host.memory).unwrap_or(UNTOLD.memory);
                (cpu, memory)
            });
            let address = self.address(node);
            self.parts_of_node(name, node, address);
            node.address = address.map(Dual::one);
            node.addresses.clear();
            node.vm = None;
            node.container = Some(ContainerMachine { cpu, memory });
            if !std::mem::take(&mut node.patches).is_empty() {
                self.left_out(
                    format!("nodes.{name}.patches"),
                    "they are for another system",
                );
            }
        }
        lab.nodes.retain(|name, node| {
            let placed = node.address.is_some();
            if !placed {
                self.left_out(
                    format!("nodes.{name}"),
                    "it has no IPv4 address in a network",
                );
            }
            placed
        });
        let contained = |node: &Node| node.container.is_some();
        if !self.of.nodes.values().all(contained) {
            let says = "containers of the declared size";
            self.stands_in("nodes", says, "this is one machine");
        }
        if !untold.is_empty() {
            let size = format!("{} processors or {} GiB", UNTOLD.cpu, UNTOLD.memory.0 >> 30);
            let why = format!("the sizes of {} are told nowhere", untold.join(", "));
            self.stands_in("nodes", size, why);
        }
    }

    /// The address by which the nodes of its cluster reach a node.
    fn address(&self, node: &Node) -> Option<IpAddr> {
        let cluster = self.of.clusters.get(&node.cluster)?;
        let between = self.of.cluster_network(&node.cluster, cluster);
        let all = self.of.node_addresses(node);
        let v4 = all.iter().filter(|(_, address)| address.is_ipv4());
        let in_it = v4.clone().find(|(network, _)| Some(*network) == between);
        in_it
            .or_else(|| v4.clone().next())
            .map(|(_, address)| *address)
    }

    fn hosts(&mut self, lab: &mut Lab, here: Arch) {
        let used: BTreeSet<&Name> = lab.nodes.values().map(|node| &node.on).collect();
        let mut others = Vec::new();
        let mut without = Vec::new();
        for (name, host) in &mut lab.hosts {
            if !used.contains(name) {
                without.push(name.to_string());
            } else if host.arch != here {
                others.push(name.to_string());
            }
            host.arch = here;
            host.access = Some(Access::Local);
        }
        let fields = |names: &[String]| format!("hosts: {}", names.join(", "));
        if !others.is_empty() {
            let why = "programs of other processors do not run here";
            self.stands_in(fields(&others), word(here), why);
        }
        if !without.is_empty() {
            self.left_out(fields(&without), "no node runs on them");
        }
        let used: BTreeSet<Name> = used.into_iter().cloned().collect();
        lab.hosts.retain(|name, _| used.contains(name));
        self.parts_of_hosts(lab);
    }

    /// The networks that nodes stand in, each as a plain one.
    fn networks(&mut self, lab: &mut Lab) {
        let addresses: Vec<IpAddr> = lab
            .nodes
            .values()
            .filter_map(|node| node.address.map(|address| address.first()))
            .collect();
        let mut kept: BTreeMap<Name, Network> = BTreeMap::new();
        let mut without = Vec::new();
        for (name, network) in &lab.networks {
            let here = |address: &IpAddr| self.of.network_of(*address).map(|(name, _)| name);
            let v4 = network.cidr.v4();
            let (Some(v4), true) = (v4, addresses.iter().any(|one| here(one) == Some(name))) else {
                without.push(name.to_string());
                continue;
            };
            let mtu = self.of.network_mtu(name);
            if network.overlay.is_some() {
                let says = format!("a plain network with packets of {mtu} bytes");
                let why = "tunnels are not carried out yet";
                self.stands_in(format!("networks.{name}.overlay"), says, why);
            }
            if network.cidr.v6().is_some() {
                self.left_out(
                    format!("networks.{name}.cidr"),
                    "IPv6 is not carried out yet",
                );
            }
            let mut plain = network.clone();
            plain.cidr = Dual::one(v4);
            plain.gateway = network
                .gateway
                .and_then(|gateway| gateway.v4())
                .map(Dual::one);
            plain.mtu = Some(mtu);
            plain.overlay = None;
            plain.over = None;
            self.served(name, &mut plain);
            kept.insert(name.clone(), plain);
        }
        if !without.is_empty() {
            let names = format!("networks: {}", without.join(", "));
            self.left_out(names, "no node stands in them");
        }
        lab.networks = kept;
    }

    /// An endpoint that the control planes can hold in their own network.
    fn endpoints(&mut self, lab: &mut Lab) {
        let names: Vec<Name> = lab.clusters.keys().cloned().collect();
        for name in names {
            let planes: Vec<IpAddr> = lab
                .control_planes(&name)
                .filter_map(|(_, node)| lab.node_address(node))
                .collect();
            let network = planes.first().and_then(|address| lab.network_of(*address));
            let Some((network, range)) = network.map(|(name, one)| (name.clone(), one.cidr)) else {
                continue;
            };
            let declared = lab.clusters.get(&name).and_then(|one| one.endpoint.clone());
            let endpoint = match (&declared, planes.len()) {
                (Some(Endpoint::Vip(address)), 2..) if range.contains(*address) => continue,
                (Some(Endpoint::Node(_)) | None, 0..=1) => continue,
                (_, 0..=1) => None,
                _ => free_address(lab, range.first()).map(Endpoint::Vip),
            };
            let says = match &endpoint {
                Some(Endpoint::Vip(address)) => format!("the address {address}"),
                _ => "its control plane's own address".to_owned(),
            };
            let why = format!("the nodes meet in network {network}");
            self.stands_in(format!("clusters.{name}.endpoint"), says, why);
            if let Some(cluster) = lab.clusters.get_mut(&name) {
                cluster.endpoint = endpoint;
            }
        }
    }

    fn components(&mut self, lab: &mut Lab) {
        let reached = |name: &Name, component: &Component| {
            components()
                .get(component.entry(name).as_str())
                .is_some_and(|entry| entry.kind == ComponentKind::Component)
        };
        let without: Vec<String> = lab
            .components
            .iter()
            .filter(|(name, component)| component.enabled && !reached(name, component))
            .map(|(name, _)| name.to_string())
            .collect();
        if !without.is_empty() {
            let names = format!("components: {}", without.join(", "));
            self.left_out(names, "the catalog cannot bring them in yet");
        }
        lab.components
            .retain(|name, component| component.enabled && reached(name, component));
    }

    fn rest(&mut self, lab: &mut Lab) {
        let declared = lab.backups.len();
        lab.backups
            .retain(|_, backup| crate::snapshots::carried_out(backup));
        let without_backups = lab.backups.len() < declared;
        for (section, given) in [
            ("firewall", !std::mem::take(&mut lab.firewall).is_empty()),
            ("images", !std::mem::take(&mut lab.images).is_empty()),
            ("users", !std::mem::take(&mut lab.users).is_empty()),
            (
                "observability",
                !std::mem::take(&mut lab.observability).is_empty(),
            ),
            ("backups", without_backups),
            // A replica makes its own; those of the lab stay closed.
            ("secrets", !std::mem::take(&mut lab.secrets).is_empty()),
        ] {
            if given {
                self.left_out(section, "a replica has none yet");
            }
        }
    }
}

/// An architecture as the lab file writes it.
const fn word(arch: Arch) -> &'static str {
    match arch {
        Arch::Amd64 => "amd64",
        Arch::Arm64 => "arm64",
    }
}

/// An address of a range that nobody in the lab has: the highest.
fn free_address(lab: &Lab, range: ipnet::IpNet) -> Option<IpAddr> {
    let ipnet::IpNet::V4(range) = range else {
        return None;
    };
    let taken: BTreeSet<IpAddr> = lab
        .nodes
        .values()
        .filter_map(|node| lab.node_address(node))
        .chain(lab.networks.values().filter_map(Network::router_address))
        .collect();
    let (first, last) = (u32::from(range.network()) + 1, u32::from(range.broadcast()));
    (first..last)
        .rev()
        .map(|address| IpAddr::V4(address.into()))
        .find(|address| !taken.contains(address))
}

#[cfg(test)]
mod tests;
