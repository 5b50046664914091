//! The engine: observe, plan, apply.
//!
//! It receives the drivers as an argument and knows none by name; so a run against the real world
//! and one against a simulated world are the same code. It decides nothing: the plan does, and what
//! was reviewed is what runs.

mod admit;
mod apply;
mod error;
mod observe;
mod run_log;

use std::collections::BTreeSet;
use std::sync::mpsc::Sender;

use driver::{Cancel, Precheck, Registry, Scope};
use model::event::Event;
use model::inventory::Inventory;
use model::plan::{Action, Generation, Plan, Step};
use model::resource::{Address, Resource};

pub use apply::Report;
pub use error::EngineError;
pub use run_log::{RunLog, StoredLog};

/// How many steps run at once. Most wait for something else most of the time.
const AT_ONCE: usize = 8;
/// How often healing looks again before it gives up on what does not come right.
const HEAL_ROUNDS: usize = 3;

/// What healing came to.
#[derive(Debug, Clone)]
pub struct Healing {
    /// The last run; empty if there was nothing to do.
    pub report: Report,
    /// What is still to be done: nothing, unless a step failed or what was done does not last.
    pub left: Plan,
}

/// The engine of one lab.
pub struct Engine<'a> {
    /// The lab.
    pub scope: Scope,
    /// What drives it.
    pub registry: &'a Registry,
    /// The run's interruption.
    pub cancel: &'a Cancel,
}

impl Engine<'_> {
    /// Looks at the world: everything wanted, and everything else that is the lab's.
    ///
    /// # Errors
    /// Where a driver could not look at all.
    pub fn observe(&self, resources: &[Resource]) -> Result<Inventory, EngineError> {
        observe::observe(&self.scope, self.registry, resources)
    }

    /// Decides what is to be done. `parent` is the generation as far as it is remembered; things
    /// that tell of a later one know better.
    #[must_use]
    pub fn plan(&self, parent: Generation, resources: &[Resource], inventory: &Inventory) -> Plan {
        self.plan_forced(parent, resources, inventory, &BTreeSet::new())
    }

    /// The same, with steps that are wanted although they risk the quorum.
    #[must_use]
    pub fn plan_forced(
        &self,
        parent: Generation,
        resources: &[Resource],
        inventory: &Inventory,
        forced: &BTreeSet<Address>,
    ) -> Plan {
        planner::plan(&planner::Input {
            forced,
            lab: &self.scope.lab,
            lab_id: self.scope.id,
            parent: parent.max(inventory.generation()),
            resources,
            inventory,
        })
    }

    /// Refuses a plan that was made elsewhere or for a world that has moved since.
    ///
    /// # Errors
    /// Why it cannot be applied.
    pub fn admit(
        &self,
        plan: &Plan,
        now: Generation,
        inventory: &Inventory,
    ) -> Result<(), EngineError> {
        admit::admit(&self.scope, plan, now, inventory)
    }

    /// Asks the drivers of all steps that could begin at once whether they can: what this host
    /// lacks is told before anything is made. What cannot be found out now is found out then.
    ///
    /// # Errors
    /// The first refusal, in the order of the plan.
    pub fn preflight(&self, plan: &Plan) -> Result<(), EngineError> {
        struct Silent;
        impl driver::Progress for Silent {
            fn doing(&self, _: &str) {}
        }
        let context = driver::StepContext {
            scope: &self.scope,
            generation: plan.parent.next(),
            cancel: self.cancel,
            progress: &Silent,
        };
        let first = |step: &&Step| step.needs.is_empty() && step.action != Action::Delete;
        for step in plan.steps.iter().filter(first) {
            let Some(driver) = self.registry.driver(step.address.kind) else {
                continue;
            };
            if let Ok(Precheck::Refused(refusal)) = driver.precheck(step, &context) {
                return Err(EngineError::Preflight {
                    address: step.address.clone(),
                    refusal,
                });
            }
        }
        Ok(())
    }

    /// Carries a plan out. Independent steps go on after a failure; the report names all failures
    /// with their causes.
    ///
    /// # Errors
    /// Where the run could not even begin, or the journal could not be kept: then nothing more is
    /// begun.
    pub fn apply(
        &self,
        plan: &Plan,
        log: &dyn RunLog,
        events: &Sender<Event>,
    ) -> Result<Report, EngineError> {
        apply::apply(self, plan, log, events)
    }

    /// Observes, plans and applies until nothing is left to do, some rounds at most.
    ///
    /// # Errors
    /// As [`Engine::observe`] and [`Engine::apply`]; where the plan is refused.
    pub fn heal(
        &self,
        resources: &[Resource],
        log: &dyn RunLog,
        events: &Sender<Event>,
    ) -> Result<Healing, EngineError> {
        let mut report = Report::default();
        for round in 0.. {
            let inventory = self.observe(resources)?;
            let generation = log.generation()?;
            let left = self.plan(generation, resources, &inventory);
            self.admit(&left, generation, &inventory)?;
            if left.is_empty() || round == HEAL_ROUNDS {
                return Ok(Healing { report, left });
            }
            report = self.apply(&left, log, events)?;
            if !report.succeeded() {
                return Ok(Healing { report, left });
            }
        }
        unreachable!("the last round returns")
    }
}
