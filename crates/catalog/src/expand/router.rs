//! The router of a replica: what it serves in which network follows from the lab.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use ipnet::IpNet;
use model::digest::Digest;
use model::lab::{Host, Network, Reservation};
use model::name::Name;
use model::resource::{Address, DhcpService, Kind, Router, RouterLink, Spec};

use super::Expansion;

/// The router's name: a replica has one.
const NAME: &str = "replica";

/// Whether a text is a name of DNS. The texts that the router's programs read hold nothing else.
pub(crate) fn is_dns_name(text: &str) -> bool {
    let label = |label: &str| {
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        (1..=63).contains(&label.len()) && label.bytes().all(fits)
    };
    text.len() <= 253 && text.split('.').all(label)
}

impl Expansion<'_> {
    /// Adds the router, once the networks are there.
    pub(super) fn router(&mut self, image: &Address, made_from: &Digest) {
        let Ok(name) = NAME.parse::<Name>() else {
            return;
        };
        let mut links = BTreeMap::new();
        let mut needs = BTreeSet::from([image.clone()]);
        for (name, network) in &self.lab.networks {
            let address = Address::new(Kind::Network, name.clone());
            if let (true, Some(link)) = (
                self.resources.contains_key(&address),
                self.router_link(name, network),
            ) {
                links.insert(name.clone(), link);
                needs.insert(address);
            }
        }
        let spec = Router {
            image: made_from.clone(),
            names: self.names(&links),
            links,
            uplink: self.lab.replica.as_ref().is_some_and(|one| one.uplink),
        };
        self.add(Address::new(Kind::Router, name), Spec::Router(spec), needs);
    }

    fn router_link(&self, name: &Name, network: &Network) -> Option<RouterLink> {
        let range = network.cidr.first();
        let dhcp = network.dhcp.as_ref().map(|declared| DhcpService {
            ranges: declared
                .ranges
                .iter()
                .filter(|one| one.inside(&range))
                .copied()
                .collect(),
            reservations: self
                .own_reservations(name)
                .chain(declared.reservations.clone())
                .filter(|(_, one)| range.contains(&one.address))
                .collect(),
        });
        Some(RouterLink {
            address: IpNet::new(network.router_address()?, range.prefix_len()).ok()?,
            mtu: self.lab.network_mtu(name),
            zone: network
                .dns
                .as_ref()
                .map(|dns| dns.zone.clone())
                .filter(|zone| is_dns_name(zone)),
            dhcp,
            closed_to: network.isolated_from.iter().cloned().collect(),
        })
    }

    /// The addresses that hosts with a known interface have in a network.
    fn own_reservations(&self, network: &Name) -> impl Iterator<Item = (Name, Reservation)> {
        self.lab.hosts.iter().filter_map(move |(name, host)| {
            let into = |nic: &&model::lab::Nic| nic.network.as_ref() == Some(network);
            let mac = host.nics.values().filter(into).find_map(|nic| nic.mac)?;
            let address = self.fixed(host, network).next()?;
            let mac = Some(mac);
            Some((name.clone(), Reservation { address, mac }))
        })
    }

    /// The IPv4 addresses of a host in a network.
    fn fixed<'b>(&'b self, host: &'b Host, network: &'b Name) -> impl Iterator<Item = IpAddr> + 'b {
        let all = self.lab.host_addresses(host).into_iter();
        all.filter(move |(into, address)| *into == network && address.is_ipv4())
            .map(|(_, address)| address)
    }

    /// The names of hosts and nodes, what is reserved, and what zones hold besides: each also with
    /// the zone of its network.
    fn names(&self, links: &BTreeMap<Name, RouterLink>) -> BTreeMap<String, BTreeSet<IpAddr>> {
        let mut names: BTreeMap<String, BTreeSet<IpAddr>> = BTreeMap::new();
        let mut add = |name: &str, address: IpAddr, link: &RouterLink| {
            names.entry(name.to_owned()).or_default().insert(address);
            if let Some(zone) = &link.zone {
                let full = format!("{name}.{zone}");
                names.entry(full).or_default().insert(address);
            }
        };
        for (name, node) in &self.lab.nodes {
            if let Some((network, _, address)) = self.place(node)
                && let Some(link) = links.get(network)
            {
                add(name.as_str(), address, link);
            }
        }
        for (network, link) in links {
            for (name, host) in &self.lab.hosts {
                for address in self.fixed(host, network) {
                    add(name.as_str(), address, link);
                }
            }
            for (name, reserved) in link.dhcp.iter().flat_map(|dhcp| &dhcp.reservations) {
                add(name.as_str(), reserved.address, link);
            }
        }
        for dns in links
            .keys()
            .filter_map(|name| self.lab.networks.get(name)?.dns.as_ref())
        {
            for (name, address) in dns.records.iter().filter(|(name, _)| is_dns_name(name)) {
                let zone = &dns.zone;
                let full = match name.ends_with(&format!(".{zone}")) || name == zone {
                    true => name.clone(),
                    false => format!("{name}.{zone}"),
                };
                names.entry(full).or_default().insert(*address);
            }
        }
        names
    }
}
