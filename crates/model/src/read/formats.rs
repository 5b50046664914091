//! Formats of the lab file: an older one is turned into the newest on the tree, a step for each
//! format, so that everything after it knows the newest only.

use std::ops::RangeInclusive;

use super::tree::{Node, Value};
use crate::lab::FORMAT;

/// The formats that are read.
pub(super) const KNOWN: RangeInclusive<u32> = 1..=FORMAT;

/// Turns a tree of one format into the next. Values that move keep their places.
type Step = fn(&mut Node);

/// The first turns format 1 into 2, and so on. A new format does not compile without its step, and
/// the tests want a file of each.
const STEPS: [Step; FORMAT as usize - 1] = [];

/// Turns the tree into the newest format. One of an unknown format stays as it is.
pub(super) fn to_newest(tree: &mut Node) {
    for step in STEPS.iter().skip(of(tree).saturating_sub(1)) {
        step(tree);
    }
}

/// The format that the tree says it has, in numbers that are known; the newest otherwise.
fn of(tree: &Node) -> usize {
    let newest = FORMAT as usize;
    let Value::Map(entries) = &tree.value else {
        return newest;
    };
    let found = entries.iter().find(|entry| entry.key == "format");
    match found.map(|entry| &entry.value.value) {
        Some(Value::Scalar { text, .. }) => text.parse().unwrap_or(newest),
        _ => newest,
    }
}
