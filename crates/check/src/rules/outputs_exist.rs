//! S033: What is referred to outside the file is pinned and built.

use model::diagnostic::Severity;
use model::lab::Cloud;

use crate::finding::Findings;
use crate::{Rule, Subject};

pub(super) const RULE: Rule = Rule {
    code: "S033",
    title: "What is referred to outside the file is pinned and built.",
    text: "An image that the lab builds and that an app names must be declared, a first boot must not fetch a branch that moves: what is built from it changes without anybody changing the lab. Source: a published lab whose pipeline built an output that did not exist, and whose machines fetched a feature branch.",
    sees: "The lab file, and first-boot scripts in its folder.",
    severity: Severity::Error,
    check,
};

fn check(lab: &Subject<'_>, findings: &mut Findings<'_>) {
    for (name, app) in lab.apps.iter().filter(|(_, app)| app.enabled) {
        let own = app
            .image
            .as_deref()
            .and_then(|image| image.strip_prefix("images/"));
        if let Some(own) = own.filter(|own| !lab.images.contains_key(*own)) {
            findings.add(
                format!("the lab builds no image {own}"),
                &[(format!("apps.{name}.image"), "")],
                format!("declare it: images: {{ {own}: {{ … }} }}"),
            );
        }
    }
    for (name, host) in &lab.hosts {
        let Some(instance) = host.cloud.as_ref().map(Cloud::instance) else {
            continue;
        };
        let script = instance
            .first_boot
            .as_ref()
            .and_then(|path| lab.facts.files.get(path));
        let text = script
            .and_then(|file| file.text.as_deref())
            .unwrap_or_default();
        if let Some(line) = text.lines().find(|line| fetches_a_branch(line)) {
            findings.add(
                format!(
                    "the first boot of {name} fetches what moves: {}",
                    line.trim()
                ),
                &[(format!("hosts.{name}.cloud"), "")],
                "name a commit or a release",
            );
        }
    }
}

/// Whether a line of a script clones or downloads a branch.
fn fetches_a_branch(line: &str) -> bool {
    let line = line.trim();
    let clones = line.contains("git clone") && (line.contains(" -b ") || line.contains("--branch"));
    let raw = (line.contains("curl") || line.contains("wget"))
        && ["/main/", "/master/", "/refs/heads/"]
            .iter()
            .any(|part| line.contains(part));
    let flake = line.contains("github:") && line.contains("?ref=");
    !line.starts_with('#') && (clones || raw || flake)
}

#[test]
fn missing_images_and_moving_branches_are_found() {
    let app = "home-assistant:\n";
    crate::example::home_breaks("S033", app, "home-assistant:\n    image: images/bridge\n");
    assert!(fetches_a_branch(
        "  git clone -b feature https://example.net/a"
    ));
    assert!(fetches_a_branch(
        "curl -L https://example.net/a/main/install | sh"
    ));
    assert!(!fetches_a_branch("# git clone -b feature"));
    assert!(!fetches_a_branch(
        "git clone https://example.net/a && git checkout 0123abcd"
    ));
}
