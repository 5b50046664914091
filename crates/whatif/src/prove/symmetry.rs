//! Elements that can be changed for each other without any difference.

use super::circuit::{Circuit, Names};

/// The elements that make a difference, in classes: those of a class can be changed for each other.
/// That two can is checked on the circuit itself, gate by gate; changing elements for each other
/// can be chained, so that one check against the first of a class is enough.
#[must_use]
pub fn classes(circuit: &Circuit) -> Vec<Vec<usize>> {
    let mut names = Names::default();
    let as_it_is = circuit.named(usize::MAX, usize::MAX, &mut names);
    let mut classes: Vec<Vec<usize>> = Vec::new();
    for element in circuit.used() {
        let class = classes.iter().position(|class| {
            let first = class.first().copied().unwrap_or(element);
            circuit.named(first, element, &mut names) == as_it_is
        });
        match class {
            Some(at) => classes[at].push(element),
            None => classes.push(vec![element]),
        }
    }
    classes
}
