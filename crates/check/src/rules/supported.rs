//! S042: What runs is supported, and pinned.

use std::collections::BTreeMap;

use model::diagnostic::Severity;
use model::lab::{Distribution, Os};

use crate::finding::Findings;
use crate::{Rule, Subject};

pub(super) const RULE: Rule = Rule {
    code: "S042",
    title: "What runs is supported, and pinned.",
    text: "Software at the end of its life gets no repairs of known holes; a version that is not named changes by itself; an unchecked signature lets anybody name it. Sources: the products' release policies, with dates in the catalog; published labs with systems years past their end, and with images named latest.",
    sees: "The lab file, and days in the catalog. It does not see versions inside manifests and charts.",
    severity: Severity::Warning,
    check,
};

fn check(lab: &Subject<'_>, findings: &mut Findings<'_>) {
    for (name, cluster) in &lab.clusters {
        let at = |field: &str| {
            format!(
                "clusters.{name}.distribution.{}{field}",
                cluster.distribution.word()
            )
        };
        match &cluster.distribution {
            Distribution::K3os(_) => findings.add(
                "k3OS is at its end of life",
                &[(at(""), "")],
                "write k3s, talos or kairos instead",
            ),
            Distribution::Nixos(nixos) => {
                if !nixos.require_signatures {
                    findings.add(
                        "anybody may name what is installed: signatures are not checked",
                        &[(at(".require-signatures"), "")],
                        "leave it out: they are checked",
                    );
                }
                ended(lab, "nixos", &nixos.release, at(".release"), findings);
            }
            Distribution::Talos(talos) => {
                ended(lab, "talos", &talos.version, at(".version"), findings);
            }
            Distribution::Kubeadm(_) | Distribution::K3s(_) | Distribution::Kairos(_) => {}
        }
        if let Some(version) = cluster.distribution.kubernetes() {
            let field = match cluster.distribution {
                Distribution::K3s(_) | Distribution::Kairos(_) | Distribution::K3os(_) => {
                    ".version"
                }
                _ => ".kubernetes",
            };
            ended(lab, "kubernetes", version, at(field), findings);
        }
    }
    for (name, component) in lab.components.iter().filter(|(_, one)| one.enabled) {
        let entry = component.entry(name).as_str();
        let version = component.version.as_deref().unwrap_or_default();
        ended(lab, entry, version, format!("components.{name}"), findings);
    }
    for (name, host) in &lab.hosts {
        let (product, release) = match &host.os {
            Some(Os::Debian(debian)) => ("debian", &debian.release),
            Some(Os::Nixos(nixos)) => ("nixos", &nixos.release),
            _ => continue,
        };
        let field = format!("hosts.{name}.os.{product}.release");
        ended(lab, product, release, field, findings);
    }
    for (name, app) in lab.apps.iter().filter(|(_, app)| app.enabled) {
        let Some(image) = app
            .image
            .as_deref()
            .filter(|image| !image.starts_with("images/"))
        else {
            continue;
        };
        let tag = image
            .rsplit('/')
            .next()
            .and_then(|last| last.split_once(':'));
        let moves = !image.contains("@sha256:") && tag.is_none_or(|(_, tag)| tag == "latest");
        if moves {
            findings.add(
                format!("{image} is another image tomorrow"),
                &[(format!("apps.{name}.image"), "")],
                "name a version, or better a digest: NAME@sha256:…",
            );
        }
    }
}

/// Finds a version whose end has come.
fn ended(
    lab: &Subject<'_>,
    product: &str,
    version: &str,
    field: String,
    findings: &mut Findings<'_>,
) {
    let (Some(today), Some(ends)) = (&lab.facts.today, lab.facts.ends.get(product)) else {
        return;
    };
    if let Some(day) = end_of(ends, version).filter(|day| *day < today.as_str()) {
        findings.add(
            format!("{product} {version} reached its end of life on {day}").replace("  ", " "),
            &[(field, "")],
            "write a supported version",
        );
    }
}

/// The day on which a version reached or reaches its end, if that is known: that of the longest
/// beginning of it. `1.1` is no beginning of `1.18`.
fn end_of<'a>(ends: &'a BTreeMap<String, String>, version: &str) -> Option<&'a str> {
    let fits = |known: &str| {
        let rest = version.trim_start_matches('v').strip_prefix(known);
        rest.is_some_and(|rest| rest.is_empty() || !rest.starts_with(|c: char| c.is_ascii_digit()))
    };
    let known = ends.iter().filter(|(known, _)| fits(known));
    let longest = known.max_by_key(|(known, _)| known.len());
    longest.map(|(_, day)| day.as_str())
}

#[test]
fn what_has_ended_and_what_moves_is_found() {
    let facts = crate::Facts {
        today: Some("2026-11-21".to_owned()),
        ends: [(
            "kubernetes".to_owned(),
            [
                ("1.36".to_owned(), "2026-10-01".to_owned()),
                ("1.3".to_owned(), "2017-11-01".to_owned()),
            ]
            .into(),
        )]
        .into(),
        ..Default::default()
    };
    crate::example::home_breaks_with("S042", "lab: home", "lab: home", &facts);
    let text = crate::example::HOME.replace("1.36.2", "1.37.0");
    assert_eq!(crate::example::codes_of(&text, &facts), [""; 0]);
    let old = crate::Facts {
        today: Some("2026-11-21".to_owned()),
        ends: [(
            "debian".to_owned(),
            [("11".to_owned(), "2026-08-31".to_owned())].into(),
        )]
        .into(),
        ..Default::default()
    };
    let host = "availability: volatile";
    let debian = "availability: volatile, os: { debian: { release: \"11\" } }";
    crate::example::home_breaks_with("S042", host, debian, &old);
    let app = "home-assistant:\n";
    crate::example::home_breaks("S042", app, "home-assistant:\n    image: ghcr.io/a/b\n");
    crate::example::home_breaks(
        "S042",
        app,
        "home-assistant:\n    image: ghcr.io/a/b:latest\n",
    );
    crate::example::home_keeps(app, "home-assistant:\n    image: ghcr.io/a/b:1.2\n");
}

#[test]
fn the_end_of_a_version_is_that_of_its_longest_beginning() {
    let end = |entry: &str, version: &str| end_of(&catalog::known()[entry].eol, version);
    assert_eq!(end("argocd", "2.6.15"), Some("2023-11-06"));
    assert_eq!(end("argocd", "2.14.1"), Some("2025-11-03"));
    assert_eq!(end("argocd", "20.0.0"), None);
    assert_eq!(end("metallb", "0.12.1"), None);
}
