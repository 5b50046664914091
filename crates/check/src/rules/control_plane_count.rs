//! S103: The number of control planes is odd.

use model::diagnostic::Severity;

use crate::finding::Findings;
use crate::{Rule, Subject};

pub(super) const RULE: Rule = Rule {
    code: "S103",
    title: "The number of control planes is odd.",
    text: "etcd needs a majority: of two members none may fail, of four one as of three. An even number costs a machine and gains nothing; with two, either one's failure stops the cluster. Source: etcd FAQ, 'Why an odd number of cluster members?'.",
    sees: "All that it needs stands in the lab file.",
    severity: Severity::Warning,
    check,
};

fn check(lab: &Subject<'_>, findings: &mut Findings<'_>) {
    if findings.lacks_part_of("nodes") {
        return;
    }
    for name in lab.clusters.keys() {
        let planes: Vec<String> = lab
            .control_planes(name)
            .map(|(node, _)| format!("nodes.{node}.role"))
            .collect();
        if planes.len() > 1 && planes.len().is_multiple_of(2) {
            let places: Vec<(String, &str)> = planes.iter().map(|p| (p.clone(), "")).collect();
            findings.add(
                format!(
                    "of {} control planes {} may fail, as of {}",
                    planes.len(),
                    planes.len() / 2 - 1,
                    planes.len() - 1
                ),
                &places,
                "make it an odd number: one more, or one fewer",
            );
        }
    }
}

#[test]
fn an_even_number_is_found() {
    let codes = crate::example::codes(
        "worker-1:        { cluster: main, role: worker,",
        "worker-1:        { cluster: main, role: control-plane,",
    );
    assert!(codes.contains(&"S103".to_owned()), "{codes:?}");
}
