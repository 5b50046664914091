//! Rules over labs, one file each.
//!
//! Codes are fixed in the rules and never change: `S001` to `S047` are rules that published
//! homelabs broke, by their number in the project's research; others begin at `S100`.

mod accepted;
mod document;
mod elsewhere;
mod finding;
mod pools;
mod rules;
mod subject;

pub use document::document;

use model::diagnostic::{Diagnostic, Severity};
use model::lab::Lab;
use serde::Serialize;

use subject::Subject;
pub use subject::{Certificate, Facts, File, Judged, Known, Verdict};

/// A rule.
pub(crate) struct Rule {
    pub(crate) code: &'static str,
    pub(crate) title: &'static str,
    /// Why, with its source.
    pub(crate) text: &'static str,
    /// What it looks at, and what it cannot see.
    pub(crate) sees: &'static str,
    pub(crate) severity: Severity,
    pub(crate) check: fn(&Subject<'_>, &mut finding::Findings<'_>),
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
    /// What it looks at, and what it cannot see.
    pub sees: &'static str,
    /// How bad a finding is.
    pub severity: Severity,
}

/// All findings about a lab, without places in the text (`model::read::Index::locate` adds them),
/// in the order of the rules.
#[must_use]
pub fn check(lab: &Lab, facts: &Facts) -> Vec<Diagnostic> {
    let subject = Subject::new(lab, facts);
    let mut all = Vec::new();
    let whole = facts.unread.is_empty();
    // Most rules look at a lab as a whole: of one that is half read they would tell what follows
    // from the rest, and that has been told.
    for rule in rules::RULES
        .iter()
        .filter(|rule| whole || rule.code >= "S1")
    {
        let mut findings = finding::Findings::new(rule, &facts.unread, &mut all);
        (rule.check)(&subject, &mut findings);
    }
    if whole {
        all = accepted::apply(lab, facts, all);
    }
    all
}

/// The explanations of all codes, in their order.
pub fn explanations() -> impl Iterator<Item = Explanation> {
    let rules = rules::RULES.iter().map(|rule| Explanation {
        code: rule.code,
        title: rule.title,
        text: rule.text,
        sees: rule.sees,
        severity: rule.severity,
    });
    let form = elsewhere::FORM.iter().copied();
    form.chain(rules).chain(elsewhere::LATER.iter().copied())
}

#[cfg(test)]
mod example;

#[cfg(test)]
mod tests;

#[cfg(test)]
mod mending;

#[cfg(test)]
mod pairwise;
