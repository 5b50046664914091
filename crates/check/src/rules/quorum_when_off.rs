//! S015: etcd keeps its quorum when what may be off is off and one more fails.

use model::diagnostic::Severity;
use model::lab::Node;

use crate::finding::Findings;
use crate::{Rule, Subject};

pub(super) const RULE: Rule = Rule {
    code: "S015",
    title: "etcd keeps its quorum when what may be off is off and one more fails.",
    text: "etcd answers while more than half of its members do. Members on machines that come and go count as lost already; one more failure must not take the rest below half. Otherwise the API stops in the evening as soon as anything else happens. Sources: etcd documentation, fault tolerance table; a published lab with three control planes, one of them on a desktop.",
    sees: "All that it needs stands in the lab file.",
    severity: Severity::Error,
    check,
};

fn check(lab: &Subject<'_>, findings: &mut Findings<'_>) {
    for name in lab.clusters.keys() {
        let planes: Vec<_> = lab.control_planes(name).collect();
        // One control plane has no quorum to lose, two are another finding.
        if planes.len() < 3 {
            continue;
        }
        let may_be_off = |node: &Node| {
            lab.host_of(node)
                .is_some_and(|host| host.availability.may_be_off())
        };
        let volatile: Vec<_> = planes.iter().filter(|(_, node)| may_be_off(node)).collect();
        let needed = planes.len() / 2 + 1;
        let left = planes.len() - volatile.len();
        if volatile.is_empty() || left.saturating_sub(1) >= needed {
            continue;
        }
        let message = if left < needed {
            format!(
                "{name} has no quorum while these are off: {left} of {} members, {needed} needed",
                planes.len()
            )
        } else {
            format!(
                "while these are off, {name} survives no failure: {left} of {} members, {needed} needed",
                planes.len()
            )
        };
        let places: Vec<(String, &str)> = volatile
            .iter()
            .map(|(node, _)| (format!("nodes.{node}.on"), "may be off"))
            .collect();
        findings.add(
            message,
            &places,
            "put control planes on hosts that are always on",
        );
    }
}

#[test]
fn a_member_on_a_desktop_is_found() {
    crate::example::home_breaks(
        "S015",
        "role: control-plane, on: nuc3",
        "role: control-plane, on: gamer",
    );
}
