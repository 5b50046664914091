//! Reading a lab from text: all findings at once, each with its place.
//!
//! The text becomes a tree whose nodes know where they stand ([`tree`]); the tree becomes a
//! [`Lab`] ([`decode`]). YAML's surprises are not taken over: a value is read as what its field
//! wants, so `1.30` is a version and `no` a name where those are wanted; anchors, tags and several
//! documents are refused.

mod decode;
mod mend;
#[cfg(test)]
mod tests;
mod tree;

use std::collections::BTreeMap;

use crate::diagnostic::{Diagnostic, FieldPath, Place, Severity, Span};
use crate::lab::Lab;
use crate::source::Source;
pub use mend::{Change, Mended, Mender, Replacement, certain, mend, settle};
use tree::{Node, Value};

/// What came out of reading.
#[derive(Debug, Clone)]
pub struct Reading {
    /// The lab, if its form is right as far as it could be read. Entries that could not be read
    /// are missing from it; then there are findings of severity error.
    pub lab: Option<Lab>,
    /// Where each field stands.
    pub index: Index,
    /// Everything that is wrong with its form, in the order of the text.
    pub diagnostics: Vec<Diagnostic>,
}

/// Where each field stands.
#[derive(Debug, Clone, Default)]
pub struct Index {
    spans: BTreeMap<FieldPath, Span>,
}

impl Index {
    /// Where a field's value stands; for a field that is not written, where the nearest thing
    /// around it is named.
    #[must_use]
    pub fn span(&self, field: &FieldPath) -> Option<Span> {
        let mut path = field.0.as_str();
        loop {
            if let Some(span) = self.spans.get(&FieldPath(path.to_owned())) {
                return Some(*span);
            }
            let end = path.rfind(['.', '['])?;
            path = path.get(..end)?;
        }
    }

    /// Fills in the places of findings that were made without the text.
    pub fn locate(&self, diagnostics: &mut [Diagnostic]) {
        for place in diagnostics
            .iter_mut()
            .flat_map(|finding| &mut finding.places)
        {
            if place.span.is_none() {
                place.span = self.span(&place.field);
            }
        }
    }

    fn add(&mut self, node: &Node, path: &FieldPath) {
        self.spans.entry(path.clone()).or_insert(node.span);
        match &node.value {
            Value::Map(entries) => {
                for entry in entries {
                    let below = path.field(&entry.key);
                    // An entry with much in it is shown by its name, a plain value by itself.
                    if matches!(entry.value.value, Value::Map(_) | Value::List(_)) {
                        self.spans.insert(below.clone(), entry.key_span);
                    }
                    self.add(&entry.value, &below);
                }
            }
            Value::List(items) => {
                for (position, item) in items.iter().enumerate() {
                    self.add(item, &path.item(position));
                }
            }
            Value::Scalar { .. } => {}
        }
    }
}

/// Reads a lab from its files.
#[must_use]
pub fn read(sources: &[Source]) -> Reading {
    let mut diagnostics = Vec::new();
    let mut trees = Vec::new();
    let total: usize = sources.iter().map(|source| source.text.len()).sum();
    if total > tree::MAX_BYTES {
        diagnostics.push(form(
            "F001",
            format!(
                "the lab file has {total} bytes; at most {} are read",
                tree::MAX_BYTES
            ),
            None,
            "a lab is a few kilobytes: is this the right file?",
        ));
    } else {
        for (file, source) in sources.iter().enumerate() {
            match tree::parse(file, &source.text) {
                Ok(tree) => trees.extend(tree),
                Err(finding) => diagnostics.push(*finding),
            }
        }
    }
    if !diagnostics.is_empty() {
        return Reading {
            lab: None,
            index: Index::default(),
            diagnostics,
        };
    }
    let whole = tree::merge(trees, &mut diagnostics);
    let mut index = Index::default();
    index.add(&whole, &FieldPath::default());
    let lab = decode::lab(&whole, &mut diagnostics);
    diagnostics.sort_by_key(|finding| finding.places.first().and_then(|place| place.span));
    Reading {
        lab,
        index,
        diagnostics,
    }
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

/// The known word that is nearest to a mistaken one, if one is near.
#[must_use]
pub fn nearest<'a>(mistaken: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    known
        .into_iter()
        .map(|word| (strsim::damerau_levenshtein(mistaken, word), word))
        .filter(|(distance, word)| *distance <= 1 + word.len() / 4)
        .min()
        .map(|(_, word)| word)
}
