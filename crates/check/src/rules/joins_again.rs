//! S028: Certificates and keys are renewed before they end.

use model::diagnostic::Severity;
use model::lab::Overlay;

use crate::finding::Findings;
use crate::{Rule, Subject};

pub(super) const RULE: Rule = Rule {
    code: "S028",
    title: "Certificates and keys are renewed before they end.",
    text: "A key that is valid for an hour and written into a machine's configuration lets it join once; made anew a month later, the machine stays outside. Certificates that nobody renews end on one day, all of them. Sources: Kubernetes documentation, certificate management; a published lab whose join keys were in its images.",
    sees: "The lab file; certificates in files of the lab's folder where there are any. It does not see those of a running cluster.",
    severity: Severity::Warning,
    check,
};

fn check(lab: &Subject<'_>, findings: &mut Findings<'_>) {
    for (name, network) in &lab.networks {
        let (join, kind) = match &network.overlay {
            Some(Overlay::Headscale(headscale)) => (headscale.join.as_ref(), "headscale"),
            Some(Overlay::Tailscale(tailscale)) => (tailscale.join.as_ref(), "tailscale"),
            _ => continue,
        };
        let Some(join) = join.filter(|join| join.baked_in) else {
            continue;
        };
        if let Some(lifetime) = join.lifetime {
            findings.add(
                format!("a machine that is made anew after {lifetime} cannot join {name}"),
                &[(format!("networks.{name}.overlay.{kind}.join"), "")],
                "leave baked-in out: a key is made when a machine is",
            );
        }
    }
    for (name, cluster) in &lab.clusters {
        let renewed = cluster
            .certificates
            .as_ref()
            .and_then(|one| one.renew_before);
        if renewed.is_some_and(|period| period.0.is_zero()) {
            findings.add(
                format!("nobody renews the certificates of {name}"),
                &[(format!("clusters.{name}.certificates.renew-before"), "")],
                "leave it out, or write a period such as 30d",
            );
        }
    }
    for certificate in &lab.facts.certificates {
        let ended = lab
            .facts
            .today
            .as_ref()
            .is_some_and(|today| certificate.until < *today);
        if ended {
            findings.add(
                format!(
                    "the certificate {} ended on {}",
                    certificate.subject, certificate.until
                ),
                &[(format!("files.{}", certificate.file), "")],
                "renew it",
            );
        }
    }
}

#[test]
fn keys_that_end_are_found() {
    let headscale = "on: relay } }";
    let baked = "on: relay, join: { lifetime: 1h, baked-in: true } } }";
    crate::example::home_breaks("S028", headscale, baked);
    crate::example::home_keeps(
        headscale,
        &baked.replace("baked-in: true", "baked-in: false"),
    );
    let vip = "endpoint: { vip: 10.0.0.100 }";
    crate::example::home_breaks(
        "S028",
        vip,
        "endpoint: { vip: 10.0.0.100 }\n    certificates: { renew-before: 0s }",
    );
    let facts = crate::Facts {
        today: Some("2026-11-21".to_owned()),
        certificates: vec![crate::Certificate {
            until: "2026-11-20".to_owned(),
            ..Default::default()
        }],
        ..Default::default()
    };
    crate::example::home_breaks_with("S028", "lab: home", "lab: home", &facts);
}
