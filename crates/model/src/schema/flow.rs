//! A value as YAML in one line, as a person would write it.

use serde_json::Value;

/// The value, with quotes only where YAML would take a text for something else.
pub(super) fn flow(value: &Value) -> String {
    match value {
        Value::String(text) if plain(text) => text.clone(),
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(flow).collect();
            format!("[{}]", items.join(", "))
        }
        Value::Object(fields) if fields.is_empty() => "{}".to_owned(),
        Value::Object(fields) => {
            let fields: Vec<String> = fields
                .iter()
                .map(|(name, value)| format!("{}: {}", key(name), flow(value)))
                .collect();
            format!("{{ {} }}", fields.join(", "))
        }
        // JSON's numbers, truth values, null and quoted texts are YAML's, too.
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.to_string(),
    }
}

/// A name of a field. `on` is one here: only YAML before 1.2 takes it for a truth value.
fn key(name: &str) -> String {
    match name {
        "on" | "off" => name.to_owned(),
        _ => flow(&name.into()),
    }
}

/// Whether a text stays a text without quotes, also inside brackets.
fn plain(text: &str) -> bool {
    let inside = |c: char| c.is_alphanumeric() || " ._/@:+=-…".contains(c);
    let word = !matches!(
        text.to_ascii_lowercase().as_str(),
        "true" | "false" | "yes" | "no" | "on" | "off" | "null"
    );
    word && text.starts_with(|c: char| c.is_alphanumeric() || c == '/')
        && text.chars().all(inside)
        && !text.contains(": ")
        && !text.ends_with([':', ' '])
        // `13` and `25.11` are numbers; in older YAML `12:30` is one, too, and `2026-11-21` a day.
        && (text.contains(|c: char| c.is_alphabetic() || c == '/') || text.matches('.').count() > 1)
        && text.parse::<f64>().is_err()
}

#[test]
fn reads_back_as_what_it_was() {
    let value = serde_json::json!({
        "release": "25.11", "at": "02:00", "n": 1, "on": "off", "args": ["-v", "a b", "tcp/443"],
        "mac": "aa:bb:cc:dd:ee:ff", "url": "https://a.example.net:8006", "zone.a/b": { "x": null },
        "text": "a: b, c", "quote": "it \"is\"", "empty": {}, "range": "10.0.0.0/24"
    });
    let text = flow(&value);
    assert_eq!(
        serde_saphyr::from_str::<Value>(&text).unwrap(),
        value,
        "{text}"
    );
    for written in [
        "range: 10.0.0.0/24",
        "release: \"25.11\"",
        "at: \"02:00\"",
        "on: \"off\"",
    ] {
        assert!(text.contains(written), "{written}: {text}");
    }
}
