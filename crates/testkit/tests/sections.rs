//! Changes within each section of each lab of this repository, so that no part of the grammar is
//! left to chance.

use std::collections::BTreeSet;
use std::ops::Range;

use testkit::hostile::lab_file;
use testkit::mutate::Mutation;

const LABS: [&str; 10] = [
    include_str!("../../../labs/volatile-talos/lab.yaml"),
    include_str!("../../../labs/volatile-talos/as-published.yaml"),
    include_str!("../../../labs/skaia/lab.yaml"),
    include_str!("../../../labs/skaia/as-published.yaml"),
    include_str!("../../../labs/jlh/lab.yaml"),
    include_str!("../../../labs/jlh/as-published.yaml"),
    include_str!("../../../labs/ducksnest/lab.yaml"),
    include_str!("../../../labs/ducksnest/as-published.yaml"),
    include_str!("../../check/src/example/home.yaml"),
    include_str!("rest.yaml"),
];

/// So many files of each section of each lab.
const FILES: usize = 6;

/// The sections of a lab: their names, and where they stand.
fn sections(text: &str) -> Vec<(&str, Range<usize>)> {
    let mut found: Vec<(&str, Range<usize>)> = Vec::new();
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let name = line.split(':').next().unwrap_or_default();
        if line.starts_with(|c: char| c.is_ascii_lowercase()) {
            if let Some((_, before)) = found.last_mut() {
                before.end = at;
            }
            found.push((name, at..text.len()));
        }
        at += line.len();
    }
    found
}

/// A new section of the vocabulary is to be in one of the labs, or in `rest.yaml`.
#[test]
fn every_section_of_the_vocabulary_is_changed() {
    let changed: BTreeSet<&str> = LABS
        .iter()
        .flat_map(|text| sections(text))
        .map(|(name, _)| name)
        .collect();
    assert_eq!(changed, BTreeSet::from(model::read::SECTIONS));
}

#[test]
fn any_change_of_any_section_is_read_or_told() {
    let mut mutations = Mutation::walk(20_261_121);
    for text in LABS {
        for (name, place) in sections(text) {
            let (before, rest) = text.split_at(place.start);
            let (section, after) = rest.split_at(place.len());
            for file in 0..FILES {
                let mut bytes = section.as_bytes().to_vec();
                for mutation in mutations.by_ref().take(1 + file % 3) {
                    bytes = mutation.apply(&bytes);
                }
                let changed = [before.as_bytes(), &bytes, after.as_bytes()].concat();
                if std::panic::catch_unwind(|| lab_file(&changed)).is_err() {
                    let shown = String::from_utf8_lossy(&bytes);
                    panic!("with this {name}:\n{shown}");
                }
            }
        }
    }
}
