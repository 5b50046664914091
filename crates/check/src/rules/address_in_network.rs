//! S101: Every node has an address that its network can give.

use model::diagnostic::Severity;
use model::lab::Lab;

use crate::Rule;
use crate::finding::Findings;

pub(super) const RULE: Rule = Rule {
    code: "S101",
    title: "Every node has an address that its network can give.",
    text: "A node's address must lie in one of the declared networks, and must not be the network's own address or its broadcast address: only then can its neighbours, its router and its prefix length be derived.",
    severity: Severity::Error,
    check,
};

fn check(lab: &Lab, findings: &mut Findings<'_>) {
    for (name, node) in &lab.nodes {
        let field = format!("nodes.{name}.address");
        let network = lab
            .networks
            .iter()
            .find(|(_, network)| network.cidr.contains(&node.address));
        let Some((network_name, network)) = network else {
            if findings.lacks_part_of("networks") {
                continue;
            }
            let known: Vec<String> = lab
                .networks
                .values()
                .map(|network| network.cidr.to_string())
                .collect();
            findings.add(
                format!("{} lies in none of the lab's networks", node.address),
                &[(field, "")],
                format!("take an address of {}", known.join(" or ")),
            );
            continue;
        };
        let (first, last) = (network.cidr.network(), network.cidr.broadcast());
        if node.address == first || node.address == last {
            findings.add(
                format!("{} is not an address for a node", node.address),
                &[
                    (
                        field,
                        "the first and the last address of a network are its own",
                    ),
                    (format!("networks.{network_name}.cidr"), "of this network"),
                ],
                "take one in between",
            );
        }
    }
}

#[test]
fn addresses_that_no_network_gives_are_found() {
    crate::example::breaks("S101", "10.88.0.22", "10.99.0.22");
    crate::example::breaks("S101", "10.88.0.22", "10.88.0.255");
}
