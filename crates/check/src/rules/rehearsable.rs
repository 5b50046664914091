//! S043: A replica of the lab touches nothing of the lab.

use model::diagnostic::Severity;
use model::lab::{Endpoint, Patch};
use serde_json::Value;

use crate::finding::Findings;
use crate::{Rule, Subject};

pub(super) const RULE: Rule = Rule {
    code: "S043",
    title: "A replica of the lab touches nothing of the lab.",
    text: "A raw value or patch that holds an address of the lab keeps it in every copy: a rehearsal then talks to the real API. What is declared is exchanged in a replica, what is raw text is not. Source: a published lab whose test environment had the production API's address in a manifest.",
    sees: "All that it needs stands in the lab file.",
    severity: Severity::Warning,
    check,
};

fn check(lab: &Subject<'_>, findings: &mut Findings<'_>) {
    let mut addresses: Vec<String> = lab
        .nodes
        .values()
        .flat_map(|node| lab.node_addresses(node))
        .map(|(_, one)| one.to_string())
        .collect();
    for cluster in lab.clusters.values() {
        if let Some(Endpoint::Vip(address)) = cluster.endpoint {
            addresses.push(address.to_string());
        }
    }
    for (field, value) in raw(lab) {
        let text = value.to_string();
        let found = addresses.iter().find(|address| holds(&text, address));
        if let Some(address) = found {
            findings.add(
                format!("{address} stands in raw text, so a replica of the lab would use it, too"),
                &[(field, "")],
                "leave it out where the lab file has a field for it",
            );
        }
    }
}

/// Whether a text holds an address, and not only as the beginning of a longer one.
fn holds(text: &str, address: &str) -> bool {
    let part = |c: char| c.is_ascii_digit() || c == '.';
    text.match_indices(address).any(|(at, _)| {
        let before = text.get(..at).and_then(|rest| rest.chars().next_back());
        let after = text
            .get(at + address.len()..)
            .and_then(|rest| rest.chars().next());
        !before.is_some_and(part) && !after.is_some_and(part)
    })
}

/// All escape hatches.
fn raw<'a>(lab: &'a Subject<'_>) -> Vec<(String, &'a Value)> {
    fn value(patch: &Patch) -> Option<&Value> {
        match patch {
            Patch::Talos(value)
            | Patch::Kubeadm(value)
            | Patch::K3s(value)
            | Patch::Kubelet(value) => Some(value),
            Patch::Nixos(_) => None,
        }
    }
    let mut all = Vec::new();
    for (name, cluster) in &lab.clusters {
        let patches = cluster.patches.iter().enumerate();
        all.extend(
            patches.filter_map(|(n, one)| {
                Some((format!("clusters.{name}.patches[{n}]"), value(one)?))
            }),
        );
    }
    for (name, node) in &lab.nodes {
        let patches = node.patches.iter().enumerate();
        all.extend(
            patches
                .filter_map(|(n, one)| Some((format!("nodes.{name}.patches[{n}]"), value(one)?))),
        );
    }
    for (name, component) in &lab.components {
        all.push((format!("components.{name}.values"), &component.values));
    }
    for (name, app) in &lab.apps {
        all.extend(
            app.chart
                .iter()
                .map(|chart| (format!("apps.{name}.chart.values"), &chart.values)),
        );
    }
    all
}

#[test]
fn an_address_in_raw_text_is_found() {
    let values = "version: 1.2.3, values: { api: \"https://10.0.0.100:6443\" } }";
    crate::example::home_breaks("S043", "version: 1.2.3 }", values);
    crate::example::home_keeps(
        "version: 1.2.3 }",
        &values.replace("10.0.0.100:", "10.0.0.10:"),
    );
}
