//! S034: Every node reaches what it joins.

use model::diagnostic::Severity;

use crate::finding::Findings;
use crate::{Rule, Subject};

pub(super) const RULE: Rule = Rule {
    code: "S034",
    title: "Every node reaches what it joins.",
    text: "A node joins its cluster at the API's address. One that has no network in common with any control plane has nothing to join, whatever its configuration says. Steading derives the rest of what a role needs: address, token, certificate. Source: a published lab whose worker had another role's configuration and no address to join.",
    sees: "All that it needs stands in the lab file.",
    severity: Severity::Error,
    check,
};

fn check(lab: &Subject<'_>, findings: &mut Findings<'_>) {
    for (name, node) in &lab.nodes {
        let planes: Vec<_> = lab
            .control_planes(&node.cluster)
            .filter(|(plane, one)| *plane != name && !lab.node_networks(one).is_empty())
            .collect();
        let Some((first, _)) = planes.first() else {
            continue;
        };
        // Nodes without any address are another finding.
        if lab.node_networks(node).is_empty() {
            continue;
        }
        if planes
            .iter()
            .all(|(_, plane)| lab.way(node, plane).is_none())
        {
            findings.add(
                format!("{name} reaches no control plane"),
                &[
                    (format!("nodes.{name}"), "this node"),
                    (format!("nodes.{first}"), "in no network of it"),
                ],
                "give it an address in a network of the control planes, such as an overlay",
            );
        }
    }
}

#[test]
fn a_worker_elsewhere_is_found() {
    let worker = "on: gamer, vm: { cpu: 8, memory: 16Gi }, address: 10.0.0.31";
    let elsewhere = "on: gamer, vm: { cpu: 8, memory: 16Gi }, address: 100.64.0.31";
    crate::example::home_breaks("S034", worker, elsewhere);
    let both = "on: gamer, vm: { cpu: 8, memory: 16Gi }, address: 100.64.0.31, addresses: { lan: 10.0.0.31 }";
    crate::example::home_keeps(worker, both);
}
