//! Runs after runs in which anything goes wrong, with the world breaking in between; then one
//! undisturbed run.

use sim::{Chaos, Script};

use crate::lab::Lab;
use crate::scenario;

/// A number that follows from another and looks random: `splitmix64`.
fn next(state: &mut u64) -> usize {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut mixed = *state;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    usize::try_from((mixed ^ (mixed >> 31)) >> 33).unwrap()
}

/// Something ends in the world from outside.
fn damage(lab: &Lab, state: &mut u64) {
    let mut parts = lab.world.parts();
    parts.retain(|(address, _)| {
        !address.name.as_str().starts_with("other-") && address.name.as_str() != "their-nodes"
    });
    if !parts.is_empty() && next(state).is_multiple_of(2) {
        let (address, part) = &parts[next(state) % parts.len()];
        lab.world.end(address, part);
    }
}

#[test]
fn whatever_went_wrong_one_undisturbed_run_makes_it_good() {
    let scenarios = scenario::all();
    let (mut killed, mut failed) = (0, 0);
    for seed in 0..250_u64 {
        let mut state = seed;
        let lab = Lab::new();
        let mut last = 0;
        for round in 0..6 {
            last = next(&mut state) % scenarios.len();
            let chaos = Chaos {
                seed: seed * 100 + round,
                permille: 20,
            };
            let run = lab.up(&scenarios[last].after, Script::chaos(chaos));
            killed += usize::from(lab.world.killed());
            failed += usize::from(run.result.is_err_and(|error| !error.is_refusal()));
            if next(&mut state).is_multiple_of(5) {
                lab.log.forget();
            }
            damage(&lab, &mut state);
        }
        let after = format!("seed {seed}, to {}", scenarios[last].name);
        lab.converges(&scenarios[last].after, &after);
        lab.converges(&[], &after);
    }
    assert!(
        killed > 100 && failed > 0,
        "{killed} kills, {failed} failures"
    );
}

#[test]
fn the_same_seed_gives_the_same_world() {
    let scenarios = scenario::all();
    for seed in 0..20 {
        let worlds = [(); 2].map(|()| {
            let lab = Lab::new();
            let chaos = Chaos { seed, permille: 5 };
            lab.up(&scenarios[0].after, Script::chaos(chaos));
            lab.converges(&scenarios[0].after, "chaos");
            lab.world.snapshot()
        });
        assert_eq!(worlds[0], worlds[1]);
    }
}
