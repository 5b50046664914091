//! Findings that the lab's owner knows of and accepts, with a reason.

use std::collections::BTreeMap;

use model::diagnostic::{Diagnostic, FieldPath, Place, Severity};
use model::lab::Lab;

use crate::{Facts, Rule};

pub(crate) const RULE: Rule = Rule {
    code: "S199",
    title: "What is accepted is there.",
    text: "A finding that the owner knows of is accepted by its code, its place and a reason. An acceptance that nothing is found for any more stays behind when the defect is mended, and would hide the next one.",
    sees: "The section accepts, and the findings of all other rules.",
    severity: Severity::Warning,
    // It is applied to what the others find.
    check: |_, _| {},
};

/// Rules about promises.
const JUDGED: [&str; 2] = ["S113", "S114"];

/// Takes out what is accepted. An acceptance that nothing is found for is a finding itself: it
/// would hide the next one.
pub(crate) fn apply(lab: &Lab, facts: &Facts, findings: Vec<Diagnostic>) -> Vec<Diagnostic> {
    let mut used = vec![false; lab.accepts.len()];
    let mut positions: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    for (position, accepted) in lab.accepts.iter().enumerate() {
        let accepted = (accepted.code.as_str(), accepted.at.as_str());
        positions.entry(accepted).or_insert(position);
    }
    let mut left: Vec<Diagnostic> = findings
        .into_iter()
        .filter(|finding| {
            let fields = finding.places.iter().map(|place| place.field.0.as_str());
            let by = fields
                .flat_map(around)
                .filter_map(|field| positions.get(&(finding.code.as_str(), field)).copied())
                .min();
            if let Some(used) = by.and_then(|position| used.get_mut(position)) {
                *used = true;
            }
            by.is_none()
        })
        .collect();
    for (position, accepted) in lab.accepts.iter().enumerate() {
        // Where the failure model was not asked, nothing tells whether a promise holds.
        let unasked = facts.promises.is_none() && JUDGED.contains(&accepted.code.as_str());
        if used.get(position) == Some(&false) && !unasked {
            left.push(Diagnostic {
                code: RULE.code.to_owned(),
                severity: RULE.severity,
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
                fix: None,
            });
        }
    }
    left
}

/// A field, and all that it lies in.
fn around(field: &str) -> impl Iterator<Item = &str> {
    let ends = field.match_indices(['.', '[']).map(|(end, _)| end);
    ends.chain([field.len()]).filter_map(|end| field.get(..end))
}
