//! S010: A name leads to the thing that has it.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use model::diagnostic::Severity;
use model::name::Name;

use crate::finding::Findings;
use crate::{Rule, Subject};

pub(super) const RULE: Rule = Rule {
    code: "S010",
    title: "A name leads to the thing that has it.",
    text: "A DNS record that has the name of a host, a node or the router and leads elsewhere sends everybody to the wrong machine, and nobody looks there. The same holds for an address that is reserved for another thing. Source: a published lab whose zone gave the router's name another machine's address.",
    sees: "All that it needs stands in the lab file.",
    severity: Severity::Error,
    check,
};

fn check(lab: &Subject<'_>, findings: &mut Findings<'_>) {
    let members = members(lab);
    for (name, network) in &lab.networks {
        if findings.is_full() {
            return;
        }
        let Some(dns) = &network.dns else {
            continue;
        };
        for (record, address) in &dns.records {
            let field = format!("networks.{name}.dns.records.{record}");
            let (owner, addresses) = match record.as_str() {
                "router" | "gateway" => (format!("networks.{name}.gateway"), network.routers()),
                other => match owner(lab, other) {
                    Some(found) => found,
                    None => continue,
                },
            };
            if !addresses.is_empty() && !addresses.contains(address) {
                let right: Vec<String> = addresses.iter().map(ToString::to_string).collect();
                let right = right.join(" or ");
                findings.add(
                    format!("the name {record} leads to {address}, but it has {right}"),
                    &[(field, "leads here"), (owner, "has the name")],
                    format!("write {right}, or leave it out: hosts and nodes get their names"),
                );
            }
        }
        let routers = network.routers();
        for (reserved, reservation) in network.dhcp.iter().flat_map(|dhcp| &dhcp.reservations) {
            let there = members.get(&(name, reservation.address));
            let other = there.and_then(|all| all.iter().find(|member| **member != reserved));
            let owner = match other {
                Some(member) => Some(member.to_string()),
                None => routers
                    .contains(&reservation.address)
                    .then(|| "the router".to_owned()),
            };
            if let Some(owner) = owner {
                findings.add(
                    format!(
                        "{} is reserved for {reserved} and belongs to {owner}",
                        reservation.address
                    ),
                    &[(format!("networks.{name}.dhcp.reservations.{reserved}"), "")],
                    "reserve another one",
                );
            }
        }
    }
}

/// Who has an address of a network, hosts and nodes, for all of them.
type Members<'a> = BTreeMap<(&'a Name, IpAddr), BTreeSet<&'a Name>>;

fn members<'a>(lab: &'a Subject<'_>) -> Members<'a> {
    let mut members = Members::new();
    let hosts = lab.hosts.iter();
    let hosts = hosts.map(|(name, host)| (name, lab.host_addresses(host)));
    let nodes = lab.nodes.iter();
    let nodes = nodes.map(|(name, node)| (name, lab.node_addresses(node)));
    for (name, addresses) in hosts.chain(nodes) {
        for address in addresses {
            members.entry(address).or_default().insert(name);
        }
    }
    members
}

/// The field and the addresses of the host or node of that name.
fn owner(lab: &Subject<'_>, name: &str) -> Option<(String, Vec<IpAddr>)> {
    let addresses = |found: Vec<(&Name, IpAddr)>| found.into_iter().map(|(_, one)| one).collect();
    if let Some(node) = lab.nodes.get(name) {
        return Some((format!("nodes.{name}"), addresses(lab.node_addresses(node))));
    }
    let host = lab.hosts.get(name)?;
    Some((format!("hosts.{name}"), addresses(lab.host_addresses(host))))
}

#[test]
fn a_name_that_leads_elsewhere_is_found() {
    crate::example::home_breaks("S010", "router: 10.0.0.1,", "router: 10.0.0.2,");
    crate::example::home_breaks("S010", "router: 10.0.0.1,", "nuc1: 10.0.0.12,");
    crate::example::home_keeps("router: 10.0.0.1,", "nuc1: 10.0.0.11,");
    let dhcp = "ranges: [ 10.0.0.200-10.0.0.239 ]";
    let reserved =
        "ranges: [ 10.0.0.200-10.0.0.239 ], reservations: { pve: { address: 10.0.0.11 } }";
    crate::example::home_breaks("S010", dhcp, reserved);
}
