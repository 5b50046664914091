//! S108: Every app says where its objects come from, once.

use model::diagnostic::Severity;

use crate::finding::Findings;
use crate::{Rule, Subject};

pub(super) const RULE: Rule = Rule {
    code: "S108",
    title: "Every app says where its objects come from, once.",
    text: "An app's objects come from a folder of manifests, from the catalog or from a Helm chart: exactly one of them. Settings belong to catalog entries.",
    sees: "All that it needs stands in the lab file.",
    severity: Severity::Error,
    check,
};

fn check(lab: &Subject<'_>, findings: &mut Findings<'_>) {
    for (name, app) in &lab.apps {
        let field = |field: &str| (format!("apps.{name}.{field}"), "");
        let given: Vec<_> = [
            (app.manifests.is_some(), "manifests"),
            (app.catalog.is_some(), "catalog"),
            (app.chart.is_some(), "chart"),
        ]
        .into_iter()
        .filter(|(given, _)| *given)
        .map(|(_, name)| field(name))
        .collect();
        match given.as_slice() {
            [] => findings.add(
                format!("{name} comes from nowhere"),
                &[(format!("apps.{name}"), "")],
                "add manifests: FOLDER, catalog: NAME or chart: { … }",
            ),
            [_] if app.catalog.is_none() && !app.settings.is_empty() => findings.add(
                "only entries of the catalog have settings",
                &[field("settings")],
                "change the manifests, or the values of the chart",
            ),
            [_] => {}
            several => findings.add(
                format!("{name} comes from several places"),
                several,
                "keep one of them",
            ),
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
