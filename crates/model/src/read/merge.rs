//! One tree out of those of several files.

use std::collections::{HashMap, HashSet};

use super::sink::Sink;
use super::trail::Trail;
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
    let top = FieldPath::default();
    let mut all = Joined::default();
    let mut maps = true;
    for tree in trees {
        match tree.value {
            Value::Map(entries) => {
                if all.entries.is_empty() {
                    span = tree.span;
                }
                all.join(entries, Trail::Start(&top), true, sink);
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

    /// Adds sections of a file, or entries of a section whose values have been looked through.
    fn join(&mut self, entries: Vec<Entry>, trail: Trail<'_>, sections: bool, sink: &Sink) {
        for mut entry in entries {
            if sections {
                within(&mut entry.value, Trail::Field(&trail, &entry.key), sink);
            }
            let known = self.places.get(&entry.key);
            let Some(known) = known.and_then(|place| self.entries.get_mut(*place)) else {
                self.places.insert(entry.key.clone(), self.entries.len());
                self.entries.push(entry);
                continue;
            };
            let below = Trail::Field(&trail, &entry.key);
            match (&mut known.value.value, entry.value.value) {
                // Sections of several files are one section; within a file they do not repeat.
                (Value::Map(have), Value::Map(more))
                    if sections && known.key_span.file != entry.key_span.file =>
                {
                    let mut section = Self::of(std::mem::take(have));
                    section.join(more, below, false, sink);
                    *have = section.entries;
                }
                _ => twice(sink, &below, entry.key_span, known.key_span),
            }
        }
    }
}

/// The maps inside of a value: what stands twice in them stays once.
fn within(node: &mut Node, trail: Trail<'_>, sink: &Sink) {
    match &mut node.value {
        Value::Map(entries) => unique(entries, trail, sink),
        Value::List(items) => {
            for (position, item) in items.iter_mut().enumerate() {
                within(item, Trail::Item(&trail, position), sink);
            }
        }
        Value::Scalar { .. } => {}
    }
}

/// A map, and the maps inside of it. Most have nothing twice, so that they are left where they are.
fn unique(entries: &mut Vec<Entry>, trail: Trail<'_>, sink: &Sink) {
    let mut first: HashMap<&str, Span> = HashMap::with_capacity(entries.len());
    let mut again = HashSet::new();
    for (position, entry) in entries.iter_mut().enumerate() {
        let Entry {
            key,
            key_span,
            value,
        } = entry;
        let below = Trail::Field(&trail, key);
        within(value, below, sink);
        if let Some(first) = first.get(key.as_str()) {
            twice(sink, &below, *key_span, *first);
            again.insert(position);
        } else {
            first.insert(key, *key_span);
        }
    }
    if !again.is_empty() {
        let mut position = 0;
        entries.retain(|_| {
            position += 1;
            !again.contains(&(position - 1))
        });
    }
}

/// Tells that a name stands twice; the second one is not in the lab.
fn twice(sink: &Sink, trail: &Trail<'_>, again: Span, first: Span) {
    if sink.is_full() {
        return;
    }
    let field = trail.path();
    let place = |span, label: &str| Place {
        field: field.clone(),
        span: Some(span),
        label: label.to_owned(),
    };
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
