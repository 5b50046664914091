//! One tree out of those of several files.

use std::collections::HashMap;

use super::sink::Sink;
use super::tree::{Entry, Node, Value};
use super::{form, shown};
use crate::diagnostic::{Diagnostic, FieldPath, Place, Severity, Span};

/// Joins the top-level maps of trees, name by name; `None` where one is no map. The same name twice
/// is a finding with both places, within a file as well as across files.
pub(super) fn merge(trees: Vec<Node>, sink: &Sink) -> Option<Node> {
    let mut span = Span {
        file: 0,
        start: 0,
        end: 0,
    };
    let mut all = Joined::default();
    let mut maps = true;
    for tree in trees {
        match tree.value {
            Value::Map(entries) => {
                if all.entries.is_empty() {
                    span = tree.span;
                }
                all.join(entries, &FieldPath::default(), true, sink);
            }
            _ if tree.is_null() => {}
            _ => {
                maps = false;
                sink.push(form(
                    "F008",
                    "a lab file is a map of fields",
                    Some((FieldPath::default(), tree.span, String::new())),
                    "begin with: lab: NAME",
                ));
            }
        }
    }
    maps.then_some(Node {
        span,
        value: Value::Map(all.entries),
    })
}

/// Entries of one map, found by name.
#[derive(Default)]
struct Joined {
    entries: Vec<Entry>,
    places: HashMap<String, usize>,
}

impl Joined {
    fn of(entries: Vec<Entry>) -> Self {
        let places = entries
            .iter()
            .enumerate()
            .map(|(place, entry)| (entry.key.clone(), place))
            .collect();
        Self { entries, places }
    }

    fn join(&mut self, entries: Vec<Entry>, path: &FieldPath, sections: bool, sink: &Sink) {
        for mut entry in entries {
            let below = path.field(&entry.key);
            within(&mut entry.value, &below, sink);
            let known = self.places.get(&entry.key);
            let Some(known) = known.and_then(|place| self.entries.get_mut(*place)) else {
                self.places.insert(entry.key.clone(), self.entries.len());
                self.entries.push(entry);
                continue;
            };
            match (&mut known.value.value, entry.value.value) {
                // Sections of several files are one section; within a file they do not repeat.
                (Value::Map(have), Value::Map(more))
                    if sections && known.key_span.file != entry.key_span.file =>
                {
                    let mut section = Self::of(std::mem::take(have));
                    section.join(more, &below, false, sink);
                    *have = section.entries;
                }
                _ => twice(sink, below, entry.key_span, known.key_span),
            }
        }
    }
}

/// The maps inside of a value: what stands twice in them stays once.
fn within(node: &mut Node, path: &FieldPath, sink: &Sink) {
    match &mut node.value {
        Value::Map(entries) => {
            let mut unique = Joined::default();
            unique.join(std::mem::take(entries), path, false, sink);
            *entries = unique.entries;
        }
        Value::List(items) => {
            for (position, item) in items.iter_mut().enumerate() {
                if matches!(item.value, Value::Map(_) | Value::List(_)) {
                    within(item, &path.item(position), sink);
                }
            }
        }
        Value::Scalar { .. } => {}
    }
}

/// Tells that a name stands twice; the second one is not in the lab.
fn twice(sink: &Sink, field: FieldPath, again: Span, first: Span) {
    let place = |span, label: &str| Place {
        field: field.clone(),
        span: Some(span),
        label: label.to_owned(),
    };
    if !sink.is_full() {
        sink.push(Diagnostic {
            code: "F009".to_owned(),
            severity: Severity::Error,
            message: format!("{} is declared twice", shown(&field.0)),
            places: vec![place(again, "again here"), place(first, "first here")],
            help: Some("remove or rename one of them".to_owned()),
            fix: None,
        });
        sink.unread(field);
    }
}
