//! S013: The API is found by name when the internet and the cluster are down.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::net::IpAddr;

use model::diagnostic::Severity;
use model::lab::{Cni, Dns, Endpoint};

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
    let records = records(lab);
    for (name, cluster) in &lab.clusters {
        if let Some(Endpoint::Dns(dns)) = &cluster.endpoint {
            let field = format!("clusters.{name}.endpoint.dns");
            let there = match &dns.network {
                Some(network) => lab
                    .networks
                    .get(network)
                    .and_then(|network| network.dns.as_ref())
                    .is_some_and(|server| knows(server, &dns.name)),
                None => records.contains(dns.name.as_str()),
            };
            named(there, field, &dns.name, findings);
        }
        if let Cni::Cilium(cilium) = &cluster.cni
            && let Some(api) = cilium
                .api
                .as_deref()
                .filter(|api| api.parse::<IpAddr>().is_err())
            && api != "localhost"
        {
            let field = format!("clusters.{name}.cni.cilium.api");
            named(records.contains(api), field, api, findings);
        }
    }
}

/// All names that DNS servers of the lab know: records, alone and with their zone.
fn records<'a>(lab: &'a Subject<'_>) -> BTreeSet<Cow<'a, str>> {
    let servers = lab.networks.values().filter_map(|one| one.dns.as_ref());
    let records = servers.flat_map(|dns| {
        let records = dns.records.keys();
        records.flat_map(move |record| {
            let whole = format!("{record}.{}", dns.zone);
            [Cow::Borrowed(record.as_str()), Cow::Owned(whole)]
        })
    });
    records.collect()
}

/// Whether one of them does.
fn knows(dns: &Dns, name: &str) -> bool {
    let short = name
        .strip_suffix(dns.zone.as_str())
        .and_then(|rest| rest.strip_suffix('.'));
    dns.records.contains_key(name) || short.is_some_and(|short| dns.records.contains_key(short))
}

fn named(there: bool, field: String, api: &str, findings: &mut Findings<'_>) {
    if !there {
        findings.add(
            format!("no DNS server of the lab knows {api}"),
            &[(field, "")],
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
