//! Rules over labs, one file each.
//!
//! Codes are fixed in the rules and never change: `S001` to `S047` are rules that published
//! homelabs broke, by their number in the project's research; others begin at `S100`.

mod finding;
mod rules;

use std::collections::BTreeSet;

use model::diagnostic::{Diagnostic, FieldPath, Severity};
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
pub struct Explanation {
    /// The code.
    pub code: &'static str,
    /// The rule in one line.
    pub title: &'static str,
    /// Why, with its source.
    pub text: &'static str,
}

/// Findings about a lab, without places in the text (`model::read::Index::locate` adds them), in
/// the order of the rules; no more of one rule than anybody reads. Of `unread` fields it is not
/// told again that they are not there.
#[must_use]
pub fn check(lab: &Lab, unread: &BTreeSet<FieldPath>) -> Vec<Diagnostic> {
    let mut all = Vec::new();
    for rule in rules::RULES {
        (rule.check)(lab, &mut finding::Findings::new(rule, unread, &mut all));
    }
    all
}

/// The explanations of all codes, in their order.
pub fn explanations() -> impl Iterator<Item = Explanation> {
    rules::RULES.iter().map(|rule| Explanation {
        code: rule.code,
        title: rule.title,
        text: rule.text,
    })
}

#[cfg(test)]
mod example;

#[cfg(test)]
mod tests;
