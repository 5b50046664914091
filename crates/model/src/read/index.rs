//! Where each field of a lab stands.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::tree::{Node, Value};
use crate::diagnostic::{Diagnostic, FieldPath, Span};

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
            if let Some(span) = self.spans.get(path) {
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

    pub(super) fn of(tree: Node) -> Self {
        let mut index = Self::default();
        let span = tree.span;
        index.add(tree.value, span, &mut String::new());
        index
    }

    /// A value that stands there, and everything in it. `path` is as it was when it is done: paths
    /// are many and share most of what they say.
    fn add(&mut self, value: Value, span: Span, path: &mut String) {
        self.spans.entry(FieldPath(path.clone())).or_insert(span);
        let length = path.len();
        match value {
            Value::Map(entries) => {
                for entry in entries {
                    if !path.is_empty() {
                        path.push('.');
                    }
                    path.push_str(&entry.key);
                    // An entry with much in it is shown by its name, a plain value by itself.
                    let much = matches!(entry.value.value, Value::Map(_) | Value::List(_));
                    if much {
                        self.spans.insert(FieldPath(path.clone()), entry.key_span);
                    }
                    self.add(entry.value.value, entry.value.span, path);
                    path.truncate(length);
                }
            }
            Value::List(items) => {
                for (position, item) in items.into_iter().enumerate() {
                    let _ = write!(path, "[{position}]");
                    self.add(item.value, item.span, path);
                    path.truncate(length);
                }
            }
            Value::Scalar { .. } => {}
        }
    }
}
