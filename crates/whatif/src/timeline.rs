//! Answers with times: what happens to each thing, when, and by which rule.

mod after;
mod causes;
mod comeback;
mod course;
mod entries;
mod fate;
mod placement;
mod pods;
mod report;
mod shared;
mod words;

pub use course::Asker;
pub use entries::{Entry, What};
pub use fate::{Away, Cause, Fate, Thing, Verdict};
pub use placement::{Placement, placement};
pub use report::{Counted, Line, Moment, Report};
pub use words::NOT_READY;

/// The name of a thing.
#[must_use]
pub fn name(world: &crate::world::World, thing: Thing) -> String {
    words::thing(world, thing)
}
