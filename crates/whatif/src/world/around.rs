//! Sites, hosts, disks and networks of a lab.

use model::lab::{DiskRole, HostAddress, Lab, Network, Overlay, Service};
use model::name::Name;

use super::names::Index;
use super::{Disk, Host, Link, Site, World};
use crate::bits::Bits;
use crate::ids::{HostId, Id as _, LinkId, SiteId};
use crate::span::Ms;

impl World {
    pub(super) fn add_around(&mut self, lab: &Lab, index: &mut Index) {
        // Numbers first: things name each other in circles.
        for (at, name) in lab.sites.keys().enumerate() {
            index.sites.insert(name.clone(), SiteId::at(at));
        }
        for (at, name) in lab.hosts.keys().enumerate() {
            index.hosts.insert(name.clone(), HostId::at(at));
        }
        for (at, name) in lab.networks.keys().enumerate() {
            index.links.insert(name.clone(), LinkId::at(at));
        }
        self.add_links(lab, index);
        self.add_sites(lab, index);
        self.add_hosts_of(lab, index);
    }

    fn add_links(&mut self, lab: &Lab, index: &Index) {
        let host = |name: Option<&Name>| name.and_then(|name| index.hosts.get(name)).copied();
        for (name, network) in &lab.networks {
            let dns = network.dns.as_ref();
            self.links.push(Link {
                name: name.to_string(),
                over: network
                    .over
                    .as_ref()
                    .and_then(|over| index.links.get(over))
                    .copied(),
                router: needed_router(network).and_then(|name| host(Some(name))),
                control: match &network.overlay {
                    Some(Overlay::Headscale(headscale)) => host(headscale.on.as_ref()),
                    Some(Overlay::Wireguard(wireguard)) => host(wireguard.server.as_ref()),
                    Some(Overlay::Tailscale(_) | Overlay::Tunnel(_)) | None => None,
                },
                overlay: network.overlay.is_some(),
                dns: dns.and_then(|dns| host(dns.server.as_ref().or(network.router.as_ref()))),
                zone: dns.map(|dns| dns.zone.clone()),
            });
        }
    }

    fn add_sites(&mut self, lab: &Lab, index: &Index) {
        for (name, site) in &lab.sites {
            let top = outermost(lab, name);
            let is_in = |host: &model::lab::Host| {
                host.site.as_ref().is_some_and(|at| lies_in(lab, at, name))
            };
            let hosts = lab.hosts.iter().filter(|(_, host)| is_in(host));
            let hosts = hosts.filter_map(|(name, _)| index.hosts.get(name)).copied();
            self.sites.push(Site {
                name: name.to_string(),
                top: index
                    .sites
                    .get(top)
                    .copied()
                    .unwrap_or_else(|| SiteId::at(0)),
                hosts: Bits::of(lab.hosts.len(), hosts),
                uplink: None,
                ups: site
                    .ups
                    .map(|ups| Ms::try_from(ups.0.as_millis()).unwrap_or(Ms::MAX)),
            });
        }
        for site in self.sites.ids() {
            if self.sites[site].top == site {
                let uplink = self.uplink_of(lab, site);
                self.sites[site].uplink = Some(uplink);
            }
        }
        for site in self.sites.ids() {
            self.sites[site].uplink = self.sites[self.sites[site].top].uplink;
        }
    }

    /// The uplink of an outermost site: a network that says so, or one of its own.
    fn uplink_of(&mut self, lab: &Lab, site: SiteId) -> LinkId {
        let name = &self.sites[site].name;
        let inside = |network: &Network| {
            network
                .site
                .as_ref()
                .is_some_and(|at| outermost(lab, at).as_str() == name)
        };
        let declared = lab
            .networks
            .values()
            .position(|network| network.uplink && inside(network));
        // The machine that routes the site's networks is needed on the way out.
        let router = lab
            .networks
            .values()
            .filter(|network| inside(network))
            .find_map(|network| network.router.clone());
        let router = router.and_then(|router| {
            lab.hosts
                .keys()
                .position(|name| *name == router)
                .map(HostId::at)
        });
        match declared {
            Some(at) => {
                let link = LinkId::at(at);
                if self.links[link].router.is_none() {
                    self.links[link].router = router;
                }
                link
            }
            None => self.links.push(Link {
                name: format!("{name}-uplink"),
                over: None,
                router,
                control: None,
                overlay: false,
                dns: None,
                zone: None,
            }),
        }
    }

    fn add_hosts_of(&mut self, lab: &Lab, index: &mut Index) {
        for (name, host) in &lab.hosts {
            let id = HostId::at(self.hosts.len());
            let mut system = Vec::new();
            for (disk_name, disk) in &host.disks {
                let disk_id = self.disks.push(Disk {
                    name: disk_name.to_string(),
                    host: id,
                });
                index.disks.insert((id, disk_name.clone()), disk_id);
                let only = host.disks.len() == 1 && disk.roles.is_empty();
                if only || disk.roles.contains(&DiskRole::System) {
                    system.push(disk_id);
                }
            }
            if system.len() > 1 {
                self.assume(format!(
                    "the disks with the system of {name} mirror each other"
                ));
            }
            self.hosts.push(Host {
                name: name.to_string(),
                site: host
                    .site
                    .as_ref()
                    .and_then(|site| index.sites.get(site))
                    .copied(),
                availability: host.availability,
                system,
                links: host
                    .addresses
                    .keys()
                    .filter_map(|network| index.links.get(network))
                    .copied()
                    .collect(),
                starts_from: starts_from(lab, host)
                    .into_iter()
                    .filter_map(|other| index.hosts.get(other))
                    .copied()
                    .filter(|other| *other != id)
                    .collect(),
            });
        }
    }
}

/// The host that a network does not work without: the access point of a pure radio network, the
/// server of a star, the end of a tunnel. A wire goes on without its router.
fn needed_router(network: &Network) -> Option<&Name> {
    match &network.overlay {
        Some(Overlay::Wireguard(wireguard)) => wireguard.server.as_ref(),
        Some(Overlay::Tunnel(_)) => network.router.as_ref(),
        Some(Overlay::Tailscale(_) | Overlay::Headscale(_)) => None,
        None => network
            .wifi
            .as_ref()
            .and_then(|wifi| wifi.access_point.as_ref()),
    }
}

/// The hosts that a host's start needs: its address, or its system.
fn starts_from<'a>(lab: &'a Lab, host: &'a model::lab::Host) -> Vec<&'a Name> {
    let mut all = Vec::new();
    for (network, address) in &host.addresses {
        if let (HostAddress::Dhcp(_), Some(network)) = (address, lab.networks.get(network))
            && let Some(dhcp) = &network.dhcp
        {
            all.extend(dhcp.server.as_ref().or(network.router.as_ref()));
        }
    }
    if host.boot == Some(model::lab::Boot::Netboot) {
        let serves = |host: &model::lab::Host| host.runs.contains(&Service::Netboot);
        all.extend(
            lab.hosts
                .iter()
                .filter(|(_, one)| serves(one))
                .map(|(name, _)| name),
        );
        // A machine that boots from the network asks for its address first.
        let dhcp = |host: &model::lab::Host| host.runs.contains(&Service::Dhcp);
        all.extend(
            lab.hosts
                .iter()
                .filter(|(_, one)| dhcp(one))
                .map(|(name, _)| name),
        );
    }
    all
}

fn outermost<'a>(lab: &'a Lab, site: &'a Name) -> &'a Name {
    let mut at = site;
    // A circle of sites is a finding of its own; here it only must end.
    for _ in 0..lab.sites.len() {
        match lab.sites.get(at).and_then(|site| site.within.as_ref()) {
            Some(around) if lab.sites.contains_key(around) => at = around,
            Some(_) | None => break,
        }
    }
    at
}

fn lies_in(lab: &Lab, site: &Name, around: &Name) -> bool {
    let mut at = Some(site);
    for _ in 0..=lab.sites.len() {
        match at {
            Some(here) if here == around => return true,
            Some(here) => at = lab.sites.get(here).and_then(|site| site.within.as_ref()),
            None => return false,
        }
    }
    false
}
