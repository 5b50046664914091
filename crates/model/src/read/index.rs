//! Where each field of a lab stands.

use std::collections::BTreeMap;

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

    pub(super) fn add(&mut self, node: Node, path: &FieldPath) {
        self.spans.entry(path.clone()).or_insert(node.span);
        match node.value {
            Value::Map(entries) => {
                for entry in entries {
                    let below = path.field(&entry.key);
                    // An entry with much in it is shown by its name, a plain value by itself.
                    if matches!(entry.value.value, Value::Map(_) | Value::List(_)) {
                        self.spans.insert(below.clone(), entry.key_span);
                    }
                    self.add(entry.value, &below);
                }
            }
            Value::List(items) => {
                for (position, item) in items.into_iter().enumerate() {
                    self.add(item, &path.item(position));
                }
            }
            Value::Scalar { .. } => {}
        }
    }
}
