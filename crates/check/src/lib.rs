//! Rules over labs, one file each.
//!
//! Codes are fixed in the rules and never change: `S001` to `S047` are rules that published
//! homelabs broke, by their number in the project's research; others begin at `S100`.

mod document;
mod finding;
mod rules;
mod sight;

pub use document::document;

use model::diagnostic::{Diagnostic, Severity};
use model::lab::Lab;
use serde::Serialize;

/// A rule.
pub(crate) struct Rule {
    pub(crate) code: &'static str,
    pub(crate) title: &'static str,
    /// Why, with its source.
    pub(crate) text: &'static str,
    pub(crate) severity: Severity,
    pub(crate) check: fn(&Lab, &mut finding::Findings<'_>),
}

/// What a code means.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Explanation {
    /// The code.
    pub code: &'static str,
    /// The rule in one line.
    pub title: &'static str,
    /// Why, with its source.
    pub text: &'static str,
    /// How much a finding of it weighs.
    pub severity: Severity,
    /// What it looks at.
    pub sees: &'static str,
    /// What it cannot look at.
    pub cannot_see: &'static str,
}

/// All findings about a lab, without places in the text (`model::read::Index::locate` adds them),
/// in the order of the rules.
#[must_use]
pub fn check(lab: &Lab) -> Vec<Diagnostic> {
    let mut all = Vec::new();
    for rule in rules::RULES {
        (rule.check)(lab, &mut finding::Findings::new(rule, &mut all));
    }
    all
}

/// The explanations of all codes, in their order.
pub fn explanations() -> impl Iterator<Item = Explanation> {
    rules::RULES.iter().map(|rule| {
        let sight = sight::of(rule.code);
        Explanation {
            code: rule.code,
            title: rule.title,
            text: rule.text,
            severity: rule.severity,
            sees: sight.sees,
            cannot_see: sight.cannot_see,
        }
    })
}

#[cfg(test)]
mod example;

#[cfg(test)]
mod mending;
