//! S044: A secret fits the way that it is used on.

use model::diagnostic::Severity;

use crate::finding::Findings;
use crate::{Rule, Subject};

pub(super) const RULE: Rule = Rule {
    code: "S044",
    title: "A secret fits the way that it is used on.",
    text: "A key for SSH does nothing for a repository that is fetched over HTTPS, and a token nothing for one over SSH: the fetch fails, or goes on without either. Source: a published lab with a deploy key beside an HTTPS address.",
    sees: "All that it needs stands in the lab file.",
    severity: Severity::Warning,
    check,
};

fn check(lab: &Subject<'_>, findings: &mut Findings<'_>) {
    for (name, component) in lab.components.iter().filter(|(_, one)| one.enabled) {
        let Some(repository) = component.text("repository") else {
            continue;
        };
        let https = repository.starts_with("https://");
        let ssh = repository.starts_with("ssh://") || repository.starts_with("git@");
        let given = |setting: &str| component.settings.contains_key(setting);
        let wrong = match (https, ssh) {
            (true, _) if given("ssh-key") => "ssh-key",
            (_, true) if given("token") => "token",
            _ => continue,
        };
        findings.add(
            format!("{wrong} is of no use for {repository}"),
            &[
                (format!("components.{name}.{wrong}"), "not used"),
                (
                    format!("components.{name}.repository"),
                    "fetched in another way",
                ),
            ],
            "write the address that fits the secret, or the other secret",
        );
    }
}

#[test]
fn a_key_of_no_use_is_found() {
    let flux = |rest: &str| format!("components:\n  flux: {{ {rest} }}\n");
    crate::example::home_breaks(
        "S044",
        "components:\n",
        &flux("repository: https://git.example.net/a, ssh-key: { secret: b2 }"),
    );
    crate::example::home_keeps(
        "components:\n",
        &flux("repository: ssh://git@git.example.net/a, ssh-key: { secret: b2 }"),
    );
}
