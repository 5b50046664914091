//! S027: Certificates cover every way to the API.

use std::collections::BTreeSet;

use model::diagnostic::Severity;
use model::lab::{Cluster, Endpoint};
use model::name::Name;

use crate::finding::Findings;
use crate::{Rule, Subject};

pub(super) const RULE: Rule = Rule {
    code: "S027",
    title: "Certificates cover every way to the API.",
    text: "A client that reaches the API by an address that its certificate does not name refuses to talk to it. Steading derives the names from the lab file; where somebody else issues the certificates, they must hold all control planes' addresses in all their networks, the shared address, the Service's own, and what is declared besides. Source: published labs whose certificates missed node, provider and overlay addresses.",
    sees: "Certificates in the folder that the cluster names. Those that Steading issues have all names by construction.",
    severity: Severity::Error,
    check,
};

fn check(lab: &Subject<'_>, findings: &mut Findings<'_>) {
    for (name, cluster) in &lab.clusters {
        let folder = cluster
            .certificates
            .as_ref()
            .and_then(|terms| terms.folder.as_deref());
        let Some(folder) = folder else {
            continue;
        };
        let api = lab.facts.certificates.iter().find(|one| {
            let file = one.file.rsplit('/').next().unwrap_or_default();
            one.file.starts_with(folder) && file.starts_with("apiserver.")
        });
        let Some(api) = api else {
            continue;
        };
        let missing: Vec<String> = wanted(lab, name, cluster)
            .into_iter()
            .filter(|one| !api.names.contains(one))
            .collect();
        if !missing.is_empty() {
            findings.add(
                format!("the API's certificate does not name {}", missing.join(", ")),
                &[
                    (format!("files.{}", api.file), "issued without"),
                    (format!("clusters.{name}.certificates.folder"), "used here"),
                ],
                "issue it anew with these names",
            );
        }
    }
}

/// All names and addresses that the API is reached by.
fn wanted(lab: &Subject<'_>, name: &Name, cluster: &Cluster) -> BTreeSet<String> {
    let planes = lab
        .control_planes(name)
        .flat_map(|(_, node)| lab.node_addresses(node));
    let mut all: BTreeSet<String> = planes.map(|(_, address)| address.to_string()).collect();
    all.extend(cluster.sans.iter().cloned());
    match &cluster.endpoint {
        Some(Endpoint::Vip(address)) => {
            all.insert(address.to_string());
        }
        Some(Endpoint::Dns(dns)) => {
            all.insert(dns.name.clone());
        }
        Some(Endpoint::Node(_)) | None => {}
    }
    all.insert(format!("kubernetes.default.svc.{}", cluster.domain));
    all
}

#[test]
fn a_missing_name_is_found() {
    let all = [
        "10.0.0.21",
        "10.0.0.22",
        "10.0.0.23",
        "10.0.0.100",
        "kubernetes.default.svc.cluster.local",
    ];
    let facts = |names: &[&str]| crate::Facts {
        certificates: vec![crate::Certificate {
            file: "pki/apiserver.crt".to_owned(),
            names: names.iter().map(ToString::to_string).collect(),
            ..Default::default()
        }],
        ..Default::default()
    };
    let vip = "endpoint: { vip: 10.0.0.100 }";
    let folder = "endpoint: { vip: 10.0.0.100 }\n    certificates: { folder: pki }";
    crate::example::home_breaks_with("S027", vip, folder, &facts(&all[1..]));
    let text = crate::example::HOME.replace(vip, folder);
    assert_eq!(crate::example::codes_of(&text, &facts(&all)), [""; 0]);
}
