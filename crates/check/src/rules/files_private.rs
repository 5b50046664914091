//! S029: Nobody else on the machine can read a private file.

use model::diagnostic::Severity;

use crate::finding::Findings;
use crate::{Rule, Subject};

pub(super) const RULE: Rule = Rule {
    code: "S029",
    title: "Nobody else on the machine can read a private file.",
    text: "A key that everybody on a machine may read belongs to everybody who logs in to it, and to every program that runs there. Files that hold secrets are readable by their owner only. Source: a published lab whose keys came to lie in a store that all users read.",
    sees: "Names and permissions of files below the lab's folder. It does not see what lies on other machines.",
    severity: Severity::Warning,
    check,
};

fn check(lab: &Subject<'_>, findings: &mut Findings<'_>) {
    for (path, file) in &lab.facts.files {
        let name = path.rsplit('/').next().unwrap_or(path);
        let private = [
            ".key",
            ".pem",
            ".agekey",
            "identity.txt",
            "kubeconfig",
            ".env",
        ]
        .iter()
        .any(|end| name.ends_with(end));
        if private && file.mode & 0o044 != 0 {
            findings.add(
                format!("others may read {path}"),
                &[(format!("files.{path}"), "")],
                format!("chmod 600 {path}"),
            );
        }
    }
}

#[test]
fn an_open_key_is_found() {
    let facts = |mode| crate::Facts {
        files: [
            (
                "pki/a.key".to_owned(),
                crate::File {
                    mode,
                    ..Default::default()
                },
            ),
            ("secrets/b2.sops.yaml".to_owned(), crate::File::default()),
        ]
        .into(),
        ..Default::default()
    };
    crate::example::home_breaks_with("S029", "lab: home", "lab: home", &facts(0o100_644));
    assert_eq!(
        crate::example::codes_of(crate::example::HOME, &facts(0o100_600)),
        [""; 0]
    );
}
