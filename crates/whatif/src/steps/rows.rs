//! Steps one after the other that could run at once.

use std::collections::{BTreeMap, BTreeSet};

use model::plan::Plan;
use model::resource::Address;

/// The plan with groups of steps in a row: each begins when the one before has succeeded. `None`
/// where what they need anyway forbids that.
pub(super) fn in_a_row(plan: &Plan, groups: &[&[usize]]) -> Option<Plan> {
    let address = |at: usize| plan.steps.get(at).map(|step| step.address.clone());
    let mut plan_in_rows = plan.clone();
    for pair in groups.windows(2) {
        let [before, after] = pair else {
            continue;
        };
        let (last, first) = (before.last()?, after.first()?);
        let last = address(*last)?;
        let step = plan_in_rows.steps.get_mut(*first)?;
        step.needs.insert(last);
    }
    sorted(plan_in_rows)
}

/// The plan with steps that begin only when these have succeeded, too. `None`: there is a circle.
pub(super) fn after(plan: &Plan, later: &[usize], needs: &BTreeSet<Address>) -> Option<Plan> {
    let mut plan = plan.clone();
    for at in later {
        let step = plan.steps.get_mut(*at)?;
        step.needs.extend(needs.iter().cloned());
    }
    sorted(plan)
}

/// The same plan, so that every step comes after all that it needs, otherwise in its old order;
/// `None`: there is a circle.
fn sorted(mut plan: Plan) -> Option<Plan> {
    let own: BTreeSet<Address> = plan.steps.iter().map(|one| one.address.clone()).collect();
    let mut waiting: BTreeMap<usize, _> = plan.steps.drain(..).enumerate().collect();
    let mut done: BTreeSet<Address> = BTreeSet::new();
    while !waiting.is_empty() {
        let ready = waiting.iter().find(|(_, step)| {
            let mut needs = step.needs.iter();
            needs.all(|need| done.contains(need) || !own.contains(need))
        });
        let at = ready.map(|(at, _)| *at)?;
        let step = waiting.remove(&at)?;
        done.insert(step.address.clone());
        plan.steps.push(step);
    }
    Some(plan)
}
