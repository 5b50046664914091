//! Which nodes a pod may run on, room and other pods aside: labels, taints, devices.

use std::collections::BTreeMap;

use model::lab::{App, Lab, Node, Taint, TaintEffect};
use model::name::Name;

use crate::bits::Bits;
use crate::ids::NodeId;
use crate::world::World;
use crate::world::selectors::{Labels, Requirement, all_hold};

/// What a pod wants of its node, and what it bears.
#[derive(Debug, Clone, Default)]
pub struct Wish {
    /// Only these nodes.
    pub nodes: Option<Vec<Name>>,
    /// Nodes that its volumes reach; each set must hold.
    pub held: Vec<Vec<Name>>,
    /// All of these labels.
    pub labels: BTreeMap<String, String>,
    /// One of these sets of labels, if there are any.
    pub any_of: Vec<BTreeMap<String, String>>,
    /// One of these terms of node affinity; `None`: it has none.
    pub terms: Option<Vec<Term>>,
    /// Nodes of hosts that come and go: `false` rules them out, `true` bears their taints.
    pub volatile: Option<bool>,
    /// Devices as host and device.
    pub devices: Vec<(String, String)>,
    /// Taints that it bears.
    pub tolerates: Vec<Toleration>,
    /// It bears the taint of control planes.
    pub tolerates_control_planes: bool,
    /// It bears every taint.
    pub tolerates_all: bool,
}

/// A term of node affinity.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Term {
    /// What the node's labels must be.
    pub labels: Vec<Requirement>,
    /// What its name must be, as the label `metadata.name`.
    pub name: Vec<Requirement>,
}

/// A toleration of a pod.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Toleration {
    /// The taint's key; `None`: any.
    pub key: Option<String>,
    /// The taint's value; `None`: any.
    pub value: Option<String>,
    /// The taint's effect; `None`: any.
    pub effect: Option<TaintEffect>,
}

impl Toleration {
    /// Whether it bears a taint.
    #[must_use]
    pub fn bears(&self, key: &str, value: &str, effect: TaintEffect) -> bool {
        self.key.as_ref().is_none_or(|own| own == key)
            && self.value.as_ref().is_none_or(|own| own == value)
            && self.effect.is_none_or(|own| own == effect)
    }
}

impl Wish {
    /// Takes over what the lab file says of an app.
    pub fn take(&mut self, app: &App) {
        if let Some(placement) = &app.placement {
            if !placement.nodes.is_empty() {
                self.nodes = Some(placement.nodes.clone());
            }
            self.labels.extend(placement.labels.clone());
            self.any_of.extend(placement.any_of.clone());
            self.volatile = placement.volatile;
        }
        let devices = app
            .devices
            .iter()
            .filter_map(|device| device.split_once('.'));
        self.devices
            .extend(devices.map(|(host, device)| (host.to_owned(), device.to_owned())));
    }

    /// All but taints: what a pod wants.
    fn wants(&self, lab: &Lab, name: &Name, node: &Node, own: &Labels) -> bool {
        if self.nodes.as_ref().is_some_and(|only| !only.contains(name)) {
            return false;
        }
        let all = |wanted: &BTreeMap<String, String>| {
            let mut wanted = wanted.iter();
            wanted.all(|(key, value)| own.get(key) == Some(value))
        };
        if !all(&self.labels) || !self.any_of.is_empty() && !self.any_of.iter().any(all) {
            return false;
        }
        if let Some(terms) = &self.terms
            && !terms.iter().any(|term| term.fits(name, own))
        {
            return false;
        }
        let volatile = comes_and_goes(lab, node);
        if volatile && self.volatile == Some(false) {
            return false;
        }
        let has_device = |(host, device): &(String, String)| {
            node.on.as_str() == host
                && node
                    .vm
                    .as_ref()
                    .is_none_or(|vm| vm.devices.iter().any(|given| given.as_str() == device))
        };
        self.devices.iter().all(has_device)
    }

    fn bears(&self, lab: &Lab, node: &Node) -> bool {
        let volatile = comes_and_goes(lab, node);
        let taints = catalog::node_taints(lab, node);
        let hard = taints
            .iter()
            .filter(|taint| taint.effect != TaintEffect::PreferNoSchedule);
        hard.into_iter().all(|taint| {
            let named = self
                .tolerates
                .iter()
                .any(|one| one.bears(&taint.key, value(taint), taint.effect));
            let control = taint.key == "node-role.kubernetes.io/control-plane";
            self.tolerates_all
                || named
                || control && self.tolerates_control_planes
                || !control && volatile && self.volatile == Some(true)
        })
    }
}

impl Term {
    /// A term that says nothing fits no node.
    fn fits(&self, name: &Name, labels: &Labels) -> bool {
        let named = Labels::from([("metadata.name".to_owned(), name.to_string())]);
        (!self.labels.is_empty() || !self.name.is_empty())
            && all_hold(&self.labels, labels)
            && all_hold(&self.name, &named)
    }
}

fn value(taint: &Taint) -> &str {
    taint.value.as_deref().unwrap_or_default()
}

fn comes_and_goes(lab: &Lab, node: &Node) -> bool {
    lab.host_of(node)
        .is_some_and(|host| host.availability.may_be_off())
}

/// A node's labels, with those that kubelet sets.
#[must_use]
pub fn labels(lab: &Lab, name: &Name, node: &Node) -> Labels {
    let arch = match lab.host_of(node).map(|host| host.arch) {
        Some(model::lab::Arch::Arm64) => "arm64",
        Some(model::lab::Arch::Amd64) | None => "amd64",
    };
    let mut all = node.labels.clone();
    for (key, value) in [
        (HOSTNAME, name.as_str()),
        ("kubernetes.io/arch", arch),
        ("kubernetes.io/os", "linux"),
    ] {
        all.insert(key.to_owned(), value.to_owned());
    }
    all
}

/// The label with a node's own name.
pub const HOSTNAME: &str = "kubernetes.io/hostname";

/// Nodes of a cluster that a pod may run on.
#[derive(Debug, Clone)]
pub struct Eligible {
    /// Those that it wants, whatever their taints.
    pub wanted: Bits<NodeId>,
    /// Those whose taints it bears.
    pub borne: Bits<NodeId>,
    /// Those that are both, and that its volumes reach.
    pub nodes: Bits<NodeId>,
}

/// The nodes of a cluster that a pod may run on.
#[must_use]
pub fn eligible(lab: &Lab, world: &World, cluster: &Name, wish: &Wish) -> Eligible {
    let by_name: BTreeMap<&str, NodeId> = world
        .nodes
        .iter()
        .map(|(id, node)| (node.name.as_str(), id))
        .collect();
    let mut wanted = Bits::none(world.nodes.len());
    let mut borne = Bits::none(world.nodes.len());
    for (name, node) in lab.nodes_of(cluster) {
        let Some(&id) = by_name.get(name.as_str()) else {
            continue;
        };
        if wish.wants(lab, name, node, &world.nodes[id].labels) {
            wanted.insert(id);
        }
        if wish.bears(lab, node) {
            borne.insert(id);
        }
    }
    let mut nodes = wanted.clone();
    nodes.keep(&borne);
    for held in &wish.held {
        let reached = held
            .iter()
            .filter_map(|name| by_name.get(name.as_str()).copied());
        nodes.keep(&Bits::of(world.nodes.len(), reached));
    }
    Eligible {
        wanted,
        borne,
        nodes,
    }
}
