//! S043: A replica of the lab touches nothing of the lab.

use std::collections::BTreeSet;
use std::net::IpAddr;

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
    let nodes = lab.nodes.values();
    let mut own: BTreeSet<IpAddr> = nodes
        .flat_map(|node| lab.node_addresses(node))
        .map(|(_, address)| address)
        .collect();
    own.extend(lab.clusters.values().filter_map(|one| match one.endpoint {
        Some(Endpoint::Vip(address)) => Some(address),
        _ => None,
    }));
    for (field, value) in raw(lab) {
        let text = value.to_string();
        let found = addresses(&text).find(|address| own.contains(address));
        if let Some(address) = found {
            findings.add(
                format!("{address} stands in raw text, so a replica of the lab would use it, too"),
                &[(field, "")],
                "leave it out where the lab file has a field for it",
            );
        }
    }
}

/// The addresses that a text holds, with or without a port behind them.
fn addresses(text: &str) -> impl Iterator<Item = IpAddr> {
    let v4 = text.split(|c: char| !(c.is_ascii_digit() || c == '.'));
    let v6 = text.split(|c: char| !(c.is_ascii_hexdigit() || c == ':' || c == '.'));
    v4.chain(v6).filter_map(|part| part.parse().ok())
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
    let own = "address: 10.0.0.21,";
    let both = "address: [ 10.0.0.21, fd00:1::21 ],";
    let text = crate::example::HOME.replace(own, both);
    let v6 = values.replace("10.0.0.100:", "[fd00:1:0::21]:");
    let text = text.replace("version: 1.2.3 }", &v6);
    let codes = crate::example::codes_of(&text, &crate::Facts::default());
    assert_eq!(codes, ["S043"]);
}
