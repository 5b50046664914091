//! Labs that are shown as clusters and imported again; and a cluster that other tools made.

#[path = "../shown/mod.rs"]
mod shown;

mod around;
mod equal;
mod generate;
mod networks;
mod others;
mod render;

use std::fs;
use std::path::Path;

use model::lab::Lab;
use model::source::Source;
use proptest::prelude::*;

fn round_trip(lab: &Lab) {
    for name in lab.clusters.keys() {
        let imported = import::cluster(&render::dump(lab, name)).unwrap();
        equal::assert_equivalent(lab, name, &imported.lab);
        // Written and read again it is the same, which text() itself refuses otherwise.
        imported.text("a cluster").unwrap();
    }
}

#[test]
fn the_labs_come_back_from_their_clusters() {
    let labs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../labs");
    for name in ["quickstart", "volatile-talos", "skaia", "jlh", "ducksnest"] {
        let text = fs::read_to_string(labs.join(name).join("lab.yaml")).unwrap();
        let source = Source {
            name: name.to_owned(),
            text,
        };
        round_trip(&model::read::read(&[source]).lab.unwrap());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]
    #[test]
    fn a_lab_comes_back_from_its_cluster(lab in generate::lab()) {
        round_trip(&lab);
    }
}
