//! The contract between the engine and what it drives.
//!
//! A driver looks after all resources of some kinds. The engine calls it from several threads at
//! once, never twice at the same time for the same address. Everything a driver needs for one step
//! is in the step; everything it knows about the world it reads from the world.
//!
//! # Guarantees that every driver gives
//!
//! - **Idempotent.** Any call may be repeated, also after it was cut off anywhere by `kill -9`;
//!   the repetition ends in the same state, with nothing twice and nothing orphaned.
//! - **Owned only.** A thing is changed or deleted only after the lab's id was read back from the
//!   thing itself. Otherwise `precheck` answers [`Precheck::Refused`] and says what it found.
//! - **Complete last.** The digest of the spec ([`model::plan::Step::inputs`]) is written into the
//!   thing as the last effect of `apply`, so that a half-made thing is seen as half made.
//! - **Never backwards.** A thing tells the generation that wrote it (fact `generation`), and
//!   `precheck` refuses a step of an earlier one ([`superseded`]).
//! - **Bounded.** Every wait goes through [`StepContext::wait`]: it has an end, it says what it
//!   waits for and why, and it stops when the run is interrupted.
//! - **Discreet.** No secret in arguments of processes, in events, in errors or in facts.

mod context;
mod error;
mod machines;
mod registry;

use std::collections::BTreeMap;

use model::inventory::Observed;
use model::plan::{Generation, LabId, Step};
use model::resource::{Address, Kind, Resource};

pub use context::{Cancel, Poll, Progress, StepContext};
pub use error::{DriverError, ErrorKind};
pub use machines::{MachineCommand, MachineOutput, Machines};
pub use registry::Registry;

/// The lab that a call is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scope {
    /// The lab's name, for names that people read.
    pub lab: model::name::Name,
    /// The lab's id: the owner tag.
    pub id: LabId,
}

/// What looks after all resources of some kinds.
pub trait Driver: Send + Sync {
    /// The kinds that this driver looks after. No two drivers of a registry share one.
    fn kinds(&self) -> &'static [Kind];

    /// Looks at the world: everything of these kinds that carries the lab's tag, whether it is
    /// wanted or not, and everything that stands in the place of a wanted one.
    ///
    /// Changes nothing. What cannot be looked at is [`Presence::Unseen`] with the reason, not an
    /// error; an error means that nothing could be found out at all. Must not block longer than a
    /// few seconds, whatever state the world is in.
    ///
    /// [`Presence::Unseen`]: model::inventory::Presence::Unseen
    ///
    /// # Errors
    /// Where even the question could not be asked.
    fn observe(
        &self,
        scope: &Scope,
        wanted: &[&Resource],
    ) -> Result<BTreeMap<Address, Observed>, DriverError>;

    /// Looks whether the step can run, before any write.
    ///
    /// # Errors
    /// Where that could not be found out.
    fn precheck(&self, step: &Step, context: &StepContext<'_>) -> Result<Precheck, DriverError>;

    /// Makes, changes, mends or replaces the thing, until it is as `step.resource` says.
    ///
    /// # Errors
    /// Where it could not; the thing is then as it was or half made, and a later call goes on.
    fn apply(&self, step: &Step, context: &StepContext<'_>) -> Result<(), DriverError>;

    /// Deletes the thing and all that belongs to it. A thing that is not there is deleted already.
    ///
    /// # Errors
    /// Where it could not; a later call goes on.
    fn teardown(&self, step: &Step, context: &StepContext<'_>) -> Result<(), DriverError>;
}

/// What [`Driver::precheck`] finds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Precheck {
    /// The thing is as the step wants it.
    Done,
    /// The step can run.
    Ready,
    /// The step must not run.
    Refused(Refusal),
}

/// Refuses a step on a thing that a later generation has written: two copies of a lab's folder do
/// not hold each other's lock, and the older one must not undo what the newer one did.
#[must_use]
pub fn superseded(wrote: Generation, context: &StepContext<'_>) -> Option<Refusal> {
    (wrote > context.generation).then(|| Refusal {
        found: format!(
            "generation {} of the lab wrote it, this run is generation {}",
            wrote.0, context.generation.0
        ),
        hint: "another copy of the lab's folder was applied since; plan again".to_owned(),
    })
}

/// Why a step must not run. The hint says what the user can do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// What was found.
    pub found: String,
    /// What to do.
    pub hint: String,
}
