//! One host of a NixOS configuration.

use ipnet::IpNet;
use model::lab::{
    Arch, Disk, DiskRole, Host, HostAddress, Network, Os, Overlay, Release, Tailscale,
};
use model::name::Name;

use super::Machine;
use super::cluster::Member;
use super::scan::Setting;
use crate::draft::Draft;
use crate::networks::{self, Interface};
use crate::{ImportError, blank, names};

/// Places a host; gives what it says of a cluster.
pub(super) fn place(
    draft: &mut Draft,
    machine: &mut Machine,
    interfaces: &[Interface],
) -> Result<Option<Member>, ImportError> {
    let place = format!("{}: networking.hostName", machine.file);
    let name = machine
        .text("networking.hostName")
        .as_deref()
        .and_then(names::name);
    let name = name.ok_or(ImportError::Missing {
        place: place.clone(),
    })?;
    if draft.lab.hosts.contains_key(&name) {
        return Err(ImportError::Twice { place });
    }
    let mut host = Host::default();
    let platform = machine
        .text("nixpkgs.hostPlatform")
        .or_else(|| machine.text("nixpkgs.hostPlatform.system"));
    match platform.as_deref() {
        Some(text) if text.starts_with("aarch64") => host.arch = Arch::Arm64,
        Some(_) => {}
        None => draft.derived(format!(
            "amd64 for {name}: no nixpkgs.hostPlatform is written"
        )),
    }
    if let Some(release) = machine.text("system.stateVersion") {
        draft.derived(format!(
            "NixOS {release} on {name}: its system.stateVersion, which is the release that it was installed with; write the one that runs"
        ));
        host.os = Some(Os::Nixos(Release { release }));
    }
    ports(machine, &mut host);
    disks(machine, &mut host);
    addresses(draft, &name, &mut host, interfaces);
    if machine.on("services.tailscale.enable") {
        tailnet(draft, &name, &mut host);
    }
    draft.took(format!("the host {name}, {}", machine.file));
    draft.lab.hosts.insert(name.clone(), host);
    Ok(super::cluster::member(machine, name))
}

fn ports(machine: &mut Machine, host: &mut Host) {
    let mut open = Vec::new();
    for (setting, word) in [("allowedTCPPorts", "tcp"), ("allowedUDPPorts", "udp")] {
        let ports = machine.take(&format!("networking.firewall.{setting}"));
        for port in ports.and_then(|ports| ports.texts()).unwrap_or_default() {
            if let Ok(port) = port.parse::<u16>() {
                open.push(format!("{word}/{port}"));
            }
        }
    }
    // NixOS' firewall is on unless it is switched off.
    let off = machine.text("networking.firewall.enable").as_deref() == Some("false");
    host.open_ports = (!off && !open.is_empty()).then_some(open);
}

fn disks(machine: &mut Machine, host: &mut Host) {
    for (mount, setting) in machine.between(&["fileSystems"], &["device"]) {
        let Some(device) = setting.text().filter(|_| mount == "/") else {
            continue;
        };
        let disk = Disk {
            device: Some(device.to_owned()),
            roles: vec![DiskRole::System],
            ..Disk::default()
        };
        host.disks.insert(names::known("system"), disk);
    }
}

/// The interfaces that a machine's settings name.
pub(super) fn interfaces(machine: &mut Machine) -> Vec<Interface> {
    let mut all: Vec<Interface> = Vec::new();
    for family in ["ipv4", "ipv6"] {
        for (name, setting) in
            machine.between(&["networking", "interfaces"], &[family, "addresses"])
        {
            let known = all
                .iter()
                .position(|one| one.name.as_deref() == Some(&name));
            let at = known.unwrap_or_else(|| {
                all.push(Interface {
                    name: Some(name),
                    ..Interface::default()
                });
                all.len() - 1
            });
            if let Some(interface) = all.get_mut(at) {
                interface
                    .addresses
                    .extend(setting.sets().iter().filter_map(|set| address(set)));
            }
        }
    }
    for (name, setting) in machine.between(&["networking", "interfaces"], &["mtu"]) {
        let mtu = setting.text().and_then(|text| text.parse().ok());
        for interface in all
            .iter_mut()
            .filter(|one| one.name.as_deref() == Some(&name))
        {
            interface.mtu = mtu;
        }
    }
    for path in [
        "networking.defaultGateway",
        "networking.defaultGateway.address",
        "networking.defaultGateway6.address",
    ] {
        let gateway: Option<std::net::IpAddr> =
            machine.text(path).and_then(|text| text.parse().ok());
        for interface in &mut all {
            interface.gateways.extend(gateway);
        }
    }
    all
}

fn address(set: &[Setting]) -> Option<IpNet> {
    let text = |path: &str| set.iter().find(|one| one.dotted() == path)?.text();
    IpNet::new(
        text("address")?.parse().ok()?,
        text("prefixLength")?.parse().ok()?,
    )
    .ok()
}

fn addresses(draft: &mut Draft, name: &Name, host: &mut Host, interfaces: &[Interface]) {
    let all: Vec<_> = interfaces
        .iter()
        .flat_map(|one| &one.addresses)
        .map(IpNet::addr)
        .collect();
    let found = networks::addresses(draft, None, &all);
    for (network, addresses) in found.further {
        host.addresses
            .insert(network, HostAddress::Fixed(addresses));
    }
    for address in found.beyond {
        draft.unplaced(
            &format!("{name}: addresses"),
            format!("a further address: {address}"),
        );
    }
    for interface in interfaces {
        if let Some(nic) = interface.name.as_deref().and_then(names::name) {
            let first = interface.addresses.first().map(IpNet::addr);
            let network = first
                .and_then(|a| draft.lab.network_of(a))
                .map(|(name, _)| name.clone());
            host.nics.insert(
                nic,
                model::lab::Nic {
                    network,
                    ..model::lab::Nic::default()
                },
            );
        }
    }
}

/// A member of a tailnet, whose range is always the same (RFC 6598, and Tailscale's own ULA).
fn tailnet(draft: &mut Draft, name: &Name, host: &mut Host) {
    let tailnet = names::known("tailnet");
    if !draft.lab.networks.contains_key(&tailnet) {
        let ranges: Vec<IpNet> = ["100.64.0.0/10", "fd7a:115c:a1e0::/48"]
            .iter()
            .filter_map(|text| text.parse().ok())
            .collect();
        let Some(cidr) = networks::dual(&ranges) else {
            return;
        };
        draft.derived(
            "networks.tailnet: Tailscale's own ranges, as services.tailscale.enable is set",
        );
        draft.lab.networks.insert(
            tailnet.clone(),
            Network {
                overlay: Some(Overlay::Tailscale(Tailscale::default())),
                ..blank::network(cidr)
            },
        );
    }
    draft.took(format!("{name} is in the tailnet"));
    host.addresses
        .insert(tailnet, HostAddress::Dhcp(model::lab::DhcpWord::Dhcp));
}
