//! What breaks between two moments: quorums and promises.

use std::collections::BTreeSet;

use model::lab::Lab;

use super::Around;
use crate::ids::{ElementId, Id as _, WorkloadId};
use crate::prove::{broken_beside, kept_within, named_event};
use crate::semantics::{Course, Model, what_stands};
use crate::span::Span;
use crate::world::{Element, Failure};

/// Fewer control planes survive no failure: nothing is guarded that cannot stand.
const FEW: usize = 3;

/// A moment: a model, and what is away.
#[derive(Debug, Clone, Copy)]
pub(super) struct State<'a> {
    model: &'a Model,
    away: &'a Failure,
}

impl<'a> State<'a> {
    pub(super) const fn new(model: &'a Model, away: &'a Failure) -> Self {
        Self { model, away }
    }

    /// The clusters that have a quorum.
    fn quorums(&self) -> Vec<bool> {
        what_stands(self.model, self.away, Course::SURE).quorum
    }

    /// How many hosts have something that is away.
    fn hosts(&self) -> usize {
        let world = &self.model.world;
        let host = |element: ElementId| match world.elements[element] {
            Element::Host(host) => Some(host.index()),
            Element::Node(node) => Some(world.nodes[node].host.index()),
            Element::Disk(disk) => Some(world.disks[disk].host.index()),
            Element::Link(_) | Element::Storage(_) => None,
        };
        let hosts = self.away.iter().filter_map(host);
        hosts.collect::<BTreeSet<usize>>().len()
    }
}

/// What stands beside `base` and breaks when that goes, too: quorums and promises, in words.
#[must_use]
pub fn breaks(around: &Around<'_>, base: &Failure, away: &Failure) -> Vec<String> {
    let mut both = base.clone();
    both.add(away);
    let model = around.model;
    between(
        around.lab,
        &State::new(model, base),
        &State::new(model, &both),
    )
}

/// What stands at one moment and not at the other one, in words.
pub(super) fn between(lab: &Lab, before: &State<'_>, after: &State<'_>) -> Vec<String> {
    let mut told = Vec::new();
    let (stood, stands) = (before.quorums(), after.quorums());
    for (id, cluster) in before.model.world.clusters.iter() {
        let guarded = cluster.control_planes.len() >= FEW;
        let stood = stood.get(id.index()) == Some(&true);
        if guarded && stood && stands.get(id.index()) == Some(&false) {
            told.push(format!("the cluster {} has no quorum", cluster.name));
        }
    }
    let (spent_before, spent) = (before.hosts(), after.hosts());
    for promise in &lab.promises {
        let held_not = broken_beside(before.model, promise, before.away, spent_before);
        let mut words = broken_beside(after.model, promise, after.away, spent);
        words.retain(|word| !held_not.contains(word));
        if !words.is_empty() {
            let when = named_event(&promise.when);
            told.push(format!(
                "the promise \"{when}: {}\" does not hold",
                words.join(", ")
            ));
        }
    }
    told
}

/// Promises with a time that hold, and are about something that is away for longer than that.
pub(super) fn too_long(around: &Around<'_>, id: WorkloadId, longest: Span) -> Vec<String> {
    let mut told = Vec::new();
    for promise in &around.lab.promises {
        let Some(within) = promise.within else {
            continue;
        };
        let short = longest.latest > u64::try_from(within.0.as_millis()).unwrap_or(u64::MAX);
        for word in kept_within(around.model, promise, id)
            .into_iter()
            .filter(|_| short)
        {
            let name = &around.model.world.workloads[id].name;
            told.push(format!(
                "the promise \"{}: {word} within {} s\" does not hold: {name} is away for {longest}",
                named_event(&promise.when),
                within.0.as_secs()
            ));
        }
    }
    told
}
