//! S018: Nodes that come and go are marked, and keep no data of others.

use std::collections::BTreeMap;

use model::diagnostic::Severity;
use model::lab::{Node, Role, Storage};
use model::name::Name;

use crate::finding::Findings;
use crate::{Rule, Subject};

pub(super) const RULE: Rule = Rule {
    code: "S018",
    title: "Nodes that come and go are marked, and keep no data of others.",
    text: "Without a taint, anything is placed on a node that is off tonight, and waits minutes to be placed elsewhere. A default storage class on nodes' own disks binds an app to such a node for good. Source: a published lab with unmarked desktops and a hostpath default class.",
    sees: "All that it needs stands in the lab file.",
    severity: Severity::Warning,
    check,
};

fn check(lab: &Subject<'_>, findings: &mut Findings<'_>) {
    let volatile: Vec<(&Name, &Node)> = lab
        .nodes
        .iter()
        .filter(|(_, node)| {
            let host = lab.host_of(node);
            host.is_some_and(|host| host.availability.may_be_off())
        })
        .collect();
    for (name, node) in &volatile {
        if node.taints.as_ref().is_none_or(Vec::is_empty) && node.role == Role::Worker {
            findings.add(
                format!("anything may be placed on {name}, which comes and goes"),
                &[
                    (format!("nodes.{name}"), "has no taint"),
                    (format!("hosts.{}.availability", node.on), "may be off"),
                ],
                "add taints: [ { key: volatile, effect: PreferNoSchedule } ]",
            );
        }
    }
    let mut first_of: BTreeMap<&Name, &Name> = BTreeMap::new();
    for (name, node) in &volatile {
        first_of.entry(&node.cluster).or_insert(name);
    }
    for (name, storage) in &lab.storage {
        let Storage::Local(local) = storage else {
            continue;
        };
        let cluster = lab.cluster_or_only(local.cluster.as_ref());
        let there = cluster.and_then(|(cluster, _)| first_of.get(cluster));
        for (class, _) in local.classes.iter().filter(|(_, class)| class.default) {
            if let Some(node) = there {
                findings.add(
                    format!("volumes lie on {node} by default, which comes and goes"),
                    &[
                        (
                            format!("storage.{name}.local.classes.{class}.default"),
                            "the default",
                        ),
                        (format!("nodes.{node}"), "among others"),
                    ],
                    "make a class the default whose volumes can move",
                );
            }
        }
    }
}

#[test]
fn unmarked_nodes_and_local_defaults_are_found() {
    crate::example::home_breaks(
        "S018",
        ", taints: [ { key: volatile, effect: PreferNoSchedule } ]",
        "",
    );
    let local = "storage:\n  disks: { local: { classes: { here: { default: true } } } }\n";
    crate::example::home_breaks("S018", "storage:\n", local);
    crate::example::home_keeps("storage:\n", &local.replace("true", "false"));
}
