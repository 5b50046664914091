//! S002: Address ranges of nodes, pods and Services are disjoint.

use model::diagnostic::Severity;
use model::lab::Lab;

use crate::Rule;
use crate::finding::Findings;

pub(super) const RULE: Rule = Rule {
    code: "S002",
    title: "Address ranges of nodes, pods and Services are disjoint.",
    text: "An address belongs to exactly one of: a node's network, the pods of a cluster, the Services of a cluster. Where two ranges overlap, packets for one of them go to the other, and only some of them. Source: Kubernetes documentation, Cluster Networking; seen in a published lab whose test nodes lay inside the Service range.",
    severity: Severity::Error,
    check,
};

fn check(lab: &Lab, findings: &mut Findings<'_>) {
    let networks = lab
        .networks
        .iter()
        .map(|(name, network)| (format!("networks.{name}.cidr"), network.cidr));
    let clusters = lab.clusters.iter().flat_map(|(name, cluster)| {
        [
            (format!("clusters.{name}.pods"), cluster.pods),
            (format!("clusters.{name}.services"), cluster.services),
        ]
    });
    let ranges: Vec<_> = networks.chain(clusters).collect();
    for (position, (field, range)) in ranges.iter().enumerate() {
        if findings.is_full() {
            return;
        }
        for (earlier_field, earlier) in ranges.iter().take(position) {
            if range.contains(&earlier.network()) || earlier.contains(&range.network()) {
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
}

#[test]
fn an_overlap_is_found() {
    crate::example::breaks("S002", "services: 10.96.0.0/16", "services: 10.88.0.0/16");
}
