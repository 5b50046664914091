//! Nodes: what Kubernetes knows of the machines that it runs on.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use ipnet::IpNet;
use model::lab::{Arch, Cloud, Host, Instance, Node, Os, Release, Role, Site, Taint, TaintEffect};
use model::name::Name;
use serde_json::Value;

use super::objects::{Object, Objects};
use crate::draft::Draft;
use crate::networks::{self, Addresses, Interface, Segments};
use crate::{ImportError, blank, names};

/// What is known of a node.
#[derive(Debug)]
pub(super) struct Seen<'a> {
    pub(super) object: &'a Object,
    pub(super) name: Name,
    pub(super) role: Role,
    /// Those that the nodes reach each other by.
    pub(super) addresses: Vec<IpAddr>,
    /// Its part of the pods' ranges.
    pub(super) pods: Vec<IpNet>,
    pub(super) kubelet: String,
    pub(super) system: String,
}

/// Labels of these domains are set by Kubernetes, its distributions and its add-ons.
const SET_BY_OTHERS: [&str; 11] = [
    "kubernetes.io",
    "k8s.io",
    "k3s.io",
    "k3os.io",
    "talos.dev",
    "cilium.io",
    "projectcalico.org",
    "csi.ceph.com",
    "openebs.io",
    "rook.io",
    "steading.dev",
];

/// Taints of these domains come and go by themselves.
const PASSING: [&str; 3] = [
    "node.kubernetes.io/",
    "node.cloudprovider.kubernetes.io/",
    "node.cilium.io/",
];

/// The taint that kubeadm gives to control planes.
const CONTROL_PLANE: &str = "node-role.kubernetes.io/control-plane";

pub(super) fn read(objects: &Objects) -> Result<Vec<Seen<'_>>, ImportError> {
    let servers = api_servers(objects);
    let mut taken = BTreeSet::new();
    let mut nodes = Vec::new();
    for object in objects.of("Node") {
        let wanted = names::name(&object.name).ok_or_else(|| ImportError::Missing {
            place: "Node: metadata.name".to_owned(),
        })?;
        let name = names::free(&wanted, |name| taken.contains(name));
        taken.insert(name.clone());
        let mut addresses = Vec::new();
        for one in object.list("/status/addresses") {
            if let (Some("InternalIP"), Some(text)) =
                (one["type"].as_str(), one["address"].as_str())
            {
                addresses.push(object.parsed("status.addresses", text, "an address")?);
            }
        }
        let mut pods: Vec<IpNet> = Vec::new();
        let one = object.text("/spec/podCIDR").into_iter();
        for text in object.texts("/spec/podCIDRs").into_iter().chain(one) {
            let range = object.parsed("spec.podCIDRs", text, "a range of addresses")?;
            if !pods.contains(&range) {
                pods.push(range);
            }
        }
        let labelled = ["control-plane", "master"].iter().any(|role| {
            object
                .label(&format!("node-role.kubernetes.io/{role}"))
                .is_some()
        });
        let plane = labelled || addresses.iter().any(|address| servers.contains(address));
        nodes.push(Seen {
            object,
            name,
            role: if plane {
                Role::ControlPlane
            } else {
                Role::Worker
            },
            addresses,
            pods,
            kubelet: info(object, "kubeletVersion"),
            system: info(object, "osImage"),
        });
    }
    if nodes.is_empty() {
        return Err(ImportError::Nothing {
            what: "node among the objects of the cluster",
        });
    }
    Ok(nodes)
}

fn info(object: &Object, field: &str) -> String {
    let text = object.text(&format!("/status/nodeInfo/{field}"));
    text.unwrap_or_default().to_owned()
}

/// Where the API answers, as the Service `kubernetes` has it: these nodes are control planes, also
/// where nobody labels them.
fn api_servers(objects: &Objects) -> BTreeSet<IpAddr> {
    objects
        .of("EndpointSlice")
        .filter(|slice| slice.label("kubernetes.io/service-name") == Some("kubernetes"))
        .filter(|slice| slice.namespace == "default")
        .flat_map(|slice| slice.list("/endpoints"))
        .filter_map(|endpoint| endpoint["addresses"].as_array())
        .flatten()
        .filter_map(|address| address.as_str()?.parse().ok())
        .collect()
}

/// Places networks, hosts and nodes.
pub(super) fn place(
    draft: &mut Draft,
    cluster: &Name,
    nodes: &[Seen<'_>],
) -> Result<(), ImportError> {
    place_networks(draft, nodes)?;
    let has_workers = nodes.iter().any(|node| node.role == Role::Worker);
    let mut set_by_others = BTreeSet::new();
    for node in nodes {
        place_one(draft, cluster, node, has_workers, &mut set_by_others)?;
    }
    if !set_by_others.is_empty() {
        let all: Vec<String> = set_by_others.into_iter().collect();
        draft.derived(format!(
            "the nodes' labels without those that Kubernetes and its parts set: {}",
            all.join(", ")
        ));
    }
    draft.derived(format!(
        "{} hosts, one for each node and of its name: a cluster does not tell which machine a node runs on. Where it is a virtual machine or a container, name its host and add vm: or container:",
        nodes.len()
    ));
    Ok(())
}

/// The range that Tailscale gives addresses from (its package `tsaddr`, `CGNATRange`).
const TAILNET: &str = "100.64.0.0/10";
const TAILNET_V6: &str = "fd7a:115c:a1e0::/48";

/// Whether it is an address of a tailnet.
pub(super) fn in_tailnet(address: IpAddr) -> bool {
    [TAILNET, TAILNET_V6]
        .iter()
        .filter_map(|range| range.parse::<IpNet>().ok())
        .any(|range| range.contains(&address))
}

fn place_networks(draft: &mut Draft, nodes: &[Seen<'_>]) -> Result<(), ImportError> {
    let mut segments = Segments::default();
    for node in nodes {
        let outside = node.addresses.iter().filter(|one| !in_tailnet(**one));
        let addresses = outside.map(|one| with_prefix(draft, node, *one));
        // One address of each family is one network with both.
        segments.add(&Interface {
            addresses: addresses.collect::<Result<_, _>>()?,
            ..Interface::default()
        });
    }
    let all = || nodes.iter().flat_map(|node| &node.addresses);
    for address in all().filter(|address| !in_tailnet(**address)) {
        // Counts them; the range is there.
        segments.cover(*address);
    }
    segments.place(draft);
    let in_it: Vec<IpAddr> = all().copied().filter(|one| in_tailnet(*one)).collect();
    if in_it.is_empty() {
        return Ok(());
    }
    let mut ranges = Vec::new();
    for (range, v6) in [(TAILNET, false), (TAILNET_V6, true)] {
        if in_it.iter().any(|one| one.is_ipv6() == v6) {
            ranges.push(range.parse().map_err(|_| ImportError::TooMuch)?);
        }
    }
    if let Some(cidr) = networks::dual(&ranges) {
        draft.derived(format!(
            "networks.tailnet: {cidr}, which Tailscale gives addresses from. Where a headscale server of your own does, write overlay: {{ headscale: … }}"
        ));
        let network = model::lab::Network {
            overlay: Some(model::lab::Overlay::Tailscale(Default::default())),
            ..blank::network(cidr)
        };
        draft.lab.networks.insert(names::known("tailnet"), network);
    }
    Ok(())
}

/// An address with the prefix of its network: Calico writes down with which one it found it, nobody
/// else does.
fn with_prefix(draft: &mut Draft, node: &Seen<'_>, address: IpAddr) -> Result<IpNet, ImportError> {
    for annotation in ["IPv4Address", "IPv6Address"] {
        let told = node
            .object
            .annotation(&format!("projectcalico.org/{annotation}"));
        if let Some(Ok(told)) = told.map(str::parse::<IpNet>)
            && told.addr() == address
            && told.prefix_len() < told.max_prefix_len()
        {
            return Ok(told);
        }
    }
    // What most homes use.
    let length = if address.is_ipv6() { 64 } else { 24 };
    let range = IpNet::new(address, length).map_err(|_| ImportError::TooMuch)?;
    draft.derived(format!(
        "the range {}: a cluster does not tell how large the networks of its nodes are",
        range.trunc()
    ));
    Ok(range)
}

fn place_one(
    draft: &mut Draft,
    cluster: &Name,
    seen: &Seen<'_>,
    has_workers: bool,
    set_by_others: &mut BTreeSet<String>,
) -> Result<(), ImportError> {
    let place = seen.object.place();
    let main = seen.addresses.first().copied();
    let Addresses {
        own,
        further,
        beyond,
    } = networks::addresses(draft, main, &seen.addresses);
    for address in beyond {
        draft.unplaced(
            &format!("{place}.addresses"),
            format!("a further address: {address}"),
        );
    }
    for one in seen.object.list("/status/addresses") {
        if let (Some(kind @ ("ExternalIP" | "ExternalDNS")), Some(text)) =
            (one["type"].as_str(), one["address"].as_str())
        {
            draft.unplaced(
                &format!("{place}.addresses"),
                format!("{kind}: {}", super::objects::harmless(text)),
            );
        }
    }
    let host = host(draft, seen)?;
    let taints = taints(draft, seen)?;
    let usual = seen.role == Role::ControlPlane && has_workers;
    let node = Node {
        address: own,
        addresses: further,
        labels: labels(draft, seen, set_by_others),
        taints: (!is_default(&taints, usual)).then_some(taints),
        ..blank::node(cluster.clone(), seen.role, seen.name.clone())
    };
    let role = match seen.role {
        Role::ControlPlane => "control plane",
        Role::Worker => "worker",
    };
    draft.took(format!(
        "the node {}, {role}, kubelet {}",
        seen.name, seen.kubelet
    ));
    if seen.name.as_str() != seen.object.name {
        draft.derived(format!(
            "the name {}: {} is no name of a lab",
            seen.name, seen.object.name
        ));
    }
    draft.lab.hosts.insert(seen.name.clone(), host);
    draft.lab.nodes.insert(seen.name.clone(), node);
    Ok(())
}

fn is_default(taints: &[Taint], usual: bool) -> bool {
    let kubeadms = |taint: &Taint| {
        taint.key == CONTROL_PLANE
            && taint.value.is_none()
            && taint.effect == TaintEffect::NoSchedule
    };
    match taints {
        [] => !usual,
        [one] => usual && kubeadms(one),
        _ => false,
    }
}

fn taints(draft: &mut Draft, seen: &Seen<'_>) -> Result<Vec<Taint>, ImportError> {
    let mut taints = Vec::new();
    for one in seen.object.list("/spec/taints") {
        let key = one["key"].as_str().unwrap_or_default();
        if PASSING.iter().any(|passing| key.starts_with(passing)) {
            draft.derived(format!(
                "the taints of {} without {key}, which comes and goes by itself",
                seen.name
            ));
            continue;
        }
        let wrong = || ImportError::WrongType {
            place: format!("{}: spec.taints", seen.object.place()),
            wanted: "a list of taints",
        };
        taints.push(Taint {
            key: key.to_owned(),
            value: one["value"]
                .as_str()
                .filter(|v| !v.is_empty())
                .map(str::to_owned),
            effect: serde_json::from_value(one["effect"].clone()).map_err(|_| wrong())?,
        });
    }
    Ok(taints)
}

fn labels(
    draft: &mut Draft,
    seen: &Seen<'_>,
    set_by_others: &mut BTreeSet<String>,
) -> BTreeMap<String, String> {
    let mut kept = BTreeMap::new();
    let empty = serde_json::Map::new();
    let all = seen
        .object
        .at("/metadata/labels")
        .and_then(Value::as_object);
    for (key, value) in all.unwrap_or(&empty) {
        let value = value.as_str().unwrap_or_default();
        let domain = key.split_once('/').map_or("", |(domain, _)| domain);
        let others = SET_BY_OTHERS.iter().any(|other| {
            domain == *other || domain.strip_suffix(other).is_some_and(|d| d.ends_with('.'))
        });
        // Of these the lab has fields, or Kubernetes sets them; node-restriction is for people.
        if others && domain != "node-restriction.kubernetes.io" {
            set_by_others.insert(key.clone());
        } else if crate::secrecy::looks_secret(value) {
            draft.left_out(&format!("{}.labels.{key}", seen.object.place()));
        } else {
            kept.insert(key.clone(), value.to_owned());
        }
    }
    kept
}

/// The host that a node is taken to be.
fn host(draft: &mut Draft, seen: &Seen<'_>) -> Result<Host, ImportError> {
    let object = seen.object;
    let arch = match info(object, "architecture").as_str() {
        "arm64" => Arch::Arm64,
        "amd64" | "" => Arch::Amd64,
        other => {
            draft.unplaced(
                &format!("{}.architecture", object.place()),
                super::objects::harmless(other),
            );
            Arch::Amd64
        }
    };
    let cpu = object.text("/status/capacity/cpu");
    let memory = object.text("/status/capacity/memory");
    let mut host = Host {
        arch,
        cpu: cpu
            .map(|text| object.parsed("status.capacity.cpu", text, "a number of threads"))
            .transpose()?,
        memory: memory
            .map(|text| object.parsed("status.capacity.memory", text, "an amount of memory"))
            .transpose()?,
        os: system(&seen.system),
        ..Host::default()
    };
    place_site(draft, seen, &mut host);
    Ok(host)
}

/// The operating system, where a person looks after it.
fn system(text: &str) -> Option<Os> {
    let (word, rest) = text.split_once(' ').unwrap_or((text, ""));
    let number = rest
        .split(|c: char| !(c.is_ascii_digit() || c == '.'))
        .find(|part| part.starts_with(|c: char| c.is_ascii_digit()));
    let release = |number: &str| Release {
        release: number.to_owned(),
    };
    match (word, number) {
        ("Debian", Some(number)) => Some(Os::Debian(release(number))),
        ("Ubuntu", Some(number)) => Some(Os::Ubuntu(release(number))),
        ("NixOS", Some(number)) => Some(Os::Nixos(release(number))),
        ("Rocky", Some(number)) => Some(Os::Rocky(release(number))),
        // Talos, Kairos and k3OS are the cluster's distribution.
        ("Talos" | "Kairos" | "k3OS" | "", _) => None,
        _ => Some(Os::Other(super::objects::harmless(text).to_owned())),
    }
}

/// Region and zone, which providers tell, and who the provider is.
fn place_site(draft: &mut Draft, seen: &Seen<'_>, host: &mut Host) {
    let object = seen.object;
    let label = |name: &str| object.label(&format!("topology.kubernetes.io/{name}"));
    let (region, zone) = (label("region"), label("zone"));
    if let Some(wanted) = zone.or(region).and_then(names::name) {
        let site = Site {
            region: region.map(str::to_owned),
            zone: zone.map(str::to_owned),
            ..Site::default()
        };
        draft.lab.sites.insert(wanted.clone(), site);
        host.site = Some(wanted);
    }
    let Some(provider) = object.text("/spec/providerID") else {
        return;
    };
    let size = object.label("node.kubernetes.io/instance-type");
    let instance = || {
        Some(Instance {
            size: size?.to_owned(),
            region: region?.to_owned(),
            zone: zone.map(str::to_owned),
            image: None,
            first_boot: None,
            subnet: None,
        })
    };
    let scheme = provider.split("://").next().unwrap_or_default();
    host.cloud = match scheme {
        "aws" => instance().map(Cloud::Ec2),
        "linode" => instance().map(Cloud::Linode),
        // k3s names itself.
        "k3s" => return,
        _ => None,
    };
    if host.cloud.is_none() {
        draft.unplaced(
            &format!("{}.providerID", object.place()),
            super::objects::harmless(provider),
        );
    }
}
