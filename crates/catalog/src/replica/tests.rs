use std::fmt::Write as _;

use super::*;
use crate::{beyond_reach, expand_replica};
use model::resource::{Kind, Spec};
use model::source::Source;

fn lab(name: &str, text: &str) -> Lab {
    let reading = model::read::read(&[Source {
        name: name.to_owned(),
        text: text.to_owned(),
    }]);
    assert_eq!(reading.diagnostics, [], "{name}");
    reading.lab.unwrap()
}

fn labs() -> Vec<Lab> {
    [
        include_str!("../../../../labs/quickstart/lab.yaml"),
        include_str!("../../../../labs/volatile-talos/lab.yaml"),
        include_str!("../../../../labs/skaia/lab.yaml"),
        include_str!("../../../../labs/jlh/lab.yaml"),
        include_str!("../../../../labs/ducksnest/lab.yaml"),
    ]
    .into_iter()
    .map(|text| lab("lab.yaml", text))
    .collect()
}

#[test]
fn every_lab_has_a_replica_that_is_within_reach() {
    for lab in labs() {
        let replica = replica(&lab, Arch::Amd64);
        let beyond = beyond_reach(&replica.lab);
        assert_eq!(beyond, [], "{}", lab.lab);
        let resources = expand_replica(&replica.lab).unwrap();
        let count = |kind: Kind| resources.iter().filter(|r| r.address.kind == kind).count();
        assert_eq!(count(Kind::Machine), replica.lab.nodes.len(), "{}", lab.lab);
        assert_eq!(count(Kind::Host), replica.lab.hosts.len(), "{}", lab.lab);
        assert!(count(Kind::App) > 0, "{}", lab.lab);
        for resource in &resources {
            if let Spec::Machine(machine) = &resource.spec {
                assert!(machine.inside_host, "{}", resource.address);
            }
        }
    }
}

#[test]
fn what_is_other_is_told() {
    let mut table = String::new();
    for lab in labs() {
        let replica = replica(&lab, Arch::Amd64);
        writeln!(table, "{}", lab.lab).unwrap();
        for Change {
            field,
            stands_in,
            why,
        } in replica.changes
        {
            let stands_in = stands_in.unwrap_or_else(|| "-".to_owned());
            writeln!(table, "  {field}: {stands_in} ({why})").unwrap();
        }
    }
    insta::assert_snapshot!(table);
}

#[test]
fn numbers_places_and_sizes_stay() {
    let lab = labs().swap_remove(1);
    let replica = replica(&lab, Arch::Amd64).lab;
    assert_eq!((replica.hosts.len(), replica.nodes.len()), (8, 11));
    let node = |name: &str| replica.nodes.get(name).unwrap();
    let size = |name: &str| node(name).machine().unwrap().size();
    assert_eq!(size("talos08"), (12, Bytes(8_000_000_000)));
    assert_eq!(size("talos11"), (4, Bytes(8_000_000_000)), "its host's");
    assert_eq!(node("talos08").on.as_str(), "gamer");
    let address = |name: &str| node(name).address.unwrap().first().to_string();
    assert_eq!(address("talos01"), "10.0.0.61");
    assert_eq!(address("talos09"), "10.0.0.40", "its host's");
}
