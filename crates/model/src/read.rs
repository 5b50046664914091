//! Reading a lab from text: all findings at once, each with its place.
//!
//! The text becomes a tree whose nodes know where they stand ([`tree`]); the tree becomes a
//! [`Lab`] ([`decode`]). YAML's surprises are not taken over: a value is read as what its field
//! wants, so `1.30` is a version and `no` a name where those are wanted; anchors, tags and several
//! documents are refused.

mod bounds;
mod decode;
mod formats;
mod index;
mod mend;
mod merge;
mod sink;
#[cfg(test)]
mod tests;
mod trail;
mod tree;

use std::collections::BTreeSet;

use crate::diagnostic::{self, Diagnostic, FieldPath, MOST_TOLD, Place, Severity, Span};
use crate::lab::Lab;
use crate::source::Source;
pub use decode::SECTIONS;
pub use index::Index;
pub use mend::{Change, Mended, Mender, Replacement, certain, mend, settle};
use sink::Sink;

/// What came out of reading.
#[derive(Debug, Clone)]
pub struct Reading {
    /// The lab, if its form is right as far as it could be read. Entries that could not be read
    /// are missing from it; then there are findings of severity error.
    pub lab: Option<Lab>,
    /// The fields that were declared and are missing from the lab, so that it is not told again
    /// that they are not there.
    pub unread: BTreeSet<FieldPath>,
    /// Where each field stands.
    pub index: Index,
    /// Everything that is wrong with its form, in the order of the text.
    pub diagnostics: Vec<Diagnostic>,
}

/// Reads a lab from its files.
#[must_use]
pub fn read(sources: &[Source]) -> Reading {
    let mut reading = Reading {
        lab: None,
        unread: BTreeSet::new(),
        index: Index::default(),
        diagnostics: Vec::new(),
    };
    reading.diagnostics = bounds::exceeded(sources);
    if !reading.diagnostics.is_empty() {
        return reading;
    }
    let mut trees = Vec::new();
    let mut spent = tree::Spent::default();
    for (file, source) in sources.iter().enumerate() {
        match tree::parse_further(file, &source.text, &mut spent) {
            Ok(tree) => trees.extend(tree),
            Err(finding) if reading.diagnostics.len() < MOST_TOLD => {
                reading.diagnostics.push(*finding);
            }
            Err(_) => {
                reading.diagnostics.push(diagnostic::cut());
                break;
            }
        }
    }
    if !reading.diagnostics.is_empty() {
        return reading;
    }
    let sink = Sink::default();
    if let Some(mut whole) = merge::merge(trees, &sink) {
        formats::to_newest(&mut whole);
        reading.lab = decode::lab(&whole, &sink);
        // The tree goes as the index comes: together they would be the most that reading needs.
        reading.index = Index::of(whole);
    }
    (reading.diagnostics, reading.unread) = sink.into_findings();
    reading
}

/// A finding about the form of the file.
fn form(
    code: &str,
    message: impl Into<String>,
    place: Option<(FieldPath, Span, String)>,
    help: impl Into<String>,
) -> Diagnostic {
    let help: String = help.into();
    Diagnostic {
        code: code.to_owned(),
        severity: Severity::Error,
        message: message.into(),
        places: place
            .into_iter()
            .map(|(field, span, label)| Place {
                field,
                span: Some(span),
                label,
            })
            .collect(),
        help: Some(help).filter(|text| !text.is_empty()),
        fix: None,
    }
}

/// A text as it is shown within a message: not longer than a line.
fn shown(text: &str) -> String {
    match text.char_indices().nth(80) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

/// The known word that is nearest to a mistaken one, if one is near. Of very many words only the
/// first are looked at.
#[must_use]
pub fn nearest<'a>(mistaken: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    /// Comparing costs the product of the lengths, and is done for every finding.
    const MOST_WORK: usize = 30_000;
    let mut work = 0;
    known
        .into_iter()
        .take_while(|word| {
            work += word.len() * mistaken.len();
            work <= MOST_WORK
        })
        .map(|word| (strsim::damerau_levenshtein(mistaken, word), word))
        .filter(|(distance, word)| *distance <= 1 + word.len() / 4)
        .min()
        .map(|(_, word)| word)
}
