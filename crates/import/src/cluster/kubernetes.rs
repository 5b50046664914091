//! Which Kubernetes it is, and where its API answers.

use std::net::IpAddr;

use model::lab::{
    Datastore, Distribution, Endpoint, EndpointName, K3s, Kubeadm, Nixos, Oidc, Role, Talos,
};
use model::name::Name;
use serde_json::Value;

use super::nodes::Seen;
use super::objects::Objects;
use super::settings::Settings;
use crate::draft::Draft;
use crate::names;

/// The distribution, by what its nodes say that they run.
pub(super) fn distribution(
    draft: &mut Draft,
    objects: &Objects,
    settings: &Settings,
    nodes: &[Seen<'_>],
) -> Distribution {
    let planes = || nodes.iter().filter(|node| node.role == Role::ControlPlane);
    let node = planes().next().or_else(|| nodes.first());
    let (system, kubelet) = node.map_or(("", ""), |node| (&*node.system, &*node.kubelet));
    let served = objects
        .about("/serverVersion/gitVersion")
        .or_else(|| objects.about("/gitVersion"));
    let running = names::version(served.unwrap_or(kubelet));
    tell_others(draft, nodes, &running);
    let plain = plain(&running);
    let number = first_number(system);
    if system.starts_with("Talos") {
        return Distribution::Talos(Talos {
            version: number.unwrap_or_else(|| "latest".to_owned()),
            kubernetes: plain,
            extensions: extensions(draft, nodes),
            kernel_args: Vec::new(),
            kubeprism: None,
            contract: None,
            talosctl: None,
        });
    }
    if running.contains("+k3s") {
        let k3s = k3s(draft, settings, nodes, &running);
        return match system.split(' ').next() {
            Some("Kairos") => Distribution::Kairos(k3s),
            Some("k3OS") => Distribution::K3os(k3s),
            _ => Distribution::K3s(k3s),
        };
    }
    if !settings.kubeadm && system.starts_with("NixOS") {
        return Distribution::Nixos(Nixos {
            release: number.unwrap_or_else(|| "unstable".to_owned()),
            kubernetes: Some(plain),
            require_signatures: true,
        });
    }
    if !settings.kubeadm {
        let what = if plain == running { system } else { &running };
        draft.unplaced(
            "the distribution",
            format!(
                "kubeadm, as there is no other word for it: the cluster has no kubeadm-config and says of itself: {}",
                super::objects::harmless(what)
            ),
        );
    }
    Distribution::Kubeadm(Kubeadm { kubernetes: plain })
}

/// A version without what distributions append.
fn plain(version: &str) -> String {
    let end = version.find(['+', '-']).unwrap_or(version.len());
    version.get(..end).unwrap_or(version).to_owned()
}

fn first_number(text: &str) -> Option<String> {
    text.split(|c: char| !(c.is_ascii_digit() || c == '.'))
        .find(|part| part.starts_with(|c: char| c.is_ascii_digit()))
        .map(str::to_owned)
}

/// Nodes of another version than the API server's: an upgrade on its way.
fn tell_others(draft: &mut Draft, nodes: &[Seen<'_>], running: &str) {
    for node in nodes {
        let own = names::version(&node.kubelet);
        if !own.is_empty() && own != running {
            draft.unplaced(
                &format!("{}.kubeletVersion", node.object.place()),
                format!("{own}; the API server is {running}, which was taken"),
            );
        }
    }
}

/// Talos tells its system extensions as labels of its nodes.
fn extensions(draft: &mut Draft, nodes: &[Seen<'_>]) -> Vec<String> {
    const DOMAIN: &str = "extensions.talos.dev/";
    let of = |node: &Seen<'_>| -> Vec<String> {
        let labels = node
            .object
            .at("/metadata/labels")
            .and_then(Value::as_object);
        let names = labels.into_iter().flatten();
        names
            .filter_map(|(key, _)| key.strip_prefix(DOMAIN))
            .filter(|name| *name != "schematic")
            .map(|name| format!("siderolabs/{name}"))
            .collect()
    };
    let first = nodes.first().map(of).unwrap_or_default();
    let on_all: Vec<String> = first
        .into_iter()
        .filter(|one| nodes.iter().all(|node| of(node).contains(one)))
        .collect();
    for node in nodes {
        let more: Vec<String> = of(node)
            .into_iter()
            .filter(|one| !on_all.contains(one))
            .collect();
        if !more.is_empty() {
            draft.unplaced(
                &format!("{}.extensions", node.object.place()),
                format!("only on this node: {}", more.join(", ")),
            );
        }
    }
    on_all
}

fn k3s(draft: &mut Draft, settings: &Settings, nodes: &[Seen<'_>], running: &str) -> K3s {
    let planes: Vec<_> = nodes
        .iter()
        .filter(|node| node.role == Role::ControlPlane)
        .collect();
    let etcd = planes.iter().any(|node| {
        let label = "node-role.kubernetes.io/etcd";
        node.object.label(label).is_some()
    });
    let datastore = match (etcd, planes.len()) {
        (true, 1) => Some(Datastore::Etcd),
        (false, 2..) => {
            draft.unplaced(
                "k3s' datastore",
                "several control planes without etcd: their state is in a database outside, which a lab has no place for",
            );
            None
        }
        _ => None,
    };
    let mut disable: Vec<String> = Vec::new();
    for given in settings.k3s("disable") {
        for one in given
            .split(',')
            .map(str::trim)
            .filter(|one| !one.is_empty())
        {
            if !disable.iter().any(|known| known == one) {
                disable.push(one.to_owned());
            }
        }
    }
    K3s {
        version: running.to_owned(),
        datastore,
        disable,
    }
}

/// Where the API answers; `None` where that is the first control plane.
pub(super) fn endpoint(
    draft: &mut Draft,
    objects: &Objects,
    settings: &Settings,
    nodes: &[Seen<'_>],
) -> Option<Endpoint> {
    let shared = shared_address(objects);
    let from_outside = objects
        .about("/clusters/0/cluster/server")
        .filter(|url| !is_loopback(&names::host_and_port(url).0));
    let url = settings
        .endpoint
        .as_deref()
        .or(from_outside)
        .unwrap_or_default();
    let (host, port) = names::host_and_port(url);
    if let Some(port) = port.filter(|port| *port != 6443) {
        draft.unplaced(
            "the endpoint",
            format!("its port {port}: Steading uses 6443"),
        );
    }
    let address = host.parse::<IpAddr>().ok();
    if let Some(shared) = shared.filter(|shared| Some(*shared) != address && address.is_some()) {
        draft.unplaced(
            "the endpoint",
            format!("a further shared address: {shared}"),
        );
    }
    match address {
        Some(address) => match nodes.iter().find(|node| node.addresses.contains(&address)) {
            Some(node) => {
                let first = nodes
                    .iter()
                    .filter(|node| node.role == Role::ControlPlane)
                    .min_by_key(|node| &node.name);
                let is_first = first.is_some_and(|first| first.name == node.name);
                (!is_first).then(|| Endpoint::Node(node.name.clone()))
            }
            None => Some(Endpoint::Vip(address)),
        },
        None if host.is_empty() => shared.map(Endpoint::Vip),
        None => Some(Endpoint::Dns(EndpointName {
            name: host,
            network: None,
            address: shared,
        })),
    }
}

fn is_loopback(host: &str) -> bool {
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|one| one.is_loopback())
}

/// The address that kube-vip moves between control planes.
fn shared_address(objects: &Objects) -> Option<IpAddr> {
    let (one, _) = objects.image("kube-vip")?;
    let variables = ["address", "vip_address"];
    variables
        .iter()
        .find_map(|name| one.variable(name)?.parse().ok())
}

/// Names and addresses of the API's certificate that a lab does not tell by itself.
pub(super) fn sans(
    settings: &Settings,
    nodes: &[Seen<'_>],
    endpoint: Option<&Endpoint>,
) -> Vec<String> {
    let told = |san: &str| {
        let address = san.parse::<IpAddr>().ok();
        let of_endpoint = match endpoint {
            Some(Endpoint::Vip(vip)) => Some(*vip) == address,
            Some(Endpoint::Dns(dns)) => {
                dns.name == san || (address.is_some() && dns.address == address)
            }
            Some(Endpoint::Node(_)) | None => false,
        };
        let of_nodes = nodes.iter().any(|node| {
            node.object.name == san || address.is_some_and(|one| node.addresses.contains(&one))
        });
        of_endpoint
            || of_nodes
            || is_loopback(san)
            || san.starts_with("kubernetes.default")
            || san == "kubernetes"
    };
    let mut sans: Vec<String> = Vec::new();
    for san in &settings.sans {
        if !told(san) && !sans.contains(san) {
            sans.push(san.clone());
        }
    }
    sans
}

/// Signing in with accounts of somebody else.
pub(super) fn oidc(objects: &Objects) -> Option<Oidc> {
    let flag = |name: &str| objects.flag("kube-apiserver", name);
    Some(Oidc {
        issuer: flag("oidc-issuer-url")?,
        client: flag("oidc-client-id")?,
        secret: None,
        username_claim: flag("oidc-username-claim").filter(|claim| claim != "sub"),
    })
}

/// The lab's name and the cluster's. A kubeconfig of Steading's calls a cluster LAB-CLUSTER.
pub(super) fn names_of(objects: &Objects, settings: &Settings, nodes: &[Seen<'_>]) -> (Name, Name) {
    // What Steading writes on its nodes, whatever the distribution.
    let ours = nodes.iter().find_map(|node| {
        let spec: Value =
            serde_json::from_str(node.object.annotation("steading.dev/spec")?).ok()?;
        Some(spec["cluster"].as_str()?.to_owned())
    });
    let context = objects.about("/contexts/0/context/cluster");
    // kubeadm's own word for a cluster that nobody named.
    let named = settings
        .name
        .as_deref()
        .filter(|name| *name != "kubernetes");
    let cluster = ours.as_deref().or(named).or(context).and_then(names::name);
    let cluster = cluster.unwrap_or_else(|| names::known("kubernetes"));
    let lab = context
        .and_then(|context| context.strip_suffix(cluster.as_str())?.strip_suffix('-'))
        .and_then(names::name);
    (lab.unwrap_or_else(|| cluster.clone()), cluster)
}
