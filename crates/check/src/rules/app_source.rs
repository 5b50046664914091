//! S108: Every app says where its objects come from, once.

use model::diagnostic::Severity;
use model::lab::Lab;

use crate::Rule;
use crate::finding::Findings;

pub(super) const RULE: Rule = Rule {
    code: "S108",
    title: "Every app says where its objects come from, once.",
    text: "An app's objects come from a folder of manifests or from the catalog: exactly one of the two. Settings belong to catalog entries.",
    severity: Severity::Error,
    check,
};

fn check(lab: &Lab, findings: &mut Findings<'_>) {
    for (name, app) in &lab.apps {
        let field = |field: &str| (format!("apps.{name}.{field}"), "");
        match (&app.manifests, &app.catalog) {
            (Some(_), Some(_)) => findings.add(
                format!("{name} comes from two places"),
                &[field("manifests"), field("catalog")],
                "keep one of them",
            ),
            (None, None) if findings.lacks_part_of(&format!("apps.{name}")) => {}
            (None, None) => findings.add(
                format!("{name} comes from nowhere"),
                &[(format!("apps.{name}"), "")],
                "add manifests: FOLDER or catalog: NAME",
            ),
            (Some(_), None) if !app.settings.is_empty() => findings.add(
                "manifests have no settings",
                &[field("settings"), field("manifests")],
                "change the manifests themselves",
            ),
            (Some(_), None) | (None, Some(_)) => {}
        }
    }
}

#[test]
fn apps_from_nowhere_and_from_two_places_are_found() {
    crate::example::breaks("S108", "catalog: podinfo, settings: { replicas: 2 }, ", "");
    crate::example::breaks(
        "S108",
        "catalog: podinfo,",
        "catalog: podinfo, manifests: apps/podinfo,",
    );
}
