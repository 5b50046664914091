//! S105: Pod and Service ranges are IPv4 and large enough.

use model::diagnostic::Severity;
use model::lab::Lab;

use crate::Rule;
use crate::finding::Findings;

pub(super) const RULE: Rule = Rule {
    code: "S105",
    title: "Pod and Service ranges are IPv4 and large enough.",
    text: "Every node gets 256 pod addresses (a /24, kube-controller-manager's default node mask) out of the pod range, so the range must hold as many /24 as there are nodes. The tenth address of the Service range is cluster DNS, and kubeadm wants room for Services: a /24 at least, and no more than a /12, beyond which the API server refuses. IPv6 is not supported by this version.",
    severity: Severity::Error,
    check,
};

use ipnet::IpNet;

fn check(lab: &Lab, findings: &mut Findings<'_>) {
    for (name, cluster) in &lab.clusters {
        let nodes = lab
            .nodes
            .values()
            .filter(|node| node.cluster == *name)
            .count();
        for (field, range) in [("pods", cluster.pods), ("services", cluster.services)] {
            if matches!(range, IpNet::V6(_)) {
                let place = (format!("clusters.{name}.{field}"), "");
                findings.add("IPv6 is not supported yet", &[place], "write an IPv4 range");
            }
        }
        let room = match cluster.pods.prefix_len() {
            prefix @ 0..=24 => 1_u64 << (24 - prefix),
            _ => 0,
        };
        if (nodes as u64) > room {
            findings.add(
                format!(
                    "{} has room for the pods of {room} nodes; there are {nodes}",
                    cluster.pods
                ),
                &[(format!("clusters.{name}.pods"), "")],
                "write a larger range, such as a /16",
            );
        }
        if !(12..=24).contains(&cluster.services.prefix_len()) {
            findings.add(
                format!("{} is not of a size for Services", cluster.services),
                &[(format!("clusters.{name}.services"), "")],
                "write a range from /12 to /24, such as 10.96.0.0/16",
            );
        }
    }
}

#[test]
fn ranges_of_a_wrong_size_are_found() {
    crate::example::breaks("S105", "pods: 10.244.0.0/16", "pods: 10.244.0.0/23");
    crate::example::breaks("S105", "services: 10.96.0.0/16", "services: 10.96.0.0/28");
    crate::example::breaks("S105", "pods: 10.244.0.0/16", "pods: fd00::/48");
}
