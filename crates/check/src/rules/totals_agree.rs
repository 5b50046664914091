//! S047: What the description says is what is declared.

use model::diagnostic::Severity;
use model::quantity::Bytes;

use crate::finding::Findings;
use crate::{Rule, Subject};

pub(super) const RULE: Rule = Rule {
    code: "S047",
    title: "What the description says is what is declared.",
    text: "A document that tells of eight machines while nine are declared is read by somebody who then looks for the ninth. Totals that are told (`claims`) are added up. Source: published labs whose documents told other numbers than their files.",
    sees: "All that it needs stands in the lab file.",
    severity: Severity::Warning,
    check,
};

fn check(lab: &Subject<'_>, findings: &mut Findings<'_>) {
    let Some(claims) = &lab.claims else {
        return;
    };
    let cpu: u32 = lab
        .hosts
        .values()
        .filter_map(|host| host.cpu)
        .fold(0, u32::saturating_add);
    let memory: u64 = lab
        .hosts
        .values()
        .filter_map(|host| host.memory)
        .map(|one| one.0)
        .fold(0, u64::saturating_add);
    let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    for (field, told, found) in [
        ("hosts", claims.hosts, count(lab.hosts.len())),
        ("nodes", claims.nodes, count(lab.nodes.len())),
        ("cpu", claims.cpu, cpu),
    ] {
        if let Some(told) = told.filter(|told| *told != found) {
            findings.add(
                format!("the description tells of {told} {field}, and {found} are declared"),
                &[(format!("claims.{field}"), "")],
                "mend the description, or the lab",
            );
        }
    }
    if let Some(told) = claims.memory.filter(|told| told.0 != memory) {
        findings.add(
            format!(
                "the description tells of {told} of memory, and {} are declared",
                Bytes(memory)
            ),
            &[("claims.memory".to_owned(), "")],
            "mend the description, or the lab",
        );
    }
}

#[test]
fn other_numbers_are_found() {
    crate::example::home_breaks("S047", "claims: { hosts: 6,", "claims: { hosts: 7,");
    crate::example::home_breaks(
        "S047",
        "claims: { hosts: 6,",
        "claims: { hosts: 6, memory: 1Gi,",
    );
    crate::example::home_keeps("claims: { hosts: 6,", "claims: { hosts: 6, cpu: 42,");
}
