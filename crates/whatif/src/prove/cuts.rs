//! The smallest sets of failures that break something.
//!
//! Elements that can be changed for each other are one class, and only how many of a class fail
//! makes a difference. So sets are numbers with a digit for each class. All of them are checked if
//! that can be done in a few seconds, else those of up to three failures.

use super::circuit::Circuit;
use super::sets::{Batch, PATTERNS};
use super::symmetry::classes;

/// At most so many words of 64 sets: 2²⁷ sets, 16 MiB.
const MOST_WORDS: u64 = 1 << 21;
/// Above that, sets of up to so many failures.
const FEW: usize = 3;
/// Nobody reads more.
const MOST_CUTS: usize = 1000;

/// A set of failures that breaks it, none of which can be left out.
pub type Cut = Vec<Part>;

/// So many of these.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Part {
    /// How many.
    pub count: usize,
    /// Of these elements, by position.
    pub of: Vec<usize>,
}

/// The smallest sets that break something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cuts {
    /// The sets, the smallest first.
    pub cuts: Vec<Cut>,
    /// Whether all sets were checked; else those of up to three failures.
    pub complete: bool,
    /// How many sets were told apart.
    pub sets: u64,
    /// How many elements make a difference.
    pub elements: usize,
    /// How many classes they make.
    pub classes: usize,
}

/// The smallest sets that break the output of a circuit, of at most so many failures if a bound is
/// given.
#[must_use]
pub fn minimal_cuts(circuit: &Circuit, most: Option<usize>) -> Cuts {
    let mut classes = classes(circuit);
    // Single elements first: six of them fill a word.
    classes.sort_by_key(Vec::len);
    let lanes = classes
        .iter()
        .take(6)
        .filter(|class| class.len() == 1)
        .count();
    let outer = classes
        .iter()
        .skip(lanes)
        .try_fold(1_u64, |product, class| {
            product
                .checked_mul(class.len() as u64 + 1)
                .filter(|all| *all <= MOST_WORDS)
        });
    let elements = classes.iter().map(Vec::len).sum();
    let (mut found, sets, complete) = match (outer, most) {
        (Some(outer), None) => {
            let (found, sets) = everything(circuit, &classes, lanes, outer);
            (found, sets, true)
        }
        (_, most) => {
            let most = most.unwrap_or(FEW);
            let (found, sets) = few(circuit, &classes, most);
            (found, sets, most >= elements)
        }
    };
    found.sort_by_key(|digits| {
        (
            digits.iter().sum::<usize>(),
            std::cmp::Reverse(digits.clone()),
        )
    });
    let cuts = found.into_iter().map(|digits| {
        let parts = digits.iter().zip(&classes).filter(|(digit, _)| **digit > 0);
        let parts = parts.map(|(digit, class)| Part {
            count: *digit,
            of: class.clone(),
        });
        parts.collect()
    });
    Cuts {
        cuts: cuts.collect(),
        complete,
        sets,
        elements,
        classes: classes.len(),
    }
}

/// Checks all sets, 64 at once; those that break it and of which every smaller one does not.
fn everything(
    circuit: &Circuit,
    classes: &[Vec<usize>],
    lanes: usize,
    outer: u64,
) -> (Vec<Vec<usize>>, u64) {
    let mask = if lanes == 6 {
        u64::MAX
    } else {
        (1 << (1 << lanes)) - 1
    };
    let mut stands = vec![u64::MAX; circuit.elements];
    for (class, pattern) in classes.iter().zip(PATTERNS).take(lanes) {
        stands[class[0]] = !pattern;
    }
    let rest = &classes[lanes..];
    let mut digits = vec![0_usize; rest.len()];
    let mut strides = Vec::with_capacity(rest.len());
    let mut stride = 1;
    for class in rest {
        strides.push(stride);
        stride *= class.len() + 1;
    }
    let mut words: Vec<u64> = Vec::with_capacity(usize::try_from(outer).unwrap_or(0));
    let mut values = Vec::with_capacity(circuit.len());
    let mut found = Vec::new();
    loop {
        let word = circuit.evaluate(&stands, &mut values);
        let mut minimal = !word & mask;
        for (lane, pattern) in PATTERNS.iter().enumerate().take(lanes) {
            minimal &= (word << (1 << lane)) | !pattern;
        }
        for (digit, stride) in digits.iter().zip(&strides) {
            if *digit > 0 {
                minimal &= words[words.len() - stride];
            }
        }
        words.push(word);
        while minimal != 0 && found.len() < MOST_CUTS {
            let lane = minimal.trailing_zeros() as usize;
            minimal &= minimal - 1;
            let singles = (0..lanes).map(|bit| lane >> bit & 1);
            found.push(singles.chain(digits.iter().copied()).collect());
        }
        if !next(&mut digits, rest, &mut stands) {
            break;
        }
    }
    (found, (words.len() as u64) << lanes)
}

/// The next number; whether there is one.
fn next(digits: &mut [usize], classes: &[Vec<usize>], stands: &mut [u64]) -> bool {
    for (digit, class) in digits.iter_mut().zip(classes) {
        if *digit < class.len() {
            stands[class[*digit]] = 0;
            *digit += 1;
            return true;
        }
        for element in class {
            stands[*element] = u64::MAX;
        }
        *digit = 0;
    }
    false
}

/// Checks sets of a few failures.
fn few(circuit: &Circuit, classes: &[Vec<usize>], most: usize) -> (Vec<Vec<usize>>, u64) {
    let mut search = Few {
        batch: Batch::new(circuit),
        waiting: Vec::new(),
        found: Vec::new(),
        sets: 0,
    };
    let mut digits = vec![0; classes.len()];
    // By size, so that the smaller ones are known when larger ones are looked at.
    for size in 0..=most {
        search.sized(classes, 0, size, &mut digits);
        search.flush();
    }
    (search.found, search.sets)
}

struct Few<'a> {
    batch: Batch<'a>,
    waiting: Vec<Vec<usize>>,
    found: Vec<Vec<usize>>,
    sets: u64,
}

impl Few<'_> {
    fn sized(&mut self, classes: &[Vec<usize>], from: usize, left: usize, digits: &mut Vec<usize>) {
        if left == 0 {
            let set: Vec<usize> = digits
                .iter()
                .zip(classes)
                .flat_map(|(digit, class)| class.iter().take(*digit).copied())
                .collect();
            self.batch.add(&set);
            self.waiting.push(digits.clone());
            self.sets += 1;
            if self.batch.is_full() {
                self.flush();
            }
            return;
        }
        for at in from..classes.len() {
            for count in 1..=left.min(classes[at].len()) {
                digits[at] = count;
                self.sized(classes, at + 1, left - count, digits);
            }
            digits[at] = 0;
        }
    }

    fn flush(&mut self) {
        if self.waiting.is_empty() {
            return;
        }
        let word = self.batch.evaluate();
        for (lane, digits) in self.waiting.drain(..).enumerate() {
            let broken = word >> lane & 1 == 0;
            let covered =
                |smaller: &Vec<usize>| smaller.iter().zip(&digits).all(|(one, other)| one <= other);
            if broken && self.found.len() < MOST_CUTS && !self.found.iter().any(covered) {
                self.found.push(digits);
            }
        }
    }
}
