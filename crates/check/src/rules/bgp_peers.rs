//! S014: Every node that speaks BGP is chosen, and its router knows it.

use std::collections::{BTreeMap, BTreeSet};

use model::diagnostic::Severity;
use model::lab::Node;
use model::name::Name;

use crate::finding::Findings;
use crate::{Rule, Subject};

pub(super) const RULE: Rule = Rule {
    code: "S014",
    title: "Every node that speaks BGP is chosen, and its router knows it.",
    text: "A pod network tells its routes only from nodes that carry the chosen label, and only to routers that have them as neighbours. Where one of the two is missing, some pods or addresses are reachable and others are not. Source: a published lab whose label stood on no node and whose router knew one node of three.",
    sees: "All that it needs stands in the lab file.",
    severity: Severity::Error,
    check,
};

fn check(lab: &Subject<'_>, findings: &mut Findings<'_>) {
    for (name, cluster) in &lab.clusters {
        let Some(bgp) = cluster.cni.bgp() else {
            continue;
        };
        let field = format!("clusters.{name}.cni.{}.bgp", cluster.cni.word());
        let speakers: Vec<_> = lab
            .nodes_of(name)
            .filter(|(_, node)| {
                bgp.speakers
                    .as_ref()
                    .is_none_or(|label| carries(node, label))
            })
            .collect();
        if speakers.is_empty() {
            let label = bgp.speakers.as_deref().unwrap_or_default();
            findings.add(
                format!("no node carries the label {label}"),
                &[(format!("{field}.speakers"), "")],
                "add it to the labels of the nodes that shall speak, or leave it out",
            );
        }
        let mut unknown = BTreeMap::new();
        for (position, peer) in bgp.peers.iter().enumerate() {
            if findings.is_full() {
                return;
            }
            let place = (format!("{field}.peers[{position}]"), "told to peer with it");
            let Some(router) = lab.hosts.get(peer).and_then(|host| host.bgp.as_ref()) else {
                findings.add(
                    format!("{peer} does not speak BGP"),
                    &[place],
                    format!("add bgp: {{ asn: …, neighbours: [ … ] }} to host {peer}"),
                );
                continue;
            };
            let unknown = unknown.entry(peer).or_insert_with(|| {
                let known: BTreeSet<&Name> = router.neighbours.iter().collect();
                let mut unknown = speakers.clone();
                unknown.retain(|(node, one)| !known.contains(node) && !known.contains(&one.on));
                unknown
            });
            for (node, _) in unknown {
                findings.add(
                    format!("{peer} does not know its neighbour {node}"),
                    &[
                        (format!("hosts.{peer}.bgp.neighbours"), "without it"),
                        (format!("nodes.{node}"), "speaks to it"),
                    ],
                    format!("add {node}"),
                );
            }
        }
    }
}

/// Whether a node carries a label, written `key=value` or `key`.
fn carries(node: &Node, label: &str) -> bool {
    match label.split_once('=') {
        Some((key, value)) => node.labels.get(key).is_some_and(|has| has == value),
        None => node.labels.contains_key(label),
    }
}

#[test]
fn strangers_and_silent_nodes_are_found() {
    crate::example::home_breaks("S014", "speakers: bgp=yes", "speakers: bgp=no");
    crate::example::home_breaks(
        "S014",
        "neighbours: [ cp1, cp2, cp3, w1 ]",
        "neighbours: [ cp1, cp2, cp3 ]",
    );
    crate::example::home_breaks(
        "S014",
        "bgp: { asn: 64513, neighbours: [ cp1, cp2, cp3, w1 ] } ",
        "",
    );
}
