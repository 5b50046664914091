//! Labs by chance, in which much is the same and much overlaps.

use std::fmt::Write as _;
use std::net::IpAddr;

use model::lab::Lab;
use model::source::Source;
use proptest::prelude::*;

/// What a lab is made of: small numbers, so that much is the same and much overlaps.
#[derive(Debug, Clone)]
pub(super) struct Parts {
    networks: Vec<[u8; 7]>,
    hosts: Vec<[u8; 4]>,
    clusters: Vec<[u8; 5]>,
    nodes: Vec<[u8; 6]>,
    rules: Vec<[u8; 4]>,
}

pub(super) fn parts() -> impl Strategy<Value = Parts> {
    use prop::collection::vec;
    let few = 0_u8..24;
    (
        vec(prop::array::uniform7(few.clone()), 1..7),
        vec(prop::array::uniform4(few.clone()), 1..6),
        vec(prop::array::uniform5(few.clone()), 1..4),
        vec(prop::array::uniform6(few.clone()), 0..9),
        vec(prop::array::uniform4(few), 0..6),
    )
        .prop_map(|(networks, hosts, clusters, nodes, rules)| Parts {
            networks,
            hosts,
            clusters,
            nodes,
            rules,
        })
}

pub(super) fn address(n: u8) -> String {
    match n % 6 {
        5 => format!("fd00::{:x}", n / 6 + 1),
        family => format!("10.0.{}.{}", family / 3, n / 6),
    }
}

fn prefix(n: u8, length: u8) -> String {
    match n % 6 {
        5 => format!("{}/{}", address(n), 120 + length % 9),
        _ => format!("{}/{}", address(n), 22 + length % 11),
    }
}

fn range(one: u8, other: u8) -> String {
    let ends: [IpAddr; 2] = [one, other].map(|n| address(n).parse().unwrap());
    match ends[0].is_ipv6() == ends[1].is_ipv6() {
        true => format!(
            "{}-{}",
            ends.iter().min().unwrap(),
            ends.iter().max().unwrap()
        ),
        false => ends[0].to_string(),
    }
}

/// The lab that is made of them.
pub(super) fn lab(parts: &Parts) -> Lab {
    let mut text = "lab: a\nnetworks:\n".to_owned();
    for (at, [cidr, length, over, dhcp, reserved, record, isolated]) in
        parts.networks.iter().enumerate()
    {
        let below = usize::from(*over) % parts.networks.len();
        let overlay = match over % 4 {
            0 => ", overlay: { wireguard: {} }",
            1 => ", overlay: { tailscale: {} }",
            2 => ", mtu: 1400",
            _ => "",
        };
        let mac = if reserved % 2 == 0 {
            ", mac: \"52:54:00:00:00:01\""
        } else {
            ""
        };
        let far = usize::from(*isolated) % parts.networks.len();
        writeln!(
            text,
            "  n{at}: {{ cidr: {}, over: n{below}{overlay}, isolated-from: [ n{far} ], \
             dhcp: {{ ranges: [ {}, {} ], reservations: {{ h0: {{ address: {}{mac} }} }} }}, \
             dns: {{ zone: z, records: {{ r{at}: {} }} }} }}",
            prefix(*cidr, *length),
            range(*dhcp, *record),
            range(*cidr, *dhcp),
            address(*reserved),
            address(*record),
        )
        .unwrap();
    }
    text.push_str("firewall:\n  - { on: h0, from: n0, to: n0, action: accept }\n");
    for [from, to, ports, action] in &parts.rules {
        let side = |word: &str, n: &u8| match usize::from(*n) % (parts.networks.len() + 1) {
            0 => String::new(),
            n => format!("{word}: n{}, ", n - 1),
        };
        let ports = if ports % 3 == 0 {
            "ports: [ tcp/80 ], "
        } else {
            ""
        };
        let action = if action % 2 == 0 { "drop" } else { "accept" };
        let (from, to) = (side("from", from), side("to", to));
        writeln!(text, "  - {{ on: h0, {from}{to}{ports}action: {action} }}").unwrap();
    }
    text.push_str("hosts:\n");
    for (at, [network, one, kind, nic]) in parts.hosts.iter().enumerate() {
        let network = usize::from(*network) % (parts.networks.len() + 1);
        let given = if kind % 3 == 0 {
            "dhcp".to_owned()
        } else {
            address(*one)
        };
        let nic = if nic % 4 == 0 {
            ", nics: { e: { mac: \"52:54:00:00:00:02\" } }"
        } else {
            ""
        };
        writeln!(
            text,
            "  h{at}: {{ addresses: {{ n{network}: {given} }}{nic} }}"
        )
        .unwrap();
    }
    text.push_str("clusters:\n");
    for (at, [pods, services, length, pool, vip]) in parts.clusters.iter().enumerate() {
        let vip = if vip % 2 == 0 {
            format!(", endpoint: {{ vip: {} }}", address(*vip))
        } else {
            String::new()
        };
        writeln!(
            text,
            "  c{at}: {{ distribution: {{ kubeadm: {{ kubernetes: 1.36.3 }} }}, pods: {}, services: {}{vip}, \
             cni: {{ cilium: {{ encapsulation: none, load-balancer: [ {} ] }} }} }}",
            prefix(*pods, *length),
            prefix(*services, *length),
            range(*pool, *services),
        )
        .unwrap();
    }
    text.push_str("nodes:\n");
    for (at, [cluster, on, kind, one, network, further]) in parts.nodes.iter().enumerate() {
        let cluster = usize::from(*cluster) % parts.clusters.len();
        let on = usize::from(*on) % parts.hosts.len();
        let network = usize::from(*network) % parts.networks.len();
        let role = if kind % 3 == 0 {
            "control-plane"
        } else {
            "worker"
        };
        let machine = if kind % 2 == 0 {
            ", container: { cpu: 2, memory: 2Gi }"
        } else {
            ""
        };
        let own = if one % 4 == 0 {
            String::new()
        } else {
            format!(", address: {}", address(*one))
        };
        writeln!(
            text,
            "  k{at}: {{ cluster: c{cluster}, role: {role}, on: h{on}{machine}{own}, addresses: {{ n{network}: {} }} }}",
            address(*further)
        )
        .unwrap();
    }
    let reading = model::read::read(&[Source::new("lab.yaml", text.clone().into_bytes())]);
    assert_eq!(reading.diagnostics, [], "{text}");
    reading.lab.unwrap()
}
