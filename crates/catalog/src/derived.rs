//! What a lab file does not say because it follows: each value with the chain that it came from.

use std::collections::BTreeSet;

use model::lab::{Cluster, Endpoint, Lab, Network, Overlay, Role, TaintEffect};
use model::name::Name;
use model::topology::Topology;
use serde::Serialize;

use crate::derive;

/// A value that nobody wrote.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Derived {
    /// The field that it would stand in.
    pub field: String,
    /// The value.
    pub value: String,
    /// What it came from, one step after the other: fields with their values, and rules.
    pub from: Vec<String>,
}

/// All values that are derived from a lab, in the order of its sections.
#[must_use]
pub fn derived(lab: &Lab) -> Vec<Derived> {
    let lab = &Topology::of(lab);
    let mut all = Vec::new();
    for (name, network) in &lab.networks {
        all.extend(gateway(name, network));
        all.extend(network_mtu(lab, name, network));
    }
    for (name, cluster) in &lab.clusters {
        of_cluster(lab, name, cluster, &mut all);
    }
    let workers = lab.nodes.values().filter(|node| node.role == Role::Worker);
    let with_workers: BTreeSet<&Name> = workers.map(|node| &node.cluster).collect();
    for (name, node) in &lab.nodes {
        if node.address.is_none()
            && let Some(address) = lab.node_address(node)
        {
            let network = lab.network_of(address).map(|(network, _)| network);
            let network = network.map_or_else(String::new, ToString::to_string);
            all.push(Derived {
                field: format!("nodes.{name}.address"),
                value: address.to_string(),
                from: vec![format!("hosts.{}.addresses.{network}", node.on)],
            });
        }
        if node.taints.is_none() {
            for taint in derive::taints(node, with_workers.contains(&node.cluster)) {
                let effect = match taint.effect {
                    TaintEffect::NoSchedule => "NoSchedule",
                    TaintEffect::PreferNoSchedule => "PreferNoSchedule",
                    TaintEffect::NoExecute => "NoExecute",
                };
                all.push(Derived {
                    field: format!("nodes.{name}.taints"),
                    value: format!("{}:{effect}", taint.key),
                    from: vec![
                        format!("nodes.{name}.role: control-plane"),
                        format!("{} has workers", node.cluster),
                    ],
                });
            }
        }
    }
    all
}

fn gateway(name: &Name, network: &Network) -> Option<Derived> {
    let address = network
        .router_address()
        .filter(|_| network.gateway.is_none())?;
    Some(Derived {
        field: format!("networks.{name}.gateway"),
        value: address.to_string(),
        from: vec![
            format!("networks.{name}.cidr: {}", network.cidr),
            "its first address".to_owned(),
        ],
    })
}

fn network_mtu(lab: &Lab, name: &Name, network: &Network) -> Option<Derived> {
    if network.mtu.is_some() {
        return None;
    }
    let below = network.over.as_ref().map_or_else(
        || "Ethernet carries 1500".to_owned(),
        |below| format!("networks.{below}.mtu: {}", lab.network_mtu(below)),
    );
    let from = match &network.overlay {
        None => vec![below],
        Some(overlay) => match overlay.preset_mtu() {
            Some(preset) => vec![format!("its software sets {preset} by itself")],
            None => vec![
                below,
                format!("{} wraps its packets", overlay_word(overlay)),
            ],
        },
    };
    Some(Derived {
        field: format!("networks.{name}.mtu"),
        value: lab.network_mtu(name).to_string(),
        from,
    })
}

const fn overlay_word(overlay: &Overlay) -> &'static str {
    match overlay {
        Overlay::Tailscale(_) => "tailscale",
        Overlay::Headscale(_) => "headscale",
        Overlay::Wireguard(_) => "wireguard",
        Overlay::Tunnel(_) => "tunnel",
    }
}

fn of_cluster(lab: &Topology<'_>, name: &Name, cluster: &Cluster, all: &mut Vec<Derived>) {
    let at = |field: &str| format!("clusters.{name}.{field}");
    let mut add = |field: String, value: String, from: Vec<String>| {
        all.push(Derived { field, value, from });
    };
    let first = lab.control_planes(name).next();
    if let (None, Some((plane, node))) = (&cluster.endpoint, first)
        && let Some(address) = lab.node_address(node)
    {
        let from = vec![
            format!("nodes.{plane}.address: {address}"),
            "the first control plane".to_owned(),
        ];
        add(
            at("endpoint"),
            format!("{address}:{}", derive::API_PORT),
            from,
        );
    }
    let services = format!("clusters.{name}.services: {}", cluster.services);
    let range = cluster.services.first();
    if let (None, Some(address)) = (cluster.dns, derive::dns_address(&range)) {
        let from = vec![
            services.clone(),
            "its tenth address, as kubeadm has it".to_owned(),
        ];
        add(at("dns"), address.to_string(), from);
    }
    if let (None, Some(address)) = (cluster.api_service, derive::api_service(&range)) {
        let from = vec![services, "its first address".to_owned()];
        add(at("api-service"), address.to_string(), from);
    }
    if let (None, Some(network)) = (&cluster.network, lab.cluster_network(name, cluster)) {
        let from = vec!["the network of the first node's address".to_owned()];
        add(at("network"), network.to_string(), from);
    }
    if let (None, Some((network, carries))) = (cluster.cni.mtu(), lab.narrowest_way(name)) {
        let mtu = derive::pod_mtu(lab, name, cluster);
        let mut from = vec![format!(
            "networks.{network}.mtu: {carries}, the narrowest way between nodes"
        )];
        if let Some(wrapped) = carries.checked_sub(mtu).filter(|wrapped| *wrapped > 0) {
            from.push(format!("less {wrapped} bytes of encapsulation"));
        }
        add(
            at(&format!("cni.{}.mtu", cluster.cni.word())),
            mtu.to_string(),
            from,
        );
    }
    let names = derive::certificate_names(lab, name);
    let shared = match &cluster.endpoint {
        Some(Endpoint::Vip(_) | Endpoint::Dns(_)) => ", the shared endpoint",
        Some(Endpoint::Node(_)) | None => "",
    };
    add(
        at("sans"),
        names.into_iter().collect::<Vec<_>>().join(", "),
        vec![format!(
            "names and addresses of all control planes{shared}, the forwarder on 127.0.0.1"
        )],
    );
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::read::read;
    use model::source::Source;

    fn of(text: &str) -> Vec<Derived> {
        let source = Source {
            name: "lab.yaml".to_owned(),
            text: text.to_owned(),
        };
        derived(&read(&[source]).lab.unwrap())
    }

    #[test]
    fn every_value_of_the_quickstart_lab_has_its_chain() {
        let all = of(include_str!("../../../labs/quickstart/lab.yaml"));
        insta::assert_json_snapshot!(all);
    }

    #[test]
    fn what_is_written_is_not_derived() {
        let text = include_str!("../../../labs/quickstart/lab.yaml");
        let written = text.replace("flannel: {}", "flannel: { mtu: 1400 }");
        let has = |text: &str| {
            let all = of(text);
            all.iter()
                .any(|one| one.field == "clusters.main.cni.flannel.mtu")
        };
        assert!(has(text) && !has(&written));
    }

    #[test]
    fn a_tailnet_narrows_the_pods() {
        let all = of(include_str!("../../../labs/ducksnest/lab.yaml"));
        let mtu = all
            .iter()
            .find(|one| one.field == "clusters.ducksnest.cni.calico.mtu");
        assert_eq!(mtu.map(|one| one.value.as_str()), Some("1230"));
    }
}
