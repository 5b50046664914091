//! S020: Data is kept in three copies, and says how many must be written.

use model::diagnostic::Severity;

use crate::finding::Findings;
use crate::{Rule, Subject};

pub(super) const RULE: Rule = Rule {
    code: "S020",
    title: "Data is kept in three copies, and says how many must be written.",
    text: "With two copies, one lost disk leaves one, and Ceph either stops (two must be written) or goes on with a single copy that may be the older one. What must be written before a write counts (min_size) is a decision: one is how data is lost. Source: Ceph documentation, Pools; a published lab with two copies everywhere.",
    sees: "All that it needs stands in the lab file.",
    severity: Severity::Warning,
    check,
};

fn check(lab: &Subject<'_>, findings: &mut Findings<'_>) {
    for (name, storage) in &lab.storage {
        let kind = storage.word();
        for (pool, declared) in storage.pools().into_iter().flatten() {
            let at = |field: &str| {
                let whole = format!("storage.{name}.{kind}.pools.{pool}");
                if field.is_empty() {
                    whole
                } else {
                    format!("{whole}.{field}")
                }
            };
            let replicas = declared.replicas.unwrap_or(3);
            if replicas < 3 {
                findings.add(
                    format!("{pool} is kept in {replicas} copies"),
                    &[(at("replicas"), "")],
                    "write replicas: 3 and min-replicas: 2",
                );
            } else if declared.min_replicas == Some(1) {
                findings.add(
                    format!("{pool} goes on with one copy"),
                    &[(at("min-replicas"), "")],
                    "write min-replicas: 2",
                );
            }
        }
    }
}

#[test]
fn two_copies_are_found() {
    crate::example::home_breaks(
        "S020",
        "replicas: 3, min-replicas: 2",
        "replicas: 2, min-replicas: 2",
    );
    crate::example::home_breaks("S020", "min-replicas: 2", "min-replicas: 1");
}
