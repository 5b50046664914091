//! A simulated world that implements the driver contract for every kind of resource.
//!
//! Things consist of records and parts, as real ones do of files, processes and objects; parts
//! stand on each other, so that a lost machine takes its membership along and a lost control plane
//! the objects of its cluster. Every effect is a named point at which a [`Script`] can kill the
//! run, let the effect fail, or lose its answer. Nothing sleeps, and no decision depends on how
//! threads happen to be scheduled: faults hang on the names of points.
//!
//! ```text
//!  engine ──► SimDriver ──► Effect ──► World ─► State: records, parts
//!                             ▲           ▲
//!  test ────► Script ─────────┘           └──── outside events: parts end, foreign things appear
//! ```

mod audit;
mod driver;
mod effect;
mod kind;
mod script;
mod state;
mod world;

pub use audit::Problem;
pub use script::{Chaos, Fault, Script};
pub use state::Snapshot;
pub use world::{Killed, World};
