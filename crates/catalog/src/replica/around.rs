//! What stands around the nodes and is other in a replica, or left out: what hosts run and are made
//! of, what networks are made of and who serves them.

use std::fmt::Write as _;
use std::net::IpAddr;

use model::lab::{Host, Lab, Network, Node, Reservation};
use model::name::Name;

use super::{Making, free_address};
use crate::expand::router::is_dns_name;

/// A part of hosts: its name in the lab file, and how it is told of one.
type Part = (&'static str, fn(&Host) -> Option<String>);

/// What hosts are made of or run, and no replica of them has.
const PARTS: [Part; 10] = [
    ("runs", |host| named(&host.runs)),
    ("disks", |host| keys(host.disks.keys())),
    ("gpus", |host| keys(host.gpus.keys())),
    ("usb", |host| keys(host.usb.keys())),
    ("bgp", |host| host.bgp.is_some().then(String::new)),
    ("boot", |host| host.boot.is_some().then(String::new)),
    ("power", |host| host.power.is_some().then(String::new)),
    ("cloud", |host| host.cloud.is_some().then(String::new)),
    ("os", |host| host.os.is_some().then(String::new)),
    ("reserve", |host| host.reserve.is_some().then(String::new)),
];

fn keys<'a>(names: impl Iterator<Item = &'a Name>) -> Option<String> {
    let names: Vec<&str> = names.map(Name::as_str).collect();
    (!names.is_empty()).then(|| names.join(", "))
}

/// Values as the lab file writes them.
fn named<T: serde::Serialize>(values: &[T]) -> Option<String> {
    let words: Vec<String> = values
        .iter()
        .filter_map(|value| Some(serde_json::to_value(value).ok()?.as_str()?.to_owned()))
        .collect();
    (!values.is_empty()).then(|| words.join(", "))
}

impl Making<'_> {
    /// Tells what of the hosts that nodes run on is left out.
    pub(super) fn parts_of_hosts(&mut self, lab: &Lab) {
        for (field, tell) in PARTS {
            let mut of = String::new();
            for (name, host) in &lab.hosts {
                let Some(what) = tell(host) else { continue };
                let comma = if of.is_empty() { "" } else { "; " };
                // Writing to a String cannot fail.
                let _ = match what.as_str() {
                    "" => write!(of, "{comma}{name}"),
                    what => write!(of, "{comma}{name} ({what})"),
                };
            }
            if !of.is_empty() {
                let why = "a host is namespaces of this machine";
                self.left_out(format!("{field} of hosts: {of}"), why);
            }
        }
    }

    /// Tells which addresses and devices of a node are left out: it has one link.
    pub(super) fn parts_of_node(&mut self, name: &Name, node: &Node, kept: Option<IpAddr>) {
        let further: Vec<String> = self
            .of
            .node_addresses(node)
            .into_iter()
            .filter(|(_, address)| address.is_ipv4() && Some(*address) != kept)
            .map(|(network, address)| format!("{address} in {network}"))
            .collect();
        if !further.is_empty() {
            let field = format!("nodes.{name}: {}", further.join(", "));
            self.left_out(field, "a node is attached to one network");
        }
        let devices = node.vm.as_ref().map_or(&[][..], |vm| &vm.devices);
        if let Some(devices) = keys(devices.iter()) {
            let field = format!("nodes.{name}.vm.devices: {devices}");
            self.left_out(field, "there are no such devices here");
        }
    }

    /// The services of a network, by the replica's router.
    pub(super) fn served(&mut self, name: &Name, network: &mut Network) {
        let at = |field: &str| format!("networks.{name}.{field}");
        let router = "the replica's router";
        for (field, server) in [
            ("router", network.router.take()),
            (
                "dhcp.server",
                network.dhcp.as_mut().and_then(|dhcp| dhcp.server.take()),
            ),
            (
                "dns.server",
                network.dns.as_mut().and_then(|dns| dns.server.take()),
            ),
        ] {
            if let Some(server) = server {
                self.stands_in(at(field), router, format!("{server} is no machine here"));
            }
        }
        self.asked_elsewhere(name, network);
        for (field, given) in [
            ("wifi", network.wifi.take().is_some()),
            ("vlan", network.vlan.take().is_some()),
            ("uplink", std::mem::take(&mut network.uplink)),
        ] {
            if given {
                self.left_out(at(field), "it is a wire of its own without a way out");
            }
        }
    }

    /// Names that others would be asked for, and those that are none.
    fn asked_elsewhere(&mut self, name: &Name, network: &mut Network) {
        let Some(dns) = &mut network.dns else { return };
        let at = |field: &str| format!("networks.{name}.{field}");
        let asked = !std::mem::take(&mut dns.forward).is_empty();
        let asked = !std::mem::take(&mut dns.upstream).is_empty() || asked;
        let out = self.of.replica.as_ref().is_some_and(|one| one.uplink);
        match (asked, out) {
            (false, _) => {}
            (true, true) => self.stands_in(
                at("dns.upstream"),
                "the servers that this machine asks",
                "it goes out by this machine",
            ),
            (true, false) => self.left_out(
                at("dns.upstream"),
                "nobody outside is asked for names: there is no way out",
            ),
        }
        let strange = |name: &&String| !is_dns_name(name);
        let names = dns.records.keys().chain([&dns.zone]).filter(strange);
        let names: Vec<&str> = names.map(String::as_str).collect();
        if !names.is_empty() {
            let field = format!("{}: {}", at("dns"), names.join(", "));
            self.left_out(field, "that is no name of DNS");
        }
    }

    /// Keeps what a virtual machine's interface gets by DHCP.
    pub(super) fn keep_reservations(&self, lab: &mut Lab) {
        for (name, node) in &self.of.nodes {
            let mac = node.vm.as_ref().and_then(|vm| vm.mac);
            let (Some(mac), Some(address)) = (mac, self.address(node)) else {
                continue;
            };
            let network = self.of.network_of(address).map(|(name, _)| name);
            let network = network.and_then(|name| lab.networks.get_mut(name));
            if let Some(dhcp) = network.and_then(|network| network.dhcp.as_mut()) {
                let mac = Some(mac);
                let kept = dhcp.reservations.entry(name.clone());
                kept.or_insert(Reservation { address, mac });
            }
        }
    }

    /// Gives the router an address of its own where a node has the gateway's.
    pub(super) fn gateways(&mut self, lab: &mut Lab) {
        let taken: Vec<IpAddr> = lab
            .nodes
            .values()
            .filter_map(|node| lab.node_address(node))
            .collect();
        let names: Vec<Name> = lab.networks.keys().cloned().collect();
        for name in names {
            let Some(network) = lab.networks.get(&name) else {
                continue;
            };
            let gateway = network.router_address();
            let Some(gateway) = gateway.filter(|address| taken.contains(address)) else {
                continue;
            };
            let free = free_address(lab, network.cidr.first());
            if let (Some(free), Some(network)) = (free, lab.networks.get_mut(&name)) {
                network.gateway = Some(model::dual::Dual::one(free));
                let field = format!("networks.{name}.gateway");
                self.stands_in(field, free.to_string(), format!("{gateway} is a node's"));
            }
        }
    }
}
