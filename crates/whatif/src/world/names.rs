//! Finding things of a world by the names that a person gives them.

use std::collections::BTreeMap;

use model::lab::Availability;
use model::name::Name;

use super::{Element, Failure, World};
use crate::ids::{
    ClusterId, DiskId, HostId, LinkId, NodeId, PoolId, SiteId, StorageId, WorkloadId,
};
use crate::span::Ms;

/// Positions by names, while a world is built.
#[derive(Debug, Default)]
pub(super) struct Index {
    pub(super) sites: BTreeMap<Name, SiteId>,
    pub(super) hosts: BTreeMap<Name, HostId>,
    pub(super) disks: BTreeMap<(HostId, Name), DiskId>,
    pub(super) links: BTreeMap<Name, LinkId>,
    pub(super) clusters: BTreeMap<Name, ClusterId>,
    pub(super) nodes: BTreeMap<Name, NodeId>,
    pub(super) storages: BTreeMap<Name, StorageId>,
    /// Classes as `STORAGE.CLASS`.
    pub(super) classes: BTreeMap<String, PoolId>,
    pub(super) default_class: Option<PoolId>,
    pub(super) workloads: BTreeMap<Name, WorkloadId>,
    /// Classes and volumes that objects of the lab make.
    pub(super) offered: super::claims::Offered,
}

/// Why a name of something that goes is nothing in this lab.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "nothing in the lab is called {name:?}: name a host, HOST.DISK, node, site, storage, network, \
     link:NETWORK, link:SITE-uplink, power:SITE, volatile, control-plane, everything or availability=volatile"
)]
pub struct NotFound {
    /// The name.
    pub name: String,
    /// What is called nearly so.
    pub nearest: Option<String>,
}

impl World {
    /// Adds to a failure what a person names.
    ///
    /// # Errors
    /// Where nothing is called so.
    pub fn add_named(&self, name: &str, failure: &mut Failure) -> Result<(), NotFound> {
        let before = failure.clone();
        for part in name
            .split(',')
            .map(str::trim)
            .filter(|part| !part.is_empty())
        {
            self.add_one(part, failure);
            if *failure == before && !self.is_group(part) && self.find(part).is_none() {
                return Err(self.not_found(part));
            }
        }
        Ok(())
    }

    /// How long the things of these names go on without power from outside, where that is what
    /// fails: as long as the site's battery, the shortest of several.
    pub(crate) fn carried(&self, names: &str) -> Option<Ms> {
        let sites = names.split(',').filter_map(|part| {
            let name = part.trim().strip_prefix("power:")?;
            self.sites.iter().find(|(_, site)| site.name == name)
        });
        sites.map(|(_, site)| site.ups.unwrap_or(0)).min()
    }

    fn is_group(&self, name: &str) -> bool {
        matches!(
            name,
            "volatile" | "control-plane" | "everything" | "all" | "always" | "metered"
        ) || name.starts_with("availability=")
    }

    fn add_one(&self, name: &str, failure: &mut Failure) {
        let word = name.strip_prefix("availability=").unwrap_or(name);
        match word {
            "everything" | "all" => self.add_hosts(failure, |_| true),
            "volatile" => self.add_hosts(failure, Availability::may_be_off),
            "metered" => self.add_hosts(failure, |one| *one == Availability::Metered),
            "always" => self.add_hosts(failure, Availability::is_always),
            "control-plane" => {
                for (id, _) in self.nodes.iter().filter(|(_, node)| node.control_plane) {
                    failure.insert(self.element(Element::Node(id)));
                }
            }
            _ => self.add_thing(name, failure),
        }
    }

    fn add_hosts(&self, failure: &mut Failure, wanted: impl Fn(&Availability) -> bool) {
        for (id, host) in self.hosts.iter() {
            if wanted(&host.availability) {
                failure.insert(self.element(Element::Host(id)));
            }
        }
    }

    fn add_thing(&self, name: &str, failure: &mut Failure) {
        match self.find(name) {
            Some(Thing::One(element)) => failure.insert(self.element(element)),
            Some(Thing::Site(site)) => {
                for host in &self.sites[site].hosts {
                    failure.insert(self.element(Element::Host(host)));
                }
            }
            None => {}
        }
    }

    /// What is called so: first hosts, then nodes, sites, storages, networks; disks as `HOST.DISK`.
    fn find(&self, name: &str) -> Option<Thing> {
        if let Some(name) = name.strip_prefix("power:") {
            let found = self.sites.iter().find(|(_, site)| site.name == name);
            return found.map(|(id, _)| Thing::Site(id));
        }
        if let Some(link) = name.strip_prefix("link:") {
            return self.link_called(link).map(Thing::One);
        }
        if let Some((host, disk)) = name.split_once('.') {
            let found = self
                .disks
                .iter()
                .find(|(_, one)| one.name == disk && self.hosts[one.host].name == host);
            return found.map(|(id, _)| Thing::One(Element::Disk(id)));
        }
        let host = self.hosts.iter().find(|(_, host)| host.name == name);
        let node = || self.nodes.iter().find(|(_, node)| node.name == name);
        let site = || self.sites.iter().find(|(_, site)| site.name == name);
        let storage = || {
            self.storages
                .iter()
                .find(|(_, storage)| storage.name == name)
        };
        host.map(|(id, _)| Thing::One(Element::Host(id)))
            .or_else(|| node().map(|(id, _)| Thing::One(Element::Node(id))))
            .or_else(|| site().map(|(id, _)| Thing::Site(id)))
            .or_else(|| storage().map(|(id, _)| Thing::One(Element::Storage(id))))
            .or_else(|| self.link_called(name).map(Thing::One))
    }

    fn link_called(&self, name: &str) -> Option<Element> {
        let found = self.links.iter().find(|(_, link)| link.name == name);
        // A site's uplink may have the name of the network that it is.
        let uplink = || {
            let site = name.strip_suffix("-uplink")?;
            self.sites
                .iter()
                .find(|(_, one)| one.name == site)
                .and_then(|(_, site)| site.uplink)
        };
        found.map(|(id, _)| id).or_else(uplink).map(Element::Link)
    }

    fn not_found(&self, name: &str) -> NotFound {
        let known: Vec<String> = self
            .elements
            .ids()
            .map(|element| self.called(element))
            .chain(self.sites.iter().map(|(_, site)| site.name.clone()))
            .chain(["volatile".to_owned(), "control-plane".to_owned()])
            .collect();
        NotFound {
            name: name.to_owned(),
            nearest: model::read::nearest(name, known.iter().map(String::as_str))
                .map(str::to_owned),
        }
    }
}

enum Thing {
    One(Element),
    Site(SiteId),
}
