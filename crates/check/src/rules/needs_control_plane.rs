//! S104: Every cluster has a control plane.

use model::diagnostic::Severity;

use crate::finding::Findings;
use crate::{Rule, Subject};

pub(super) const RULE: Rule = Rule {
    code: "S104",
    title: "Every cluster has a control plane.",
    text: "A cluster without a control plane has no API: nothing can be placed, changed or seen in it. Source: Kubernetes documentation, Cluster Architecture.",
    sees: "All that it needs stands in the lab file.",
    severity: Severity::Error,
    check,
};

fn check(lab: &Subject<'_>, findings: &mut Findings<'_>) {
    for name in lab.clusters.keys() {
        if lab.control_planes(name).next().is_none() {
            findings.add(
                format!("cluster {name} has no control plane"),
                &[(format!("clusters.{name}"), "")],
                format!("add a node: {{ cluster: {name}, role: control-plane, … }}"),
            );
        }
    }
}

#[test]
fn a_cluster_without_one_is_found() {
    crate::example::breaks("S104", "role: control-plane, on", "role: worker,        on");
}
