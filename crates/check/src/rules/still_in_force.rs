//! S031: What guarded the lab before still does.

use model::diagnostic::Severity;

use crate::finding::Findings;
use crate::{Rule, Subject};

pub(super) const RULE: Rule = Rule {
    code: "S031",
    title: "What guarded the lab before still does.",
    text: "When a cluster moves to another distribution, what was configured in the old one is easily left behind: signing in with accounts, the firewall of a host, who may become root. Compared with what was applied last. Source: a published lab whose sign-in was lost with a change of operating system.",
    sees: "The lab file and the lab as it was applied last, where that is remembered.",
    severity: Severity::Warning,
    check,
};

fn check(lab: &Subject<'_>, findings: &mut Findings<'_>) {
    let Some(before) = &lab.facts.previous else {
        return;
    };
    for (name, cluster) in &lab.clusters {
        let lost = before.clusters.get(name).is_some_and(|old| {
            old.distribution.word() != cluster.distribution.word() && old.oidc.is_some()
        });
        if lost && cluster.oidc.is_none() {
            findings.add(
                format!("{name} had a sign-in (oidc) before its distribution changed"),
                &[(format!("clusters.{name}.distribution"), "")],
                "declare oidc again, or run steading up once without it first",
            );
        }
    }
    for (name, host) in &lab.hosts {
        let old = before.hosts.get(name);
        let lost = old.is_some_and(|old| old.open_ports.is_some() && old.os != host.os);
        if lost && host.open_ports.is_none() {
            findings.add(
                format!("{name} had a firewall before its operating system changed"),
                &[(format!("hosts.{name}"), "")],
                "declare open-ports again",
            );
        }
    }
}

#[test]
fn a_lost_guard_is_found() {
    let read = |text: &str| {
        let source = model::source::Source {
            name: "lab.yaml".to_owned(),
            text: text.to_owned(),
        };
        model::read::read(&[source]).lab.map(Box::new)
    };
    let talos = "talos: { version: 1.12.4, kubernetes: 1.36.2 }";
    let oidc =
        "endpoint: { vip: 10.0.0.100 }\n    oidc: { issuer: https://id.example.net, client: k8s }";
    let old = crate::example::HOME
        .replace("endpoint: { vip: 10.0.0.100 }", oidc)
        .replace(talos, "nixos: { release: \"25.11\" }");
    let facts = crate::Facts {
        previous: read(&old),
        ..Default::default()
    };
    crate::example::home_breaks_with("S031", "lab: home", "lab: home", &facts);
}
