//! Sets of failures, checked one after the other or 64 at once.

use super::circuit::Circuit;
use super::compile::{Target, stands};
use crate::bits::Bits;
use crate::ids::ElementId;
use crate::semantics::{Course, Model, Plain, State, evaluate};

/// Which sets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bound {
    /// All of them.
    All,
    /// Those of at most so many elements.
    UpTo(usize),
}

/// What came out, over all sets in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Checked {
    /// How many sets there were.
    pub sets: u64,
    /// How many of them break it.
    pub broken: u64,
    /// A hash over every single verdict: equal for equal verdicts in the same order.
    pub hash: u64,
}

impl Checked {
    const fn new() -> Self {
        Self {
            sets: 0,
            broken: 0,
            hash: 0xcbf2_9ce4_8422_2325,
        }
    }

    /// The verdicts of so many sets at once, one in each bit.
    const fn take(&mut self, stands: u64, count: u32) {
        let mask = lanes(count);
        self.sets += count as u64;
        self.broken += (!stands & mask).count_ones() as u64;
        self.hash = (self.hash ^ (stands & mask))
            .wrapping_mul(0x0100_0000_01b3)
            .rotate_left(29);
    }
}

const fn lanes(count: u32) -> u64 {
    if count >= 64 {
        u64::MAX
    } else {
        (1 << count) - 1
    }
}

/// For the first six elements, in which of 64 sets they have failed.
pub(super) const PATTERNS: [u64; 6] = [
    0xaaaa_aaaa_aaaa_aaaa,
    0xcccc_cccc_cccc_cccc,
    0xf0f0_f0f0_f0f0_f0f0,
    0xff00_ff00_ff00_ff00,
    0xffff_0000_ffff_0000,
    0xffff_ffff_0000_0000,
];

/// Checks sets of the circuit's elements; all subsets are possible up to about 30 elements.
#[must_use]
pub fn check_all(circuit: &Circuit, bound: Bound) -> Checked {
    match bound {
        Bound::All => all_subsets(circuit),
        Bound::UpTo(most) => {
            let mut checked = Checked::new();
            let mut batch = Batch::new(circuit);
            for_each_set(circuit.elements, most, &mut |set| {
                batch.add(set);
                if batch.is_full() {
                    let count = batch.count;
                    checked.take(batch.evaluate(), count);
                }
            });
            if batch.count > 0 {
                let count = batch.count;
                checked.take(batch.evaluate(), count);
            }
            checked
        }
    }
}

fn all_subsets(circuit: &Circuit) -> Checked {
    let mut checked = Checked::new();
    let elements = circuit.elements;
    let mut stands = vec![u64::MAX; elements];
    let mut values = Vec::with_capacity(circuit.len());
    for (word, pattern) in stands.iter_mut().zip(PATTERNS) {
        *word = !pattern;
    }
    let count = if elements < 6 { 1 << elements } else { 64 };
    let outer = elements.saturating_sub(6);
    for number in 0_u64..1 << outer {
        // Only those change that the next number changes.
        let changed = if number == 0 {
            0
        } else {
            number.trailing_zeros() as usize + 1
        };
        for at in 0..changed.min(outer) {
            stands[6 + at] = if number >> at & 1 == 1 { 0 } else { u64::MAX };
        }
        checked.take(circuit.evaluate(&stands, &mut values), count);
    }
    checked
}

/// Calls with every set of at most so many of the elements, as positions in rising order.
pub(super) fn for_each_set(elements: usize, most: usize, call: &mut impl FnMut(&[usize])) {
    let mut set = Vec::with_capacity(most);
    fn go(
        from: usize,
        elements: usize,
        most: usize,
        set: &mut Vec<usize>,
        call: &mut impl FnMut(&[usize]),
    ) {
        call(set);
        if set.len() == most {
            return;
        }
        for element in from..elements {
            set.push(element);
            go(element + 1, elements, most, set, call);
            set.pop();
        }
    }
    go(0, elements, most, &mut set, call);
}

/// Up to 64 sets that are evaluated at once.
pub(super) struct Batch<'a> {
    circuit: &'a Circuit,
    stands: Vec<u64>,
    values: Vec<u64>,
    pub(super) count: u32,
}

impl<'a> Batch<'a> {
    pub(super) fn new(circuit: &'a Circuit) -> Self {
        Self {
            circuit,
            stands: vec![u64::MAX; circuit.elements],
            values: Vec::with_capacity(circuit.len()),
            count: 0,
        }
    }

    pub(super) const fn is_full(&self) -> bool {
        self.count == 64
    }

    pub(super) fn add(&mut self, set: &[usize]) {
        for element in set {
            self.stands[*element] &= !(1 << self.count);
        }
        self.count += 1;
    }

    /// In which of the sets it stands; then there is room for new ones.
    pub(super) fn evaluate(&mut self) -> u64 {
        let stands = self.circuit.evaluate(&self.stands, &mut self.values);
        self.stands.fill(u64::MAX);
        self.count = 0;
        stands
    }
}

/// The same verdicts in the same order, each by asking for one set alone: slow, and simple enough
/// to be believed. For tests.
#[must_use]
pub fn check_all_naively(
    model: &Model,
    course: Course,
    targets: &[Target],
    elements: &[ElementId],
    bound: Bound,
) -> Checked {
    let mut checked = Checked::new();
    let mut one = One::new(model, course, targets);
    let mut word = 0;
    let mut count = 0;
    let mut take = |stands: bool| {
        word |= u64::from(stands) << count;
        count += 1;
        if count == 64 {
            checked.take(word, count);
            (word, count) = (0, 0);
        }
    };
    match bound {
        Bound::All => {
            for number in 0_u64..1 << elements.len() {
                let failed = (0..elements.len()).filter(|at| number >> at & 1 == 1);
                take(one.stands(failed.map(|at| elements[at])));
            }
        }
        Bound::UpTo(most) => for_each_set(elements.len(), most, &mut |set| {
            take(one.stands(set.iter().map(|at| elements[*at])));
        }),
    }
    if count > 0 {
        checked.take(word, count);
    }
    checked
}

/// Asks for one set of failures at a time.
#[derive(Debug)]
pub(super) struct One<'a> {
    model: &'a Model,
    course: Course,
    targets: &'a [Target],
    failure: crate::world::Failure,
    joined: Bits<crate::ids::NodeId>,
    state: State<bool>,
}

impl<'a> One<'a> {
    pub(super) fn new(model: &'a Model, course: Course, targets: &'a [Target]) -> Self {
        Self {
            model,
            course,
            targets,
            failure: model.world.no_failure(),
            joined: Bits::none(model.world.nodes.len()),
            state: State::default(),
        }
    }

    pub(super) fn stands(&mut self, failed: impl IntoIterator<Item = ElementId>) -> bool {
        self.failure.clear();
        for element in failed {
            self.failure.insert(element);
        }
        let mut plain = Plain::new(&self.failure, &mut self.joined);
        evaluate(self.model, self.course, &mut plain, &mut self.state);
        self.targets
            .iter()
            .all(|target| stands(self.model, *target, &mut plain, &self.state))
    }
}

/// What a search for broken sets found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Searched {
    /// How many sets were told apart; those that only change equal elements for each other count
    /// once.
    pub sets: u64,
    /// The smallest set that breaks it, as positions of elements.
    pub smallest: Option<Vec<usize>>,
}
