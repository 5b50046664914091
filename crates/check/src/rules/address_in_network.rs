//! S101: Every node has an address that its network can give.

use model::diagnostic::Severity;
use model::lab::Lab;

use crate::finding::Findings;
use crate::{Rule, Subject};

pub(super) const RULE: Rule = Rule {
    code: "S101",
    title: "Every node has an address that its network can give.",
    text: "A node's address must lie in one of the declared networks, and must not be the network's own address or its broadcast address: only then can its neighbours, its router and its prefix length be derived.",
    sees: "All that it needs stands in the lab file.",
    severity: Severity::Error,
    check,
};

fn check(lab: &Subject<'_>, findings: &mut Findings<'_>) {
    let mut known = None;
    for (name, node) in &lab.nodes {
        if findings.is_full() {
            return;
        }
        let field = format!("nodes.{name}.address");
        let Some(addresses) = &node.address else {
            if lab.node_address(node).is_none() && lab.facts.unread.is_empty() {
                let help = "add: address: and one of its network, or give its host an address";
                findings.add(
                    format!("{name} has no address"),
                    &[(format!("nodes.{name}"), "")],
                    help,
                );
            }
            continue;
        };
        for address in addresses.iter() {
            let Some((network_name, network)) = lab.network_of(address) else {
                if findings.lacks_part_of("networks") {
                    continue;
                }
                let known = known.get_or_insert_with(|| known_ranges(lab));
                findings.add(
                    format!("{address} lies in none of the lab's networks"),
                    &[(field.clone(), "")],
                    format!("take an address of {known}"),
                );
                continue;
            };
            let taken = network.cidr.around(address).is_some_and(|range| {
                address == range.network() || address == range.broadcast() && address.is_ipv4()
            });
            if taken {
                findings.add(
                    format!("{address} is not an address for a node"),
                    &[
                        (
                            field.clone(),
                            "the first and the last address of a network are its own",
                        ),
                        (format!("networks.{network_name}.cidr"), "of this network"),
                    ],
                    "take one in between",
                );
            }
        }
    }
}

/// The ranges of all networks, as they are listed.
fn known_ranges(lab: &Lab) -> String {
    let known = lab.networks.values();
    let known: Vec<String> = known.map(|network| network.cidr.to_string()).collect();
    known.join(" or ")
}

#[test]
fn addresses_that_no_network_gives_are_found() {
    crate::example::breaks("S101", "10.88.0.22", "10.99.0.22");
    crate::example::breaks("S101", "10.88.0.22", "10.88.0.255");
}
