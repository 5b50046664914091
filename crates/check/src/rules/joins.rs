//! S034: Every node reaches what it joins.

use std::collections::{BTreeMap, BTreeSet};

use model::diagnostic::Severity;
use model::lab::Role;
use model::name::Name;

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
    for cluster in lab.clusters.keys() {
        let planes: Vec<(&Name, BTreeSet<&Name>)> = lab
            .control_planes(cluster)
            .map(|(name, plane)| (name, lab.node_networks(plane)))
            .filter(|(_, networks)| !networks.is_empty())
            .collect();
        // How many control planes are in each network.
        let mut in_network: BTreeMap<&Name, usize> = BTreeMap::new();
        for network in planes.iter().flat_map(|(_, networks)| networks) {
            *in_network.entry(network).or_default() += 1;
        }
        for (name, node) in lab.nodes_of(cluster) {
            let networks = lab.node_networks(node);
            let itself = usize::from(node.role == Role::ControlPlane);
            let mut others = planes.iter().filter(|(plane, _)| *plane != name);
            // Nodes without any address are another finding.
            let (Some((first, _)), false) = (others.next(), networks.is_empty()) else {
                continue;
            };
            let reaches = |network| in_network.get(network).copied().unwrap_or(0) > itself;
            if !networks.iter().any(reaches) {
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
}

#[test]
fn a_worker_elsewhere_is_found() {
    let worker = "on: gamer, vm: { cpu: 8, memory: 16Gi }, address: 10.0.0.31";
    let elsewhere = "on: gamer, vm: { cpu: 8, memory: 16Gi }, address: 100.64.0.31";
    crate::example::home_breaks("S034", worker, elsewhere);
    let both = "on: gamer, vm: { cpu: 8, memory: 16Gi }, address: 100.64.0.31, addresses: { lan: 10.0.0.31 }";
    crate::example::home_keeps(worker, both);
}
