//! What tests of several crates share.

pub mod contract;
pub mod host_snapshot;
pub mod hostile;
pub mod large;
pub mod mutate;
