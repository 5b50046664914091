//! What could be a secret, and values without it.
//!
//! Seen by the names of fields, by what stands beside them, and by the form of the values. In
//! doubt it is one: what is left out by mistake can be written again, what is taken by mistake
//! is in a git repository.

mod words;

use serde_json::{Map, Value};

use words::{AUTHORITIES, POINTERS, names_secret, plain};
pub(crate) use words::{is_reference, is_secret_word, looks_secret};

/// What was taken out of a value.
#[derive(Debug, Default)]
pub(crate) struct Taken {
    /// The places of what may be secrets.
    pub(crate) secrets: Vec<String>,
    /// Items of lists that lost something, so that what is left of them is no use where they
    /// stood; only asked for where the value is used, not where it is only kept.
    pub(crate) halves: Option<Vec<(String, Value)>>,
}

/// Whether a value is hidden.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Hide {
    /// Only where its form is that of a secret.
    No,
    /// It is named as one, but fields that lead to where it is stay.
    Named,
    /// With all that is in it.
    All,
}

/// A value without what may be secrets; `None` where nothing is left.
pub(crate) fn strip(value: Value, place: &str, taken: &mut Taken) -> Option<Value> {
    below(value, place, "", Hide::No, taken)
}

fn below(value: Value, place: &str, key: &str, hide: Hide, taken: &mut Taken) -> Option<Value> {
    match value {
        Value::String(text) => {
            let hidden = !is_reference(&text) && (hide != Hide::No || looks_secret(&text));
            if hidden && !text.is_empty() {
                taken.secrets.push(place.to_owned());
                return None;
            }
            Some(Value::String(text))
        }
        Value::Number(_) if hide != Hide::No => {
            taken.secrets.push(place.to_owned());
            None
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => Some(value),
        Value::Array(items) => {
            let had = !items.is_empty();
            let items = items.into_iter().enumerate();
            let kept: Vec<Value> = items
                .filter_map(|(position, one)| {
                    item(one, &format!("{place}[{position}]"), key, hide, taken)
                })
                .collect();
            (!had || !kept.is_empty()).then_some(Value::Array(kept))
        }
        Value::Object(map) => {
            let had = !map.is_empty();
            let kept = fields(map, place, key, hide, taken);
            // What became empty says nothing any more.
            (!had || !kept.is_empty()).then_some(Value::Object(kept))
        }
    }
}

fn item(value: Value, place: &str, key: &str, hide: Hide, taken: &mut Taken) -> Option<Value> {
    let before = taken.secrets.len();
    let kept = below(value, place, key, hide, taken)?;
    let half = taken.secrets.len() > before && kept.is_object();
    match &mut taken.halves {
        Some(halves) if half => {
            halves.push((place.to_owned(), kept));
            None
        }
        _ => Some(kept),
    }
}

fn fields(
    map: Map<String, Value>,
    place: &str,
    above: &str,
    hide: Hide,
    taken: &mut Taken,
) -> Map<String, Value> {
    let text = |field: &str| map.get(field).and_then(Value::as_str);
    let named = ["name", "path", "key", "header"]
        .iter()
        .any(|field| text(field).is_some_and(names_secret));
    let certificate = map.contains_key("crt") || map.contains_key("cert");
    let authority = AUTHORITIES.contains(&plain(above).as_str());
    let file = ["path", "mountPath", "permissions"]
        .iter()
        .any(|field| map.contains_key(*field));
    // Settings of containerd, which many write; their lines are looked at.
    let settings = text("path").is_some_and(|path| path.starts_with("/etc/cri/conf.d/"));
    let object = text("kind") == Some("Secret");
    let dot = if place.is_empty() || place.ends_with(": ") {
        ""
    } else {
        "."
    };
    let mut kept = Map::new();
    for (key, value) in map {
        let short: String = key.chars().take(100).collect();
        let inside = format!("{place}{dot}{short}");
        let hide = match key.as_str() {
            _ if hide == Hide::All => Hide::All,
            "data" | "stringData" if object => Hide::All,
            "value" | "values" if named => Hide::All,
            "key" if certificate || authority => Hide::All,
            "content" | "contents" if file && !settings => Hide::All,
            _ if hide == Hide::Named && !POINTERS.contains(&plain(&key).as_str()) => Hide::Named,
            _ if is_secret_word(&key) => Hide::Named,
            _ => Hide::No,
        };
        if let Some(value) = below(value, &inside, &key, hide, taken) {
            kept.insert(key, value);
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn secrets_go_and_what_leads_to_them_stays() {
        let value = json!({
            "adminPassword": "PLAIN", "existingSecret": "grafana", "secretName": "tls",
            "auth": { "token": "PLAIN", "secretRef": { "name": "x" } },
            "env": [{ "name": "DB_PASSWORD", "value": "PLAIN" }, { "name": "TZ", "value": "UTC" }],
            "args": ["--api-key=PLAIN", "--v=2", "--token-file=/run/token"],
            "ca": { "crt": "public", "key": "PLAIN" },
            "files": [
                { "path": "/etc/x", "content": "PLAIN" },
                { "path": "/etc/cri/conf.d/a.part", "content": "[a]\n  b = true\n" },
                { "path": "/etc/cri/conf.d/b.part", "content": "[a]\n  password = \"PLAIN\"\n" }
            ],
            "extra": { "kind": "Secret", "stringData": { "key": "PLAIN", "name": "PLAIN" } },
            "url": "https://me:PLAIN@host/x", "kept": "${TOKEN}", "password": "${TOKEN}",
            "encrypted": { "token": "ENC[AES256_GCM,data:abc]" },
            "text": "a=1\nTOKEN=PLAIN\n", "tokens": ["PLAIN", 7]
        });
        let mut left_out = Taken::default();
        let kept = strip(value, "f", &mut left_out).unwrap();
        assert!(!kept.to_string().contains("PLAIN"), "{kept}");
        assert_eq!(
            kept["auth"],
            json!({ "secretRef": { "name": "x" } }),
            "what leads to a secret stays"
        );
        assert_eq!(kept["args"], json!(["--v=2", "--token-file=/run/token"]));
        assert_eq!(kept["password"], "${TOKEN}");
        assert_eq!(kept["existingSecret"], "grafana");
        assert_eq!(kept["files"][1]["content"], "[a]\n  b = true\n");
        assert_eq!(left_out.secrets.len(), 13, "{left_out:?}");
    }
}
