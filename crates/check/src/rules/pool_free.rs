//! S001: A load balancer hands out no address that something else has.

use ipnet::IpNet;
use model::diagnostic::Severity;
use model::name::Name;
use model::range::AddressRange;
use model::ranges::Ranges;

use crate::finding::Findings;
use crate::pools::{Taken, pools, taken};
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
    let all = all(lab);
    let spans = all.iter().enumerate().flat_map(|(position, one)| {
        let spans = one.spans().into_iter().flatten();
        spans.map(move |span| (position, span))
    });
    let (whose, spans): (Vec<usize>, Vec<AddressRange>) = spans.unzip();
    let ranges = Ranges::new(spans);
    for pool in pools(lab) {
        if findings.is_full() {
            return;
        }
        let (field, Some(pool)) = (pool.field, pool.range) else {
            continue;
        };
        let inside = ranges.overlapping(&pool).into_iter();
        // The same first one every time: nodes before hosts before routers.
        let mut inside: Vec<usize> = inside.filter_map(|span| whose.get(span).copied()).collect();
        inside.dedup();
        let mut first = inside.iter().filter_map(|position| all.get(*position));
        let Some(main) = first.next() else {
            continue;
        };
        let more = match inside.len() {
            1 => String::new(),
            n => format!(" and {} more", n - 1),
        };
        let message = format!("the pool {pool} holds {}{more}", main.what());
        let few = std::iter::once(main).chain(first.take(3));
        let few = few.map(|one| (one.field(), "has it already"));
        let places: Vec<(String, &str)> = std::iter::once((field, "handed out from here"))
            .chain(few)
            .collect();
        findings.add(message, &places, "write a range that nothing else uses");
    }
}

/// What has addresses that no pool may hold.
enum Has<'a> {
    Fixed(Taken<'a>),
    /// The first and the last address of a range of a network.
    Edges(&'a Name, IpNet),
    Dhcp(&'a Name, AddressRange),
}

impl Has<'_> {
    fn spans(&self) -> [Option<AddressRange>; 2] {
        match self {
            Self::Fixed(taken) => [Some(taken.address.into()), None],
            Self::Edges(_, range) => [Some(range.network().into()), Some(range.broadcast().into())],
            Self::Dhcp(_, range) => [Some(*range), None],
        }
    }

    fn what(&self) -> String {
        match self {
            Self::Fixed(taken) => format!("{} {}", taken.what(), taken.address),
            Self::Edges(_, range) => format!("the first or last address of {range}"),
            Self::Dhcp(_, range) => format!("{range}, which DHCP hands out"),
        }
    }

    fn field(&self) -> String {
        match self {
            Self::Fixed(taken) => taken.field(),
            Self::Edges(name, _) => format!("networks.{name}.cidr"),
            Self::Dhcp(name, _) => format!("networks.{name}.dhcp.ranges"),
        }
    }
}

fn all<'a>(lab: &'a Subject<'_>) -> Vec<Has<'a>> {
    let networks = lab.networks.iter().flat_map(|(name, network)| {
        let edges = network.cidr.iter().filter(|range| {
            let (first, last) = (range.network(), range.broadcast());
            last.is_ipv4() && first != last
        });
        let dhcp = network.dhcp.iter().flat_map(|dhcp| &dhcp.ranges);
        let dhcp = dhcp.map(move |range| Has::Dhcp(name, *range));
        edges.map(move |range| Has::Edges(name, range)).chain(dhcp)
    });
    taken(lab)
        .into_iter()
        .map(Has::Fixed)
        .chain(networks)
        .collect()
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
