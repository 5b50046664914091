//! S032: Every file that the lab names is there and can be read.

use model::diagnostic::Severity;

use crate::finding::Findings;
use crate::{Rule, Subject};

pub(super) const RULE: Rule = Rule {
    code: "S032",
    title: "Every file that the lab names is there and can be read.",
    text: "A file with a missing semicolon or bracket is found when it is needed, at night. All files that the lab file names are read when it is checked, and parsed where their kind is known. Source: a published lab whose host's configuration did not parse.",
    sees: "Files below the lab's folder: that they exist, and that YAML and JSON parse. Encrypted secrets may be kept elsewhere. It does not evaluate Nix or run scripts.",
    severity: Severity::Error,
    check,
};

fn check(lab: &Subject<'_>, findings: &mut Findings<'_>) {
    if lab.facts.files.is_empty() {
        return;
    }
    for (path, file) in &lab.facts.files {
        if let Some(why) = &file.broken {
            findings.add(
                format!("{path} cannot be read: {why}"),
                &[(format!("files.{path}"), "")],
                "mend it",
            );
        }
    }
    for (field, path) in named(lab) {
        let below = format!("{path}/");
        let mut behind = lab
            .facts
            .files
            .range(below.clone()..)
            .map(|(known, _)| known);
        let there = lab.facts.files.contains_key(path)
            || behind.next().is_some_and(|known| known.starts_with(&below));
        if !there {
            findings.add(
                format!("there is no file {path} in the lab's folder"),
                &[(field, "")],
                "write a path relative to the lab file",
            );
        }
    }
}

/// Files that the lab names, each with the field that does.
fn named<'a>(lab: &'a Subject<'_>) -> Vec<(String, &'a str)> {
    let mut all = Vec::new();
    for (name, app) in lab.apps.iter().filter(|(_, app)| app.enabled) {
        all.extend(
            app.manifests
                .as_deref()
                .map(|path| (format!("apps.{name}.manifests"), path)),
        );
    }
    for (name, host) in &lab.hosts {
        let instance = host.cloud.as_ref().map(model::lab::Cloud::instance);
        let script = instance.and_then(|instance| instance.first_boot.as_deref());
        all.extend(script.map(|path| (format!("hosts.{name}.cloud"), path)));
    }
    for (name, image) in &lab.images {
        all.extend(
            image
                .files
                .keys()
                .map(|path| (format!("images.{name}.files"), path.as_str())),
        );
    }
    all
}

#[test]
fn missing_and_broken_files_are_found() {
    let facts = |path: &str, broken: Option<&str>| {
        let broken = broken.map(str::to_owned);
        let file = crate::File {
            broken,
            ..Default::default()
        };
        crate::Facts {
            files: [(path.to_owned(), file)].into(),
            ..Default::default()
        }
    };
    let chart =
        "chart: { name: home-assistant, repository: https://charts.example.net, version: 1.2.3 }";
    let (from, to) = (chart, "manifests: apps/ha");
    crate::example::home_breaks_with("S032", from, to, &facts("other", None));
    let broken = facts("apps/ha/a.yaml", Some("a bracket is missing"));
    crate::example::home_breaks_with("S032", from, to, &broken);
    let text = crate::example::HOME.replace(from, to);
    assert_eq!(
        crate::example::codes_of(&text, &facts("apps/ha/a.yaml", None)),
        [""; 0]
    );
}
