//! Truth values, for one failure at a time.

use super::{Algebra, Course, Model, State, evaluate};
use crate::bits::Bits;
use crate::ids::{ElementId, NodeId};
use crate::world::Failure;

/// What stands of a model while that is away. Who asks often keeps a [`State`] and calls
/// [`evaluate`] on it: this allocates one each time.
#[must_use]
pub fn what_stands(model: &Model, away: &Failure, course: Course) -> State<bool> {
    let mut joined = Bits::none(model.world.nodes.len());
    let mut state = State::default();
    let mut plain = Plain::new(away, &mut joined);
    evaluate(model, course, &mut plain, &mut state);
    state
}

/// Truth values: one failure, asked directly.
#[derive(Debug)]
pub struct Plain<'a> {
    failure: &'a Failure,
    joined: &'a mut Bits<NodeId>,
}

impl<'a> Plain<'a> {
    /// Notes in `joined` which nodes are there.
    pub fn new(failure: &'a Failure, joined: &'a mut Bits<NodeId>) -> Self {
        joined.clear();
        Self { failure, joined }
    }
}

impl Algebra for Plain<'_> {
    type Bit = bool;

    fn constant(&mut self, value: bool) -> bool {
        value
    }

    fn stands(&mut self, element: ElementId) -> bool {
        !self.failure.has(element)
    }

    fn at_least(&mut self, wanted: usize, of: &[bool]) -> bool {
        of.iter().filter(|bit| **bit).count() >= wanted
    }

    fn weighs(&mut self, wanted: u32, of: &[(bool, u32)]) -> bool {
        let sum: u64 = of
            .iter()
            .filter(|(bit, _)| *bit)
            .map(|(_, weight)| u64::from(*weight))
            .sum();
        sum >= u64::from(wanted)
    }

    fn both(&mut self, one: bool, other: bool) -> bool {
        one && other
    }

    fn either(&mut self, one: bool, other: bool) -> bool {
        one || other
    }

    fn joined(&mut self, node: NodeId, joined: bool) {
        if joined {
            self.joined.insert(node);
        }
    }

    fn nodes(
        &mut self,
        wanted: usize,
        among: &Bits<NodeId>,
        _: &[bool],
        _: &mut Vec<bool>,
    ) -> bool {
        among.common(self.joined) >= wanted
    }
}
