//! S046: Versions that must agree do.

use std::collections::BTreeMap;

use model::diagnostic::Severity;
use model::lab::Distribution;

use crate::finding::Findings;
use crate::{Rule, Subject};

pub(super) const RULE: Rule = Rule {
    code: "S046",
    title: "Versions that must agree do.",
    text: "The program that looks after an operating system must know its version; a configuration cannot follow a contract that is newer than what reads it; two copies of one component with different versions share what exists once in a cluster. Sources: Talos documentation, Support Matrix; published labs with an older talosctl and with mixed channels.",
    sees: "All that it needs stands in the lab file.",
    severity: Severity::Warning,
    check,
};

fn check(lab: &Subject<'_>, findings: &mut Findings<'_>) {
    for (name, cluster) in &lab.clusters {
        let Distribution::Talos(talos) = &cluster.distribution else {
            continue;
        };
        let at = |field: &str| format!("clusters.{name}.distribution.talos.{field}");
        if let Some(tool) = talos
            .talosctl
            .as_ref()
            .filter(|tool| **tool != talos.version)
        {
            findings.add(
                format!("talosctl {tool} looks after Talos {}", talos.version),
                &[(at("talosctl"), ""), (at("version"), "")],
                "leave talosctl out: it is that of the version",
            );
        }
        let newer = talos
            .contract
            .as_ref()
            .filter(|one| numbers(one) > numbers(&talos.version));
        if let Some(contract) = newer {
            findings.add(
                format!(
                    "Talos {} does not know the contract {contract}",
                    talos.version
                ),
                &[(at("contract"), ""), (at("version"), "")],
                "leave contract out: it is that of the version",
            );
        }
    }
    let mut seen: BTreeMap<&str, (&str, String)> = BTreeMap::new();
    for (name, component) in lab.components.iter().filter(|(_, one)| one.enabled) {
        let (entry, field) = (
            component.entry(name).as_str(),
            format!("components.{name}.version"),
        );
        let Some(version) = component.version.as_deref() else {
            continue;
        };
        match seen.get(entry) {
            Some((other, place)) if *other != version => findings.add(
                format!("{entry} runs as {version} and as {other}"),
                &[(field, ""), (place.clone(), "")],
                "write one version for both",
            ),
            Some(_) => {}
            None => {
                seen.insert(entry, (version, field));
            }
        }
    }
}

/// The numbers of a version, major and minor.
fn numbers(version: &str) -> (u32, u32) {
    let mut parts = version
        .trim_start_matches('v')
        .split('.')
        .map(|part| part.parse().unwrap_or(0));
    (parts.next().unwrap_or(0), parts.next().unwrap_or(0))
}

#[test]
fn versions_that_differ_are_found() {
    let talos = "version: 1.12.4, kubernetes";
    crate::example::home_breaks(
        "S046",
        talos,
        "version: 1.12.4, talosctl: 1.12.3, kubernetes",
    );
    crate::example::home_breaks(
        "S046",
        talos,
        "version: 1.12.4, contract: \"1.13\", kubernetes",
    );
    crate::example::home_keeps(talos, "version: 1.12.4, contract: \"1.7\", kubernetes");
    let second = "components:\n  second: { catalog: ingress-nginx, version: 4.11.0 }\n";
    crate::example::home_breaks("S046", "components:\n", second);
}
