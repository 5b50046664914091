//! S038: Scripts stop at the first error.

use model::diagnostic::Severity;

use crate::finding::Findings;
use crate::{Rule, Subject};

pub(super) const RULE: Rule = Rule {
    code: "S038",
    title: "Scripts stop at the first error.",
    text: "A shell script goes on after an error unless it is told not to, and a pipe hides the error of all but its last command: a failed plan is then applied. Source: Bash manual, the set builtin; published labs whose scripts ignored failed commands in pipes and in loops.",
    sees: "Every shell script below the lab's folder, by its first line or name, so also those that another one calls. It does not see programs outside of the folder, shell lines inside of other files (Makefiles, pipelines), nor errors that a line itself drops (`|| true`): that may be meant.",
    severity: Severity::Warning,
    check,
};

fn check(lab: &Subject<'_>, findings: &mut Findings<'_>) {
    for (path, file) in &lab.facts.files {
        let text = file.text.as_deref().unwrap_or_default();
        let first = text.lines().next().unwrap_or_default();
        let shell = path.ends_with(".sh") || (first.starts_with("#!") && first.contains("sh"));
        if !shell {
            continue;
        }
        let options = set_options(text);
        let lacks = if !options.contains('e') {
            "goes on after errors"
        } else if pipes(text) && !options.contains('p') {
            "does not see errors in pipes"
        } else {
            continue;
        };
        findings.add(
            format!("{path} {lacks}"),
            &[(format!("files.{path}"), "")],
            "begin it with: set -euo pipefail",
        );
    }
}

/// The options that a script sets: `e` for errexit, `p` for pipefail.
fn set_options(text: &str) -> String {
    let mut options = String::new();
    for line in text.lines().map(str::trim) {
        let given = line
            .strip_prefix("set ")
            .or_else(|| line.strip_prefix("#!"));
        for word in given.unwrap_or_default().split_whitespace() {
            match word {
                "errexit" => options.push('e'),
                "pipefail" => options.push('p'),
                word if word.starts_with('-') && word.contains('e') => options.push('e'),
                _ => {}
            }
        }
    }
    options
}

fn pipes(text: &str) -> bool {
    let code = text
        .lines()
        .map(str::trim)
        .filter(|line| !line.starts_with('#'));
    code.into_iter()
        .any(|line| line.replace("||", "").contains('|'))
}

#[test]
fn careless_scripts_are_found() {
    let facts = |text: &str| crate::Facts {
        files: [
            (
                "run.sh".to_owned(),
                crate::File {
                    text: Some(text.to_owned()),
                    ..Default::default()
                },
            ),
            ("secrets/b2.sops.yaml".to_owned(), crate::File::default()),
        ]
        .into(),
        ..Default::default()
    };
    for bad in ["make a\n", "set -e\nplan | tee log\n"] {
        crate::example::home_breaks_with("S038", "lab: home", "lab: home", &facts(bad));
    }
    for good in [
        "set -euo pipefail\nplan | tee log\n",
        "#!/bin/sh -e\na || b\n",
    ] {
        assert_eq!(
            crate::example::codes_of(crate::example::HOME, &facts(good)),
            [""; 0],
            "{good}"
        );
    }
}
