//! Fields of Kubernetes objects, by JSON pointers (RFC 6901). One that is not there, or is of
//! another type, is as good as empty: that objects are whole, their API server sees to.

use serde_json::Value;

use crate::world::selectors::Labels;

/// A text; empty where there is none.
pub(crate) fn text<'a>(object: &'a Value, pointer: &str) -> &'a str {
    let found = object.pointer(pointer).and_then(Value::as_str);
    found.unwrap_or_default()
}

/// A whole number that is not negative.
pub(crate) fn number(object: &Value, pointer: &str) -> Option<u64> {
    object.pointer(pointer).and_then(Value::as_u64)
}

/// A list; empty where there is none.
pub(crate) fn list<'a>(object: &'a Value, pointer: &str) -> &'a [Value] {
    let found = object.pointer(pointer).and_then(Value::as_array);
    found.map_or(&[], Vec::as_slice)
}

/// Labels; none where there are none.
pub(crate) fn labels(object: &Value, pointer: &str) -> Labels {
    let found = object.pointer(pointer).and_then(Value::as_object);
    let each = found.into_iter().flatten();
    each.map(|(key, value)| (key.clone(), value.as_str().unwrap_or_default().to_owned()))
        .collect()
}

/// The labels of a workload's pods.
pub(crate) fn pod_labels(workload: &Value) -> Labels {
    labels(workload, "/spec/template/metadata/labels")
}
