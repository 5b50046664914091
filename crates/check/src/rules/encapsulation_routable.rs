//! S007: The ends of encapsulated packets reach each other.

use std::collections::{BTreeMap, BTreeSet};

use model::diagnostic::Severity;
use model::lab::{Cni, Role};
use model::name::Name;
use model::topology::apart;

use crate::finding::Findings;
use crate::{Rule, Subject};

pub(super) const RULE: Rule = Rule {
    code: "S007",
    title: "The ends of encapsulated packets reach each other.",
    text: "A pod network that wraps packets sends them from one node's address to another's. Two nodes that have no network in common, or not the one that the wrapping uses, cannot exchange any: their pods see each other only through whatever else happens to route. Source: a published lab whose pod network used the Wi-Fi addresses of machines at home, and a machine in a cloud.",
    sees: "All that it needs stands in the lab file.",
    severity: Severity::Error,
    check,
};

fn check(lab: &Subject<'_>, findings: &mut Findings<'_>) {
    for (name, cluster) in &lab.clusters {
        if let Cni::Calico(calico) = &cluster.cni
            && let Some(network) = &calico.network
        {
            let without: Vec<_> = lab
                .nodes_of(name)
                .filter(|(_, node)| !lab.node_networks(node).contains(network))
                .collect();
            for (node, _) in without {
                findings.add(
                    format!("{node} has no address in {network}, which carries the pods' packets"),
                    &[
                        (format!("nodes.{node}"), "not a member"),
                        (format!("clusters.{name}.cni.calico.network"), "used here"),
                    ],
                    "name a network that all nodes are in, or leave it out: it is derived",
                );
            }
            continue;
        }
        pairs(lab, name, findings);
    }
}

/// Pairs of workers that have no way to each other. Where one does not reach the control plane
/// either, that is another rule's finding.
fn pairs(lab: &Subject<'_>, cluster: &Name, findings: &mut Findings<'_>) {
    if !lab.ways(cluster).contains(&None) {
        return;
    }
    // Workers in the same networks have the same ways: one of them speaks for all.
    let mut first_in: BTreeMap<BTreeSet<&Name>, &Name> = BTreeMap::new();
    for (name, node) in lab.nodes_of(cluster) {
        let networks = lab.node_networks(node);
        // Nodes without any address are another finding.
        if node.role == Role::Worker && !networks.is_empty() {
            first_in.entry(networks).or_insert(name);
        }
    }
    let mut groups: Vec<_> = first_in
        .into_iter()
        .map(|(all, name)| (name, all))
        .collect();
    groups.sort_unstable();
    let (names, networks): (Vec<&Name>, Vec<_>) = groups.into_iter().unzip();
    let pair = apart(&networks);
    let pair = pair.and_then(|(one, other)| Some((names.get(one)?, names.get(other)?)));
    if let Some((one, other)) = pair {
        findings.add(
            format!("{one} and {other} have no network in common"),
            &[
                (format!("nodes.{one}"), "this node"),
                (format!("nodes.{other}"), "and this one"),
            ],
            "give both an address in one network, such as an overlay",
        );
    }
}

#[test]
fn nodes_without_a_way_are_found() {
    let calico = "{ calico: { network: tailnet } }";
    let cilium = "{ cilium: { encapsulation: none, load-balancer: [ 10.0.0.101-10.0.0.120 ], l2: true, bgp: { asn: 64512, peers: [ rb ], speakers: bgp=yes } } }";
    crate::example::home_breaks("S007", cilium, calico);
    crate::example::home_keeps(cilium, "{ calico: { network: lan } }");
}
