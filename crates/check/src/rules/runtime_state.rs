//! S037: What changes while it runs is not overwritten.

use model::diagnostic::Severity;

use crate::finding::Findings;
use crate::{Rule, Subject};

pub(super) const RULE: Rule = Rule {
    code: "S037",
    title: "What changes while it runs is not overwritten.",
    text: "A zone whose records DHCP changes while it runs and whose file is written anew from a declaration loses those records with every change, and comes back wrong. Declared state has to win over what was left behind, and running state must not be declared. Source: a published lab whose activation overwrote the zone that DHCP kept.",
    sees: "All that it needs stands in the lab file.",
    severity: Severity::Warning,
    check,
};

fn check(lab: &Subject<'_>, findings: &mut Findings<'_>) {
    for (name, network) in &lab.networks {
        let Some(dns) = network.dns.as_ref().filter(|dns| dns.dynamic) else {
            continue;
        };
        if !dns.records.is_empty() {
            findings.add(
                format!(
                    "DHCP changes the zone {}, and its declared records overwrite that",
                    dns.zone
                ),
                &[
                    (
                        format!("networks.{name}.dns.dynamic"),
                        "changed while it runs",
                    ),
                    (format!("networks.{name}.dns.records"), "written anew"),
                ],
                "put the declared records into a zone of their own, or leave dynamic out",
            );
        }
    }
}

#[test]
fn a_zone_with_two_writers_is_found() {
    crate::example::home_breaks(
        "S037",
        "server: rb, records:",
        "server: rb, dynamic: true, records:",
    );
}
