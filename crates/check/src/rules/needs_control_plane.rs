//! S104: Every cluster has a control plane, and this version can make one.

use model::diagnostic::Severity;
use model::lab::Lab;

use crate::Rule;
use crate::finding::Findings;

pub(super) const RULE: Rule = Rule {
    code: "S104",
    title: "Every cluster has a control plane, and this version can make one.",
    text: "A cluster without a control plane has no API. This version of Steading brings up clusters with one control plane; several (stacked etcd behind a shared address) come in a later one and are refused until then, because a cluster that only looks highly available is worse than one that does not.",
    severity: Severity::Error,
    check,
};

use model::lab::Role;

fn check(lab: &Lab, findings: &mut Findings<'_>) {
    for name in lab.clusters.keys() {
        let planes: Vec<String> = lab
            .nodes
            .iter()
            .filter(|(_, node)| node.cluster == *name && node.role == Role::ControlPlane)
            .map(|(node, _)| format!("nodes.{node}.role"))
            .collect();
        match planes.as_slice() {
            [] if findings.lacks_part_of("nodes") => {}
            [] => findings.add(
                format!("cluster {name} has no control plane"),
                &[(format!("clusters.{name}"), "")],
                format!("add a node: {{ cluster: {name}, role: control-plane, … }}"),
            ),
            [_] => {}
            [first, second, ..] => findings.add(
                "several control planes are not supported yet",
                &[
                    (second.clone(), "a second one"),
                    (first.clone(), "beside this one"),
                ],
                "make it a worker",
            ),
        }
    }
}

#[test]
fn a_cluster_without_one_is_found() {
    crate::example::breaks("S104", "role: control-plane, on", "role: worker,        on");
}
