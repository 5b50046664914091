//! What a picture of a lab shows, and what belongs to what; not yet where.

mod parts;
mod words;

use model::lab::Lab;
use serde::Serialize;
use whatif::ids::ElementId;
use whatif::semantics::Model;

/// All that is drawn of a lab.
#[derive(Debug, Clone, Default, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Scene {
    /// The lab's name.
    pub lab: String,
    /// Everything that is drawn, by its position here.
    pub parts: Vec<Part>,
    /// Places with their hosts.
    pub sites: Vec<Site>,
    /// Networks with their hosts.
    pub networks: Vec<Network>,
    /// Storages, as parts.
    pub storages: Vec<usize>,
    /// Clusters with what runs in them.
    pub clusters: Vec<Cluster>,
}

/// Something that is drawn by itself.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Part {
    /// What it is.
    pub kind: Kind,
    /// Its name.
    pub name: String,
    /// What more there is to say of it, in a line.
    pub about: String,
    /// What of the failure model it shows.
    #[serde(skip)]
    pub of: Of,
}

/// What a part is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A machine.
    Host,
    /// A disk of a machine.
    Disk,
    /// A Kubernetes node.
    Node,
    /// A network.
    Network,
    /// A network made of links between its members.
    Overlay,
    /// A way to the internet.
    Uplink,
    /// A storage.
    Storage,
    /// What a cluster offers as a whole: API, names, addresses.
    Service,
    /// A component, or what the distribution brings.
    Component,
    /// An app.
    App,
}

impl Kind {
    /// The word for it, also the class in drawings.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Host => "host",
            Self::Disk => "disk",
            Self::Node => "node",
            Self::Network => "network",
            Self::Overlay => "overlay",
            Self::Uplink => "uplink",
            Self::Storage => "storage",
            Self::Service => "service",
            Self::Component => "component",
            Self::App => "app",
        }
    }
}

/// What of the failure model a part shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Of {
    /// Something that can fail by itself, and a thing that stands on it by its name.
    Element(ElementId, Option<String>),
    /// Things that answers tell of, by their names; the worst of them counts.
    Things(Vec<String>),
}

/// A place.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Site {
    /// Its name; `None`: the lab tells of no place.
    pub name: Option<String>,
    /// Its way to the internet, where no host is in that network.
    pub uplink: Option<usize>,
    /// Its hosts.
    pub hosts: Vec<Host>,
}

/// A machine.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Host {
    /// It itself.
    pub part: usize,
    /// When it is on, where that is not always.
    pub on: Option<String>,
    /// Model and size.
    pub lines: Vec<String>,
    /// Its disks.
    pub disks: Vec<usize>,
    /// Its nodes.
    pub nodes: Vec<Node>,
}

/// A node.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Node {
    /// It itself.
    pub part: usize,
    /// Role and size.
    pub line: String,
    /// What runs on it for certain.
    pub pods: Vec<usize>,
}

/// A network.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Network {
    /// It itself.
    pub part: usize,
    /// Range, or what it is.
    pub line: String,
    /// Its hosts, as parts.
    pub hosts: Vec<usize>,
}

/// A cluster.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Cluster {
    /// Its name and what it is of.
    pub title: String,
    /// Rows of chips, each with its heading.
    pub rows: Vec<(&'static str, Vec<usize>)>,
}

impl Scene {
    /// What a picture of that lab shows.
    #[must_use]
    pub fn of(lab: &Lab, model: &Model) -> Self {
        parts::scene(lab, model)
    }

    pub(crate) fn push(&mut self, kind: Kind, name: String, about: String, of: Of) -> usize {
        self.parts.push(Part {
            kind,
            name,
            about,
            of,
        });
        self.parts.len() - 1
    }

    /// A part by its position.
    pub(crate) fn part(&self, at: usize) -> &Part {
        &self.parts[at]
    }
}
