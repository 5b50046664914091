//! S105: Pod and Service ranges are large enough.

use model::diagnostic::Severity;

use crate::finding::Findings;
use crate::{Rule, Subject};

pub(super) const RULE: Rule = Rule {
    code: "S105",
    title: "Pod and Service ranges are large enough.",
    text: "Every node gets 256 pod addresses (a /24, kube-controller-manager's default node mask) out of the pod range, so the range must hold as many /24 as there are nodes. The tenth address of the Service range is cluster DNS, and kubeadm wants room for Services: a /24 at least, and no more than a /12, beyond which the API server refuses. For IPv6 a node gets a /64 and Services have at most a /108.",
    sees: "All that it needs stands in the lab file.",
    severity: Severity::Error,
    check,
};

use ipnet::IpNet;

fn check(lab: &Subject<'_>, findings: &mut Findings<'_>) {
    for (name, cluster) in &lab.clusters {
        let nodes = lab.nodes_of(name).count();
        for range in cluster.pods.iter() {
            let room = room(range, cluster.pods_per_node);
            if (nodes as u64) > room {
                findings.add(
                    format!("{range} has room for the pods of {room} nodes; there are {nodes}"),
                    &[(format!("clusters.{name}.pods"), "")],
                    "write a larger range, such as a /16",
                );
            }
        }
        for range in cluster.services.iter() {
            // The API server keeps a bit for each address: at most 20 bits of them.
            let (sizes, example) = match range {
                IpNet::V4(_) => (12..=24, "from /12 to /24, such as 10.96.0.0/16"),
                IpNet::V6(_) => (108..=120, "from /108 to /120"),
            };
            if !sizes.contains(&range.prefix_len()) {
                findings.add(
                    format!("{range} is not of a size for Services"),
                    &[(format!("clusters.{name}.services"), "")],
                    format!("write a range {example}"),
                );
            }
        }
    }
}

/// For how many nodes a range has room, each with its part.
fn room(range: IpNet, declared: Option<u8>) -> u64 {
    let part = match range {
        // One number serves both families only where there is one.
        IpNet::V4(_) => declared.filter(|length| *length <= 32).unwrap_or(24),
        IpNet::V6(_) => declared.filter(|length| *length > 32).unwrap_or(64),
    };
    part.checked_sub(range.prefix_len()).map_or(0, |bits| {
        1_u64.checked_shl(u32::from(bits)).unwrap_or(u64::MAX)
    })
}

#[test]
fn ranges_of_a_wrong_size_are_found() {
    crate::example::breaks("S105", "pods: 10.244.0.0/16", "pods: 10.244.0.0/23");
    crate::example::breaks("S105", "services: 10.96.0.0/16", "services: 10.96.0.0/28");
    crate::example::breaks("S105", "pods: 10.244.0.0/16", "pods: fd00::/80");
    crate::example::breaks(
        "S105",
        "services: 10.96.0.0/16",
        "services: [ 10.96.0.0/16, fd00::/64 ]",
    );
}
