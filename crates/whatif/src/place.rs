//! Placement (rule 8): which nodes fit, and whether there is room for certain.

pub mod eligible;
pub mod room;
pub mod schedule;
