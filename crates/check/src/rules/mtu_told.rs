//! S005: Where packets must be smaller, somebody says so.

use model::diagnostic::Severity;
use model::lab::{Cni, ETHERNET_MTU, Overlay};

use crate::finding::Findings;
use crate::{Rule, Subject};

pub(super) const RULE: Rule = Rule {
    code: "S005",
    title: "Where packets must be smaller, somebody says so.",
    text: "An agent that sets no MTU leaves pods at 1500 bytes on a path that carries less; a router that tells hosts no MTU does the same to them for a tunnel behind it. Large packets are lost then, and only large ones. Steading's own pod networks get a derived MTU. Sources: two published labs, one whose agent's configuration named no MTU on a tailnet of 1280, one whose router announced none for a tunnel of 1480.",
    sees: "All that it needs stands in the lab file.",
    severity: Severity::Warning,
    check,
};

fn check(lab: &Subject<'_>, findings: &mut Findings<'_>) {
    for (name, cluster) in &lab.clusters {
        let Cni::Tailnet(tailnet) = &cluster.cni else {
            continue;
        };
        let carries = lab.network_mtu(&tailnet.network);
        if tailnet.image.is_some() && tailnet.mtu.is_none() && carries < ETHERNET_MTU {
            findings.add(
                format!("pods would send packets of {ETHERNET_MTU} bytes where {carries} fit"),
                &[
                    (format!("clusters.{name}.cni.tailnet"), "names no mtu"),
                    (format!("networks.{}", tailnet.network), "carries less"),
                ],
                format!("add mtu: {carries}"),
            );
        }
    }
    for (name, network) in &lab.networks {
        let Some(Overlay::Tunnel(tunnel)) = &network.overlay else {
            continue;
        };
        let carries = lab.network_mtu(name);
        if findings.is_full() {
            return;
        }
        let behind = lab.networks.iter().filter(|(other, candidate)| {
            let routed = tunnel.routed.is_some_and(|routed| {
                let ranges = candidate.cidr.iter();
                ranges.into_iter().any(|range| routed.contains(&range))
            });
            *other != name && routed && lab.network_mtu(other) > carries
        });
        for (other, _) in behind {
            findings.add(
                format!("{other} sends larger packets than the tunnel {name} carries"),
                &[
                    (format!("networks.{other}"), "announces no smaller MTU"),
                    (format!("networks.{name}"), "carries less"),
                ],
                format!("add mtu: {carries} to {other}, so that its router announces it"),
            );
        }
    }
}

#[test]
fn a_silent_agent_and_a_silent_router_are_found() {
    let cilium = "{ cilium: { encapsulation: none, load-balancer: [ 10.0.0.101-10.0.0.120 ], l2: true, bgp: { asn: 64512, peers: [ rb ], speakers: bgp=yes } } }";
    crate::example::home_breaks(
        "S005",
        cilium,
        "{ tailnet: { network: tailnet, image: a@sha256:00 } }",
    );
    crate::example::home_keeps(
        cilium,
        "{ tailnet: { network: tailnet, image: a@sha256:00, mtu: 1280 } }",
    );
    let guest = "  guest:\n";
    let tunnel = "  tunnel: { cidr: fd00:2::/64, overlay: { tunnel: { kind: 6in4, routed: fd00:1::/48 } }, over: lan, mtu: 1480 }\n  guest:\n";
    crate::example::home_breaks("S005", guest, tunnel);
}
