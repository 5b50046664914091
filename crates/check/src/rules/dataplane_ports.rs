//! S008: Firewalls of hosts let the pod network in.

use model::diagnostic::Severity;

use crate::finding::Findings;
use crate::{Rule, Subject};

pub(super) const RULE: Rule = Rule {
    code: "S008",
    title: "Firewalls of hosts let the pod network in.",
    text: "A pod network that wraps packets sends them to a UDP port of its own: 8472 for flannel and Cilium (the number that Linux had before there was one), 4789 for Calico (IANA's), 6081 for Geneve. A host's firewall that opens another one opens nothing. Sources: documentation of flannel, Cilium and Calico; a published lab that opened 8472 for Calico.",
    sees: "All that it needs stands in the lab file.",
    severity: Severity::Error,
    check,
};

fn check(lab: &Subject<'_>, findings: &mut Findings<'_>) {
    for (name, node) in &lab.nodes {
        let Some(cluster) = lab.clusters.get(&node.cluster) else {
            continue;
        };
        let (Some(port), Some(host)) = (cluster.cni.port(), lab.host_of(node)) else {
            continue;
        };
        let wanted = format!("udp/{port}");
        let Some(open) = host
            .open_ports
            .as_ref()
            .filter(|_| node.machine().is_none())
        else {
            continue;
        };
        if !open.contains(&wanted) {
            findings.add(
                format!(
                    "the firewall of {} keeps {wanted} out, which carries its pods",
                    node.on
                ),
                &[
                    (format!("hosts.{}.open-ports", node.on), "without it"),
                    (format!("clusters.{}.cni", node.cluster), "uses it"),
                    (format!("nodes.{name}"), "on this node"),
                ],
                format!("add {wanted}"),
            );
        }
    }
}

#[test]
fn a_port_of_another_pod_network_is_found() {
    let lab = |open: &str| {
        format!(
            "lab: a\nnetworks: {{ lan: {{ cidr: 10.0.0.0/24 }} }}\n\
             hosts: {{ h: {{ addresses: {{ lan: 10.0.0.2 }}, memory: 8Gi, open-ports: [ {open} ] }} }}\n\
             clusters: {{ c: {{ distribution: {{ kubeadm: {{ kubernetes: 1.36.3 }} }}, pods: 10.1.0.0/16, \
             services: 10.2.0.0/16, cni: {{ calico: {{}} }} }} }}\n\
             nodes: {{ n: {{ cluster: c, role: control-plane, on: h }} }}\n"
        )
    };
    let facts = crate::Facts::default();
    assert_eq!(crate::example::codes_of(&lab("udp/8472"), &facts), ["S008"]);
    assert_eq!(crate::example::codes_of(&lab("udp/4789"), &facts), [""; 0]);
}
