//! The engine against the simulated world: killed, failed, interrupted, raced at every point, and
//! in the end the same world.

#![expect(clippy::unwrap_used, reason = "a test")]

mod chaos;
mod failure;
mod journal;
mod kill;
mod lab;
mod refusal;
mod scenario;
