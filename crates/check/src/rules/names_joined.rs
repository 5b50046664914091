//! S039: Names are not joined twice.

use model::diagnostic::Severity;
use model::lab::{Endpoint, Expose, Overlay};

use crate::finding::Findings;
use crate::{Rule, Subject};

pub(super) const RULE: Rule = Rule {
    code: "S039",
    title: "Names are not joined twice.",
    text: "An address that is put together from a host's full name and its domain holds the domain twice and leads nowhere. Source: a published lab that appended its domain to a name that had it.",
    sees: "All that it needs stands in the lab file.",
    severity: Severity::Error,
    check,
};

fn check(lab: &Subject<'_>, findings: &mut Findings<'_>) {
    let mut all: Vec<(String, &str)> = Vec::new();
    for (name, network) in &lab.networks {
        if let Some(Overlay::Headscale(headscale)) = &network.overlay {
            all.push((
                format!("networks.{name}.overlay.headscale.url"),
                host_of(&headscale.url),
            ));
        }
        for record in network.dns.iter().flat_map(|dns| dns.records.keys()) {
            all.push((format!("networks.{name}.dns.records.{record}"), record));
        }
    }
    for (name, cluster) in &lab.clusters {
        if let Some(Endpoint::Dns(dns)) = &cluster.endpoint {
            all.push((format!("clusters.{name}.endpoint.dns.name"), &dns.name));
        }
        let sans = cluster.sans.iter().enumerate();
        all.extend(sans.map(|(n, san)| (format!("clusters.{name}.sans[{n}]"), san.as_str())));
    }
    for (name, app) in &lab.apps {
        match &app.expose {
            Some(Expose::Ingress(one)) => {
                all.push((format!("apps.{name}.expose.ingress.host"), &one.host));
            }
            Some(Expose::Tunnel(one)) => {
                all.push((format!("apps.{name}.expose.tunnel.host"), &one.host));
            }
            _ => {}
        }
    }
    for (field, host) in all {
        if let Some(domain) = twice(host) {
            findings.add(
                format!("{host} ends with {domain} twice"),
                &[(field, "")],
                format!(
                    "write it once: {}",
                    host.strip_suffix(&format!(".{domain}")).unwrap_or(host)
                ),
            );
        }
    }
}

/// The host of a URL.
fn host_of(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.split(['/', ':']).next().unwrap_or(rest)
}

/// The domain of two labels or more that a name ends with twice.
fn twice(host: &str) -> Option<String> {
    let labels: Vec<&str> = host.split('.').collect();
    (2..=labels.len() / 2).find_map(|n| {
        let last = labels.get(labels.len() - n..)?;
        let before = labels.get(labels.len() - 2 * n..labels.len() - n)?;
        (last == before).then(|| last.join("."))
    })
}

#[test]
fn a_domain_twice_is_found() {
    crate::example::home_breaks(
        "S039",
        "https://hs.home.example.net",
        "https://hs.example.net.example.net:443/a",
    );
    crate::example::home_breaks(
        "S039",
        "host: ha.home.example.net",
        "host: ha.home.example.net.home.example.net",
    );
}
