//! Placement (rule 8): which nodes fit, and whether there is room for certain.

pub mod eligible;
mod others;
mod preempt;
pub mod room;
pub mod schedule;
mod volumes;
