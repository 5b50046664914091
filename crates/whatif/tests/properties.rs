//! What must hold of every lab whatever: more failures never heal, names make no difference, and
//! what is fast says the same as what is simple.

mod random;

use std::collections::BTreeSet;

use proptest::prelude::*;
use random::{Dice, lab, model, small};
use whatif::events::Scenario;
use whatif::ids::{ElementId, WorkloadId};
use whatif::prove::{
    Bound, Target, check_all, check_all_naively, compile, compile_beside, minimal_cuts,
};
use whatif::semantics::{Course, Model, what_stands};
use whatif::timeline::{Asker, Cause, Report, Thing, Verdict};
use whatif::world::{Element, Failure};

const COURSES: [Course; 3] = [Course::SURE, Course::UNLESS_UNKNOWN, Course::POSSIBLE];

fn named(seed: u64) -> Model {
    model(&lab(small(seed, &|at| format!("h{at}"))))
}

/// Everything that a state says, as one row.
fn row(model: &Model, course: Course, failure: &Failure) -> Vec<bool> {
    let state = what_stands(model, failure, course);
    [
        state.hosts,
        state.disks,
        state.links,
        state.nodes,
        state.quorum,
        state.api,
        state.control,
        state.balanced,
        state.storages,
        state.pools,
        state.left,
        state.own,
        state.served,
        state.goes_on,
        state.reached,
    ]
    .concat()
}

fn some_failure(model: &Model, dice: &mut Dice, percent: usize) -> Failure {
    let mut failure = model.world.no_failure();
    for element in model.world.elements.ids() {
        if dice.below(100) < percent {
            failure.insert(element);
        }
    }
    failure
}

/// Some of the nodes: networks and control planes rather stay.
fn some_nodes(model: &Model, dice: &mut Dice) -> Failure {
    let mut failure = model.world.no_failure();
    for (id, node) in model.world.nodes.iter() {
        if dice.below(100) < if node.control_plane { 20 } else { 70 } {
            failure.insert(model.world.element(Element::Node(id)));
        }
    }
    failure
}

fn targets(model: &Model) -> Vec<Target> {
    let world = &model.world;
    let workloads = world.workloads.ids();
    let mut all: Vec<Target> = workloads
        .flat_map(|id| [Target::Reached(id), Target::Served(id), Target::GoesOn(id)])
        .collect();
    all.extend(world.clusters.ids().map(Target::Api));
    all.extend(world.storages.ids().map(Target::Storage));
    all
}

/// Hosts and a few more things, few enough for all their subsets.
fn few_elements(model: &Model, most: usize) -> Vec<ElementId> {
    let world = &model.world;
    let hosts = world.hosts.ids().map(Element::Host);
    let disks = world.disks.ids().map(Element::Disk);
    let links = world.links.ids().map(Element::Link);
    let all = hosts.chain(links).chain(disks);
    all.take(most)
        .map(|element| world.element(element))
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn more_failures_never_heal(seed: u64) {
        let model = named(seed);
        let mut dice = Dice::new(seed ^ 1);
        let some = some_failure(&model, &mut dice, 8);
        let mut more = some_failure(&model, &mut dice, 8);
        more.add(&some);
        for course in COURSES {
            let (before, after) = (row(&model, course, &some), row(&model, course, &more));
            for (at, (before, after)) in before.iter().zip(&after).enumerate() {
                prop_assert!(*before || !after, "{at} of {course:?} heals");
            }
        }
    }

    #[test]
    fn what_is_certain_is_possible(seed: u64) {
        let model = named(seed);
        let failure = some_failure(&model, &mut Dice::new(seed ^ 2), 10);
        let [sure, unless, possible] = COURSES.map(|course| row(&model, course, &failure));
        for (sure, (unless, possible)) in sure.iter().zip(unless.iter().zip(&possible)) {
            prop_assert!(!sure || *unless);
            prop_assert!(!unless || *possible);
        }
    }

    #[test]
    fn names_of_hosts_make_no_difference(seed: u64) {
        // The same lab with its hosts in the opposite order of names.
        let one = named(seed);
        let other = model(&lab(small(seed, &|at| format!("x{}", 9 - at))));
        for at in 0..one.world.hosts.len() {
            let ask = |model: &Model, name: &str| {
                let scenario = Scenario::new(&model.world).off(&model.world, name).unwrap();
                let report = Report::of(&mut Asker::new(model), &scenario);
                report
                    .things
                    .into_iter()
                    .map(|line| (line.thing, line.verdict, line.certain, line.until, line.rule))
                    .collect::<Vec<_>>()
            };
            prop_assert_eq!(ask(&one, &format!("h{at}")), ask(&other, &format!("x{}", 9 - at)));
        }
    }

    #[test]
    fn what_is_not_known_is_never_up(seed: u64) {
        let model = named(seed);
        let failure = some_failure(&model, &mut Dice::new(seed ^ 3), 10);
        let mut scenario = Scenario::new(&model.world);
        scenario.fail_only(&failure);
        let mut asker = Asker::new(&model);
        for fate in asker.ask(&scenario) {
            if let Thing::Workload(id) = fate.thing
                && !model.world.workloads[id].unknown.is_empty()
            {
                prop_assert!(fate.verdict > Verdict::Waits, "{fate:?}");
            }
        }
    }

    #[test]
    fn the_course_ends_as_the_semantics_say(seed: u64, graceful: bool) {
        let model = named(seed);
        let mut dice = Dice::new(seed ^ 4);
        let failure = if dice.below(2) == 0 {
            some_nodes(&model, &mut dice)
        } else {
            some_failure(&model, &mut dice, 6)
        };
        let mut scenario = Scenario::new(&model.world);
        scenario.off.copy_from(&failure);
        scenario.graceful = graceful;
        let course = Course { ended: graceful, ..Course::SURE };
        let state = what_stands(&model, &failure, course);
        let mut asker = Asker::new(&model);
        let fates = asker.ask(&scenario);
        let up = |fate: &whatif::timeline::Fate| fate.verdict <= Verdict::Moves;
        for fate in fates.iter().filter(|fate| fate.cause != Cause::NotThereBefore) {
            let at = |id: WorkloadId| whatif::ids::Id::index(id);
            // Nobody drives pods out while nobody can place any; the semantics cannot say that,
            // or a failure would heal.
            let quiet = |id: WorkloadId| {
                let cluster = model.world.workloads[id].cluster;
                !state.control[whatif::ids::Id::index(cluster)]
            };
            match fate.thing {
                Thing::Workload(id) if quiet(id) => prop_assert!(up(fate) || !state.served[at(id)]),
                Thing::Way(id) if quiet(id) => prop_assert!(up(fate) || !state.reached[at(id)]),
                Thing::Workload(id) => prop_assert_eq!(up(fate), state.served[at(id)], "{:?} {:?}", fate, model.world.workloads[id]),
                Thing::Way(id) => prop_assert_eq!(up(fate), state.reached[at(id)], "{:?}", fate),
                Thing::Api(id) => prop_assert_eq!(up(fate), state.api[whatif::ids::Id::index(id)]),
                Thing::Link(id) => prop_assert_eq!(up(fate), state.links[whatif::ids::Id::index(id)]),
                Thing::Dns(_) | Thing::Addresses(_) | Thing::Storage(_) | Thing::Backup(_) => {}
            }
            if let Some(away) = fate.away
                && up(fate)
            {
                prop_assert!(away.until.is_some(), "{fate:?}");
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn sixty_four_at_once_say_the_same_as_one_by_one(seed: u64) {
        let model = named(seed);
        let elements = few_elements(&model, 8);
        for course in COURSES {
            for target in targets(&model).chunks(3) {
                let circuit = compile(&model, course, target, &elements);
                for bound in [Bound::All, Bound::UpTo(2)] {
                    let fast = check_all(&circuit, bound);
                    let slow = check_all_naively(&model, course, target, &elements, bound);
                    prop_assert_eq!(fast, slow, "{:?}", target);
                }
            }
        }
    }

    #[test]
    fn what_is_off_in_any_case_is_as_if_it_failed_in_every_set(seed: u64) {
        let model = named(seed);
        let elements = few_elements(&model, 7);
        let (off, rest) = elements.split_at(2);
        let mut failure = model.world.no_failure();
        for element in off {
            failure.insert(*element);
        }
        for target in targets(&model) {
            let whole = compile(&model, Course::SURE, &[target], &elements);
            let beside = compile_beside(&model, Course::SURE, &[target], rest, &failure);
            for set in 0..1_u32 << rest.len() {
                let failed: Vec<bool> = (0..rest.len()).map(|at| set >> at & 1 == 1).collect();
                let with = [vec![true; off.len()], failed.clone()].concat();
                prop_assert_eq!(beside.stands(&failed), whole.stands(&with));
            }
        }
    }

    #[test]
    fn smallest_sets_are_those_of_trying_everything(seed: u64) {
        let model = named(seed);
        let elements = few_elements(&model, 8);
        for target in targets(&model) {
            let circuit = compile(&model, Course::SURE, &[target], &elements);
            let breaks = |set: u32| {
                let failed: Vec<bool> = (0..elements.len()).map(|at| set >> at & 1 == 1).collect();
                !circuit.stands(&failed)
            };
            let minimal: BTreeSet<u32> = (0..1_u32 << elements.len())
                .filter(|set| {
                    let bits = (0..elements.len()).filter(|at| set >> at & 1 == 1);
                    breaks(*set) && bits.into_iter().all(|at| !breaks(set & !(1 << at)))
                })
                .collect();
            let cuts = minimal_cuts(&circuit, None);
            prop_assert!(cuts.complete);
            let mut found = BTreeSet::new();
            for cut in &cuts.cuts {
                let mut sets = vec![0_u32];
                for part in cut {
                    let choices = (0..1_u32 << part.of.len()).filter(|c| c.count_ones() as usize == part.count);
                    let choices: Vec<u32> = choices
                        .map(|choice| part.of.iter().enumerate().filter(|(at, _)| choice >> at & 1 == 1).map(|(_, of)| 1 << of).sum())
                        .collect();
                    sets = sets.iter().flat_map(|set| choices.iter().map(move |choice| set | choice)).collect();
                }
                found.extend(sets);
            }
            prop_assert_eq!(&found, &minimal, "{:?} {:?}", target, cuts);
            let few = minimal_cuts(&circuit, Some(2));
            let wanted = minimal.iter().filter(|set| set.count_ones() <= 2).min_by_key(|set| set.count_ones());
            let smallest = few.cuts.first().map(|cut| cut.iter().map(|part| part.count).sum::<usize>());
            prop_assert_eq!(smallest, wanted.map(|set| set.count_ones() as usize));
        }
    }
}
