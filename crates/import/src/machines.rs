//! From what is known of Talos machines and their cluster to a lab: shared by the import of
//! talhelper's file and that of machine configurations.

mod cluster;

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use ipnet::IpNet;
use model::lab::{
    Arch, DhcpWord, Disk, DiskRole, Host, HostAddress, Nic, Node, Patch, Role, Taint,
};
use model::name::Name;
use serde_json::Value;

use crate::draft::Draft;
use crate::networks::{self, Addresses, Interface, Segments};
use crate::{ImportError, blank, names, secrecy};

/// What is known of a node.
#[derive(Debug)]
pub(crate) struct NodeFacts {
    /// Where it stands, for messages.
    pub(crate) place: String,
    pub(crate) name: Name,
    pub(crate) role: Role,
    pub(crate) address: Option<IpAddr>,
    pub(crate) interfaces: Vec<Interface>,
    pub(crate) disk: Option<String>,
    pub(crate) arch: Arch,
    pub(crate) labels: BTreeMap<String, String>,
    pub(crate) taints: Option<Vec<Taint>>,
    pub(crate) extensions: Vec<String>,
    pub(crate) kernel_args: Vec<String>,
    pub(crate) patches: Vec<Value>,
}

/// What is known of a cluster.
#[derive(Debug, Default)]
pub(crate) struct ClusterFacts {
    /// The file that it stands in.
    pub(crate) file: String,
    pub(crate) name: String,
    pub(crate) talos: Option<String>,
    pub(crate) kubernetes: Option<String>,
    pub(crate) endpoint: Option<String>,
    pub(crate) pods: Vec<IpNet>,
    pub(crate) services: Vec<IpNet>,
    pub(crate) domain: Option<String>,
    /// `flannel`, `none`, `custom`, or a name out of a manifest's address.
    pub(crate) cni: Option<String>,
    pub(crate) no_proxy: bool,
    pub(crate) sans: Vec<String>,
    pub(crate) kubeprism: Option<u16>,
    /// Control planes run workloads.
    pub(crate) untainted: bool,
    pub(crate) patches: Vec<Value>,
}

/// The lab of a cluster and its nodes.
pub(crate) fn assemble(
    mut cluster: ClusterFacts,
    mut nodes: Vec<NodeFacts>,
) -> Result<Draft, ImportError> {
    let name = names::name(&cluster.name).ok_or_else(|| ImportError::Missing {
        place: format!("{}: the cluster's name", cluster.file),
    })?;
    let mut draft = Draft::new(name.clone());
    if name.as_str() != cluster.name {
        draft.derived(format!(
            "the name {name}: the cluster's own is no name of a lab"
        ));
    }
    texts(&mut draft, &mut cluster, &mut nodes);
    let mut segments = Segments::default();
    for interface in nodes.iter().flat_map(|node| &node.interfaces) {
        segments.add(interface);
    }
    for node in &nodes {
        if let Some(range) = node.address.and_then(|address| segments.cover(address)) {
            draft.derived(format!(
                "the range {range}: no prefix is written for {}",
                node.name
            ));
        }
    }
    segments.place(&mut draft);
    let vips: BTreeSet<IpAddr> = nodes
        .iter()
        .flat_map(|node| &node.interfaces)
        .filter_map(|interface| interface.vip)
        .collect();
    let shared = shared_extensions(&mut draft, &nodes);
    cluster::place(&mut draft, &name, &mut cluster, &nodes, &vips, shared)?;
    draft.derived(format!(
        "{} hosts, one for each node and of its name: the file knows nodes only. Where a node is a virtual machine, name its host and add vm:",
        nodes.len()
    ));
    for node in nodes {
        place_node(&mut draft, &name, node, cluster.untainted)?;
    }
    Ok(draft)
}

/// Takes what may be secrets out of texts that are placed as they are.
fn texts(draft: &mut Draft, cluster: &mut ClusterFacts, nodes: &mut [NodeFacts]) {
    for node in nodes {
        let place = node.place.clone();
        harmless(
            draft,
            &format!("{place}.kernel-args"),
            &mut node.kernel_args,
        );
        harmless(draft, &format!("{place}.extensions"), &mut node.extensions);
        node.labels.retain(|key, value| {
            let secret = secrecy::looks_secret(value);
            if secret {
                draft.left_out(&format!("{place}.labels.{key}"));
            }
            !secret
        });
    }
    harmless(draft, &format!("{}: sans", cluster.file), &mut cluster.sans);
}

/// Takes out texts that may be secrets: arguments of a kernel can hold addresses with passwords.
fn harmless(draft: &mut Draft, place: &str, texts: &mut Vec<String>) {
    texts.retain(|text| {
        let secret = secrecy::looks_secret(text);
        if secret {
            draft.left_out(place);
        }
        !secret
    });
}

/// Extensions and kernel arguments that all nodes have. The others are told: a lab has them for
/// a whole cluster.
fn shared_extensions(draft: &mut Draft, nodes: &[NodeFacts]) -> (Vec<String>, Vec<String>) {
    let mut common = |of: fn(&NodeFacts) -> &Vec<String>, what: &str| {
        let first = nodes.first().map(of).cloned().unwrap_or_default();
        let all: Vec<String> = first
            .into_iter()
            .filter(|one| nodes.iter().all(|node| of(node).contains(one)))
            .collect();
        for node in nodes {
            let more: Vec<&str> = of(node)
                .iter()
                .filter(|one| !all.contains(one))
                .map(String::as_str)
                .collect();
            if !more.is_empty() {
                draft.unplaced(
                    &format!("{}.{what}", node.place),
                    format!("only on this node: {}", more.join(", ")),
                );
            }
        }
        all
    };
    let extensions = common(|node| &node.extensions, "extensions");
    let kernel_args = common(|node| &node.kernel_args, "kernel-args");
    (extensions, kernel_args)
}

fn place_node(
    draft: &mut Draft,
    cluster: &Name,
    facts: NodeFacts,
    untainted: bool,
) -> Result<(), ImportError> {
    if draft.lab.nodes.contains_key(&facts.name) {
        return Err(ImportError::Twice { place: facts.place });
    }
    let all: Vec<IpAddr> = facts
        .interfaces
        .iter()
        .flat_map(|i| &i.addresses)
        .map(IpNet::addr)
        .collect();
    let Addresses {
        own: address,
        further: addresses,
        beyond,
    } = networks::addresses(draft, facts.address, &all);
    for address in beyond {
        draft.unplaced(
            &format!("{}.addresses", facts.place),
            format!("a further address: {address}"),
        );
    }
    let host = host(draft, &facts);
    let taints = match (facts.taints, facts.role) {
        (Some(taints), _) => Some(taints),
        (None, Role::ControlPlane) if untainted => Some(Vec::new()),
        (None, _) => None,
    };
    let node = Node {
        address,
        addresses,
        labels: facts.labels,
        taints,
        patches: facts.patches.into_iter().map(Patch::Talos).collect(),
        ..blank::node(cluster.clone(), facts.role, facts.name.clone())
    };
    draft.took(format!("the node {}", facts.name));
    draft.lab.hosts.insert(facts.name.clone(), host);
    draft.lab.nodes.insert(facts.name, node);
    Ok(())
}

/// The host that a node is.
fn host(draft: &Draft, facts: &NodeFacts) -> Host {
    let mut host = Host {
        arch: facts.arch,
        ..Host::default()
    };
    if let Some(device) = &facts.disk {
        host.disks
            .insert(names::known("system"), system_disk(device.clone()));
    }
    let main = facts
        .address
        .and_then(|a| draft.lab.network_of(a))
        .map(|(name, _)| name.clone());
    for (position, interface) in facts.interfaces.iter().enumerate() {
        // A VLAN is no interface of its own: its network says what carries it.
        if interface.vlan.is_none() {
            let of = interface.addresses.first().map(IpNet::addr);
            let network = of
                .and_then(|a| draft.lab.network_of(a))
                .map(|(name, _)| name.clone());
            let network = network.or_else(|| main.clone().filter(|_| interface.dhcp));
            if let (true, Some(network)) = (interface.dhcp, &network) {
                host.addresses
                    .insert(network.clone(), HostAddress::Dhcp(DhcpWord::Dhcp));
            }
            nic(&mut host, interface, position, network);
        }
    }
    host
}

fn system_disk(device: String) -> Disk {
    Disk {
        device: Some(device),
        roles: vec![DiskRole::System],
        ..Disk::default()
    }
}

fn nic(host: &mut Host, interface: &Interface, position: usize, network: Option<Name>) {
    if interface.name.is_none() && interface.mac.is_none() {
        return;
    }
    let wanted = interface.name.as_deref().and_then(names::name);
    let wanted = wanted.or_else(|| names::name(&format!("nic-{}", position + 1)));
    let name = names::free(&wanted.unwrap_or_else(|| names::known("nic")), |name| {
        host.nics.contains_key(name)
    });
    let nic = Nic {
        mac: interface.mac,
        network,
        ..Nic::default()
    };
    host.nics.insert(name, nic);
}
