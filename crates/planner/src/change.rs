//! What changed between two specs, in words.

use model::resource::Spec;
use serde_json::Value;

/// No more fields than this are named; a person reads them.
const NAMED: usize = 6;

/// The fields that differ, as `cpu: 2 → 4`.
pub(crate) fn fields(old: &Spec, new: &Spec) -> Vec<String> {
    let (Ok(old), Ok(new)) = (serde_json::to_value(old), serde_json::to_value(new)) else {
        return Vec::new();
    };
    let mut found = Vec::new();
    compare("", &old, &new, &mut found);
    if found.len() > NAMED {
        let more = found.len() - NAMED;
        found.truncate(NAMED);
        found.push(format!("and {more} more"));
    }
    found
}

fn compare(name: &str, old: &Value, new: &Value, found: &mut Vec<String>) {
    match (old, new) {
        _ if old == new => {}
        (Value::Object(old), Value::Object(new)) => {
            for (key, value) in new {
                compare(key, old.get(key).unwrap_or(&Value::Null), value, found);
            }
            for (key, value) in old.iter().filter(|(key, _)| !new.contains_key(*key)) {
                compare(key, value, &Value::Null, found);
            }
        }
        _ => found.push(format!("{name}: {} → {}", word(old), word(new))),
    }
}

fn word(value: &Value) -> String {
    let text = match value {
        Value::Null => "none".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    if text.chars().count() > 40 {
        let start: String = text.chars().take(12).collect();
        return format!("{start}…");
    }
    text
}
