//! Which plans may run.

use std::collections::BTreeSet;

use driver::Scope;
use model::inventory::Inventory;
use model::plan::{Generation, Plan};
use model::resource::Address;

use crate::EngineError;

/// No more things than this are named; a person reads them.
const NAMED: usize = 6;

/// Refuses a plan that was made elsewhere, for a world that has moved since, or by hand.
pub(crate) fn admit(
    scope: &Scope,
    plan: &Plan,
    now: Generation,
    inventory: &Inventory,
) -> Result<(), EngineError> {
    if plan.format != Plan::FORMAT {
        return Err(EngineError::PlanFormat(plan.format));
    }
    if plan.lab_id != scope.id {
        return Err(EngineError::OtherLab(plan.lab.clone()));
    }
    well_formed(plan)?;
    let now = now.max(inventory.generation());
    if plan.parent != now {
        return Err(EngineError::Outdated {
            planned: plan.parent,
            now,
        });
    }
    if plan.basis != inventory.basis() {
        return Err(EngineError::Moved(moved(plan, inventory)));
    }
    if let Some(note) = plan.notes.iter().find(|note| note.refused) {
        return Err(EngineError::Refused(note.clone()));
    }
    Ok(())
}

/// What was reviewed is what runs: a file that was edited is no plan.
fn well_formed(plan: &Plan) -> Result<(), EngineError> {
    let mut before: BTreeSet<&Address> = BTreeSet::new();
    for step in &plan.steps {
        let why = if step.resource.address != step.address {
            "its resource has another address"
        } else if step.resource.digest() != step.inputs {
            "its digest is not that of its resource"
        } else if !step.needs.iter().all(|need| before.contains(need)) {
            "it needs a step that does not come before it"
        } else if !before.insert(&step.address) {
            "it has a second step"
        } else {
            continue;
        };
        return Err(EngineError::Malformed {
            address: step.address.clone(),
            why,
        });
    }
    Ok(())
}

/// What differs from when the plan was made.
fn moved(plan: &Plan, inventory: &Inventory) -> Vec<String> {
    let now = inventory.states();
    let addresses: BTreeSet<&Address> = plan.seen.keys().chain(now.keys()).collect();
    let gone = "not there".to_owned();
    let mut found: Vec<String> = addresses
        .into_iter()
        .filter_map(|address| {
            let before = plan.seen.get(address).unwrap_or(&gone);
            let now = now.get(address).unwrap_or(&gone);
            (before != now).then(|| format!("{address} was {before} and is {now}"))
        })
        .collect();
    if found.len() > NAMED {
        let more = found.len() - NAMED;
        found.truncate(NAMED);
        found.push(format!("and {more} more"));
    }
    found
}
