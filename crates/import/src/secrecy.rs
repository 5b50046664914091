//! What could be a secret, and values without it.
//!
//! Seen by the names of fields, by what stands beside them, and by the form of the values. In
//! doubt it is one: what is left out by mistake can be written again, what is taken by mistake
//! is in a git repository.

use serde_json::{Map, Value};

/// Ends of names whose values are secrets, without case, `-`, `_` and dots.
const SECRET_ENDS: [&str; 21] = [
    "password",
    "passwd",
    "passphrase",
    "passcode",
    "pwd",
    "pass",
    "token",
    "tokens",
    "secret",
    "secrets",
    "privatekey",
    "presharedkey",
    "psk",
    "apikey",
    "authkey",
    "credential",
    "credentials",
    "kubeconfig",
    "userdata",
    "auth",
    "dsn",
];

/// Parts of names whose values are secrets.
const SECRET_PARTS: [&str; 9] = [
    "password",
    "privatekey",
    "secretkey",
    "accesskey",
    "encryptionkey",
    "encryptionsecret",
    "signingkey",
    "masterkey",
    "stringdata",
];

/// Ends of names that only tell where a secret is, or how it is used.
const HARMLESS_ENDS: [&str; 14] = [
    "ref",
    "refs",
    "name",
    "names",
    "namespace",
    "path",
    "file",
    "existingsecret",
    "ttl",
    "class",
    "type",
    "enabled",
    "selector",
    "pullsecrets",
];

/// Fields inside a secret's own fields that only tell where it is.
const POINTERS: [&str; 8] = [
    "name",
    "namespace",
    "kind",
    "key",
    "optional",
    "apiversion",
    "path",
    "file",
];

/// Fields around `key` where that is a private key.
const AUTHORITIES: [&str; 6] = [
    "ca",
    "aggregatorca",
    "serviceaccount",
    "client",
    "tls",
    "certs",
];

/// Beginnings of values that programs recognise their own secrets by.
const MARKS: [&str; 12] = [
    "AGE-SECRET-KEY-",
    "tskey-",
    "ghp_",
    "gho_",
    "ghs_",
    "github_pat_",
    "glpat-",
    "xoxb-",
    "dckr_pat_",
    "hvs.",
    "AKIA",
    "PRIVATE KEY-----",
];

/// What was taken out of a value.
#[derive(Debug, Default)]
pub(crate) struct Taken {
    /// The places of what may be secrets.
    pub(crate) secrets: Vec<String>,
    /// Items of lists that lost something, so that what is left of them is no use where they
    /// stood; only asked for where the value is used, not where it is only kept.
    pub(crate) halves: Option<Vec<(String, Value)>>,
}

/// A value without what may be secrets; `None` where nothing is left.
pub(crate) fn strip(value: Value, place: &str, taken: &mut Taken) -> Option<Value> {
    below(value, place, "", false, taken)
}

fn below(value: Value, place: &str, key: &str, secret: bool, taken: &mut Taken) -> Option<Value> {
    match value {
        Value::String(text) => {
            let hidden = !is_reference(&text) && (secret || looks_secret(&text));
            if hidden && !text.is_empty() {
                taken.secrets.push(place.to_owned());
                return None;
            }
            Some(Value::String(text))
        }
        Value::Number(_) if secret => {
            taken.secrets.push(place.to_owned());
            None
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => Some(value),
        Value::Array(items) => {
            let had = !items.is_empty();
            let kept = items
                .into_iter()
                .enumerate()
                .filter_map(|(position, item)| {
                    let place = format!("{place}[{position}]");
                    let before = taken.secrets.len();
                    let kept = below(item, &place, key, secret, taken)?;
                    let half = taken.secrets.len() > before && kept.is_object();
                    match &mut taken.halves {
                        Some(halves) if half => {
                            halves.push((place, kept));
                            None
                        }
                        _ => Some(kept),
                    }
                });
            let kept: Vec<Value> = kept.collect();
            (!had || !kept.is_empty()).then_some(Value::Array(kept))
        }
        Value::Object(map) => {
            let had = !map.is_empty();
            let kept = fields(map, place, key, secret, taken);
            // What became empty says nothing any more.
            (!had || !kept.is_empty()).then_some(Value::Object(kept))
        }
    }
}

fn fields(
    map: Map<String, Value>,
    place: &str,
    above: &str,
    secret: bool,
    taken: &mut Taken,
) -> Map<String, Value> {
    let named = ["name", "path", "key", "header"].iter().any(|field| {
        map.get(*field)
            .and_then(Value::as_str)
            .is_some_and(names_secret)
    });
    let certificate = map.contains_key("crt") || map.contains_key("cert");
    let authority = AUTHORITIES.contains(&plain(above).as_str());
    let file = ["path", "mountPath", "permissions"]
        .iter()
        .any(|field| map.contains_key(*field));
    let object = map.get("kind").and_then(Value::as_str) == Some("Secret");
    let dot = if place.is_empty() || place.ends_with(": ") {
        ""
    } else {
        "."
    };
    let mut kept = Map::new();
    for (key, value) in map {
        let short: String = key.chars().take(100).collect();
        let inside = format!("{place}{dot}{short}");
        let hidden = match key.as_str() {
            "value" | "values" if named => true,
            "key" if certificate || authority => true,
            "content" | "contents" if file => true,
            "data" | "stringData" if object => true,
            _ if secret => !POINTERS.contains(&plain(&key).as_str()),
            _ => is_secret_word(&key),
        };
        if let Some(value) = below(value, &inside, &key, hidden, taken) {
            kept.insert(key, value);
        }
    }
    kept
}

/// Small letters and digits only.
fn plain(word: &str) -> String {
    word.chars()
        .filter(char::is_ascii_alphanumeric)
        .map(|c| c.to_ascii_lowercase())
        .collect()
}

/// Whether a field, variable or option of that name holds a secret.
pub(crate) fn is_secret_word(word: &str) -> bool {
    let word = plain(word);
    if HARMLESS_ENDS.iter().any(|end| word.ends_with(end)) {
        return false;
    }
    SECRET_ENDS.iter().any(|end| word.ends_with(end))
        || SECRET_PARTS.iter().any(|part| word.contains(part))
}

/// Whether a path such as `/machine/ca/key`, or a plain name, leads to a secret.
fn names_secret(path: &str) -> bool {
    let mut parts = path.rsplit('/');
    let last = parts.next().unwrap_or_default();
    let above = parts.next().unwrap_or_default();
    let key = last == "key" && AUTHORITIES.contains(&plain(above).as_str());
    // A path of a file system is no name: /run/secrets/token only tells where it is.
    key || (is_secret_word(last) && (!path.contains('/') || is_patch_path(path)))
}

fn is_patch_path(path: &str) -> bool {
    ["/machine/", "/cluster/", "/spec/", "/data/", "/stringData/"]
        .iter()
        .any(|root| path.starts_with(root))
}

/// Whether a text only refers to a secret, or is encrypted.
pub(crate) fn is_reference(text: &str) -> bool {
    let text = text.trim();
    let inner = text
        .strip_prefix("${")
        .and_then(|rest| rest.strip_suffix('}'));
    let variable = inner.is_some_and(|name| {
        name.bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    });
    variable
        || (text.starts_with("ENC[") && text.ends_with(']'))
        || (text.starts_with("{{") && text.ends_with("}}"))
        || text.starts_with("op://")
}

/// Whether a text has the form of a secret, or holds one.
pub(crate) fn looks_secret(text: &str) -> bool {
    if MARKS.iter().any(|mark| text.contains(mark)) || text.contains("kind: Secret\n") {
        return true;
    }
    // The beginning of a key file, in base64; certificates begin so too and are none.
    let encoded = text.contains("LS0tLS1CRUdJTi") && !text.contains("LS0tLS1CRUdJTiBDRVJU");
    let web_token = text.starts_with("eyJ") && text.matches('.').count() == 2;
    encoded || web_token || has_userinfo(text) || text.lines().any(assigns_secret)
}

/// Whether it holds an address with a password: `https://user:word@host`.
fn has_userinfo(text: &str) -> bool {
    text.match_indices("://").any(|(at, mark)| {
        let rest = text.get(at + mark.len()..).unwrap_or_default();
        let end = rest.find(['/', ' ', '\n', '"', '\'']).unwrap_or(rest.len());
        rest.get(..end)
            .and_then(|authority| authority.rsplit_once('@'))
            .is_some_and(|(user, _)| user.contains(':'))
    })
}

/// Whether a line gives a value to a secret: `TOKEN=x`, `--password x`, `"apiKey": x`.
fn assigns_secret(line: &str) -> bool {
    let line = line.trim_start_matches(['-', ' ', '\t']);
    let Some((name, value)) = line.split_once(['=', ':', ' ']) else {
        return false;
    };
    let value = value.trim_matches(['=', ':', ' ', '"', '\'', ',', '\r', '|', '>']);
    // In prose the word before the mark is not alone; an option or a variable is.
    let alone = !name.contains(char::is_whitespace) && (name.len() < line.len());
    let prose = line.split_once(' ').is_some_and(|(first, _)| first == name)
        && !line.contains("= ")
        && line.split_whitespace().count() > 2;
    alone && !prose && is_secret_word(name) && !value.is_empty() && !is_reference(value)
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
            "files": [{ "path": "/etc/x", "content": "PLAIN" }],
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
        assert_eq!(left_out.secrets.len(), 10, "{left_out:?}");
    }

    #[test]
    fn prose_is_no_secret() {
        for text in [
            "the token expires after an hour",
            "https://example.net/a:b@c",
            "siderolabs/intel-ucode",
            "node-role.kubernetes.io/control-plane",
        ] {
            assert!(!looks_secret(text), "{text}");
        }
    }
}
