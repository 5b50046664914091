//! Which nodes a pod may run on, room aside: labels, taints, devices.

use std::collections::BTreeMap;

use model::lab::{App, Lab, Node, TaintEffect};
use model::name::Name;

use crate::bits::Bits;
use crate::ids::{Id as _, NodeId};
use crate::world::World;

/// What a pod wants of its node, and what it bears.
#[derive(Debug, Clone, Default)]
pub struct Wish {
    /// Only these nodes.
    pub nodes: Option<Vec<Name>>,
    /// All of these labels.
    pub labels: BTreeMap<String, String>,
    /// One of these sets of labels, if there are any.
    pub any_of: Vec<BTreeMap<String, String>>,
    /// Nodes of hosts that come and go: `false` rules them out, `true` bears their taints.
    pub volatile: Option<bool>,
    /// Devices as host and device.
    pub devices: Vec<(String, String)>,
    /// Taints that it bears: key, and value unless any.
    pub tolerates: Vec<(String, Option<String>)>,
    /// It bears the taint of control planes.
    pub tolerates_control_planes: bool,
    /// It bears every taint.
    pub tolerates_all: bool,
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

    fn fits(&self, lab: &Lab, name: &Name, node: &Node) -> bool {
        if self.nodes.as_ref().is_some_and(|only| !only.contains(name)) {
            return false;
        }
        let host = lab.host_of(node);
        let arch = host.map_or("amd64", |host| match host.arch {
            model::lab::Arch::Amd64 => "amd64",
            model::lab::Arch::Arm64 => "arm64",
        });
        let has = |key: &str, value: &str| match key {
            "kubernetes.io/hostname" => value == name.as_str(),
            "kubernetes.io/arch" => value == arch,
            // Labs have no other nodes.
            "kubernetes.io/os" => value == "linux",
            _ => node.labels.get(key).is_some_and(|is| is == value),
        };
        let all =
            |labels: &BTreeMap<String, String>| labels.iter().all(|(key, value)| has(key, value));
        if !all(&self.labels) || !self.any_of.is_empty() && !self.any_of.iter().any(all) {
            return false;
        }
        let volatile = host.is_some_and(|host| host.availability.may_be_off());
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
        self.devices.iter().all(has_device) && self.bears(lab, node, volatile)
    }

    fn bears(&self, lab: &Lab, node: &Node, volatile: bool) -> bool {
        let taints = catalog::node_taints(lab, node);
        let hard = taints
            .iter()
            .filter(|taint| taint.effect != TaintEffect::PreferNoSchedule);
        hard.into_iter().all(|taint| {
            let named = self.tolerates.iter().any(|(key, value)| {
                *key == taint.key
                    && value
                        .as_ref()
                        .is_none_or(|value| Some(value) == taint.value.as_ref())
            });
            let control = taint.key == "node-role.kubernetes.io/control-plane";
            self.tolerates_all
                || named
                || control && self.tolerates_control_planes
                || !control && volatile && self.volatile == Some(true)
        })
    }
}

/// The nodes of a cluster that a pod may run on.
#[must_use]
pub fn nodes(lab: &Lab, world: &World, cluster: &Name, wish: &Wish) -> Bits<NodeId> {
    let by_name: BTreeMap<&str, NodeId> = world
        .nodes
        .iter()
        .map(|(id, node)| (node.name.as_str(), id))
        .collect();
    let fitting = lab
        .nodes_of(cluster)
        .filter(|(name, node)| wish.fits(lab, name, node));
    let fitting = fitting.filter_map(|(name, _)| by_name.get(name.as_str()).copied());
    let fitting: Vec<NodeId> = fitting.collect();
    debug_assert!(fitting.iter().all(|id| id.index() < world.nodes.len()));
    Bits::of(world.nodes.len(), fitting)
}
