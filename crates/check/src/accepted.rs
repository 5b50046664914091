//! Findings that the lab's owner knows of and accepts, with a reason.

use model::diagnostic::{Diagnostic, FieldPath, Place, Severity};
use model::lab::Lab;

/// Takes out what is accepted. An acceptance that nothing is found for is a finding itself: it
/// would hide the next one.
pub(crate) fn apply(lab: &Lab, findings: Vec<Diagnostic>) -> Vec<Diagnostic> {
    let mut used = vec![false; lab.accepts.len()];
    let mut left: Vec<Diagnostic> = findings
        .into_iter()
        .filter(|finding| {
            let by = lab.accepts.iter().position(|accepted| {
                accepted.code == finding.code
                    && finding
                        .places
                        .iter()
                        .any(|place| within(&place.field.0, &accepted.at))
            });
            if let Some(used) = by.and_then(|position| used.get_mut(position)) {
                *used = true;
            }
            by.is_none()
        })
        .collect();
    for (position, accepted) in lab.accepts.iter().enumerate() {
        if used.get(position) == Some(&false) {
            left.push(Diagnostic {
                code: "S199".to_owned(),
                severity: Severity::Warning,
                message: format!(
                    "{} finds nothing at {} to accept",
                    accepted.code, accepted.at
                ),
                places: vec![Place {
                    field: FieldPath(format!("accepts[{position}]")),
                    span: None,
                    label: String::new(),
                }],
                help: Some("remove it: it would hide the next finding".to_owned()),
            });
        }
    }
    left
}

/// Whether a field is another one or lies in it.
fn within(field: &str, other: &str) -> bool {
    field
        .strip_prefix(other)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
}
