//! The labs of this repository: what is found in each description as it was published, and that
//! nothing is found in its mended version.
//!
//! After a new rule: `INSTA_UPDATE=always cargo test -p check --test labs`, and read the difference.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use check::{Facts, Known};
use model::diagnostic::Diagnostic;
use model::read::{Reading, read};
use model::source::Source;

/// The labs that have a file of that name, each by the name of its folder, in their order.
fn labs(file: &str) -> Vec<(String, PathBuf)> {
    let all = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../labs");
    let mut found: Vec<(String, PathBuf)> = all
        .read_dir()
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|folder| folder.join(file).is_file())
        .map(|folder| {
            let name = folder.file_name().unwrap().to_str().unwrap().to_owned();
            (name, folder.join(file))
        })
        .collect();
    found.sort();
    found
}

/// What is found in a lab whose form is right.
#[expect(clippy::disallowed_methods, reason = "the labs lie in files")]
fn findings(file: &Path) -> Vec<Diagnostic> {
    let text = std::fs::read_to_string(file).unwrap();
    let name = file.display().to_string();
    let Reading {
        lab, diagnostics, ..
    } = read(&[Source { name, text }]);
    assert_eq!(told(&diagnostics), "", "the form of {}", file.display());
    check::check(&lab.unwrap(), &facts())
}

/// What is known besides the labs, on a fixed day.
fn facts() -> Facts {
    let mut facts = Facts {
        today: Some("2026-11-21".to_owned()),
        ends: catalog::platforms().clone(),
        ..Facts::default()
    };
    for (name, entry) in catalog::known() {
        facts.learn(name, Known::of(&entry.provides, &entry.needs), &entry.eol);
    }
    facts
}

/// One line for each: code, place, message.
fn told(findings: &[Diagnostic]) -> String {
    let mut text = String::new();
    for finding in findings {
        let place = finding.places.first().map(|place| place.field.to_string());
        let place = place.unwrap_or_default();
        writeln!(text, "{} {place}: {}", finding.code, finding.message).unwrap();
    }
    text
}

#[test]
fn what_was_published_has_these_findings() {
    let published = labs("as-published.yaml");
    assert!(!published.is_empty(), "the labs are not where they were");
    for (name, file) in published {
        insta::assert_snapshot!(name, told(&findings(&file)));
    }
}

#[test]
fn what_is_mended_has_none() {
    for (name, file) in labs("lab.yaml") {
        assert_eq!(told(&findings(&file)), "", "{name}");
    }
}

#[test]
fn everything_published_is_mended_beside_it() {
    let mended = labs("lab.yaml");
    for (name, file) in labs("as-published.yaml") {
        let beside = file.with_file_name("lab.yaml");
        assert!(
            mended.contains(&(name, beside.clone())),
            "{}",
            beside.display()
        );
    }
}
