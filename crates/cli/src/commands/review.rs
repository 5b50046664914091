//! Plans, looked at by the failure model before they are shown: what each step means for what runs,
//! and whether it breaks a quorum or a promise while it runs.

use std::collections::BTreeSet;

use engine::Engine;
use model::inventory::Inventory;
use model::plan::{Generation, Plan};
use model::resource::Address;
use whatif::semantics::Model;
use whatif::steps::{Around, Reviewed, review};
use whatif::world::{Input, World};

use crate::session::{self, Session};

/// What there is to do, looked at.
pub(crate) fn planned(
    session: &Session,
    engine: &Engine<'_>,
    generation: Generation,
    inventory: &Inventory,
    forced: &BTreeSet<Address>,
) -> Reviewed {
    let plan = engine.plan_forced(generation, session.resources(), inventory, forced);
    reviewed(session, plan, inventory, forced)
}

/// A plan, looked at.
pub(crate) fn reviewed(
    session: &Session,
    plan: Plan,
    inventory: &Inventory,
    forced: &BTreeSet<Address>,
) -> Reviewed {
    // Nothing is done; or all of it goes, and that is what was asked for.
    if plan.steps.is_empty() || session.resources().is_empty() {
        return plan.into();
    }
    let manifests = session::objects(&session.checked.root, &session.lab);
    let model = Model::new(World::of(Input {
        lab: &session.lab,
        manifests: &manifests,
    }));
    let around = Around {
        lab: &session.lab,
        manifests: &manifests,
        model: &model,
        inventory,
        forced,
    };
    let past = session.store.past();
    review(&around, plan, &|step| {
        Some(past.usual(&step.address, step.action)?.as_secs())
    })
}
