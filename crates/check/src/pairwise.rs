//! What rules find that search by maps, beside what a look at every pair finds.

mod made;

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use ipnet::IpNet;
use model::diagnostic::Diagnostic;
use model::lab::{ETHERNET_MTU, Endpoint, Lab, Node};
use model::name::Name;
use model::topology::Topology;
use proptest::prelude::*;

use made::{address, lab, parts};

/// What a finding says: its message, and its places.
type Said = (String, Vec<String>);

fn said(findings: &[Diagnostic], code: &str) -> Vec<Said> {
    let findings = findings.iter().filter(|finding| finding.code == code);
    let said = findings.map(|finding| {
        let places = finding.places.iter().map(|place| place.field.0.clone());
        (finding.message.clone(), places.collect())
    });
    said.collect()
}

fn networks_that_overlap(lab: &Lab) -> Vec<Said> {
    let all: Vec<(&Name, IpNet)> = lab
        .networks
        .iter()
        .flat_map(|(name, network)| network.cidr.iter().map(move |range| (name, range)))
        .collect();
    let mut found = Vec::new();
    for (position, (name, range)) in all.iter().enumerate() {
        for (other, earlier) in all.iter().take(position) {
            if range.contains(&earlier.network()) || earlier.contains(&range.network()) {
                let places = [name, other].map(|one| format!("networks.{one}.cidr"));
                found.push((
                    format!("{name} ({range}) overlaps {other} ({earlier})"),
                    places.to_vec(),
                ));
            }
        }
    }
    found
}

fn ranges_that_overlap(lab: &Lab) -> Vec<Said> {
    let mut all: Vec<(String, IpNet)> = Vec::new();
    for (name, network) in &lab.networks {
        all.extend(
            network
                .cidr
                .iter()
                .map(|one| (format!("networks.{name}.cidr"), one)),
        );
    }
    for (name, cluster) in &lab.clusters {
        all.extend(
            cluster
                .pods
                .iter()
                .map(|one| (format!("clusters.{name}.pods"), one)),
        );
        all.extend(
            cluster
                .services
                .iter()
                .map(|one| (format!("clusters.{name}.services"), one)),
        );
    }
    let mut found = Vec::new();
    for (position, (field, range)) in all.iter().enumerate() {
        for (other, earlier) in all.iter().take(position) {
            let networks = field.starts_with("networks.") && other.starts_with("networks.");
            let overlap = range.contains(&earlier.network()) || earlier.contains(&range.network());
            if overlap && !networks {
                let message = format!("the range {range} overlaps {earlier}");
                found.push((message, vec![field.clone(), other.clone()]));
            }
        }
    }
    found
}

/// Addresses that belong to something, with what it is and where that stands.
fn taken(lab: &Lab) -> Vec<(String, IpAddr, String)> {
    let mut all = Vec::new();
    for (name, node) in &lab.nodes {
        for (_, address) in lab.node_addresses(node) {
            all.push((format!("node {name}"), address, format!("nodes.{name}")));
        }
    }
    for (name, host) in &lab.hosts {
        for (network, address) in lab.host_addresses(host) {
            let field = format!("hosts.{name}.addresses.{network}");
            all.push((format!("host {name}"), address, field));
        }
    }
    for (name, network) in &lab.networks {
        for address in network.routers() {
            let field = format!("networks.{name}.gateway");
            all.push((format!("the router of {name}"), address, field));
        }
    }
    for (name, cluster) in &lab.clusters {
        if let Some(Endpoint::Vip(address)) = cluster.endpoint {
            let field = format!("clusters.{name}.endpoint.vip");
            all.push(("the API's address".to_owned(), address, field));
        }
    }
    all
}

fn pools_with_somebody_in_them(lab: &Lab) -> Vec<Said> {
    let mut found = Vec::new();
    for (name, cluster) in &lab.clusters {
        let model::lab::Cni::Cilium(cilium) = &cluster.cni else {
            continue;
        };
        for pool in &cilium.load_balancer {
            let mut inside: Vec<(String, String)> = taken(lab)
                .into_iter()
                .filter(|(_, address, _)| pool.contains(*address))
                .map(|(what, address, at)| (at, format!("{what} {address}")))
                .collect();
            for (name, network) in &lab.networks {
                for range in network.cidr.iter() {
                    let (first, last) = (range.network(), range.broadcast());
                    let edges = last.is_ipv4() && first != last;
                    if edges && (pool.contains(first) || pool.contains(last)) {
                        let what = format!("the first or last address of {range}");
                        inside.push((format!("networks.{name}.cidr"), what));
                    }
                }
                for range in network.dhcp.iter().flat_map(|dhcp| &dhcp.ranges) {
                    if range.overlaps(pool) {
                        let what = format!("{range}, which DHCP hands out");
                        inside.push((format!("networks.{name}.dhcp.ranges"), what));
                    }
                }
            }
            if let Some((_, first)) = inside.first() {
                let more = match inside.len() {
                    1 => String::new(),
                    n => format!(" and {} more", n - 1),
                };
                let field = format!("clusters.{name}.cni.cilium.load-balancer");
                let places = inside.iter().take(4).map(|(at, _)| at.clone());
                let places = std::iter::once(field).chain(places).collect();
                found.push((format!("the pool {pool} holds {first}{more}"), places));
            }
        }
    }
    found
}

fn addresses_that_are_handed_out(lab: &Lab) -> Vec<Said> {
    let mut found = Vec::new();
    let mut handed_out = |field: String, address: IpAddr, reserved: bool| {
        for (name, network) in &lab.networks {
            let Some(dhcp) = &network.dhcp else {
                continue;
            };
            let mut reservations = dhcp.reservations.values();
            let known = reservations.any(|one| one.address == address && one.mac.is_some());
            if dhcp.ranges.iter().any(|range| range.contains(address)) && !known && !reserved {
                let message = format!("DHCP may hand {address} to somebody else");
                let places = vec![field.clone(), format!("networks.{name}.dhcp.ranges")];
                found.push((message, places));
            }
        }
    };
    for (name, node) in &lab.nodes {
        for address in node.address.iter().flat_map(|address| address.iter()) {
            handed_out(format!("nodes.{name}.address"), address, false);
        }
        let Some(host) = lab.host_of(node).filter(|_| node.machine().is_none()) else {
            continue;
        };
        let mac = host.nics.values().any(|nic| nic.mac.is_some());
        for (network, address) in lab.host_addresses(host) {
            let field = format!("hosts.{}.addresses.{network}", node.on);
            handed_out(field, address, mac);
        }
    }
    let kept: BTreeSet<IpAddr> = taken(lab)
        .into_iter()
        .map(|(_, address, _)| address)
        .collect();
    let pools: Vec<_> = lab
        .clusters
        .iter()
        .filter_map(|(name, one)| match &one.cni {
            model::lab::Cni::Cilium(cilium) => Some((name, *cilium.load_balancer.first()?)),
            _ => None,
        })
        .collect();
    for (name, network) in &lab.networks {
        for (record, address) in network.dns.iter().flat_map(|dns| &dns.records) {
            let pool = pools.iter().find(|(_, pool)| pool.contains(*address));
            if let (Some((cluster, _)), false) = (pool, kept.contains(address)) {
                let message =
                    format!("{record} leads to {address}, which goes to whoever asks first");
                let places = vec![
                    format!("networks.{name}.dns.records.{record}"),
                    format!("clusters.{cluster}.cni.cilium.load-balancer"),
                ];
                found.push((message, places));
            }
        }
    }
    found
}

fn reservations_of_others(lab: &Lab) -> Vec<Said> {
    let mut found = Vec::new();
    for (name, network) in &lab.networks {
        let mut members: BTreeMap<&Name, BTreeSet<IpAddr>> = BTreeMap::new();
        let hosts = lab
            .hosts
            .iter()
            .map(|(name, one)| (name, lab.host_addresses(one)));
        let nodes = lab
            .nodes
            .iter()
            .map(|(name, one)| (name, lab.node_addresses(one)));
        for (member, addresses) in hosts.chain(nodes) {
            let here = addresses.into_iter().filter(|(of, _)| *of == name);
            members
                .entry(member)
                .or_default()
                .extend(here.map(|(_, address)| address));
        }
        for (reserved, one) in network.dhcp.iter().flat_map(|dhcp| &dhcp.reservations) {
            let mut others = members.iter().filter(|(member, _)| **member != reserved);
            let other = others.find(|(_, all)| all.contains(&one.address));
            let router = network.routers().contains(&one.address);
            let router = router.then(|| "the router".to_owned());
            if let Some(owner) = other.map(|(member, _)| member.to_string()).or(router) {
                found.push((
                    format!(
                        "{} is reserved for {reserved} and belongs to {owner}",
                        one.address
                    ),
                    vec![format!("networks.{name}.dhcp.reservations.{reserved}")],
                ));
            }
        }
    }
    found
}

fn claims_without_a_rule(lab: &Lab) -> Vec<Said> {
    let mut found = Vec::new();
    for (name, network) in &lab.networks {
        for (position, other) in network.isolated_from.iter().enumerate() {
            let decides = lab.firewall.iter().find(|rule| {
                let from = rule.from.as_ref().is_none_or(|from| from == name);
                let to = rule.to.as_ref().is_none_or(|to| to == other);
                from && to && rule.ports.is_empty()
            });
            let opens = |rule: &model::lab::FirewallRule| {
                matches!(rule.action, model::lab::FirewallAction::Accept)
            };
            if decides.is_none_or(opens) {
                let place = format!("networks.{name}.isolated-from[{position}]");
                found.push((format!("nothing keeps {name} out of {other}"), vec![place]));
            }
        }
    }
    found
}

/// The largest packet that a network carries, one network below the other.
fn mtu(lab: &Lab, name: &Name, depth: usize) -> u16 {
    let Some(network) = lab.networks.get(name) else {
        return ETHERNET_MTU;
    };
    if let Some(declared) = network.mtu {
        return declared;
    }
    let below = network.over.as_ref();
    let carries = below
        .filter(|_| depth < lab.networks.len())
        .map_or(ETHERNET_MTU, |below| mtu(lab, below, depth + 1));
    let Some(overlay) = &network.overlay else {
        return carries;
    };
    let below = below.and_then(|below| lab.networks.get(below));
    let v6 = below.is_none_or(|below| below.cidr.v6().is_some());
    overlay
        .preset_mtu()
        .unwrap_or_else(|| carries.saturating_sub(overlay.overhead(v6)))
}

/// The networks between any two nodes of a cluster.
fn ways<'a>(lab: &'a Lab, cluster: &Name) -> BTreeSet<Option<&'a Name>> {
    let nodes: Vec<&Node> = lab.nodes_of(cluster).map(|(_, node)| node).collect();
    let mut ways = BTreeSet::new();
    for (position, one) in nodes.iter().enumerate() {
        for other in nodes.iter().skip(position + 1) {
            let (one, other) = (lab.node_networks(one), lab.node_networks(other));
            let best = one.intersection(&other).copied().max_by_key(|name| {
                let plain = lab.networks[*name].overlay.is_none();
                (plain, mtu(lab, name, 0))
            });
            ways.insert(best);
        }
    }
    ways
}

proptest! {
    #[test]
    fn maps_find_what_a_look_at_every_pair_finds(parts in parts()) {
        let lab = lab(&parts);
        let found = crate::check(&lab, &crate::Facts::default());
        let all = [
            ("S001", pools_with_somebody_in_them(&lab)),
            ("S002", ranges_that_overlap(&lab)),
            ("S009", addresses_that_are_handed_out(&lab)),
            ("S012", claims_without_a_rule(&lab)),
            ("S045", networks_that_overlap(&lab)),
        ];
        for (code, expected) in all {
            let mut said = said(&found, code);
            // Of a node and its host, not of pairs.
            said.retain(|(message, _)| !message.contains("counts on an address that DHCP"));
            prop_assert_eq!(said, expected, "{}", code);
        }
        let of_reservations = said(&found, "S010").into_iter();
        let of_reservations: Vec<Said> = of_reservations
            .filter(|(message, _)| message.contains(" is reserved for "))
            .collect();
        prop_assert_eq!(of_reservations, reservations_of_others(&lab));
    }

    #[test]
    fn a_topology_tells_what_the_lab_tells(parts in parts()) {
        let lab = lab(&parts);
        let topology = Topology::of(&lab);
        for n in 0..24 {
            let address = address(n).parse().unwrap();
            prop_assert_eq!(topology.network_of(address), lab.network_of(address));
        }
        for node in lab.nodes.values() {
            prop_assert_eq!(topology.node_networks(node), lab.node_networks(node));
        }
        for name in lab.networks.keys() {
            prop_assert_eq!(topology.network_mtu(name), mtu(&lab, name, 0));
            prop_assert_eq!(lab.network_mtu(name), mtu(&lab, name, 0));
        }
        for cluster in lab.clusters.keys() {
            prop_assert_eq!(topology.ways(cluster), ways(&lab, cluster));
        }
    }
}
