//! The failure model: what stays, moves, waits or is lost when something goes, after how long and
//! why; and the proof of what a lab promises.
//!
//! ```text
//!  lab file ─► World ─► Model ─┬─► ask(scenario) ─► Answer: verdicts and a timeline
//!  (inventory)                 └─► prove(promises) ─► Proof: verdicts and cut sets
//! ```
//!
//! A [`world::World`] holds a lab as arrays. [`semantics`] says, once, what stands in the end when
//! a set of things has failed; it is computed with truth values for one failure, and with gates
//! for all of them at once. [`timeline`] adds the times, out of the [`rules`]. What is not modelled
//! is unknown, never up. Pure: no I/O, no clock, no environment; what is asked again and again
//! allocates nothing.

pub mod bits;
pub mod events;
mod fields;
pub mod ids;
pub mod place;
pub mod prove;
pub mod rehearsal;
pub mod rules;
pub mod search;
pub mod semantics;
pub mod span;
pub mod steps;
pub mod timeline;
pub mod world;
