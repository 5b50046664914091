//! S035: A selector means what it says.

use std::collections::{BTreeMap, BTreeSet};

use model::diagnostic::Severity;
use model::name::Name;

use crate::finding::Findings;
use crate::{Rule, Subject};

pub(super) const RULE: Rule = Rule {
    code: "S035",
    title: "A selector means what it says.",
    text: "Several terms of node affinity are alternatives: one of them is enough, so a pin in one term is void beside another term. A label that no node carries selects nothing. Sources: Kubernetes documentation, Assigning Pods to Nodes; a published lab whose processor pin was void, and whose selector named a label that nothing had.",
    sees: "Placement in the lab file. It does not see selectors in manifests and charts.",
    severity: Severity::Warning,
    check,
};

fn check(lab: &Subject<'_>, findings: &mut Findings<'_>) {
    let nodes = lab.nodes.values().flat_map(|node| {
        let labels = node.labels.iter();
        labels.map(|(key, value)| (&node.cluster, key.as_str(), value.as_str()))
    });
    let carried: BTreeSet<(&Name, &str, &str)> = nodes.collect();
    for (name, app) in lab.apps.iter().filter(|(_, app)| app.enabled) {
        let Some(placement) = &app.placement else {
            continue;
        };
        let at = |field: &str| format!("apps.{name}.placement.{field}");
        let keys = |term: &BTreeMap<String, String>| term.keys().cloned().collect::<Vec<_>>();
        let mut terms = placement.any_of.iter().map(keys);
        let first = terms.next();
        if first.is_some_and(|first| terms.any(|other| other != first)) {
            findings.add(
                format!("each of these terms alone is enough to place {name}"),
                &[(at("any-of"), "alternatives, not conditions")],
                "put what must hold together into labels, or into one term",
            );
        }
        let cluster = lab
            .cluster_or_only(app.cluster.as_ref())
            .map(|(cluster, _)| cluster);
        for (key, value) in &placement.labels {
            // What kubelet sets by itself is on every node.
            let own = key.starts_with("kubernetes.io/") || key.starts_with("node.kubernetes.io/");
            let carried = cluster.is_some_and(|name| carried.contains(&(name, key, value)));
            if !own && !carried {
                findings.add(
                    format!("no node carries {key}={value}"),
                    &[(at("labels"), "selects nothing")],
                    "add the label to the nodes that are meant",
                );
            }
        }
    }
}

#[test]
fn void_pins_and_labels_of_nobody_are_found() {
    let app = "home-assistant:\n";
    let any = "home-assistant:\n    placement: { any-of: [ { gpu: intel }, { zone: a } ] }\n";
    crate::example::home_breaks("S035", app, any);
    crate::example::home_breaks(
        "S035",
        app,
        "home-assistant:\n    placement: { labels: { gpu: intel } }\n",
    );
    crate::example::home_keeps(
        app,
        "home-assistant:\n    placement: { labels: { bgp: \"yes\" } }\n",
    );
}
