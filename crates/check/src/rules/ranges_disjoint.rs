//! S002: Address ranges of nodes, pods and Services are disjoint.

use ipnet::IpNet;
use model::diagnostic::Severity;
use model::dual::Dual;
use model::range::AddressRange;
use model::ranges::Ranges;

use crate::finding::Findings;
use crate::{Rule, Subject};

pub(super) const RULE: Rule = Rule {
    code: "S002",
    title: "Address ranges of nodes, pods and Services are disjoint.",
    text: "An address belongs to exactly one of: a node's network, the pods of a cluster, the Services of a cluster. Where two ranges overlap, packets for one of them go to the other, and only some of them. Source: Kubernetes documentation, Cluster Networking; seen in a published lab whose test nodes lay inside the Service range.",
    sees: "All that it needs stands in the lab file.",
    severity: Severity::Error,
    check,
};

fn check(lab: &Subject<'_>, findings: &mut Findings<'_>) {
    let networks = lab
        .networks
        .iter()
        .flat_map(|(name, network)| all(&format!("networks.{name}.cidr"), &network.cidr));
    let clusters = lab.clusters.iter().flat_map(|(name, cluster)| {
        let pods = all(&format!("clusters.{name}.pods"), &cluster.pods);
        let services = all(&format!("clusters.{name}.services"), &cluster.services);
        pods.into_iter().chain(services)
    });
    let mut declared: Vec<_> = networks.collect();
    // Networks among themselves are S045's.
    let first = declared.len();
    declared.extend(clusters);
    let ranges = Ranges::new(declared.iter().map(|(_, range)| AddressRange::from(*range)));
    for (position, (field, range)) in declared.iter().enumerate().skip(first) {
        let earlier = ranges.overlapping_before(position, &AddressRange::from(*range));
        for (earlier_field, earlier) in earlier.into_iter().filter_map(|at| declared.get(at)) {
            if findings.is_full() {
                return;
            }
            findings.add(
                format!("the range {range} overlaps {earlier}"),
                &[
                    (field.clone(), "this range"),
                    (earlier_field.clone(), "overlaps this one"),
                ],
                "give each its own range, such as 10.244.0.0/16 for pods and 10.96.0.0/16 for Services",
            );
        }
    }
}

fn all(field: &str, ranges: &Dual<IpNet>) -> Vec<(String, IpNet)> {
    let named = |range| (field.to_owned(), range);
    ranges.iter().map(named).collect()
}

#[test]
fn an_overlap_is_found() {
    crate::example::breaks("S002", "services: 10.96.0.0/16", "services: 10.88.0.0/16");
}
