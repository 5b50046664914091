//! S011: DHCP hands out nothing that is fixed elsewhere.

use std::collections::BTreeMap;
use std::net::IpAddr;

use model::diagnostic::Severity;

use crate::finding::Findings;
use crate::{Rule, Subject};

pub(super) const RULE: Rule = Rule {
    code: "S011",
    title: "DHCP hands out nothing that is fixed elsewhere.",
    text: "A range that DHCP hands out must hold no router, no fixed address of a host and no other network: an address is handed to a second machine as soon as the first one is off. Source: a published lab whose DHCPv6 range lay in the range of its static addresses.",
    sees: "All that it needs stands in the lab file.",
    severity: Severity::Error,
    check,
};

fn check(lab: &Subject<'_>, findings: &mut Findings<'_>) {
    let of_hosts = of_hosts(lab);
    for (name, network) in &lab.networks {
        for range in network.dhcp.iter().flat_map(|dhcp| &dhcp.ranges) {
            let field = format!("networks.{name}.dhcp.ranges");
            let outside = !network.cidr.iter().any(|cidr| range.inside(&cidr));
            if outside {
                findings.add(
                    format!("DHCP hands out {range}, which is not in {}", network.cidr),
                    &[
                        (field.clone(), ""),
                        (format!("networks.{name}.cidr"), "of this network"),
                    ],
                    "write a range of the network",
                );
            }
            let routers = network.routers().into_iter();
            let routers = routers.map(|address| (address, format!("networks.{name}.gateway")));
            let routers = routers.filter(|(address, _)| range.contains(*address));
            let hosts = of_hosts.range(range.first()..=range.last());
            let hosts = hosts
                .flat_map(|(address, places)| places.iter().map(|place| (*address, place.clone())));
            for (address, place) in routers.chain(hosts) {
                if findings.is_full() {
                    return;
                }
                findings.add(
                    format!("DHCP may hand out {address}, which is fixed"),
                    &[
                        (field.clone(), "handed out from here"),
                        (place, "fixed here"),
                    ],
                    "take it out of the range, or name the mac that gets it",
                );
            }
        }
    }
}

/// Fixed addresses of hosts that no hardware address is known of, each with where it stands. Those
/// of nodes are another rule's.
fn of_hosts(lab: &Subject<'_>) -> BTreeMap<IpAddr, Vec<String>> {
    let mut all: BTreeMap<IpAddr, Vec<String>> = BTreeMap::new();
    for (name, host) in &lab.hosts {
        let is_node = lab.nodes_on(name).any(|(_, node)| node.machine().is_none());
        if is_node || host.nics.values().any(|nic| nic.mac.is_some()) {
            continue;
        }
        for (on, address) in lab.host_addresses(host) {
            let place = format!("hosts.{name}.addresses.{on}");
            all.entry(address).or_default().push(place);
        }
    }
    all
}

#[test]
fn a_fixed_address_in_the_range_is_found() {
    let range = "10.0.0.200-10.0.0.239";
    crate::example::home_breaks("S011", "lan: 10.0.0.14 }", "lan: 10.0.0.214 }");
    crate::example::home_breaks("S011", range, "10.3.0.200-10.3.0.239");
}
