//! Names out of what others call things.

use std::net::IpAddr;

use model::name::Name;

/// The nearest name to a text: small letters, `-` for what is not allowed, cut to 63. `None` where
/// nothing of it is left.
pub(crate) fn name(text: &str) -> Option<Name> {
    let mut out = String::new();
    for c in text.chars().take(200) {
        let c = c.to_ascii_lowercase();
        if c.is_ascii_lowercase() || c.is_ascii_digit() {
            out.push(c);
        } else if !out.ends_with('-') {
            out.push('-');
        }
    }
    let cut: String = out.trim_matches('-').chars().take(63).collect();
    cut.trim_matches('-').parse().ok()
}

/// The first of NAME, NAME-2, NAME-3, … that is not taken.
pub(crate) fn free(wanted: &Name, taken: impl Fn(&Name) -> bool) -> Name {
    if !taken(wanted) {
        return wanted.clone();
    }
    let stem: String = wanted.as_str().chars().take(56).collect();
    (2_u32..)
        .filter_map(|number| {
            format!("{}-{number}", stem.trim_end_matches('-'))
                .parse()
                .ok()
        })
        .find(|name| !taken(name))
        .unwrap_or_else(|| wanted.clone())
}

/// A name that is known to be one.
pub(crate) fn known(text: &'static str) -> Name {
    name(text).unwrap_or_else(|| unreachable!("{text} is a name"))
}

/// A version without its `v`.
pub(crate) fn version(text: &str) -> String {
    text.strip_prefix('v').unwrap_or(text).to_owned()
}

/// The host and the port of an address such as `https://10.0.0.1:6443`.
pub(crate) fn host_and_port(url: &str) -> (String, Option<u16>) {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let rest = rest.split('/').next().unwrap_or_default();
    // Who logs in, and with which password, is no part of where.
    let rest = rest.rsplit('@').next().unwrap_or_default();
    if rest.parse::<IpAddr>().is_ok() {
        return (rest.to_owned(), None);
    }
    let (host, port) = match rest.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|b| b.is_ascii_digit()) => (host, port.parse().ok()),
        _ => (rest, None),
    };
    (host.trim_matches(['[', ']']).to_owned(), port)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_text_gives_a_name_or_none() {
        assert_eq!(name("Talos_01.home").unwrap().as_str(), "talos-01-home");
        assert_eq!(name("--ä--"), None);
        assert_eq!(name(&"x".repeat(99)).unwrap().as_str().len(), 63);
        let taken = [known("a"), known("a-2")];
        assert_eq!(free(&known("a"), |n| taken.contains(n)).as_str(), "a-3");
    }

    #[test]
    fn endpoints_are_taken_apart() {
        for (url, host, port) in [
            ("https://10.0.0.1:6443", "10.0.0.1", Some(6443)),
            ("https://[fd00::1]:6443/", "fd00::1", Some(6443)),
            ("https://k8s.example.net", "k8s.example.net", None),
            ("fd00::1", "fd00::1", None),
        ] {
            assert_eq!(host_and_port(url), (host.to_owned(), port), "{url}");
        }
    }
}
