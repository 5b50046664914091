//! Resources: the lab, expanded into the single things that drivers make.

mod spec;

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

pub use spec::{
    Artifact, Connectivity, DhcpService, Fence, ForwardTarget, Forwarder, HostLink, HostSpace,
    Member, NodeImage, NodeMachine, NodeNetwork, Objects, Router, RouterLink, SHARED_FOLDER, Spec,
};

use crate::digest::Digest;
use crate::name::Name;

/// What kind of thing a resource is. Each kind belongs to exactly one driver.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A program or set of programs, fetched or built, in the artifact cache.
    Artifact,
    /// The file system that nodes start from.
    Image,
    /// A network among nodes.
    Network,
    /// What leads from one network of a replica to another, and serves them.
    Router,
    /// What stands for a host in a replica.
    Host,
    /// The mark on a node whose host is off for certain.
    Fence,
    /// What a node runs as.
    Machine,
    /// A node's membership in its cluster.
    Member,
    /// A port on this machine that leads into the lab.
    Forward,
    /// A catalog component's Kubernetes objects.
    Component,
    /// An app's Kubernetes objects.
    App,
    /// The proof that pods of all nodes reach each other, Services and names.
    Connectivity,
}

impl Kind {
    /// All kinds, in the order in which a lab is built up.
    pub const ALL: [Self; 12] = [
        Self::Artifact,
        Self::Image,
        Self::Network,
        Self::Router,
        Self::Host,
        Self::Fence,
        Self::Machine,
        Self::Member,
        Self::Forward,
        Self::Component,
        Self::App,
        Self::Connectivity,
    ];

    /// The word for it in addresses.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Artifact => "artifact",
            Self::Image => "image",
            Self::Network => "network",
            Self::Router => "router",
            Self::Host => "host",
            Self::Fence => "fence",
            Self::Machine => "machine",
            Self::Member => "member",
            Self::Forward => "forward",
            Self::Component => "component",
            Self::App => "app",
            Self::Connectivity => "connectivity",
        }
    }
}

/// The address of a resource within its lab, written `kind/name`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address {
    /// The kind.
    pub kind: Kind,
    /// The name, unique within the kind.
    pub name: Name,
}

impl Address {
    /// The address of the thing of that kind and name.
    #[must_use]
    pub const fn new(kind: Kind, name: Name) -> Self {
        Self { kind, name }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{}/{}", self.kind.as_str(), self.name))
    }
}

/// Why a text is not an [`Address`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not an address: write kind/name, such as machine/worker-1")]
pub struct InvalidAddress(String);

impl FromStr for Address {
    type Err = InvalidAddress;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let invalid = || InvalidAddress(text.chars().take(160).collect());
        let (kind, name) = text.split_once('/').ok_or_else(invalid)?;
        let kind = Kind::ALL
            .into_iter()
            .find(|k| k.as_str() == kind)
            .ok_or_else(invalid)?;
        let name = name.parse().map_err(|_| invalid())?;
        Ok(Self { kind, name })
    }
}

impl Serialize for Address {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Address {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

/// One thing that a driver makes, complete: a driver needs nothing but this and the world.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Resource {
    /// Where it stands in the lab.
    pub address: Address,
    /// What it shall be.
    pub spec: Spec,
    /// What must stand before it can be made.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub needs: BTreeSet<Address>,
}

impl Resource {
    /// The digest of what it shall be: written into the thing when it is made, compared when it
    /// is observed.
    #[must_use]
    pub fn digest(&self) -> Digest {
        Digest::of(&self.spec)
    }
}

#[cfg(test)]
mod tests {
    use super::{Address, Kind};

    #[test]
    fn addresses_read_back() {
        for kind in Kind::ALL {
            let address = Address::new(kind, "a-1".parse().unwrap());
            assert_eq!(address.to_string().parse(), Ok(address));
        }
        for bad in [
            "",
            "machine",
            "machine/",
            "machine/A",
            "Machine/a",
            "pod/a",
            "machine/a/b",
        ] {
            assert!(bad.parse::<Address>().is_err(), "{bad:?}");
        }
    }
}
