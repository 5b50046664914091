//! Failures and interruptions: what can go on does, and everything is told with its cause.

use std::collections::BTreeSet;

use model::event::{Event, Outcome};
use model::resource::Address;
use sim::{Fault, Script};

use crate::lab::{Lab, Run, at, expand, quickstart};
use crate::scenario;

fn finished(run: &Run) -> Vec<(&Address, &Outcome)> {
    run.events
        .iter()
        .filter_map(|event| match event {
            Event::StepFinished {
                address, outcome, ..
            } => Some((address, outcome)),
            _ => None,
        })
        .collect()
}

#[test]
fn independent_branches_go_on_and_all_failures_are_told_with_their_causes() {
    let resources = expand(&quickstart());
    let lab = Lab::new();
    let script = Script::at("machine/worker-1: make disk", Fault::Fail)
        .and("forward/podinfo: make process", Fault::Fail)
        .and("machine/worker-2: make link", Fault::Panic);
    let run = lab.up(&resources, script);
    let failures: Vec<_> = run
        .report()
        .failures()
        .map(|(at, _)| at.to_string())
        .collect();
    assert_eq!(failures, ["machine/worker-1", "machine/worker-2"]);
    let Outcome::Failed { causes, .. } = run.outcome("machine/worker-1") else {
        panic!();
    };
    assert_eq!(
        causes,
        &["machine/worker-1: make disk", "no space left on device"]
    );
    let Outcome::Failed { causes, .. } = run.outcome("machine/worker-2") else {
        panic!();
    };
    assert!(causes[1].contains("a mistake at"), "{causes:?}");
    // What does not stand on them is done; what does names the one that failed, also indirectly.
    for done in [
        "machine/control-plane-1",
        "member/control-plane-1",
        "component/flannel",
    ] {
        assert_eq!(run.outcome(done), &Outcome::Done, "{done}");
    }
    let because = |address: &str| match run.outcome(address) {
        Outcome::Skipped { because } => because.clone().unwrap().to_string(),
        other => panic!("{address}: {other:?}"),
    };
    assert_eq!(because("member/worker-1"), "machine/worker-1");
    assert!(because("connectivity/main").starts_with("machine/worker-"));
    lab.converges(&resources, "failures");
}

#[test]
fn every_step_is_told_from_its_begin_to_its_end() {
    let resources = expand(&quickstart());
    let lab = Lab::new();
    let run = lab.up(
        &resources,
        Script::at("machine/worker-1: make disk", Fault::Fail),
    );
    let told: BTreeSet<_> = finished(&run)
        .into_iter()
        .map(|(at, _)| at.clone())
        .collect();
    assert_eq!(told.len(), finished(&run).len(), "each once");
    assert_eq!(told, run.report().outcomes.keys().cloned().collect());
    let Some(Event::RunFinished {
        done,
        failed,
        skipped,
        interrupted,
    }) = run.events.last()
    else {
        panic!("{:?}", run.events.last());
    };
    assert_eq!((*failed, *interrupted), (1, false));
    assert_eq!(done + failed + skipped, told.len());
    assert!(matches!(run.events[0], Event::RunStarted { .. }));
    // The second time it is known how long a step usually takes.
    lab.world.end(&at("machine/worker-2"), "process");
    lab.converges(&resources, "repaired");
    lab.world.end(&at("machine/worker-2"), "process");
    let run = lab.up(&resources, Script::default());
    assert!(run.events.iter().any(|event| matches!(event,
        Event::StepStarted { address, usually: Some(_), .. } if *address == at("machine/worker-2"))));
}

#[test]
fn a_failure_anywhere_is_told_and_made_good_by_the_next_run() {
    let faults = [Fault::Fail, Fault::LostReply, Fault::Panic];
    for scenario in scenario::all() {
        let lab = scenario.lab();
        lab.up(&scenario.after, Script::default());
        let points: BTreeSet<_> = lab.world.trace().into_iter().collect();
        for (point, fault) in points.into_iter().zip(faults.into_iter().cycle()) {
            let lab = scenario.lab();
            let run = lab.up(&scenario.after, Script::at(&point, fault));
            let after = format!("{}, {fault:?} at {point}", scenario.name);
            match &run.result {
                Err(error) => assert!(
                    point.starts_with("journal") || point.ends_with("observe"),
                    "{after}: {error}"
                ),
                Ok(report) => {
                    let failure = report.failures().next();
                    let failed = failure.unwrap_or_else(|| panic!("{after}: not told")).0;
                    assert!(point.starts_with(&failed.to_string()), "{after}: {failed}");
                }
            }
            lab.converges(&scenario.after, &after);
        }
    }
}

#[test]
fn nothing_is_begun_that_cannot_be_written_down() {
    let resources = expand(&quickstart());
    for point in [
        "journal: generation",
        "journal: begin run",
        "journal: begin network/nodes",
    ] {
        let lab = Lab::new();
        let run = lab.up(&resources, Script::at(point, Fault::Fail));
        let error = run.result.unwrap_err();
        assert!(error.hint().unwrap().contains("space"), "{error}");
        assert!(
            lab.world.trace().iter().all(
                |passed| !passed.starts_with("network/nodes") && !passed.starts_with("machine")
            ),
            "{point}"
        );
        lab.converges(&resources, point);
    }
}

#[test]
fn an_interrupted_run_ends_soon_and_is_resumed() {
    for scenario in scenario::all() {
        let lab = scenario.lab();
        lab.up(&scenario.after, Script::default());
        let points: BTreeSet<_> = lab.world.trace().into_iter().collect();
        for point in points {
            if point.starts_with("journal") || point.ends_with("observe") {
                continue;
            }
            let lab = scenario.lab();
            let run = lab.up(&scenario.after, Script::at(&point, Fault::Interrupt));
            let after = format!("{}, interrupted at {point}", scenario.name);
            let report = run.report();
            assert!(report.interrupted, "{after}");
            assert_eq!(report.failures().count(), 0, "{after}: {report:#?}");
            assert_eq!(lab.log.runs_ended(), 1, "{after}");
            lab.converges(&scenario.after, &after);
        }
    }
}

#[test]
fn nothing_begins_after_an_interruption() {
    let resources = expand(&quickstart());
    let lab = Lab::new();
    let run = lab.up(
        &resources,
        Script::at("network/nodes: begin", Fault::Interrupt),
    );
    let trace = lab.world.trace();
    let cut = trace
        .iter()
        .position(|point| point == "network/nodes: begin")
        .unwrap();
    let begun_after = trace[cut..]
        .iter()
        .filter(|point| point.starts_with("journal: begin"));
    assert_eq!(begun_after.count(), 0, "{trace:#?}");
    assert_eq!(
        run.outcome("member/worker-1"),
        &Outcome::Skipped { because: None }
    );
}
