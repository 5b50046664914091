//! Versions of Kubernetes, and which may follow which.

/// What lies between the version that runs and the one that is declared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Upgrade {
    /// They are one and the same.
    Same,
    /// A later one of the same minor version, or the next minor version.
    Next,
    /// Minor versions lie between. Kubernetes is upgraded through each of them.
    Skips,
    /// It is older. Kubernetes does not go back: etcd's data may have moved on.
    Back,
    /// One of them is no version.
    Unknown,
}

/// What it takes from one version to another, as in `1.35.4`.
#[must_use]
pub fn upgrade(from: &str, to: &str) -> Upgrade {
    if from == to {
        return Upgrade::Same;
    }
    let (Some(old), Some(new)) = (parts(from), parts(to)) else {
        return Upgrade::Unknown;
    };
    if new < old {
        return Upgrade::Back;
    }
    if new.0 == old.0 && new.1 <= old.1.saturating_add(1) {
        Upgrade::Next
    } else {
        Upgrade::Skips
    }
}

/// Why a running cluster does not go from one version to another; `None` where it does.
#[must_use]
pub fn refusal(from: &str, to: &str) -> Option<String> {
    let runs = format!("Kubernetes {from} runs and {to} is declared");
    match upgrade(from, to) {
        Upgrade::Same | Upgrade::Next => None,
        Upgrade::Skips => Some(format!(
            "{runs}: no minor version may be skipped. Declare {} first, bring that up, then go on",
            next_minor(from)
        )),
        Upgrade::Back => Some(format!(
            "{runs}: a running cluster does not go back to an older version. Declare {from} again, \
             or remove the lab (steading down) and bring it up anew"
        )),
        Upgrade::Unknown => Some(format!("{runs}, and one of them is no version")),
    }
}

fn next_minor(version: &str) -> String {
    parts(version).map_or_else(
        || "the next one".to_owned(),
        |(major, minor, _)| format!("a version of {major}.{}", minor + 1),
    )
}

fn parts(version: &str) -> Option<(u32, u32, u32)> {
    let mut numbers = version.splitn(3, '.').map(|part| part.parse().ok());
    Some((numbers.next()??, numbers.next()??, numbers.next()??))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_minor_version_at_a_time_and_never_back() {
        for (from, to, expected) in [
            ("1.35.4", "1.35.4", Upgrade::Same),
            ("1.35.4", "1.35.10", Upgrade::Next),
            ("1.35.4", "1.36.3", Upgrade::Next),
            ("1.34.0", "1.36.3", Upgrade::Skips),
            ("1.36.3", "2.0.0", Upgrade::Skips),
            ("1.36.3", "1.36.1", Upgrade::Back),
            ("1.36.3", "1.35.4", Upgrade::Back),
            ("1.36.3", "new", Upgrade::Unknown),
        ] {
            assert_eq!(upgrade(from, to), expected, "{from} to {to}");
        }
        let told = refusal("1.34.2", "1.36.3").unwrap();
        assert!(
            told.contains("1.34.2") && told.contains("version of 1.35"),
            "{told}"
        );
        assert_eq!(refusal("1.35.4", "1.36.3"), None);
    }
}
