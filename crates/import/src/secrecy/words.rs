//! Which names, and which forms of values, are those of secrets.

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
pub(super) const POINTERS: [&str; 12] = [
    "name",
    "namespace",
    "kind",
    "key",
    "optional",
    "apiversion",
    "path",
    "file",
    "existingsecret",
    "secretname",
    "defaultmode",
    "type",
];

/// Fields around `key` where that is a private key.
pub(super) const AUTHORITIES: [&str; 6] = [
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

/// Small letters and digits only.
pub(super) fn plain(word: &str) -> String {
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
pub(super) fn names_secret(path: &str) -> bool {
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
