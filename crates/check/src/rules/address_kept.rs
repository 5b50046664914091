//! S009: An address that others count on is fixed or reserved.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use model::diagnostic::Severity;
use model::lab::{Expose, HostAddress};
use model::name::Name;
use model::range::AddressRange;
use model::ranges::Ranges;

use crate::finding::Findings;
use crate::pools::{pools, taken};
use crate::{Rule, Subject};

pub(super) const RULE: Rule = Rule {
    code: "S009",
    title: "An address that others count on is fixed or reserved.",
    text: "A node's address, the API's address and a DNS server's stand in configurations of others. Where DHCP or a load balancer hands it out to whoever asks first, it moves one day. Fixed outside of DHCP's ranges or reserved for a hardware address, it stays; so does an address of a pool that an app or component asks for. Sources: two published labs, one with a control plane's address written in four files and handed out by DHCP, one that relied on the order in which addresses are handed out.",
    sees: "The lab file. A name for an address that only a manifest or a chart asks for is found: give the app the address here.",
    severity: Severity::Error,
    check,
};

fn check(lab: &Subject<'_>, findings: &mut Findings<'_>) {
    let mut dhcp = Dhcp::of(lab);
    for (name, node) in &lab.nodes {
        if findings.is_full() {
            return;
        }
        let mac = node.vm.as_ref().is_some_and(|vm| vm.mac.is_some());
        for address in node.address.iter().flat_map(|address| address.iter()) {
            let field = || format!("nodes.{name}.address");
            dhcp.handed_out((&field, address, mac), findings);
        }
        let Some(host) = lab.host_of(node).filter(|_| node.machine().is_none()) else {
            continue;
        };
        let mac = host.nics.values().any(|nic| nic.mac.is_some());
        for (network, given) in &host.addresses {
            let counted = node.address.is_some_and(|own| {
                lab.networks
                    .get(network)
                    .is_some_and(|n| own.iter().any(|a| n.cidr.contains(a)))
            });
            if matches!(given, HostAddress::Dhcp(_)) && counted && !mac {
                findings.add(
                    format!("{name} counts on an address that DHCP hands to {}", node.on),
                    &[
                        (format!("nodes.{name}.address"), "counted on"),
                        (
                            format!("hosts.{}.addresses.{network}", node.on),
                            "may change",
                        ),
                    ],
                    "write the address there, or name the mac of one of its nics",
                );
            }
        }
        for (network, address) in lab.host_addresses(host) {
            let field = || format!("hosts.{}.addresses.{network}", node.on);
            dhcp.handed_out((&field, address, mac), findings);
        }
    }
    of_pools(lab, findings);
}

/// Names that lead to an address of a pool which nobody has asked for: whoever comes first gets it.
fn of_pools(lab: &Subject<'_>, findings: &mut Findings<'_>) {
    let pools: Vec<(String, AddressRange)> = pools(lab)
        .into_iter()
        .filter_map(|pool| Some((pool.field, pool.range?)))
        .collect();
    let ranges = Ranges::new(pools.iter().map(|(_, range)| *range));
    let components = lab.components.values().filter(|one| one.enabled);
    let apps = lab.apps.values().filter(|app| app.enabled);
    let of_apps = apps.filter_map(|app| match &app.expose {
        Some(Expose::LoadBalancer(service)) => service.address,
        _ => None,
    });
    let mut kept: BTreeSet<IpAddr> = components
        .filter_map(|one| one.address)
        .chain(of_apps)
        .collect();
    // A pool that holds what something has is another finding.
    kept.extend(taken(lab).into_iter().map(|taken| taken.address));
    for (name, network) in &lab.networks {
        let records = network.dns.iter().flat_map(|dns| &dns.records);
        for (record, address) in records.filter(|(_, address)| !kept.contains(address)) {
            let first = ranges.overlapping(&(*address).into()).into_iter().next();
            let Some((pool, _)) = first.and_then(|position| pools.get(position)) else {
                continue;
            };
            if findings.is_full() {
                return;
            }
            findings.add(
                format!("{record} leads to {address}, which goes to whoever asks first"),
                &[
                    (
                        format!("networks.{name}.dns.records.{record}"),
                        "counts on it",
                    ),
                    (pool.clone(), "handed out from here"),
                ],
                "write address: at the app or component that the name is meant for",
            );
        }
    }
}

/// What DHCP hands out.
struct Dhcp<'a> {
    ranges: Ranges,
    /// The network of each range.
    networks: Vec<&'a Name>,
    /// What is reserved for a hardware address.
    reserved: BTreeSet<(&'a Name, IpAddr)>,
    /// The networks that hand an address out, for those that were asked for.
    known: BTreeMap<IpAddr, Vec<&'a Name>>,
}

impl<'a> Dhcp<'a> {
    fn of(lab: &'a Subject<'_>) -> Self {
        let all = lab.networks.iter();
        let all = all.filter_map(|(name, network)| Some((name, network.dhcp.as_ref()?)));
        let ranges = all.clone().flat_map(|(name, dhcp)| {
            let ranges = dhcp.ranges.iter();
            ranges.map(move |range| (name, *range))
        });
        let (networks, ranges): (Vec<_>, Vec<_>) = ranges.unzip();
        let reserved = all.flat_map(|(name, dhcp)| {
            let reserved = dhcp.reservations.values();
            let reserved = reserved.filter(|one| one.mac.is_some());
            reserved.map(move |one| (name, one.address))
        });
        Self {
            ranges: Ranges::new(ranges),
            networks,
            reserved: reserved.collect(),
            known: BTreeMap::new(),
        }
    }

    /// A fixed address inside a range that DHCP hands out, without a reservation.
    fn handed_out(
        &mut self,
        (field, address, reserved): (&dyn Fn() -> String, IpAddr, bool),
        findings: &mut Findings<'_>,
    ) {
        if reserved {
            return;
        }
        let networks = self.known.entry(address).or_insert_with(|| {
            let inside = self.ranges.overlapping(&address.into()).into_iter();
            let networks = inside.filter_map(|position| self.networks.get(position).copied());
            let mut networks: Vec<&Name> = networks.collect();
            networks.dedup();
            networks.retain(|network| !self.reserved.contains(&(*network, address)));
            networks
        });
        for network in networks {
            findings.add(
                format!("DHCP may hand {address} to somebody else"),
                &[
                    (field(), "counted on"),
                    (
                        format!("networks.{network}.dhcp.ranges"),
                        "handed out from here",
                    ),
                ],
                "take an address outside of that range, or name the mac that gets it",
            );
        }
    }
}

#[test]
fn an_address_that_may_move_is_found() {
    crate::example::home_breaks("S009", "address: 10.0.0.31", "address: 10.0.0.210");
    let with_mac = "vm: { cpu: 8, memory: 16Gi, mac: \"52:54:00:00:00:01\" }, address: 10.0.0.210";
    crate::example::home_keeps("vm: { cpu: 8, memory: 16Gi }, address: 10.0.0.31", with_mac);
}

#[test]
fn a_name_for_whatever_a_pool_hands_out_is_found() {
    let record = "api: 10.0.0.100 }";
    crate::example::home_breaks("S009", record, "api: 10.0.0.100, apps: 10.0.0.105 }");
    // The component asks for it.
    crate::example::home_keeps(record, "api: 10.0.0.100, apps: 10.0.0.101 }");
    let text = crate::example::HOME.replace(record, "api: 10.0.0.100, apps: 10.0.0.105 }");
    let ingress = "ingress: { host: ha.home.example.net, by: ingress-nginx }";
    let text = text.replace(ingress, "load-balancer: { address: 10.0.0.105 }");
    let codes = crate::example::codes_of(&text, &crate::Facts::default());
    assert_eq!(codes, [""; 0]);
}
