//! `kill -9` at every point of every scenario, then the same command again.

use std::collections::BTreeSet;

use sim::{Fault, Script};

use crate::scenario::{self, Scenario};

const KILLS: [Fault; 3] = [Fault::KillBefore, Fault::KillDuring, Fault::KillAfter];

/// The points of an undisturbed run, which must succeed.
fn points(scenario: &Scenario) -> BTreeSet<String> {
    let lab = scenario.lab();
    let run = lab.up(&scenario.after, Script::default());
    let trace = lab.world.trace();
    assert!(
        run.result.as_ref().is_ok_and(|report| report.succeeded()),
        "{}: {:#?}",
        scenario.name,
        run.result
    );
    lab.is_as_declared(&scenario.after, scenario.name);
    trace.into_iter().collect()
}

#[test]
fn undisturbed_runs_end_well_and_drain_who_leaves() {
    for scenario in scenario::all() {
        let lab = scenario.lab();
        let run = lab.up(&scenario.after, Script::default());
        assert!(
            run.report().succeeded(),
            "{}: {:#?}",
            scenario.name,
            run.report()
        );
        lab.is_as_declared(&scenario.after, scenario.name);
        assert_eq!(lab.world.undrained(), [], "{}", scenario.name);
    }
}

#[test]
fn a_run_killed_anywhere_is_made_good_by_the_next() {
    let mut killed = 0;
    for scenario in scenario::all() {
        let whole = scenario.lab();
        whole.converges(&scenario.after, scenario.name);
        for point in points(&scenario) {
            for kill in KILLS {
                let lab = scenario.lab();
                let after = format!("{}, {kill:?} at {point}", scenario.name);
                lab.up(&scenario.after, Script::at(&point, kill));
                assert!(lab.world.killed(), "{after}: the point was not reached");
                if kill == Fault::KillDuring {
                    // The state folder is deleted, too.
                    lab.log.forget();
                }
                lab.converges(&scenario.after, &after);
                assert_eq!(lab.world.snapshot(), whole.world.snapshot(), "{after}");
                killed += 1;
            }
        }
    }
    assert!(killed > 1000, "only {killed} kills");
}

#[test]
fn what_a_killed_run_left_is_removed_without_a_trace() {
    let up = scenario::all().swap_remove(0);
    for point in points(&up) {
        for kill in KILLS {
            let lab = up.lab();
            let after = format!("down after {kill:?} at {point}");
            lab.up(&up.after, Script::at(&point, kill));
            lab.converges(&[], &after);
        }
    }
}
