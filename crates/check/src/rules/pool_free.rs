//! S001: A load balancer hands out no address that something else has.

use std::collections::BTreeMap;
use std::net::IpAddr;

use model::diagnostic::Severity;

use crate::finding::Findings;
use crate::pools::{pools, taken};
use crate::{Rule, Subject};

pub(super) const RULE: Rule = Rule {
    code: "S001",
    title: "A load balancer hands out no address that something else has.",
    text: "An address that a load balancer may hand out and that a node, a router, a shared API address or DHCP also uses belongs to two things: whoever answers last takes the packets. The network's first and last address belong to nobody. Source: a published lab whose pool was its whole LAN.",
    sees: "All that it needs stands in the lab file.",
    severity: Severity::Error,
    check,
};

fn check(lab: &Subject<'_>, findings: &mut Findings<'_>) {
    let taken = taken(lab);
    let mut by_address: BTreeMap<IpAddr, Vec<usize>> = BTreeMap::new();
    for (position, (_, address, _)) in taken.iter().enumerate() {
        by_address.entry(*address).or_default().push(position);
    }
    for pool in pools(lab) {
        if findings.is_full() {
            return;
        }
        let (field, Some(pool)) = (pool.field, pool.range) else {
            continue;
        };
        let found = by_address.range(pool.first()..=pool.last());
        let mut found: Vec<usize> = found.flat_map(|(_, all)| all).copied().collect();
        // The same first one every time: nodes before hosts before routers.
        found.sort_unstable();
        let found = found.into_iter().filter_map(|position| taken.get(position));
        let mut inside: Vec<(String, String)> = found
            .map(|(what, address, at)| (at.clone(), format!("{what} {address}")))
            .collect();
        for (name, network) in &lab.networks {
            let edges = network.cidr.iter().filter(|range| {
                let (first, last) = (range.network(), range.broadcast());
                last.is_ipv4() && first != last && (pool.contains(first) || pool.contains(last))
            });
            inside.extend(edges.map(|range| {
                let what = format!("the first or last address of {range}");
                (format!("networks.{name}.cidr"), what)
            }));
            for range in network.dhcp.iter().flat_map(|dhcp| &dhcp.ranges) {
                if range.overlaps(&pool) {
                    let what = format!("{range}, which DHCP hands out");
                    inside.push((format!("networks.{name}.dhcp.ranges"), what));
                }
            }
        }
        let Some((_, first)) = inside.first() else {
            continue;
        };
        let more = match inside.len() {
            1 => String::new(),
            n => format!(" and {} more", n - 1),
        };
        let message = format!("the pool {pool} holds {first}{more}");
        let places: Vec<(String, &str)> = std::iter::once((field, "handed out from here"))
            .chain(
                inside
                    .iter()
                    .take(4)
                    .map(|(at, _)| (at.clone(), "has it already")),
            )
            .collect();
        findings.add(message, &places, "write a range that nothing else uses");
    }
}

#[test]
fn a_pool_with_somebody_in_it_is_found() {
    let pool = "10.0.0.101-10.0.0.120";
    for wrong in [
        "10.0.0.100-10.0.0.120",
        "10.0.0.20-10.0.0.30",
        "10.0.0.128/25",
    ] {
        crate::example::home_breaks("S001", pool, wrong);
    }
    crate::example::home_keeps(pool, "10.0.0.110-10.0.0.199");
}
