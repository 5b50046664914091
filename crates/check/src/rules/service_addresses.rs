//! S003: Service addresses lie in the Service range.

use model::diagnostic::Severity;

use crate::finding::Findings;
use crate::{Rule, Subject};

pub(super) const RULE: Rule = Rule {
    code: "S003",
    title: "Service addresses lie in the Service range.",
    text: "The address of DNS and of the API inside the cluster are Services. Outside the Service range nobody carries them: pods ask a DNS server that does not exist. Source: Kubernetes documentation, Service ClusterIP allocation; a published lab with 10.0.0.10 as DNS of 10.96.0.0/12.",
    sees: "All that it needs stands in the lab file.",
    severity: Severity::Error,
    check,
};

fn check(lab: &Subject<'_>, findings: &mut Findings<'_>) {
    for (name, cluster) in &lab.clusters {
        let given = [("dns", cluster.dns), ("api-service", cluster.api_service)];
        for (field, address) in given {
            let Some(address) = address.filter(|address| !cluster.services.contains(*address))
            else {
                continue;
            };
            findings.add(
                format!("{address} is not in the Service range {}", cluster.services),
                &[
                    (format!("clusters.{name}.{field}"), "this address"),
                    (format!("clusters.{name}.services"), "must lie in here"),
                ],
                "leave it out: it is derived",
            );
        }
    }
}

#[test]
fn an_address_outside_is_found() {
    let services = "services: 10.96.0.0/16";
    crate::example::home_breaks(
        "S003",
        services,
        "services: 10.96.0.0/16\n    dns: 10.0.0.9",
    );
    crate::example::home_keeps(services, "services: 10.96.0.0/16\n    dns: 10.96.0.53");
}
