//! Where fields stand, and how their text is changed.

use std::collections::BTreeMap;

use super::Replacement;
use crate::diagnostic::{FieldPath, Span};
use crate::read::tree::{Node, Value};

/// Where a field stands.
#[derive(Debug, Clone, Copy)]
pub(super) struct Found {
    /// Its value, from its first to its last character.
    pub(super) value: Span,
    /// Its name; an item of a list has none.
    key: Option<Span>,
    /// Whether the value is a single one.
    single: bool,
    /// Whether the map that it is in stands in braces.
    braces: bool,
}

/// Finds all fields below a node.
pub(super) fn find(
    node: &Node,
    text: &str,
    path: &FieldPath,
    found: &mut BTreeMap<FieldPath, Vec<Found>>,
) {
    let mut add = |node: &Node, path: FieldPath, key: Option<Span>, braces: bool| {
        let value = Span {
            end: end(node, text),
            ..node.span
        };
        let single = matches!(node.value, Value::Scalar { .. });
        let here = Found {
            value,
            key,
            single,
            braces,
        };
        found.entry(path.clone()).or_default().push(here);
        find(node, text, &path, found);
    };
    match &node.value {
        Value::Map(entries) => {
            for entry in entries {
                let key = Some(entry.key_span);
                add(
                    &entry.value,
                    path.field(&entry.key),
                    key,
                    brackets(node, text),
                );
            }
        }
        Value::List(items) => {
            for (at, item) in items.iter().enumerate() {
                add(item, path.item(at), None, false);
            }
        }
        Value::Scalar { .. } => {}
    }
}

/// Whether a list or map stands in brackets or braces.
fn brackets(node: &Node, text: &str) -> bool {
    let rest = text.get(node.span.start..).unwrap_or_default();
    rest.starts_with(['{', '['])
}

/// The byte behind the last one of a value. The parser ends a list or map without brackets only
/// where the next thing begins, and with it the comments between.
fn end(node: &Node, text: &str) -> usize {
    if brackets(node, text) {
        return node.span.end;
    }
    match &node.value {
        Value::Map(entries) => entries
            .last()
            .map(|entry| end(&entry.value, text).max(entry.key_span.end)),
        Value::List(items) => items.last().map(|item| end(item, text)),
        Value::Scalar { .. } => None,
    }
    .unwrap_or(node.span.end)
}

impl Found {
    /// Another single value on its line, in the same quotes.
    pub(super) fn write_value(&self, text: &str, value: &str) -> Option<Replacement> {
        if self.single {
            word(self.value, text, value)
        } else {
            None
        }
    }

    /// Another name.
    pub(super) fn write_name(&self, text: &str, name: &str) -> Option<Replacement> {
        word(self.key?, text, name)
    }

    /// Nothing instead of name and value.
    pub(super) fn remove(&self, text: &str) -> Option<Replacement> {
        let span = Span {
            end: self.value.end,
            ..self.key?
        };
        let span = if self.braces {
            with_comma(span, text)?
        } else {
            whole_lines(span, text)?
        };
        Some(Replacement {
            span,
            text: String::new(),
        })
    }
}

/// Another word where one stands.
fn word(span: Span, text: &str, new: &str) -> Option<Replacement> {
    let old = text.get(span.start..span.end)?;
    if old.trim().is_empty() || old.contains('\n') || new.contains(['\n', '"', '\'', '\\']) {
        return None;
    }
    let quote = old.chars().next().filter(|c| ['"', '\''].contains(c));
    let text = match quote {
        Some(quote) => format!("{quote}{new}{quote}"),
        None => new.to_owned(),
    };
    // Spaces behind a plain value are not part of it.
    let end = span.start + old.trim_end().len();
    Some(Replacement {
        span: Span { end, ..span },
        text,
    })
}

/// An entry of a map in braces: with the comma behind it or, for the last one, before it.
fn with_comma(span: Span, text: &str) -> Option<Span> {
    let behind = text.get(span.end..)?;
    let trimmed = behind.trim_start();
    if let Some(rest) = trimmed.strip_prefix(',') {
        let end = text.len() - rest.trim_start_matches([' ', '\t']).len();
        return Some(Span { end, ..span });
    }
    let before = text.get(..span.start)?.trim_end();
    let start = before.strip_suffix(',').map_or(span.start, str::len);
    Some(Span { start, ..span })
}

/// An entry on lines of its own: all of them.
fn whole_lines(span: Span, text: &str) -> Option<Span> {
    let start = text.get(..span.start)?.rfind('\n').map_or(0, |at| at + 1);
    let indent = text.get(start..span.start)?;
    let end = span.start + text.get(span.start..span.end)?.trim_end().len();
    let behind = text.get(end..)?;
    let rest = behind.split('\n').next().unwrap_or_default();
    let alone =
        indent.trim().is_empty() && (rest.trim().is_empty() || rest.trim_start().starts_with('#'));
    let newline = usize::from(behind.len() > rest.len());
    alone.then_some(Span {
        start,
        end: end + rest.len() + newline,
        ..span
    })
}
