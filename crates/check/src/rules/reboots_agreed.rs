//! S024: Machines of a cluster do not restart by themselves.

use model::diagnostic::Severity;

use crate::finding::Findings;
use crate::{Rule, Subject};

pub(super) const RULE: Rule = Rule {
    code: "S024",
    title: "Machines of a cluster do not restart by themselves.",
    text: "A machine that restarts after an update when it likes takes its node along, without moving pods away, and several may do so in one night: quorum or all copies of an app are gone together. Source: a published lab whose machines all had automatic restarts.",
    sees: "All that it needs stands in the lab file.",
    severity: Severity::Warning,
    check,
};

fn check(lab: &Subject<'_>, findings: &mut Findings<'_>) {
    for (name, _) in lab.hosts.iter().filter(|(_, host)| host.reboots_by_itself) {
        if let Some((node, _)) = lab.nodes_on(name).next() {
            findings.add(
                format!("{name} takes {node} down when it restarts by itself"),
                &[(format!("hosts.{name}.reboots-by-itself"), "")],
                "let updates wait until the node is drained",
            );
        }
    }
}

#[test]
fn a_host_that_restarts_is_found() {
    crate::example::home_breaks(
        "S024",
        "availability: volatile",
        "availability: volatile, reboots-by-itself: true",
    );
}
