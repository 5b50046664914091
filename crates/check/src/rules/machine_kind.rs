//! S106: Every node says what it runs as.

use model::diagnostic::Severity;
use model::lab::Lab;

use crate::Rule;
use crate::finding::Findings;

pub(super) const RULE: Rule = Rule {
    code: "S106",
    title: "Every node says what it runs as.",
    text: "A node without a machine kind is its host itself. This version of Steading makes container machines only; virtual machines and bare hosts come in a later one.",
    severity: Severity::Error,
    check,
};

fn check(lab: &Lab, findings: &mut Findings<'_>) {
    for (name, node) in &lab.nodes {
        if node.machine().is_none() && !findings.lacks_part_of(&format!("nodes.{name}")) {
            findings.add(
                format!("{name} would be its host itself, which is not supported yet"),
                &[(format!("nodes.{name}"), "")],
                "add: container: { cpu: 2, memory: 2Gi }",
            );
        }
    }
}

#[test]
fn a_node_without_a_machine_is_found() {
    crate::example::breaks(
        "S106",
        "container: { cpu: 2, memory: 2Gi }, address: 10.88.0.22",
        "address: 10.88.0.22",
    );
}
