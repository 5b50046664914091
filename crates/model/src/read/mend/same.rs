//! Whether two trees are the same but for what was to be changed.

use std::collections::BTreeMap;

use crate::diagnostic::{FieldPath, Write};
use crate::read::tree::{Node, Value};

/// The changes by their fields.
pub(super) type Edits<'a> = BTreeMap<&'a FieldPath, &'a Write>;

/// Whether `new` is `old` with exactly those edits.
pub(super) fn but_for(edits: &Edits<'_>, old: &Node, new: &Node) -> bool {
    node(edits, old, new, &FieldPath::default())
}

/// Whether nothing of a file is left after those edits.
pub(super) fn nothing_left(edits: &Edits<'_>, old: &Node) -> bool {
    matches!(&old.value, Value::Map(entries) if entries.iter().all(|entry| {
        edits.get(&FieldPath::default().field(&entry.key)) == Some(&&Write::Remove)
    }))
}

fn node(edits: &Edits<'_>, old: &Node, new: &Node, path: &FieldPath) -> bool {
    let wanted = edits.get(path);
    match (&old.value, &new.value) {
        (
            Value::Scalar { text, plain },
            Value::Scalar {
                text: now,
                plain: still,
            },
        ) => {
            let text = match wanted {
                Some(Write::Value(value)) => value,
                _ => text,
            };
            text == now && plain == still
        }
        (Value::List(old), Value::List(new)) => {
            old.len() == new.len()
                && old
                    .iter()
                    .zip(new)
                    .enumerate()
                    .all(|(at, (old, new))| node(edits, old, new, &path.item(at)))
        }
        (Value::Map(entries), now) => {
            let mut left = entries.iter().map(|entry| (entry, path.field(&entry.key)));
            let mut left = left
                .by_ref()
                .filter(|(_, path)| edits.get(path) != Some(&&Write::Remove));
            let Value::Map(now) = now else {
                // A map that lost its only field is nothing.
                return left.next().is_none() && !entries.is_empty() && new.is_null();
            };
            let all = now.iter().all(|entry| {
                left.next().is_some_and(|(old, path)| {
                    let key = match edits.get(&path) {
                        Some(Write::Name(name)) => name,
                        _ => &old.key,
                    };
                    *key == entry.key && node(edits, &old.value, &entry.value, &path)
                })
            });
            all && left.next().is_none()
        }
        _ => false,
    }
}
