//! Plans that must not run, and runs that must not touch.

use engine::EngineError;
use model::event::Outcome;
use model::plan::Generation;
use sim::Script;

use crate::lab::{Lab, OTHER, OWN, STRANGER, at, expand, quickstart};

#[test]
fn a_saved_plan_is_refused_when_the_world_has_moved() {
    let resources = expand(&quickstart());
    let cancel = driver::Cancel::default();
    let saved = Lab::new().plan(&resources);
    let lab = Lab::new();
    let engine = lab.engine(&cancel);
    let empty = lab.observe(&resources);
    engine.admit(&saved, Generation(0), &empty).unwrap();

    lab.world.put(OWN, &resources[0]);
    let moved = lab.observe(&resources);
    let error = engine.admit(&saved, Generation(0), &moved).unwrap_err();
    assert!(error.is_refusal());
    let text = error.to_string();
    assert!(
        text.contains(&resources[0].address.to_string()),
        "it says what has moved: {text}"
    );

    let error = engine.admit(&saved, Generation(3), &empty).unwrap_err();
    assert!(matches!(
        error,
        EngineError::Outdated {
            now: Generation(3),
            ..
        }
    ));
    let mut other = saved.clone();
    other.lab_id = OTHER;
    let error = engine.admit(&other, Generation(0), &empty).unwrap_err();
    assert!(matches!(error, EngineError::OtherLab(_)));
    let mut newer = saved;
    newer.format += 1;
    let error = engine.admit(&newer, Generation(0), &empty).unwrap_err();
    assert!(matches!(error, EngineError::PlanFormat(_)));
}

#[test]
fn a_plan_that_was_tampered_with_is_refused() {
    let resources = expand(&quickstart());
    let cancel = driver::Cancel::default();
    let lab = Lab::new();
    let engine = lab.engine(&cancel);
    let empty = lab.observe(&resources);
    let good = lab.plan(&resources);
    let refused = |change: &dyn Fn(&mut model::plan::Plan)| {
        let mut plan = good.clone();
        change(&mut plan);
        let error = engine.admit(&plan, Generation(0), &empty).unwrap_err();
        assert!(matches!(error, EngineError::Malformed { .. }), "{error:?}");
    };
    // Another spec than the one that was reviewed, by its digest.
    refused(&|plan| plan.steps[0].resource.spec = plan.steps[1].resource.spec.clone());
    refused(&|plan| plan.steps[0].address = at("machine/another"));
    refused(&|plan| plan.steps.push(plan.steps[0].clone()));
    refused(&|plan| {
        plan.steps[0].needs.insert(at("machine/none"));
    });
    refused(&|plan| plan.steps.reverse());
}

#[test]
fn an_older_run_does_not_undo_a_newer_one() {
    let before = expand(&quickstart());
    let after = expand(&quickstart().replace("cpu: 2", "cpu: 4"));
    let lab = Lab::standing(&before);
    // Two have planned; one of them is slow to begin.
    let slow = lab.plan(&expand(&quickstart().replace("cpu: 2", "cpu: 1")));
    lab.up(&after, Script::default());
    lab.world.end(&at("machine/worker-1"), "process");
    lab.converges(&after, "the second run");
    let world = lab.world.snapshot();
    let run = lab.apply(&slow);
    let Outcome::Failed { causes, .. } = run.outcome("machine/worker-1") else {
        panic!("{:#?}", run.report());
    };
    assert!(causes[0].contains("generation 2"), "{causes:?}");
    let machines = |snapshot: &sim::Snapshot| -> Vec<String> {
        let worker = |line: &&String| line.starts_with("machine/worker-1");
        snapshot.lines().iter().filter(worker).cloned().collect()
    };
    assert_eq!(machines(&lab.world.snapshot()), machines(&world));
}

#[test]
fn generations_go_on_after_the_state_was_lost() {
    let resources = expand(&quickstart());
    let lab = Lab::new();
    for cpu in 2..6 {
        lab.converges(
            &expand(&quickstart().replace("cpu: 2", &format!("cpu: {cpu}"))),
            "up",
        );
    }
    lab.log.forget();
    assert_eq!(
        lab.plan(&resources).parent,
        Generation(4),
        "read back from the things themselves"
    );
    lab.converges(&resources, "state lost");
}

#[test]
fn what_is_not_ours_stops_the_run_before_it_begins() {
    let resources = expand(&quickstart());
    for kind in ["network", "machine", "forward"] {
        for resource in resources
            .iter()
            .filter(|one| one.address.kind.as_str() == kind)
        {
            let lab = Lab::new();
            lab.world.put(STRANGER, resource);
            let before = lab.world.snapshot();
            let run = lab.up(&resources, Script::default());
            let error = run.result.unwrap_err();
            assert!(error.is_refusal(), "{error}");
            assert!(error.to_string().contains(&STRANGER.to_string()), "{error}");
            assert_eq!(lab.world.snapshot(), before);
            lab.converges(&[], "down leaves it");
            assert_eq!(lab.world.snapshot(), before);
        }
    }
}

#[test]
fn what_turns_up_after_planning_is_refused_by_its_step() {
    let resources = expand(&quickstart());
    let lab = Lab::new();
    let plan = lab.plan(&resources);
    let theirs = resources
        .iter()
        .find(|one| one.address == at("machine/worker-1"))
        .unwrap();
    lab.world.put(STRANGER, theirs);
    let before: Vec<_> = lab.world.snapshot().lines().to_vec();
    let run = lab.apply(&plan);
    assert!(matches!(
        run.outcome("machine/worker-1"),
        Outcome::Failed { hint: Some(_), .. }
    ));
    assert_eq!(run.outcome("machine/worker-2"), &Outcome::Done);
    let after = lab.world.snapshot();
    assert!(before.iter().all(|line| after.lines().contains(line)));
}

#[test]
fn an_exchange_of_addresses_is_refused_before_anything_is_touched() {
    let lab = Lab::standing(&expand(&quickstart()));
    let before = lab.world.snapshot();
    let crossed = quickstart()
        .replace("10.88.0.21", "10.88.0.99")
        .replace("10.88.0.22", "10.88.0.21")
        .replace("10.88.0.99", "10.88.0.22");
    let error = lab
        .up(&expand(&crossed), Script::default())
        .result
        .unwrap_err();
    assert!(error.is_refusal());
    assert!(error.to_string().contains("takes an address"), "{error}");
    assert_eq!(lab.world.snapshot(), before);
}
