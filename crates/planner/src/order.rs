//! The order of steps.

use std::collections::{BTreeMap, BTreeSet};

use model::inventory::Inventory;
use model::plan::{Action, Step};
use model::resource::{Address, Kind, Resource};

use crate::needs::{self, Needs};
use crate::{Draft, Wanted, quorum};

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

/// The steps in an order in which they may run one by one: first what is made, as it stands on each
/// other, then what is removed, unless something must make room before.
pub(crate) fn steps(
    wanted: &Wanted<'_>,
    inventory: &Inventory,
    guarded: &quorum::Order,
    draft: &mut Draft,
) -> Vec<Step> {
    let position: BTreeMap<&Address, usize> = by_needs(wanted)
        .into_iter()
        .enumerate()
        .map(|(n, address)| (address, n))
        .collect();
    let key = |address: &Address| match draft.action(address) {
        Some(Action::Delete) => (1, needs::removal_rank(address.kind)),
        _ => (0, position.get(address).copied().unwrap_or(usize::MAX)),
    };
    let mut all = needs::of_steps(wanted, inventory, draft);
    guarded.apply(&mut all);
    let mut sorted = Vec::with_capacity(all.len());
    let mut crossed = BTreeSet::new();
    loop {
        sort(&mut all, &mut sorted, key);
        // What still waits holds what another wants that holds what it wants.
        let holders: Vec<_> = all
            .iter()
            .filter(|(_, needs)| !needs.room.is_empty())
            .collect();
        if holders.is_empty() {
            break;
        }
        crossed.extend(holders.into_iter().map(|(address, _)| address.clone()));
        for needs in all.values_mut() {
            needs.room.clear();
        }
    }
    // A circle in the declaration, which `check` refuses.
    sorted.extend(all.into_iter().map(|(address, needs)| (address, needs.all)));
    for address in crossed {
        let text = "it takes an address or port from another that takes one from it in turn, and \
                    they cannot change at the same moment; give one of them an unused one first";
        draft.note(&address, text.to_owned(), true);
    }
    sorted
        .into_iter()
        .filter_map(|(address, needs)| {
            let decision = draft.decisions.remove(&address)?;
            Some(Step {
                address,
                action: decision.action,
                impact: decision.impact,
                reason: decision.reason,
                needs,
                inputs: decision.resource.digest(),
                resource: decision.resource,
            })
        })
        .collect()
}

type Key = (u8, usize);

/// Moves whatever can be sorted from `all` to `sorted`.
fn sort(
    all: &mut BTreeMap<Address, Needs>,
    sorted: &mut Vec<(Address, BTreeSet<Address>)>,
    key: impl Fn(&Address) -> Key,
) {
    let mut waiting: BTreeMap<Address, usize> = BTreeMap::new();
    let mut needed_by: BTreeMap<Address, Vec<Address>> = BTreeMap::new();
    for (address, needs) in &*all {
        let open: BTreeSet<_> = needs
            .all
            .union(&needs.room)
            .filter(|need| all.contains_key(need))
            .collect();
        waiting.insert(address.clone(), open.len());
        for need in open {
            needed_by
                .entry(need.clone())
                .or_default()
                .push(address.clone());
        }
    }
    let mut ready: BTreeSet<(Key, Address)> = waiting
        .iter()
        .filter(|(_, count)| **count == 0)
        .map(|(address, _)| (key(address), address.clone()))
        .collect();
    while let Some((_, address)) = ready.pop_first() {
        for dependent in needed_by.get(&address).into_iter().flatten() {
            if let Some(count) = waiting.get_mut(dependent) {
                *count -= 1;
                if *count == 0 {
                    ready.insert((key(dependent), dependent.clone()));
                }
            }
        }
        if let Some(mut needs) = all.remove(&address) {
            needs.all.append(&mut needs.room);
            sorted.push((address, needs.all));
        }
    }
}
