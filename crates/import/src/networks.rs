//! Networks, concluded from the addresses that machines have.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use ipnet::IpNet;
use model::dual::Dual;
use model::lab::{Mac, Network};
use model::name::Name;

use crate::draft::Draft;
use crate::{blank, names};

/// A network interface of a machine, as far as a lab tells it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Interface {
    pub(crate) name: Option<String>,
    pub(crate) mac: Option<Mac>,
    pub(crate) mtu: Option<u16>,
    pub(crate) dhcp: bool,
    /// Addresses with their prefixes: `10.0.0.61/24`.
    pub(crate) addresses: Vec<IpNet>,
    /// Where it sends what goes elsewhere.
    pub(crate) gateways: Vec<IpAddr>,
    pub(crate) vip: Option<IpAddr>,
    /// It is the VLAN of that number on a physical one.
    pub(crate) vlan: Option<u16>,
}

/// What machines tell of a network.
#[derive(Debug, Default)]
struct Segment {
    ranges: Vec<IpNet>,
    mtus: BTreeSet<u16>,
    gateways: BTreeSet<IpAddr>,
    vlan: Option<u16>,
    machines: usize,
}

/// The networks that machines are in, each by the place in the list of its first mention.
#[derive(Debug, Default)]
pub(crate) struct Segments {
    all: Vec<Segment>,
}

impl Segments {
    /// Adds what an interface tells.
    pub(crate) fn add(&mut self, interface: &Interface) {
        let ranges: BTreeSet<IpNet> = interface.addresses.iter().map(IpNet::trunc).collect();
        let of = |v6: bool| {
            ranges
                .iter()
                .filter(move |range| range.addr().is_ipv6() == v6)
        };
        // One range of each family on one interface is one network with both.
        let both = of(false).count() == 1 && of(true).count() == 1;
        for range in &ranges {
            // A host's own address as a whole range tells of no network.
            if range.prefix_len() == range.max_prefix_len() {
                continue;
            }
            let at = self.all.iter().position(|segment| {
                segment.ranges.contains(range)
                    || (both
                        && segment.ranges.len() == 1
                        && segment.ranges.iter().any(|r| ranges.contains(r)))
            });
            let at = at.unwrap_or_else(|| {
                self.all.push(Segment::default());
                self.all.len() - 1
            });
            let Some(segment) = self.all.get_mut(at) else {
                continue;
            };
            if !segment.ranges.contains(range) {
                segment.ranges.push(*range);
            }
            segment.mtus.extend(interface.mtu);
            segment.vlan = segment.vlan.or(interface.vlan);
            let inside = interface
                .gateways
                .iter()
                .filter(|gateway| range.contains(*gateway));
            segment.gateways.extend(inside);
        }
    }

    /// Makes sure that an address lies in a network; says whether one had to be made up for it.
    pub(crate) fn cover(&mut self, address: IpAddr) -> Option<IpNet> {
        if let Some(segment) = self
            .all
            .iter_mut()
            .find(|s| s.ranges.iter().any(|r| r.contains(&address)))
        {
            segment.machines += 1;
            return None;
        }
        // What most homes use; told in the report.
        let length = if address.is_ipv6() { 64 } else { 24 };
        let range = IpNet::new(address, length).ok()?.trunc();
        self.all.push(Segment {
            ranges: vec![range],
            machines: 1,
            ..Segment::default()
        });
        Some(range)
    }

    /// Writes them into the lab. The one with the most machines is the LAN.
    pub(crate) fn place(mut self, draft: &mut Draft) {
        self.all
            .sort_by_key(|s| (s.vlan.is_some(), std::cmp::Reverse(s.machines)));
        let mut lan: Option<Name> = None;
        for segment in self.all {
            let wanted = match (segment.vlan, &lan) {
                (Some(vlan), _) => names::name(&format!("vlan-{vlan}")),
                (None, _) => None,
            };
            let wanted = wanted.unwrap_or_else(|| names::known("lan"));
            let name = names::free(&wanted, |name| draft.lab.networks.contains_key(name));
            let over = segment.vlan.and(lan.clone());
            if segment.vlan.is_none() {
                lan.get_or_insert_with(|| name.clone());
            }
            place_one(draft, name, &segment, over);
        }
    }
}

fn place_one(draft: &mut Draft, name: Name, segment: &Segment, over: Option<Name>) {
    let place = format!("networks.{name}");
    let Some(cidr) = dual(&segment.ranges) else {
        return;
    };
    for range in segment
        .ranges
        .iter()
        .filter(|range| cidr.iter().all(|one| one != **range))
    {
        draft.unplaced(
            &format!("{place}.cidr"),
            format!("a further range of it: {range}"),
        );
    }
    let gateways: Vec<IpAddr> = segment.gateways.iter().copied().collect();
    let gateway = dual(&gateways);
    for other in gateways
        .iter()
        .filter(|one| gateway.is_none_or(|g| g.iter().all(|x| x != **one)))
    {
        draft.unplaced(
            &format!("{place}.gateway"),
            format!("a further gateway of it: {other}"),
        );
    }
    if segment.mtus.len() > 1 {
        let all: Vec<String> = segment.mtus.iter().map(u16::to_string).collect();
        let text = format!(
            "its machines have different ones: {}; the smallest was taken",
            all.join(", ")
        );
        draft.unplaced(&format!("{place}.mtu"), text);
    }
    draft.derived(format!(
        "{place}: the network {cidr}, from the addresses in it"
    ));
    let network = Network {
        gateway,
        mtu: segment.mtus.first().copied(),
        over,
        vlan: segment.vlan,
        ..blank::network(cidr)
    };
    draft.lab.networks.insert(name, network);
}

/// The first of each family.
pub(crate) fn dual<T: model::dual::Family + Copy>(all: &[T]) -> Option<Dual<T>> {
    let first = *all.first()?;
    let other = all.iter().find(|one| one.is_v6() != first.is_v6());
    other
        .and_then(|other| Dual::two(first, *other))
        .or_else(|| Some(Dual::one(first)))
}

/// A machine's addresses, as a node of the lab tells them.
#[derive(Debug)]
pub(crate) struct Addresses {
    /// Its main one, with that of the other family in the same network.
    pub(crate) own: Option<Dual<IpAddr>>,
    /// Those in further networks.
    pub(crate) further: BTreeMap<Name, Dual<IpAddr>>,
    /// Those that a node has no field for.
    pub(crate) beyond: Vec<IpAddr>,
}

/// Sorts a machine's addresses by their networks.
pub(crate) fn addresses(draft: &Draft, main: Option<IpAddr>, all: &[IpAddr]) -> Addresses {
    let mut by_network: BTreeMap<Option<Name>, Vec<IpAddr>> = BTreeMap::new();
    for address in main.iter().chain(all) {
        let network = draft.lab.network_of(*address).map(|(name, _)| name.clone());
        let known = by_network.entry(network).or_default();
        if !known.contains(address) {
            known.push(*address);
        }
    }
    let mut own = None;
    let mut further = BTreeMap::new();
    let mut beyond = Vec::new();
    for (network, addresses) in by_network {
        let here = dual(&addresses);
        let kept: Vec<IpAddr> = here.iter().flat_map(Dual::iter).collect();
        beyond.extend(addresses.iter().filter(|one| !kept.contains(one)));
        match (network, here) {
            (_, Some(here)) if main.is_some_and(|main| kept.contains(&main)) => own = Some(here),
            (Some(network), Some(here)) => {
                further.insert(network, here);
            }
            _ => beyond.extend(kept),
        }
    }
    Addresses {
        own,
        further,
        beyond,
    }
}
