//! What the simulated world consists of, and what stands on what.

use std::collections::{BTreeMap, BTreeSet};

use model::digest::Digest;
use model::name::Name;
use model::plan::{Generation, LabId};
use model::resource::{Address, ForwardTarget, Kind, Member, Spec};

/// Everything there is.
#[derive(Debug, Clone, Default)]
pub(crate) struct State {
    /// The record of each thing, by which it is known.
    pub(crate) records: BTreeMap<Address, Record>,
    /// Processes, folders, links, objects. Nothing keeps two of the same from standing side by
    /// side but the drivers.
    pub(crate) parts: Vec<Part>,
    /// Clusters that have ever been made: their certificate authorities are kept for good.
    pub(crate) known: BTreeSet<(LabId, Name)>,
    /// Members that left their cluster while it could not be asked to move their pods away.
    pub(crate) undrained: BTreeSet<Address>,
}

/// What a thing tells about itself.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Record {
    pub(crate) owner: LabId,
    /// The run that wrote it last.
    pub(crate) generation: Generation,
    pub(crate) spec: Spec,
    /// Written last: `None` is half made.
    pub(crate) digest: Option<Digest>,
    pub(crate) home: Home,
}

/// Something that a thing consists of.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Part {
    pub(crate) owner: LabId,
    pub(crate) address: Address,
    pub(crate) name: &'static str,
    /// Whether it was not cut off while it was made.
    pub(crate) whole: bool,
    pub(crate) home: Home,
    /// What it was made from.
    pub(crate) spec: Spec,
}

/// What something vanishes with.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Home {
    /// The host itself.
    Host,
    /// The disk of that machine.
    Disk(Name),
    /// The store of that cluster, which lies on its first control plane's disk.
    Cluster(Name),
}

/// The world at one moment, to be compared with another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot(Vec<String>);

impl Snapshot {
    /// One line for each record and part.
    #[must_use]
    pub fn lines(&self) -> &[String] {
        &self.0
    }
}

/// Names of parts.
pub(crate) mod part {
    pub(crate) const CONTENT: &str = "content";
    pub(crate) const DISK: &str = "disk";
    pub(crate) const PROCESS: &str = "process";
    pub(crate) const LINK: &str = "link";
    pub(crate) const ETCD: &str = "etcd";
    pub(crate) const NODE: &str = "node";
    pub(crate) const OBJECTS: [&str; 2] = ["object-1", "object-2"];
}

impl State {
    /// Whether a whole part of that name stands.
    pub(crate) fn has(&self, address: &Address, name: &str) -> bool {
        self.part(address, name).is_some_and(|part| part.whole)
    }

    pub(crate) fn part(&self, address: &Address, name: &str) -> Option<&Part> {
        self.parts
            .iter()
            .find(|part| part.address == *address && part.name == name)
    }

    /// Ends all parts of that name, and whatever cannot be without them.
    pub(crate) fn end(&mut self, address: &Address, name: &str) {
        let before = self.parts.len();
        self.parts
            .retain(|part| part.address != *address || part.name != name);
        if self.parts.len() == before {
            return;
        }
        match (address.kind, name) {
            (Kind::Machine, part::PROCESS) => self.end(address, part::LINK),
            (Kind::Machine, part::DISK) => self.leave(&Home::Disk(address.name.clone())),
            (Kind::Network, _) => self.end_links(&address.name),
            (Kind::Member, part::ETCD) => {
                if let Some(cluster) = self.cluster(address) {
                    self.leave(&Home::Cluster(cluster));
                }
            }
            _ => {}
        }
    }

    fn end_links(&mut self, network: &Name) {
        self.parts.retain(|part| {
            part.name != part::LINK
                || !matches!(&part.spec, Spec::Machine(machine) if machine.network == *network)
        });
    }

    /// Everything in a home vanishes with it.
    fn leave(&mut self, home: &Home) {
        let stores: Vec<Name> = self
            .parts
            .iter()
            .filter(|part| part.home == *home && part.name == part::ETCD)
            .filter_map(|part| match &part.spec {
                Spec::Member(member) => Some(member.cluster.clone()),
                _ => None,
            })
            .collect();
        self.parts.retain(|part| part.home != *home);
        self.records.retain(|_, record| record.home != *home);
        for cluster in stores {
            self.leave(&Home::Cluster(cluster));
        }
    }

    fn cluster(&self, member: &Address) -> Option<Name> {
        Some(self.member(member)?.cluster.clone())
    }

    pub(crate) fn member(&self, address: &Address) -> Option<&Member> {
        match &self.records.get(address)?.spec {
            Spec::Member(member) => Some(member),
            _ => None,
        }
    }

    /// Whether a machine runs and reaches its network; why not otherwise.
    pub(crate) fn machine_up(&self, name: &Name) -> Result<(), String> {
        let machine = Address::new(Kind::Machine, name.clone());
        for (part, why) in [
            (part::DISK, "has no disk"),
            (part::PROCESS, "does not run"),
            (part::LINK, "has no link"),
        ] {
            if !self.has(&machine, part) {
                return Err(format!("{machine} {why}"));
            }
        }
        Ok(())
    }

    /// Whether a cluster's API server answers within the lab; why not otherwise.
    pub(crate) fn api(&self, lab: LabId, cluster: &Name) -> Result<(), String> {
        let store = self.parts.iter().find(|part| {
            part.name == part::ETCD
                && part.owner == lab
                && matches!(&part.spec, Spec::Member(member) if member.cluster == *cluster)
        });
        match store {
            Some(store) if store.whole => self.machine_up(&store.address.name),
            Some(_) | None => Err(format!("the store of cluster {cluster} does not exist")),
        }
    }

    /// Whether a cluster's API server answers on this machine; why not otherwise.
    pub(crate) fn reachable(&self, lab: LabId, cluster: &Name) -> Result<(), String> {
        let forward = self.records.iter().find(|(_, record)| {
            record.owner == lab
                && matches!(
                    &record.spec,
                    Spec::Forward(forward) if matches!(
                        &forward.target,
                        ForwardTarget::Api { cluster: other, .. } if other == cluster
                    )
                )
        });
        match forward {
            Some((address, _)) if self.has(address, part::PROCESS) => self.api(lab, cluster),
            Some(_) | None => Err(format!("nothing forwards to the API server of {cluster}")),
        }
    }

    pub(crate) fn snapshot(&self) -> Snapshot {
        let records = self.records.iter().map(|(address, record)| {
            format!(
                "{address} of {}, {:?}, made from {:?}",
                record.owner,
                record.home,
                record.digest.as_ref().map(Digest::short)
            )
        });
        let parts = self.parts.iter().map(|part| {
            format!(
                "{} {} of {}, {:?}, {}",
                part.address,
                part.name,
                part.owner,
                part.home,
                if part.whole { "whole" } else { "cut off" }
            )
        });
        let mut lines: Vec<String> = records.chain(parts).collect();
        lines.sort();
        Snapshot(lines)
    }
}
