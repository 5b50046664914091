//! From what must stay to a circuit.

use super::circuit::{Builder, Circuit, GateId};
use crate::ids::{ClusterId, ElementId, Id as _, LinkId, StorageId, WorkloadId};
use crate::semantics::{Algebra, Course, Model, State, evaluate};
use crate::world::Failure;

/// Something that a promise says must stay.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Target {
    /// The API of a cluster.
    Api(ClusterId),
    /// A storage with all its pools.
    Storage(StorageId),
    /// A network.
    Link(LinkId),
    /// The host that answers for names of a network.
    Names(LinkId),
    /// A workload, with all it needs and the way to it.
    Reached(WorkloadId),
    /// A workload, with all it needs.
    Served(WorkloadId),
    /// A workload goes on where it is.
    GoesOn(WorkloadId),
}

/// Whether a target stands, out of what stands.
pub(super) fn stands<A: Algebra>(
    model: &Model,
    target: Target,
    algebra: &mut A,
    state: &State<A::Bit>,
) -> A::Bit {
    match target {
        Target::Api(id) => state.api[id.index()],
        Target::Storage(id) => {
            let mut bit = state.storages[id.index()];
            for pool in &model.world.storages[id].pools {
                bit = algebra.both(bit, state.pools[pool.index()]);
            }
            bit
        }
        Target::Link(id) => state.links[id.index()],
        Target::Names(id) => match model.world.links[id].dns {
            Some(host) => algebra.both(state.hosts[host.index()], state.links[id.index()]),
            None => state.links[id.index()],
        },
        Target::Reached(id) => state.reached[id.index()],
        Target::Served(id) => state.served[id.index()],
        Target::GoesOn(id) => state.goes_on[id.index()],
    }
}

/// The circuit of targets that must all stand, over these elements.
#[must_use]
pub fn compile(
    model: &Model,
    course: Course,
    targets: &[Target],
    elements: &[ElementId],
) -> Circuit {
    compile_beside(model, course, targets, elements, &model.world.no_failure())
}

/// The same, while others are off.
#[must_use]
pub fn compile_beside(
    model: &Model,
    course: Course,
    targets: &[Target],
    elements: &[ElementId],
    off: &Failure,
) -> Circuit {
    let mut builder = Builder::beside(off.clone());
    let mut state: State<GateId> = State::default();
    evaluate(model, course, &mut builder, &mut state);
    let bits: Vec<GateId> = targets
        .iter()
        .map(|target| stands(model, *target, &mut builder, &state))
        .collect();
    let output = builder.at_least(bits.len(), &bits);
    builder.circuit(output, elements)
}
