//! The planner: what is declared beside what was observed gives what is to be done.
//!
//! ```text
//!  resources ─┐                  ┌─ decide: one decision for each wanted thing, in the order of needs
//!             ├─► Input ──► plan ┤  follow: what stands on a thing made anew
//!  inventory ─┘                  │  demand: artifacts and images, only where a step needs them
//!                                └─ remove: ours and no longer declared ──► order ──► Plan
//! ```
//! It borrows its input and is a pure function of it: the same input gives the same plan.

mod absent;
mod change;
mod decide;
mod kind;
mod needs;
mod order;
mod quorum;
mod remove;

use std::collections::{BTreeMap, BTreeSet};

use model::inventory::Inventory;
use model::name::Name;
use model::plan::{Action, Generation, Impact, LabId, Note, Plan, Reason};
use model::resource::{Address, Resource};

/// What a plan is made from.
#[derive(Debug, Clone, Copy)]
pub struct Input<'a> {
    /// The lab's name.
    pub lab: &'a Name,
    /// The lab's id.
    pub lab_id: LabId,
    /// The generation that the lab has now.
    pub parent: Generation,
    /// All that shall be there. Empty: everything of the lab is removed.
    pub resources: &'a [Resource],
    /// All that is there.
    pub inventory: &'a Inventory,
    /// Steps that the owner wants although they risk the quorum.
    pub forced: &'a BTreeSet<Address>,
}

/// Decides what is to be done.
#[must_use]
pub fn plan(input: &Input<'_>) -> Plan {
    let off = absent::Off::of(input.resources, input.inventory);
    let resources = off.adapt(input.resources, input.inventory);
    let wanted: Wanted<'_> = resources
        .iter()
        .map(|resource| (&resource.address, resource))
        .collect();
    let (mut draft, mut later) = (Draft::default(), Draft::default());
    for address in order::by_needs(&wanted) {
        if let Some(resource) = wanted.get(address) {
            let draft = if off.holds(address) {
                &mut later
            } else {
                &mut draft
            };
            decide::decide(resource, input.inventory, &wanted, draft);
        }
    }
    off.tell(&later, &mut draft);
    decide::demand(&wanted, input.inventory, &mut draft);
    remove::remove(&wanted, input.inventory, &mut draft);
    let guarded = quorum::guard(&wanted, input, &mut draft);
    let steps = order::steps(&wanted, input.inventory, &guarded, &mut draft);
    draft.notes.sort_by(|a, b| a.address.cmp(&b.address));
    Plan {
        format: Plan::FORMAT,
        lab: input.lab.clone(),
        lab_id: input.lab_id,
        parent: input.parent,
        basis: input.inventory.basis(),
        seen: input.inventory.states(),
        steps,
        notes: draft.notes,
    }
}

/// What shall be there, by its address.
type Wanted<'a> = BTreeMap<&'a Address, &'a Resource>;

/// A plan in the making.
#[derive(Debug, Default)]
struct Draft {
    decisions: BTreeMap<Address, Decision>,
    notes: Vec<Note>,
}

/// What was decided about one thing.
#[derive(Debug)]
struct Decision {
    action: Action,
    impact: Impact,
    reason: Reason,
    resource: Resource,
}

impl Decision {
    /// Whether it follows from what is declared, not only from how things are.
    const fn declared(&self) -> bool {
        matches!(self.reason, Reason::Missing | Reason::Changed { .. })
    }
}

impl Draft {
    fn decide(&mut self, resource: &Resource, action: Action, impact: Impact, reason: Reason) {
        self.decisions.insert(
            resource.address.clone(),
            Decision {
                action,
                impact,
                reason,
                resource: resource.clone(),
            },
        );
    }

    fn note(&mut self, address: &Address, text: String, refused: bool) {
        self.notes.push(Note {
            address: address.clone(),
            text,
            refused,
        });
    }

    /// The action on that thing, if there is one.
    fn action(&self, address: &Address) -> Option<Action> {
        self.decisions.get(address).map(|decision| decision.action)
    }
}

#[cfg(test)]
mod tests;
