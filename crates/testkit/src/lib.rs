//! What tests of several crates share.

pub mod host_snapshot;
