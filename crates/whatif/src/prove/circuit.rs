//! What stands, as a circuit over what fails: evaluated for 64 sets of failures at once, one in
//! each bit of a word.

use std::collections::HashMap;

use crate::ids::ElementId;
use crate::semantics::Algebra;
use crate::world::Failure;

/// A gate of a circuit, by its position.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GateId(u32);

impl GateId {
    const fn index(self) -> usize {
        self.0 as usize
    }
}

/// What a gate computes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Gate {
    /// Always or never.
    Constant(bool),
    /// That element, by its number, has not failed.
    Stands(u32),
    /// At least so many of these, each with its weight.
    AtLeast(u32, Vec<(GateId, u32)>),
}

/// Makes circuits: equal gates are made once, and what is constant is computed at once.
#[derive(Debug, Default)]
pub struct Builder {
    /// What has failed in any case.
    off: Failure,
    gates: Vec<Gate>,
    known: HashMap<Gate, GateId>,
}

impl Builder {
    /// These have failed in any case.
    #[must_use]
    pub fn beside(off: Failure) -> Self {
        Self {
            off,
            ..Self::default()
        }
    }

    fn add(&mut self, gate: Gate) -> GateId {
        if let Some(id) = self.known.get(&gate) {
            return *id;
        }
        let id = GateId(u32::try_from(self.gates.len()).unwrap_or(u32::MAX));
        self.gates.push(gate.clone());
        self.known.insert(gate, id);
        id
    }

    /// A gate over weighted inputs; `wanted` of their sum.
    fn threshold(
        &mut self,
        mut wanted: u64,
        of: impl IntoIterator<Item = (GateId, u32)>,
    ) -> GateId {
        let mut inputs: Vec<(GateId, u32)> = Vec::new();
        for (gate, weight) in of {
            match &self.gates[gate.index()] {
                Gate::Constant(true) => wanted = wanted.saturating_sub(u64::from(weight)),
                Gate::Constant(false) => {}
                Gate::Stands(_) | Gate::AtLeast(..) => inputs.push((gate, weight)),
            }
        }
        let sum: u64 = inputs.iter().map(|(_, weight)| u64::from(*weight)).sum();
        if wanted == 0 {
            return self.add(Gate::Constant(true));
        }
        if sum < wanted {
            return self.add(Gate::Constant(false));
        }
        inputs.sort_unstable();
        // Weights that share a factor count in it: nodes of one size only have to be counted.
        let factor = inputs
            .iter()
            .fold(0, |all, (_, weight)| common_factor(all, *weight));
        for (_, weight) in &mut inputs {
            *weight /= factor;
        }
        wanted = wanted.div_ceil(u64::from(factor));
        let all = sum / u64::from(factor) == wanted;
        let any = inputs
            .iter()
            .all(|(_, weight)| u64::from(*weight) >= wanted);
        if all || any {
            // The same gate twice is the same as once; alls of alls and anys of anys are one.
            inputs = self.flat(inputs, all);
            wanted = if all { inputs.len() as u64 } else { 1 };
        }
        if let [(only, _)] = inputs.as_slice() {
            return *only;
        }
        let wanted = u32::try_from(wanted).unwrap_or(u32::MAX);
        self.add(Gate::AtLeast(wanted, inputs))
    }

    fn flat(&self, inputs: Vec<(GateId, u32)>, all: bool) -> Vec<(GateId, u32)> {
        let mut flat = Vec::with_capacity(inputs.len());
        for (gate, _) in inputs {
            match &self.gates[gate.index()] {
                Gate::AtLeast(wanted, inner)
                    if all
                        && *wanted as usize == inner.len()
                        && inner.iter().all(|(_, w)| *w == 1)
                        || !all && *wanted == 1 =>
                {
                    flat.extend(inner.iter().map(|(gate, _)| (*gate, 1)));
                }
                Gate::Constant(_) | Gate::Stands(_) | Gate::AtLeast(..) => flat.push((gate, 1)),
            }
        }
        flat.sort_unstable();
        flat.dedup();
        flat
    }

    /// The circuit of one gate, with only what it needs. `elements`: the numbers that failures
    /// are told by, in their order; all others never fail.
    #[must_use]
    pub fn circuit(mut self, output: GateId, elements: &[ElementId]) -> Circuit {
        use crate::ids::Id as _;
        let position: HashMap<u32, usize> = elements
            .iter()
            .enumerate()
            .map(|(at, element)| (u32::try_from(element.index()).unwrap_or(u32::MAX), at))
            .collect();
        // Elements that are not asked for are constants: build once more without them.
        let old = std::mem::take(&mut self.gates);
        let mut fresh = Self::default();
        let mut moved: Vec<GateId> = Vec::with_capacity(old.len());
        for gate in old {
            let id = match gate {
                Gate::Constant(value) => fresh.add(Gate::Constant(value)),
                Gate::Stands(element) => match position.get(&element) {
                    Some(at) => fresh.add(Gate::Stands(u32::try_from(*at).unwrap_or(u32::MAX))),
                    None => fresh.add(Gate::Constant(true)),
                },
                Gate::AtLeast(wanted, inputs) => {
                    let inputs: Vec<_> = inputs
                        .into_iter()
                        .map(|(gate, weight)| (moved[gate.index()], weight))
                        .collect();
                    fresh.threshold(u64::from(wanted), inputs)
                }
            };
            moved.push(id);
        }
        Circuit::new(fresh.gates, moved[output.index()], elements.len())
    }
}

/// The greatest factor of both; of nothing and a number: the number.
const fn common_factor(mut one: u32, mut other: u32) -> u32 {
    while other > 0 {
        (one, other) = (other, one % other);
    }
    one
}

impl Algebra for Builder {
    type Bit = GateId;

    fn constant(&mut self, value: bool) -> GateId {
        self.add(Gate::Constant(value))
    }

    fn stands(&mut self, element: ElementId) -> GateId {
        use crate::ids::Id as _;
        if self.off.has(element) {
            return self.add(Gate::Constant(false));
        }
        self.add(Gate::Stands(
            u32::try_from(element.index()).unwrap_or(u32::MAX),
        ))
    }

    fn at_least(&mut self, wanted: usize, of: &[GateId]) -> GateId {
        self.threshold(
            wanted as u64,
            of.iter().map(|gate| (*gate, 1)).collect::<Vec<_>>(),
        )
    }

    fn weighs(&mut self, wanted: u32, of: &[(GateId, u32)]) -> GateId {
        self.threshold(u64::from(wanted), of.to_vec())
    }
}

/// How a gate is computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Op {
    Constant(u64),
    Stands(u32),
    All,
    Any,
    AtLeast(u32),
}

/// A circuit of one output, ready to be evaluated.
#[derive(Debug, Clone)]
pub struct Circuit {
    ops: Vec<(Op, u32, u32)>,
    inputs: Vec<(u32, u32)>,
    /// How many elements can fail.
    pub elements: usize,
}

/// The sum of weights of up to 2²⁴, one bit of all 64 sums in each word.
const PLANES: usize = 24;

impl Circuit {
    fn new(gates: Vec<Gate>, output: GateId, elements: usize) -> Self {
        let mut needed = vec![false; gates.len()];
        let mut stack = vec![output];
        while let Some(gate) = stack.pop() {
            if !std::mem::replace(&mut needed[gate.index()], true)
                && let Gate::AtLeast(_, inputs) = &gates[gate.index()]
            {
                stack.extend(inputs.iter().map(|(gate, _)| *gate));
            }
        }
        let mut new = Self {
            ops: Vec::new(),
            inputs: Vec::new(),
            elements,
        };
        let mut places = vec![0_u32; gates.len()];
        for (at, gate) in gates.into_iter().enumerate() {
            if !needed[at] {
                continue;
            }
            places[at] = u32::try_from(new.ops.len()).unwrap_or(u32::MAX);
            let from = u32::try_from(new.inputs.len()).unwrap_or(u32::MAX);
            let op = match gate {
                Gate::Constant(value) => Op::Constant(if value { u64::MAX } else { 0 }),
                Gate::Stands(element) => Op::Stands(element),
                Gate::AtLeast(wanted, inputs) => {
                    let sum: u64 = inputs.iter().map(|(_, weight)| u64::from(*weight)).sum();
                    let any = inputs.iter().all(|(_, weight)| *weight >= wanted);
                    let moved = inputs
                        .iter()
                        .map(|(gate, weight)| (places[gate.index()], *weight));
                    new.inputs.extend(moved);
                    if u64::from(wanted) == sum {
                        Op::All
                    } else if any {
                        Op::Any
                    } else {
                        Op::AtLeast(wanted)
                    }
                }
            };
            let to = u32::try_from(new.inputs.len()).unwrap_or(u32::MAX);
            new.ops.push((op, from, to));
        }
        // The output is the last of what is needed: everything else is needed by it.
        new
    }

    /// How many gates there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ops.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ops.is_empty()
    }

    /// The elements that make a difference.
    #[must_use]
    pub fn used(&self) -> Vec<usize> {
        let elements = self.ops.iter().filter_map(|(op, ..)| match op {
            Op::Stands(element) => Some(*element as usize),
            Op::Constant(_) | Op::All | Op::Any | Op::AtLeast(_) => None,
        });
        let mut all: Vec<usize> = elements.collect();
        all.sort_unstable();
        all
    }

    /// For 64 sets of failures, in which of them the output stands. `stands`: for each element,
    /// in which of the sets it has not failed. `values`: a place for each gate.
    pub fn evaluate(&self, stands: &[u64], values: &mut Vec<u64>) -> u64 {
        values.clear();
        for (op, from, to) in &self.ops {
            let inputs = &self.inputs[*from as usize..*to as usize];
            let value = match op {
                Op::Constant(value) => *value,
                Op::Stands(element) => stands[*element as usize],
                Op::All => inputs
                    .iter()
                    .fold(u64::MAX, |all, (gate, _)| all & values[*gate as usize]),
                Op::Any => inputs
                    .iter()
                    .fold(0, |any, (gate, _)| any | values[*gate as usize]),
                Op::AtLeast(wanted) => at_least(*wanted, inputs, values),
            };
            values.push(value);
        }
        values.last().copied().unwrap_or(u64::MAX)
    }

    /// The same for one set of failures.
    #[must_use]
    pub fn stands(&self, failed: &[bool]) -> bool {
        let stands: Vec<u64> = failed
            .iter()
            .map(|failed| if *failed { 0 } else { u64::MAX })
            .collect();
        self.evaluate(&stands, &mut Vec::with_capacity(self.ops.len())) & 1 == 1
    }

    /// What the gates are, with two elements changed for each other: equal where that makes no
    /// difference. The names of gates are the same for equal gates.
    pub(super) fn named(&self, one: usize, other: usize, names: &mut Names) -> u32 {
        names.of.clear();
        for (op, from, to) in &self.ops {
            let key = match op {
                Op::Constant(value) => (0, u32::from(*value > 0), Vec::new()),
                Op::Stands(element) => {
                    let element = *element as usize;
                    let changed = if element == one {
                        other
                    } else if element == other {
                        one
                    } else {
                        element
                    };
                    (1, u32::try_from(changed).unwrap_or(u32::MAX), Vec::new())
                }
                Op::All | Op::Any | Op::AtLeast(_) => {
                    let inputs = &self.inputs[*from as usize..*to as usize];
                    let mut inputs: Vec<(u32, u32)> = inputs
                        .iter()
                        .map(|(gate, weight)| (names.of[*gate as usize], *weight))
                        .collect();
                    inputs.sort_unstable();
                    let wanted = match op {
                        Op::AtLeast(wanted) => *wanted,
                        Op::All => u32::MAX,
                        Op::Any | Op::Constant(_) | Op::Stands(_) => 1,
                    };
                    (2, wanted, inputs)
                }
            };
            let next = u32::try_from(names.known.len()).unwrap_or(u32::MAX);
            let name = *names.known.entry(key).or_insert(next);
            names.of.push(name);
        }
        names.of.last().copied().unwrap_or(0)
    }
}

/// What a gate is: its kind, its number, and its inputs with their weights.
type Key = (u8, u32, Vec<(u32, u32)>);

/// Names of gates, by what they are.
#[derive(Debug, Default)]
pub(super) struct Names {
    known: HashMap<Key, u32>,
    of: Vec<u32>,
}

/// Adds the weights of all 64 sets side by side, and compares each sum.
fn at_least(wanted: u32, inputs: &[(u32, u32)], values: &[u64]) -> u64 {
    let mut sum = [0_u64; PLANES];
    let mut top = 0;
    for (gate, weight) in inputs {
        let value = values[*gate as usize];
        let mut rest = *weight;
        while rest > 0 {
            let plane = rest.trailing_zeros() as usize;
            rest &= rest - 1;
            let mut carry = value;
            let mut at = plane;
            while carry != 0 && at < PLANES {
                let next = sum[at] & carry;
                sum[at] ^= carry;
                carry = next;
                at += 1;
            }
            top = top.max(at);
        }
    }
    // Greater or equal, from the highest bit down.
    let mut equal = u64::MAX;
    let mut greater = 0;
    let highest = top.max(32 - wanted.leading_zeros() as usize).min(PLANES);
    for at in (0..highest).rev() {
        let bit = if wanted >> at & 1 == 1 { u64::MAX } else { 0 };
        greater |= equal & sum[at] & !bit;
        equal &= !(sum[at] ^ bit);
    }
    greater | equal
}
