//! The order of steps.

use std::collections::{BTreeMap, BTreeSet};

use model::plan::{Action, Step};
use model::resource::{Address, Kind, Resource};

use crate::Decision;

/// Kinds in the order in which they are removed. A forward goes after those who reach the API
/// through it.
const REMOVAL: [Kind; 9] = [
    Kind::Connectivity,
    Kind::App,
    Kind::Component,
    Kind::Member,
    Kind::Forward,
    Kind::Machine,
    Kind::Network,
    Kind::Image,
    Kind::Artifact,
];

/// The addresses so that each comes after all that it needs; equal ones by their addresses. Should
/// there be a circle, which `check` refuses, its members come last.
pub(crate) fn by_needs<'a>(wanted: &BTreeMap<&'a Address, &'a Resource>) -> Vec<&'a Address> {
    let mut waiting: BTreeMap<&Address, usize> = BTreeMap::new();
    let mut needed_by: BTreeMap<&Address, Vec<&'a Address>> = BTreeMap::new();
    for (address, resource) in wanted {
        let needs = resource
            .needs
            .iter()
            .filter(|need| wanted.contains_key(need));
        let mut count = 0;
        for need in needs {
            needed_by.entry(need).or_default().push(address);
            count += 1;
        }
        waiting.insert(address, count);
    }
    let mut ready: BTreeSet<(Kind, &'a Address)> = wanted
        .keys()
        .filter(|address| waiting.get(*address) == Some(&0))
        .map(|address| (address.kind, *address))
        .collect();
    let mut sorted = Vec::with_capacity(wanted.len());
    while let Some((_, address)) = ready.pop_first() {
        sorted.push(address);
        for dependent in needed_by.get(address).into_iter().flatten() {
            if let Some(count) = waiting.get_mut(dependent) {
                *count -= 1;
                if *count == 0 {
                    ready.insert((dependent.kind, dependent));
                }
            }
        }
    }
    let done: BTreeSet<&Address> = sorted.iter().copied().collect();
    sorted.extend(
        wanted
            .keys()
            .copied()
            .filter(|address| !done.contains(address)),
    );
    sorted
}

/// The steps in an order in which they may run one by one.
pub(crate) fn steps(
    decisions: BTreeMap<Address, Decision>,
    wanted: &BTreeMap<&Address, &Resource>,
) -> Vec<Step> {
    let addresses: BTreeSet<Address> = decisions.keys().cloned().collect();
    let removed: BTreeSet<Address> = decisions
        .values()
        .filter(|decision| decision.action == Action::Delete)
        .map(|decision| decision.resource.address.clone())
        .collect();
    let position: BTreeMap<&Address, usize> = by_needs(wanted)
        .into_iter()
        .enumerate()
        .map(|(n, address)| (address, n))
        .collect();
    let mut steps: Vec<Step> = decisions
        .into_values()
        .map(|decision| {
            let address = &decision.resource.address;
            let needs = if decision.action == Action::Delete {
                removal_needs(address, &removed)
            } else {
                nearest_needs(&decision.resource, wanted, &addresses)
            };
            Step {
                address: address.clone(),
                action: decision.action,
                impact: decision.impact,
                reason: decision.reason,
                needs,
                inputs: decision.resource.digest(),
                resource: decision.resource,
            }
        })
        .collect();
    steps.sort_by_key(|step| match step.action {
        Action::Delete => (1, removal_rank(step.address.kind), step.address.clone()),
        Action::Create | Action::Update | Action::Replace => (
            0,
            position.get(&step.address).copied().unwrap_or(usize::MAX),
            step.address.clone(),
        ),
    });
    steps
}

fn removal_rank(kind: Kind) -> usize {
    REMOVAL
        .iter()
        .position(|k| *k == kind)
        .unwrap_or(REMOVAL.len())
}

/// A removal waits for those of the nearest kind that goes before it.
fn removal_needs(address: &Address, removed: &BTreeSet<Address>) -> BTreeSet<Address> {
    let rank = removal_rank(address.kind);
    let before = removed
        .iter()
        .map(|other| removal_rank(other.kind))
        .filter(|other| *other < rank)
        .max();
    removed
        .iter()
        .filter(|other| Some(removal_rank(other.kind)) == before)
        .cloned()
        .collect()
}

/// The steps that a thing needs: its needs that have one, and behind those that have none, theirs.
fn nearest_needs(
    resource: &Resource,
    wanted: &BTreeMap<&Address, &Resource>,
    steps: &BTreeSet<Address>,
) -> BTreeSet<Address> {
    let mut found = BTreeSet::new();
    let mut looked = BTreeSet::new();
    let mut open: Vec<&Address> = resource.needs.iter().collect();
    while let Some(address) = open.pop() {
        if !looked.insert(address) {
            continue;
        }
        if steps.contains(address) {
            found.insert(address.clone());
        } else if let Some(need) = wanted.get(address) {
            open.extend(&need.needs);
        }
    }
    found
}
