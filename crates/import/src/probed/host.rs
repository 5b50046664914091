//! Machines as hosts of a lab, and the networks that they are in.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

use ipnet::{IpNet, Ipv4Net};
use model::dual::Dual;
use model::lab::{
    Access, Disk, DiskRole, ETHERNET_MTU, Gpu, Host, HostAddress, Named, Nic, UsbDevice,
};
use model::name::Name;

use super::facts::{InterfaceFacts, Machine};
use crate::draft::Draft;
use crate::names;
use crate::networks::{Interface, Segments};

/// A machine that becomes a host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The host's name.
    pub name: Name,
    /// How Steading reaches it.
    pub access: Access,
    /// What it told.
    pub machine: Machine,
}

/// An address of a machine in a network with others.
#[derive(Debug, Clone, Copy)]
struct Place<'a> {
    interface: &'a InterfaceFacts,
    address: Ipv4Addr,
    range: Ipv4Net,
}

/// Places the machines as hosts, and the networks that they are in.
pub(super) fn place(draft: &mut Draft, found: &[Found]) {
    let mut ranges: Vec<Ipv4Net> = Vec::new();
    let mut segments = Segments::default();
    let mut kept: Vec<Vec<Place<'_>>> = Vec::new();
    let mut owners: BTreeMap<Ipv4Addr, &Name> = BTreeMap::new();
    for one in found {
        let mut places = Vec::new();
        for place in places_of(&one.machine) {
            let Place { address, range, .. } = place;
            let overlap = |other: &&Ipv4Net| {
                **other != range
                    && (other.contains(&range.network()) || range.contains(&other.network()))
            };
            let at = format!("hosts.{}.addresses", one.name);
            if let Some(other) = ranges.iter().find(overlap) {
                let text = format!(
                    "{address}/{} is left out: its network overlaps {other}",
                    range.prefix_len()
                );
                draft.unplaced(&at, text);
                continue;
            }
            if let Some(owner) = owners.insert(address, &one.name) {
                owners.insert(address, owner);
                draft.unplaced(&at, format!("{address} is left out: {owner} has it, too"));
                continue;
            }
            ranges.push(range);
            segments.add(&interface(&one.machine, place));
            segments.cover(IpAddr::V4(address));
            places.push(place);
        }
        kept.push(places);
    }
    segments.place(draft);
    for network in draft.lab.networks.values_mut() {
        network.mtu = network.mtu.filter(|mtu| *mtu != ETHERNET_MTU);
    }
    for (one, places) in found.iter().zip(kept) {
        place_one(draft, one, &places);
    }
}

/// The addresses of a machine that others reach: on interfaces with hardware behind them, on
/// bridges and bonds of those, and where packets to everywhere go.
fn places_of(machine: &Machine) -> Vec<Place<'_>> {
    let everywhere = |name: &str| {
        let mut routes = machine.routes.iter();
        routes.any(|route| route.interface == name && route.to.prefix_len() == 0)
    };
    let outward = |one: &&InterfaceFacts| {
        let over_hardware = machine
            .interfaces
            .iter()
            .any(|part| part.physical && part.master.as_deref() == Some(&one.name));
        let own = one.physical || over_hardware || everywhere(&one.name);
        // What has no hardware address is a tunnel.
        own && one.mac.is_some() && one.master.is_none()
    };
    let place = |address: &Ipv4Addr| {
        let direct = machine
            .routes
            .iter()
            .filter(|route| route.gateway.is_none() && route.to.contains(address))
            // Smaller ones have no room for neighbours, larger ones are no network.
            .filter(|route| (8..=30).contains(&route.to.prefix_len()))
            // Of equal ones the first: the kernel sorts them by their metrics.
            .min_by_key(|route| std::cmp::Reverse(route.to.prefix_len()))?;
        let mut outward = machine.interfaces.iter().filter(outward);
        let own = [direct.to.network(), direct.to.broadcast()].contains(address);
        (!address.is_loopback() && !address.is_link_local() && !own).then_some(())?;
        Some(Place {
            interface: outward.find(|one| one.name == direct.interface)?,
            address: *address,
            range: direct.to,
        })
    };
    machine.addresses.iter().filter_map(place).collect()
}

/// A place in the words of the networks' module.
fn interface(machine: &Machine, place: Place<'_>) -> Interface {
    let name = &place.interface.name;
    let gateways = machine
        .routes
        .iter()
        .filter(|route| route.interface == *name && route.to.prefix_len() == 0)
        .filter_map(|route| route.gateway);
    Interface {
        name: Some(name.clone()),
        mac: place.interface.mac,
        mtu: place.interface.mtu.filter(|mtu| *mtu >= 576),
        addresses: IpNet::new(place.address.into(), place.range.prefix_len())
            .into_iter()
            .collect(),
        gateways: gateways.map(IpAddr::V4).collect(),
        ..Interface::default()
    }
}

fn place_one(draft: &mut Draft, found: &Found, places: &[Place<'_>]) {
    let machine = &found.machine;
    let mut host = Host {
        model: machine.model.clone(),
        arch: machine.arch,
        cpu: Some(machine.cpu),
        memory: Some(machine.memory),
        access: Some(found.access.clone()),
        ..Host::default()
    };
    let mut networks: BTreeMap<&str, Name> = BTreeMap::new();
    for place in places {
        let address = IpAddr::V4(place.address);
        let Some((network, _)) = draft.lab.network_of(address) else {
            continue;
        };
        let network = network.clone();
        // A cable and a radio may lead into the same one.
        let mut direct = machine
            .routes
            .iter()
            .filter(|route| route.gateway.is_none());
        for route in direct.by_ref().filter(|route| route.to == place.range) {
            networks
                .entry(&route.interface)
                .or_insert_with(|| network.clone());
        }
        if host.addresses.contains_key(&network) {
            let at = format!("hosts.{}.addresses", found.name);
            draft.unplaced(&at, format!("a further one in {network}: {address}"));
            continue;
        }
        let fixed = HostAddress::Fixed(Dual::one(address));
        host.addresses.insert(network.clone(), fixed);
        if let Some(network) = draft.lab.networks.get_mut(&network)
            && network.routers().contains(&address)
        {
            network.router = Some(found.name.clone());
        }
    }
    host.nics = nics(machine, &networks);
    hardware(&mut host, machine);
    draft.took(told(found));
    draft.lab.hosts.insert(found.name.clone(), host);
}

/// The interfaces with hardware behind them.
fn nics(machine: &Machine, networks: &BTreeMap<&str, Name>) -> Named<Nic> {
    let mut nics = Named::new();
    for one in machine.interfaces.iter().filter(|one| one.physical) {
        let over = one.master.as_deref().unwrap_or(&one.name);
        let nic = Nic {
            mac: one.mac,
            speed: one.speed,
            network: networks.get(over).cloned(),
            wifi: one.wifi,
        };
        insert(&mut nics, &one.name, "nic", nic);
    }
    nics
}

fn hardware(host: &mut Host, machine: &Machine) {
    for one in &machine.disks {
        let disk = Disk {
            size: Some(one.size),
            kind: one.kind,
            device: None,
            roles: one.system.then_some(DiskRole::System).into_iter().collect(),
        };
        insert(&mut host.disks, &one.name, "disk", disk);
    }
    for vendor in &machine.gpus {
        let gpu = Gpu {
            vendor: *vendor,
            model: None,
        };
        insert(&mut host.gpus, "gpu", "gpu", gpu);
    }
    for one in &machine.usb {
        let device = UsbDevice {
            by: None,
            id: one.id.clone(),
            about: Some(one.product.clone()).filter(|text| !text.is_empty()),
        };
        insert(&mut host.usb, &one.product, "usb", device);
    }
}

/// Inserts under the nearest name that is free.
fn insert<T>(all: &mut Named<T>, wanted: &str, otherwise: &'static str, one: T) {
    let wanted = names::name(wanted).unwrap_or_else(|| names::known(otherwise));
    let name = names::free(&wanted, |name| all.contains_key(name));
    all.insert(name, one);
}

/// A host in one line.
fn told(found: &Found) -> String {
    let machine = &found.machine;
    let count = |number: usize, what: &str| match number {
        0 => String::new(),
        1 => format!(", 1 {what}"),
        number => format!(", {number} {what}s"),
    };
    let physical = machine.interfaces.iter().filter(|one| one.physical);
    format!(
        "hosts.{}: {} processor threads, {} of memory{}{}{}{}",
        found.name,
        machine.cpu,
        machine.memory,
        count(physical.count(), "network interface"),
        count(machine.disks.len(), "disk"),
        count(machine.gpus.len(), "graphics processor"),
        count(machine.usb.len(), "USB device"),
    )
}
