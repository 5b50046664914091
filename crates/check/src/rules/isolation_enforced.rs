//! S012: What is said to be isolated is kept apart by a firewall.

use std::collections::BTreeMap;

use model::diagnostic::Severity;
use model::lab::FirewallAction;
use model::name::Name;

use crate::finding::Findings;
use crate::{Rule, Subject};

pub(super) const RULE: Rule = Rule {
    code: "S012",
    title: "What is said to be isolated is kept apart by a firewall.",
    text: "A network that must not reach another one is isolated only if whoever routes between them drops its packets. A claim in a document, a VLAN number or a second Wi-Fi name isolates nothing. Source: a published lab whose guest network was said to have no local access and had no rule.",
    sees: "All that it needs stands in the lab file.",
    severity: Severity::Error,
    check,
};

fn check(lab: &Subject<'_>, findings: &mut Findings<'_>) {
    // The first rule for all ports between two networks, `None` standing for any: what comes later
    // changes nothing. With its position, and whether it lets packets through.
    let mut first = BTreeMap::new();
    for (position, rule) in lab.firewall.iter().enumerate() {
        if rule.ports.is_empty() {
            let opens = matches!(rule.action, FirewallAction::Accept);
            let between = (rule.from.as_ref(), rule.to.as_ref());
            first.entry(between).or_insert((position, opens));
        }
    }
    for (name, network) in &lab.networks {
        for (position, other) in network.isolated_from.iter().enumerate() {
            if findings.is_full() {
                return;
            }
            let (from, to) = (Some(name), Some(other));
            let fitting = [(from, to), (from, None), (None, to), (None, None)];
            let fitting = fitting.iter().filter_map(|between| first.get(between));
            let kept = fitting.min().is_some_and(|(_, opens)| !opens);
            if !kept {
                let on = network.router.as_ref().map_or("ROUTER", Name::as_str);
                findings.add(
                    format!("nothing keeps {name} out of {other}"),
                    &[(
                        format!("networks.{name}.isolated-from[{position}]"),
                        "claimed here",
                    )],
                    format!(
                        "add to firewall: {{ on: {on}, from: {name}, to: {other}, action: drop }}"
                    ),
                );
            }
        }
    }
}

#[test]
fn a_claim_without_a_rule_is_found() {
    let rule = "{ on: rb, from: guest, to: lan, action: drop }";
    crate::example::home_breaks(
        "S012",
        rule,
        "{ on: rb, from: lan, to: guest, action: drop }",
    );
    let late = "{ on: rb, action: accept }\n  - { on: rb, from: guest, to: lan, action: drop }";
    crate::example::home_breaks("S012", rule, late);
    let early = "{ on: rb, from: guest, to: lan, ports: [ tcp/80 ], action: accept }\n  - { on: rb, from: guest, to: lan, action: drop }";
    crate::example::home_keeps(rule, early);
}
