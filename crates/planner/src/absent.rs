//! Hosts that are off: a state, not a failure.
//!
//! Nothing is planned on a host that is off for certain; what is due there waits until it is back.
//! Its nodes are fenced, so that what runs on them may move, as long as their cluster can be asked.
//! A host that only does not answer is not off: of it nothing is assumed.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use model::inventory::{Inventory, Presence};
use model::lab::Role;
use model::name::Name;
use model::resource::{Address, Fence, Kind, Resource, Spec};

use crate::Draft;

/// The hosts that are off, and what of the wanted things is on them.
pub(crate) struct Off<'a> {
    /// How each was switched off.
    hosts: BTreeMap<&'a Name, &'a str>,
    /// Nodes, by name, with their hosts.
    nodes: BTreeMap<&'a Name, &'a Name>,
}

impl<'a> Off<'a> {
    pub(crate) fn of(resources: &'a [Resource], inventory: &'a Inventory) -> Self {
        let hosts: BTreeMap<&Name, &str> = inventory
            .things
            .iter()
            .filter_map(|(address, seen)| match &seen.presence {
                Presence::Off { how, .. } => Some((&address.name, how.as_str())),
                _ => None,
            })
            .collect();
        let nodes = resources
            .iter()
            .filter_map(|resource| match &resource.spec {
                Spec::Machine(machine) if hosts.contains_key(&machine.host) => {
                    Some((&resource.address.name, &machine.host))
                }
                _ => None,
            })
            .collect();
        Self { hosts, nodes }
    }

    /// What is wanted while these hosts are off.
    pub(crate) fn adapt(
        &self,
        resources: &'a [Resource],
        inventory: &Inventory,
    ) -> Cow<'a, [Resource]> {
        if self.hosts.is_empty() {
            return Cow::Borrowed(resources);
        }
        let mut adapted = resources.to_vec();
        for resource in &mut adapted {
            if let Spec::Connectivity(proof) = &mut resource.spec {
                proof.nodes.retain(|node| !self.nodes.contains_key(node));
            }
        }
        adapted.extend(self.fences(resources, inventory));
        Cow::Owned(adapted)
    }

    /// The fences around nodes of hosts that are off.
    fn fences(&self, resources: &[Resource], inventory: &Inventory) -> Vec<Resource> {
        let answering = answering(resources, inventory);
        resources
            .iter()
            .filter_map(|resource| {
                let host = self.nodes.get(&resource.address.name)?;
                let Spec::Member(member) = &resource.spec else {
                    return None;
                };
                answering.contains(&member.cluster).then(|| Resource {
                    address: Address::new(Kind::Fence, resource.address.name.clone()),
                    spec: Spec::Fence(Fence {
                        cluster: member.cluster.clone(),
                        host: (*host).clone(),
                    }),
                    needs: BTreeSet::new(),
                })
            })
            .collect()
    }

    /// Whether a thing is on one of these hosts.
    pub(crate) fn holds(&self, address: &Address) -> bool {
        matches!(address.kind, Kind::Machine | Kind::Member)
            && self.nodes.contains_key(&address.name)
    }

    /// Says which hosts are off, and what of `later` is due once they are back.
    pub(crate) fn tell(&self, later: &Draft, draft: &mut Draft) {
        for (host, how) in &self.hosts {
            let due: Vec<String> = later
                .decisions
                .iter()
                .filter(|(address, decision)| {
                    decision.declared() && self.nodes.get(&address.name) == Some(host)
                })
                .map(|(address, _)| address.to_string())
                .collect();
            let text = match due.as_slice() {
                [] => format!("off: {how}"),
                due => format!("off: {how}; when it is back: {}", due.join(", ")),
            };
            let address = Address::new(Kind::Host, (*host).clone());
            draft.note(&address, text, false);
        }
    }
}

/// The clusters whose API surely answers: a control plane of each is well.
fn answering<'a>(resources: &'a [Resource], inventory: &Inventory) -> BTreeSet<&'a Name> {
    resources
        .iter()
        .filter_map(|resource| match &resource.spec {
            Spec::Member(member) if member.role == Role::ControlPlane => {
                let seen = inventory.things.get(&resource.address)?;
                let ours = matches!(seen.presence, Presence::Ours { .. });
                (ours && seen.faults.is_empty()).then_some(&member.cluster)
            }
            _ => None,
        })
        .collect()
}

#[cfg(test)]
mod tests;
