//! What all values of an entry are read with.

use std::cell::{Cell, RefCell};
use std::collections::HashSet;

use super::required::required;
use super::trail::Trail;
use super::unknown_field;
use crate::diagnostic::Span;
use crate::read::sink::Sink;
use crate::read::tree::{Entry, Node};
use crate::read::{form, nearest};

/// What all values of an entry are read with.
///
/// serde gives up at the first mistake. So an entry is read again without the value that holds the
/// mistake, and again, until nothing new is found.
pub(super) struct Reader<'a> {
    sink: &'a Sink,
    /// Values that are left out: what is wrong with them has been told.
    skipped: RefCell<HashSet<*const Node>>,
    /// Maps whose fields' names have been looked through.
    examined: RefCell<HashSet<*const Node>>,
    /// How many values have been read.
    pub(super) values: Cell<usize>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(sink: &'a Sink) -> Self {
        Self {
            sink,
            skipped: RefCell::default(),
            examined: RefCell::default(),
            values: Cell::new(0),
        }
    }

    /// Whether nothing was left out.
    pub(super) fn is_whole(&self) -> bool {
        self.skipped.borrow().is_empty()
    }

    /// Leaves a value out from now on; whether that is new.
    pub(super) fn skip(&self, value: *const Node) -> bool {
        self.skipped.borrow_mut().insert(value)
    }

    pub(super) fn skips(&self, value: &Node) -> bool {
        self.skipped.borrow().contains(&std::ptr::from_ref(value))
    }

    /// Tells of fields that do not exist and of those that are missing, once for every map.
    pub(super) fn examine(&self, map: &Fields<'_>) {
        if !self
            .examined
            .borrow_mut()
            .insert(std::ptr::from_ref(map.node))
        {
            return;
        }
        let mut meant = Vec::new();
        for entry in map.entries {
            if map.known.contains(&entry.key.as_str()) {
                continue;
            }
            if self.sink.is_full() {
                return;
            }
            let path = map.trail.path();
            self.sink.push(unknown_field(&path, entry, map.known));
            self.sink.unread(path.field(&entry.key));
            meant.extend(nearest(&entry.key, map.known.iter().copied()));
        }
        for field in required(map.name) {
            let there = map.entries.iter().any(|entry| entry.key == *field);
            // A misspelt field is told once: not again as the one that is then missing.
            if !there && !meant.contains(&field.as_str()) {
                let message = format!("the field `{field}` is missing");
                let place = (map.trail.path(), map.place, String::new());
                let help = format!("add: {field}: …");
                self.sink.push(form("F015", message, Some(place), help));
            }
        }
    }
}

/// A map as the fields of a struct.
pub(super) struct Fields<'m> {
    /// The struct's name.
    pub(super) name: &'static str,
    /// The fields that it has.
    pub(super) known: &'static [&'static str],
    pub(super) entries: &'m [Entry],
    pub(super) node: &'m Node,
    pub(super) trail: &'m Trail<'m>,
    /// Where to show what is missing.
    pub(super) place: Span,
}
