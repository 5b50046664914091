//! S025: No private key lies in the lab's folder in the clear.

use model::diagnostic::Severity;

use crate::finding::Findings;
use crate::{Rule, Subject};

pub(super) const RULE: Rule = Rule {
    code: "S025",
    title: "No private key lies in the lab's folder in the clear.",
    text: "The folder of a lab is made to be committed and shared. A private key in it, or the identity that opens the encrypted secrets beside it, gives whoever has the folder the cluster, for ever: history forgets nothing. A test that has its own authority is harmless only if production never trusts it. Source: a published lab whose production authority's key could be opened with a test's key.",
    sees: "All files below the lab's folder. It does not see other folders of the repository, nor its history.",
    severity: Severity::Error,
    check,
};

fn check(lab: &Subject<'_>, findings: &mut Findings<'_>) {
    for (path, file) in &lab.facts.files {
        let text = file.text.as_deref().unwrap_or_default();
        let found = KEYS.iter().find(|(mark, _)| text.contains(*mark));
        if let Some((_, what)) = found {
            findings.add(
                format!("{path} holds {what} in the clear"),
                &[(format!("files.{path}"), "")],
                "encrypt it with sops, change the key, and take it out of the history",
            );
        }
    }
}

/// What begins a private key. Written in pieces, so that this file holds none.
const KEYS: [(&str, &str); 4] = [
    (concat!("-----BEGIN PRIVATE", " KEY-----"), "a private key"),
    (
        concat!("-----BEGIN RSA PRIVATE", " KEY-----"),
        "a private key",
    ),
    (
        concat!("-----BEGIN EC PRIVATE", " KEY-----"),
        "a private key",
    ),
    (concat!("AGE-SECRET", "-KEY-1"), "an age identity"),
];

#[test]
fn keys_in_the_clear_are_found() {
    let facts = |text: String| crate::Facts {
        files: [
            (
                "a.key".to_owned(),
                crate::File {
                    text: Some(text),
                    ..Default::default()
                },
            ),
            ("secrets/b2.sops.yaml".to_owned(), crate::File::default()),
        ]
        .into(),
        ..Default::default()
    };
    for (mark, _) in KEYS {
        let key = facts(format!("{mark}abc"));
        crate::example::home_breaks_with("S025", "lab: home", "lab: home", &key);
    }
    let public = facts("-----BEGIN CERTIFICATE-----".to_owned());
    assert_eq!(
        crate::example::codes_of(crate::example::HOME, &public),
        [""; 0]
    );
}
