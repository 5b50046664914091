//! Labs that are shown as clusters and imported again; and a cluster that other tools made.

#![expect(
    clippy::needless_pass_by_value,
    reason = "objects are written where they are handed over: json!({ … }) without a reference"
)]

#[path = "../shown/mod.rs"]
mod shown;

mod around;
mod equal;
mod generate;
mod networks;
mod others;
mod render;

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
    for text in [
        include_str!("../../../../labs/quickstart/lab.yaml"),
        include_str!("../../../../labs/volatile-talos/lab.yaml"),
        include_str!("../../../../labs/skaia/lab.yaml"),
        include_str!("../../../../labs/jlh/lab.yaml"),
        include_str!("../../../../labs/ducksnest/lab.yaml"),
    ] {
        let source = Source {
            name: "lab.yaml".to_owned(),
            text: text.to_owned(),
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
