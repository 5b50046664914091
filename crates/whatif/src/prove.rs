//! Promises, checked against all failures that they name.

mod circuit;
mod compile;
mod cuts;
mod evidence;
mod promise;
mod sets;
mod symmetry;

pub use circuit::{Builder, Circuit, Gate, GateId};
pub use compile::{Target, compile, compile_beside};
pub use cuts::{Cuts, minimal_cuts};
pub use promise::{Kept, Proof, Proven, Stay, judge, prove};
pub(crate) use promise::{broken_beside, kept_within, named_event};
pub use sets::{Bound, Checked, Searched, check_all, check_all_naively};
pub use symmetry::classes;
