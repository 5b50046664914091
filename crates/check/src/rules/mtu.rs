//! S004: Pods send no packet larger than what is left of the path after encapsulation.

use model::diagnostic::{FieldPath, Fix, Severity};

use crate::finding::Findings;
use crate::{Rule, Subject};

pub(super) const RULE: Rule = Rule {
    code: "S004",
    title: "Pods send no packet larger than what is left of the path after encapsulation.",
    text: "Encapsulation adds bytes to every packet: VXLAN over IPv4 adds 50. A pod whose MTU is larger than the network's MTU less that sends packets that must be fragmented or are lost: small requests work, large ones hang. Left out, the MTU is derived. IPv6 wants 1280 bytes on every link, so it does not fit into an encapsulation inside of a tunnel of 1280. Sources: RFC 7348 section 5; RFC 8200 section 5; a published lab that declared 1280 inside a tunnel of 1280.",
    sees: "All that it needs stands in the lab file.",
    severity: Severity::Error,
    check,
};

/// Every link that carries IPv6 carries packets of this size (RFC 8200, section 5).
const SMALLEST_V6: u16 = 1280;

fn check(lab: &Subject<'_>, findings: &mut Findings<'_>) {
    for (name, cluster) in &lab.clusters {
        let Some((network_name, largest)) = lab.room_in_pods(name, cluster) else {
            continue;
        };
        let declared = cluster.cni.mtu();
        let in_pods = declared.unwrap_or(largest).min(largest);
        if cluster.pods.v6().is_some() && in_pods < SMALLEST_V6 {
            findings.add(
                format!("pods have IPv6 and packets of {in_pods} bytes; IPv6 wants {SMALLEST_V6}"),
                &[
                    (format!("clusters.{name}.pods"), "IPv6"),
                    (format!("networks.{network_name}"), "carries too little"),
                ],
                "leave IPv6 out, or the encapsulation, or let the network carry more",
            );
            continue;
        }
        if let Some(declared) = declared.filter(|declared| *declared > largest) {
            let field = format!("clusters.{name}.cni.{}.mtu", cluster.cni.word());
            findings.add_with_fix(
                format!("pods would send packets of {declared} bytes where {largest} fit"),
                &[
                    (field.clone(), "too large"),
                    (
                        format!("networks.{network_name}.mtu"),
                        "carries at most this, encapsulation included",
                    ),
                ],
                format!("write mtu: {largest}, or leave it out: it is derived"),
                Some(Fix::value(FieldPath(field), largest.to_string())),
            );
        }
    }
}

#[test]
fn a_too_large_mtu_is_found_and_one_that_fits_is_not() {
    crate::example::breaks("S004", "flannel: {}", "flannel: { mtu: 1451 }");
    assert_eq!(
        crate::example::codes("flannel: {}", "flannel: { mtu: 1450 }"),
        [""; 0]
    );
    let host_gw = "flannel: { backend: host-gw, mtu: 1500 }";
    assert_eq!(crate::example::codes("flannel: {}", host_gw), [""; 0]);
}

#[test]
fn ipv6_in_pods_that_do_not_carry_it_is_found() {
    let both = "pods: [ 10.244.0.0/16, fd00:244::/48 ]";
    let text = crate::example::QUICKSTART.replace("pods: 10.244.0.0/16", both);
    let facts = crate::Facts::default();
    assert_eq!(crate::example::codes_of(&text, &facts), [""; 0]);
    let narrow = text.replace("cidr: 10.88.0.0/24", "cidr: 10.88.0.0/24, mtu: 1280");
    assert_eq!(crate::example::codes_of(&narrow, &facts), ["S004"]);
}
