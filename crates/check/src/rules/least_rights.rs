//! S030: A component may read only what it needs.

use model::diagnostic::Severity;
use serde_json::Value;

use crate::finding::Findings;
use crate::{Rule, Subject};

pub(super) const RULE: Rule = Rule {
    code: "S030",
    title: "A component may read only what it needs.",
    text: "A role that reads all Secrets of the cluster can become everybody in it. Those that need it are few: certificate, secret and backup operators, GitOps. Anything else that asks for it is a mistake or an attack. Source: Kubernetes documentation, RBAC good practices; a published lab whose kube-proxy could read all Secrets.",
    sees: "Roles among the objects in the lab's folders. It does not see charts that were not rendered.",
    severity: Severity::Warning,
    check,
};

fn check(lab: &Subject<'_>, findings: &mut Findings<'_>) {
    for (field, object) in &lab.facts.objects {
        let name = object["metadata"]["name"].as_str().unwrap_or_default();
        if object["kind"] != "ClusterRole" || MAY.iter().any(|word| name.contains(word)) {
            continue;
        }
        let has = |rule: &Value, list: &str, words: &[&str]| {
            let listed = rule[list].as_array().into_iter().flatten();
            let mut listed = listed.filter_map(Value::as_str);
            listed.any(|word| words.contains(&word))
        };
        let rules = object["rules"].as_array().into_iter().flatten();
        let reads = rules
            .filter(|rule| rule["resourceNames"].as_array().is_none_or(Vec::is_empty))
            .any(|rule| {
                has(rule, "resources", &["secrets", "*"])
                    && has(rule, "apiGroups", &["", "*"])
                    && has(rule, "verbs", &["get", "list", "watch", "*"])
            });
        if reads {
            findings.add(
                format!("{name} may read all Secrets of the cluster"),
                &[(field.clone(), "")],
                "name the Secrets that it needs, or give it a Role in its namespace",
            );
        }
    }
}

/// Parts of names of roles whose work is with Secrets.
const MAY: [&str; 8] = [
    "cert-manager",
    "secret",
    "velero",
    "backup",
    "flux",
    "argocd",
    "admin",
    "ingress",
];

#[test]
fn a_role_that_reads_everything_is_found() {
    let role = |name: &str| crate::Facts {
        objects: vec![(
            "apps.home-assistant.manifests".to_owned(),
            serde_json::json!({
                "kind": "ClusterRole",
                "metadata": { "name": name },
                "rules": [ { "apiGroups": [""], "resources": ["pods", "secrets"], "verbs": ["list"] } ]
            }),
        )],
        ..Default::default()
    };
    crate::example::home_breaks_with("S030", "lab: home", "lab: home", &role("kube-proxy"));
    assert_eq!(
        crate::example::codes_of(crate::example::HOME, &role("cert-manager")),
        [""; 0]
    );
}
