//! The fuzzer's targets, over a fixed walk of changes of valid files, and over random ones.

use std::sync::OnceLock;

use proptest::prelude::*;
use testkit::hostile::{lab_file, plan_file};
use testkit::mutate::Mutation;

const LAB: &[u8] = include_bytes!("../../../labs/quickstart/lab.yaml");

/// The plan of the quickstart lab from nothing.
fn plan() -> &'static [u8] {
    static PLAN: OnceLock<Vec<u8>> = OnceLock::new();
    PLAN.get_or_init(|| {
        let source = model::source::Source::new("lab.yaml", LAB.to_vec());
        let lab = model::read::read(&[source]).lab.unwrap();
        let resources = catalog::expand(&lab, &Default::default()).unwrap();
        let plan = planner::plan(&planner::Input {
            lab: &lab.lab,
            lab_id: model::plan::LabId(uuid::Uuid::nil()),
            parent: model::plan::Generation(3),
            resources: &resources,
            inventory: &Default::default(),
            forced: &Default::default(),
        });
        serde_json::to_vec_pretty(&plan).unwrap()
    })
}

/// Runs a target over as many files, each changed up to five times; how many were accepted.
fn walked(valid: &[u8], files: usize, target: fn(&[u8]) -> bool) -> usize {
    let mut mutations = Mutation::walk(20_260_901);
    let mut accepted = 0;
    for file in 0..files {
        let mut bytes = valid.to_vec();
        for mutation in mutations.by_ref().take(1 + file % 5) {
            bytes = mutation.apply(&bytes);
        }
        let outcome = std::panic::catch_unwind(|| target(&bytes));
        match outcome {
            Ok(is_accepted) => accepted += usize::from(is_accepted),
            Err(_) => panic!("with the file:\n{}", String::from_utf8_lossy(&bytes)),
        }
    }
    accepted
}

#[test]
fn any_change_of_a_lab_is_read_or_told() {
    assert!(lab_file(LAB));
    let accepted = walked(LAB, 4_000, lab_file);
    assert!((100..3_000).contains(&accepted), "{accepted} were accepted");
}

#[test]
fn any_change_of_a_plan_is_read_or_refused() {
    assert!(plan_file(plan()));
    let accepted = walked(plan(), 500, plan_file);
    assert!((10..450).contains(&accepted), "{accepted} were accepted");
}

/// Found by the fuzzer. It fails only where nothing else asks `serde_json` to read numbers exactly,
/// as in the program; built with the whole workspace, a test's library does.
#[test]
fn numbers_of_a_plan_are_what_they_were_when_it_was_saved() {
    for number in [
        "10000000000010000000000000000000000000000000000.5",
        "0.1",
        "5e-324",
    ] {
        let spec = r#"{ "cluster": "a", "source": "a", "namespace": "a", "objects": [NUMBER] }"#;
        let plan = r#"{ "format": 1, "lab": "a", "lab_id": "00000000-0000-0000-0000-000000000000",
            "parent": 0, "basis": "00", "steps": [{ "address": "app/a", "action": "create",
            "impact": "none", "reason": "missing", "inputs": "00",
            "resource": { "address": "app/a", "spec": { "objects": SPEC } } }] }"#;
        let plan = plan.replace("SPEC", &spec.replace("NUMBER", number));
        assert!(plan_file(plan.as_bytes()), "{number}");
    }
}

#[test]
fn any_beginning_of_a_file_is_read_or_told() {
    for end in 0..LAB.len() {
        lab_file(&LAB[..end]);
    }
    for end in (0..plan().len() - 1).step_by(97) {
        assert!(!plan_file(&plan()[..end]));
    }
}

fn mutations() -> impl Strategy<Value = Vec<Mutation>> {
    let mutation = any::<(u8, u32, u32)>().prop_map(|(kind, at, with)| Mutation { kind, at, with });
    prop::collection::vec(mutation, 1..6)
}

proptest! {
    #[test]
    fn random_changes_of_a_lab_are_read_or_told(mutations in mutations()) {
        let changed = mutations.iter().fold(LAB.to_vec(), |text, mutation| mutation.apply(&text));
        lab_file(&changed);
    }

    #[test]
    fn random_bytes_are_read_or_told(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        lab_file(&bytes);
        plan_file(&bytes);
    }

    #[test]
    fn random_text_is_read_or_told(text in "[a-c:{}\\[\\],&*!|>'\"%#?@`~0-9\n\r\t -]{0,80}") {
        lab_file(text.as_bytes());
    }
}
