//! S013: The API is found by name when the internet and the cluster are down.

use std::net::IpAddr;

use model::diagnostic::Severity;
use model::lab::{Cni, Endpoint};
use model::name::Name;

use crate::finding::Findings;
use crate::{Rule, Subject};

pub(super) const RULE: Rule = Rule {
    code: "S013",
    title: "The API is found by name when the internet and the cluster are down.",
    text: "Nodes and agents that reach the API by a name need that name at the worst moment: when the uplink is gone, or before the cluster runs. A server on the internet or one that runs in the cluster itself cannot answer then. Source: a published lab whose agents needed a name that only a resolver without local knowledge answered.",
    sees: "All that it needs stands in the lab file.",
    severity: Severity::Error,
    check,
};

fn check(lab: &Subject<'_>, findings: &mut Findings<'_>) {
    for (name, cluster) in &lab.clusters {
        if let Some(Endpoint::Dns(dns)) = &cluster.endpoint {
            let field = format!("clusters.{name}.endpoint.dns");
            named(lab, &field, &dns.name, dns.network.as_ref(), findings);
        }
        if let Cni::Cilium(cilium) = &cluster.cni
            && let Some(api) = cilium
                .api
                .as_deref()
                .filter(|api| api.parse::<IpAddr>().is_err())
            && api != "localhost"
        {
            let field = format!("clusters.{name}.cni.cilium.api");
            named(lab, &field, api, None, findings);
        }
    }
}

fn named(
    lab: &Subject<'_>,
    field: &str,
    api: &str,
    network: Option<&Name>,
    findings: &mut Findings<'_>,
) {
    let knows = |zone: &str, dns: &model::lab::Dns| {
        let short = api
            .strip_suffix(zone)
            .and_then(|rest| rest.strip_suffix('.'));
        dns.records.contains_key(api) || short.is_some_and(|short| dns.records.contains_key(short))
    };
    let servers: Vec<_> = lab
        .networks
        .iter()
        .filter(|(other, _)| network.is_none_or(|wanted| wanted == *other))
        .filter_map(|(_, one)| one.dns.as_ref())
        .filter(|dns| knows(&dns.zone, dns))
        .collect();
    if servers.is_empty() {
        findings.add(
            format!("no DNS server of the lab knows {api}"),
            &[(field.to_owned(), "")],
            "add it to dns.records of a network of the lab, or write an address",
        );
    }
}

#[test]
fn a_name_that_only_the_internet_knows_is_found() {
    let vip = "endpoint: { vip: 10.0.0.100 }";
    crate::example::home_breaks("S013", vip, "endpoint: { dns: { name: api.example.org } }");
    crate::example::home_keeps(vip, "endpoint: { dns: { name: api.home.example.net } }");
}
