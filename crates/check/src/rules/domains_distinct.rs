//! S019: What shall fail apart does not share what fails.

use std::collections::{BTreeMap, BTreeSet};

use model::diagnostic::Severity;
use model::lab::{Cloud, FailureDomain, Host, Node, Storage};
use model::name::Name;

use crate::finding::Findings;
use crate::{Rule, Subject};

pub(super) const RULE: Rule = Rule {
    code: "S019",
    title: "What shall fail apart does not share what fails.",
    text: "Control planes on one host, a zone label that is the same everywhere, copies of data over fewer hosts than there are copies, a machine in another zone than its subnet: each says that one failure takes one thing, and takes more. Sources: Kubernetes documentation, Running in multiple zones; published labs with three control planes in one zone, and with a subnet named for another zone.",
    sees: "All that it needs stands in the lab file.",
    severity: Severity::Error,
    check,
};

fn check(lab: &Subject<'_>, findings: &mut Findings<'_>) {
    for name in lab.clusters.keys() {
        let planes: Vec<_> = lab.control_planes(name).collect();
        shared_host(&planes, findings);
        one_zone(&planes, findings);
    }
    for (name, storage) in &lab.storage {
        copies(lab, name, storage, findings);
    }
    for (name, host) in &lab.hosts {
        let Some(instance) = host.cloud.as_ref().map(Cloud::instance) else {
            continue;
        };
        if let Some(zone) = instance
            .zone
            .as_ref()
            .filter(|zone| !zone.starts_with(&instance.region))
        {
            findings.add(
                format!("{zone} is no zone of {}", instance.region),
                &[
                    (cloud(name, host, "zone"), ""),
                    (cloud(name, host, "region"), "its region"),
                ],
                "write a zone of the region",
            );
        }
        let subnet = instance
            .subnet
            .as_ref()
            .and_then(|subnet| lab.networks.get_key_value(subnet));
        let site = subnet.and_then(|(_, network)| lab.sites.get(network.site.as_ref()?));
        if let (Some(site), Some((subnet, _))) = (site, subnet)
            && let (Some(has), Some(wants)) = (&site.zone, &instance.zone)
            && has != wants
        {
            findings.add(
                format!("{name} is in {wants} and its subnet {subnet} in {has}"),
                &[
                    (cloud(name, host, "zone"), ""),
                    (format!("networks.{subnet}.site"), "elsewhere"),
                ],
                "name a subnet of the same zone",
            );
        }
    }
}

fn cloud(name: &Name, host: &Host, field: &str) -> String {
    let provider = host.cloud.as_ref().map_or("ec2", Cloud::word);
    format!("hosts.{name}.cloud.{provider}.{field}")
}

fn shared_host(planes: &[(&Name, &Node)], findings: &mut Findings<'_>) {
    let mut first_on: BTreeMap<&Name, &Name> = BTreeMap::new();
    for (name, node) in planes {
        let other = *first_on.entry(&node.on).or_insert(name);
        if other != *name {
            findings.add(
                format!("{name} and {other} go with one host"),
                &[
                    (format!("nodes.{name}.on"), ""),
                    (format!("nodes.{other}.on"), "the same"),
                ],
                "put control planes on different hosts",
            );
        }
    }
}

fn one_zone(planes: &[(&Name, &Node)], findings: &mut Findings<'_>) {
    let zones: BTreeSet<&str> = planes
        .iter()
        .filter_map(|(_, node)| node.labels.get(ZONE).map(String::as_str))
        .collect();
    if let (Some(zone), 1, 3..) = (zones.first(), zones.len(), planes.len()) {
        let places: Vec<_> = planes
            .iter()
            .map(|(name, _)| (format!("nodes.{name}.labels"), "in it"))
            .collect();
        findings.add(
            format!("all control planes are in the zone {zone}"),
            &places,
            "label nodes with zones that fail apart, or leave the label out",
        );
    }
}

/// Where Kubernetes looks for a node's zone (its well-known labels).
const ZONE: &str = "topology.kubernetes.io/zone";

fn copies(lab: &Subject<'_>, name: &Name, storage: &Storage, findings: &mut Findings<'_>) {
    let osds = storage.osds();
    let count = |kind: FailureDomain| {
        let domains = osds.iter().filter_map(|disk| {
            let (host, _) = disk.parts()?;
            Some(match kind {
                FailureDomain::Disk => disk.0.clone(),
                FailureDomain::Host => host.to_string(),
                FailureDomain::Site => lab.hosts.get(&host)?.site.as_ref()?.to_string(),
            })
        });
        domains.collect::<BTreeSet<String>>().len()
    };
    let mut counts = BTreeMap::new();
    for (pool, declared) in storage.pools().into_iter().flatten() {
        let kind = declared.failure_domain;
        let domains = *counts.entry(kind).or_insert_with(|| count(kind));
        let wanted = declared.replicas.unwrap_or(3) as usize;
        if !osds.is_empty() && domains < wanted {
            let kind = storage.word();
            findings.add(
                format!("{wanted} copies need as many failure domains; there are {domains}"),
                &[
                    (format!("storage.{name}.{kind}.pools.{pool}"), "wants them"),
                    (format!("storage.{name}.{kind}.osds"), "lie there"),
                ],
                "add disks elsewhere, or keep fewer copies",
            );
        }
    }
}

#[test]
fn shared_domains_are_found() {
    crate::example::home_breaks(
        "S019",
        "role: control-plane, on: nuc3",
        "role: control-plane, on: nuc2",
    );
    crate::example::home_breaks(
        "S019",
        "osds: [ nuc1.sda, nuc2.sda, nuc3.sda ]",
        "osds: [ nuc1.sda, nuc2.sda ]",
    );
    crate::example::home_breaks("S019", "zone: eu-west-1a", "zone: eu-west-2a");
    let zone = "bgp: \"yes\", topology.kubernetes.io/zone: a }";
    crate::example::home_breaks("S019", "bgp: \"yes\" }", zone);
}
