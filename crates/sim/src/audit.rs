//! Whether the world is as it was declared: looked at from outside, without any driver.

use std::collections::BTreeMap;
use std::fmt;

use model::plan::LabId;
use model::resource::{Address, Kind, Resource};

use crate::World;
use crate::kind;
use crate::state::State;

/// Something that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem(String);

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl World {
    /// Everything in which the world differs from these resources of that lab: what is missing or
    /// cut off, what is there twice, what nobody declared. What is in caches may stay.
    #[must_use]
    pub fn problems(&self, lab: LabId, resources: &[Resource]) -> Vec<Problem> {
        self.look(|state| {
            let mut problems = Vec::new();
            let wanted: BTreeMap<&Address, &Resource> = resources
                .iter()
                .map(|resource| (&resource.address, resource))
                .collect();
            for resource in wanted.values().filter(|one| !cached(&one.address)) {
                declared(state, lab, resource, &mut problems);
            }
            undeclared(state, lab, &wanted, &mut problems);
            problems.sort();
            problems
        })
    }
}

const fn cached(address: &Address) -> bool {
    matches!(address.kind, Kind::Artifact | Kind::Image)
}

fn declared(state: &State, lab: LabId, resource: &Resource, problems: &mut Vec<Problem>) {
    let address = &resource.address;
    let mut tell = |what: String| problems.push(Problem(format!("{address} {what}")));
    match state.records.get(address) {
        None => tell("has no record".to_owned()),
        Some(record) if record.owner != lab => tell("is another lab's".to_owned()),
        Some(record) if record.digest.as_ref() != Some(&resource.digest()) => {
            tell("is not made from its declaration".to_owned());
        }
        Some(_) => {}
    }
    for (name, home) in kind::parts(address, &resource.spec) {
        let parts: Vec<_> = state
            .parts
            .iter()
            .filter(|part| part.address == *address && part.name == name)
            .collect();
        match parts.as_slice() {
            [] => tell(format!("has no {name}")),
            [part] if !part.whole => tell(format!("has a {name} that was cut off")),
            [part] if part.owner != lab => tell(format!("has another lab's {name}")),
            [part] if part.home != home => tell(format!("has its {name} in the wrong place")),
            [_] => {}
            more => tell(format!("has {name} {} times", more.len())),
        }
    }
}

fn undeclared(
    state: &State,
    lab: LabId,
    wanted: &BTreeMap<&Address, &Resource>,
    problems: &mut Vec<Problem>,
) {
    let records = state
        .records
        .iter()
        .filter(|(_, record)| record.owner == lab)
        .map(|(address, _)| (address, "record"));
    let parts = state
        .parts
        .iter()
        .filter(|part| part.owner == lab)
        .map(|part| (&part.address, part.name));
    for (address, what) in records.chain(parts) {
        if !wanted.contains_key(address) && !cached(address) {
            problems.push(Problem(format!("{address} left its {what} behind")));
        }
    }
}
