//! S109: Manifests lie below the lab file.

use model::diagnostic::Severity;

use crate::finding::Findings;
use crate::{Rule, Subject};

pub(super) const RULE: Rule = Rule {
    code: "S109",
    title: "Manifests lie below the lab file.",
    text: "A lab is its folder: what it is made from can be copied, committed and reviewed with it. Nothing outside the folder is read, by no path and through no link.",
    sees: "All that it needs stands in the lab file.",
    severity: Severity::Error,
    check,
};

fn check(lab: &Subject<'_>, findings: &mut Findings<'_>) {
    for (name, app) in &lab.apps {
        let Some(folder) = &app.manifests else {
            continue;
        };
        let outside = folder.starts_with('/')
            || folder.starts_with('~')
            || folder.split('/').any(|part| part == "..");
        let nothing = folder.trim_matches(['.', '/']).is_empty();
        if outside || nothing {
            let shown: String = folder.chars().take(80).collect();
            findings.add(
                format!("{shown:?} is not a folder below the lab file"),
                &[(format!("apps.{name}.manifests"), "")],
                format!("write for example: manifests: apps/{name}"),
            );
        }
    }
}

#[test]
fn folders_outside_are_found() {
    for folder in ["/etc", "../x", "apps/../../x", "~/x", "."] {
        let to = format!("manifests: {folder},");
        crate::example::breaks("S109", "catalog: podinfo, settings: { replicas: 2 },", &to);
    }
}
