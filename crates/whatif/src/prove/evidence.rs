//! What is told beside a verdict: times, reasons, changes that would help, smallest sets.

use super::compile::{Target, compile};
use super::cuts::{Cut, Cuts, minimal_cuts};
use super::promise::{Kept, Sets, Stay, hosts};
use super::sets::for_each_set;
use crate::events::{Question, Scenario};
use crate::ids::ElementId;
use crate::search::{Suggestion, suggestions};
use crate::semantics::{Course, Model};
use crate::span::Span;
use crate::timeline::{Asker, Fate, Report, Thing, Verdict};
use crate::world::{Element, Failure, Input};

/// At most so many sets are played with their times.
const MOST_TIMED: usize = 50_000;
/// At most so many cuts are told.
const MOST_TOLD: usize = 20;

/// Plays every set with its times: the longest time away, and whether that is short enough.
pub(super) fn timed(
    model: &Model,
    targets: &[Target],
    sets: &Sets,
    within: Option<u64>,
    asker: &mut Asker<'_>,
    stay: &mut Stay,
) {
    let mut scenario = Scenario::new(&model.world);
    let mut worst: Option<Span> = None;
    let mut late: Option<Vec<ElementId>> = None;
    let mut play = |failure: &Failure, asker: &mut Asker<'_>| {
        scenario.fail_only(failure);
        for fate in asker.ask(&scenario) {
            let about = targets
                .iter()
                .any(|target| is_about(model, *target, fate.thing));
            let Some(until) = fate.away.filter(|_| about).and_then(|away| away.until) else {
                continue;
            };
            if worst.is_none_or(|worst| worst.latest < until.latest) {
                worst = Some(until);
            }
            if within.is_some_and(|within| until.latest > within) && late.is_none() {
                late = Some(failure.iter().collect());
            }
        }
    };
    match sets {
        Sets::One(failure) => play(failure, asker),
        Sets::Hosts(count, off) => {
            let hosts = hosts(model, off);
            let mut failure = model.world.no_failure();
            let mut left = MOST_TIMED;
            for_each_set(hosts.len(), *count, &mut |set| {
                if left == 0 {
                    return;
                }
                left -= 1;
                failure.copy_from(off);
                for at in set {
                    failure.insert(hosts[*at]);
                }
                play(&failure, asker);
            });
            if left == 0 && within.is_some() && late.is_none() {
                stay.kept = Kept::Unknown;
                stay.why.push(format!(
                    "only {MOST_TIMED} of the sets were played with their times"
                ));
            }
        }
    }
    stay.away = worst;
    if let (Some(late), Some(worst)) = (late, worst) {
        stay.kept = Kept::Breaks;
        stay.certain = Some(false);
        stay.counterexample = late
            .iter()
            .map(|element| model.world.called(*element))
            .collect();
        stay.why.push(format!("it may be away for {worst}"));
    }
}

fn is_about(model: &Model, target: Target, thing: Thing) -> bool {
    match (target, thing) {
        (Target::Api(one), Thing::Api(other)) => one == other,
        (Target::Storage(one), Thing::Storage(other)) => one == other,
        (Target::Link(one) | Target::Names(one), Thing::Link(other)) => one == other,
        (Target::Reached(one), Thing::Way(other)) => one == other,
        (Target::Reached(one), Thing::Workload(other)) => {
            one == other && model.world.workloads[one].way.is_none()
        }
        (Target::Served(one) | Target::GoesOn(one), Thing::Workload(other)) => one == other,
        _ => false,
    }
}

/// Small changes that help the targets when these fail.
pub(super) fn help(
    model: &Model,
    input: Input<'_>,
    targets: &[Target],
    fail: &[String],
) -> Vec<Suggestion> {
    let things = targets.iter().map(|target| match target {
        Target::Api(id) => Thing::Api(*id),
        Target::Storage(id) => Thing::Storage(*id),
        Target::Link(id) | Target::Names(id) => Thing::Link(*id),
        Target::Reached(id) if model.world.workloads[*id].way.is_some() => Thing::Way(*id),
        Target::Reached(id) | Target::Served(id) | Target::GoesOn(id) => Thing::Workload(*id),
    });
    let names: Vec<String> = things
        .map(|thing| crate::timeline::name(&model.world, thing))
        .collect();
    let question = Question {
        fail: fail.to_vec(),
        ..Question::default()
    };
    suggestions(input, &question, Some(&names))
}

/// What becomes of the targets that the set breaks.
pub(super) fn why(
    model: &Model,
    targets: &[Target],
    example: &[ElementId],
    asker: &mut Asker<'_>,
) -> Vec<String> {
    let mut failure = model.world.no_failure();
    for element in example {
        failure.insert(*element);
    }
    let mut scenario = Scenario::new(&model.world);
    scenario.fail_only(&failure);
    let fates: Vec<Fate> = asker.ask(&scenario).to_vec();
    let going_on = targets
        .iter()
        .any(|target| matches!(target, Target::GoesOn(_)));
    let bad = fates.iter().filter(|fate| {
        let about = targets
            .iter()
            .any(|target| is_about(model, *target, fate.thing));
        about && (fate.verdict > Verdict::Moves || going_on && fate.verdict > Verdict::Stays)
    });
    let bad: Vec<Thing> = bad.map(|fate| fate.thing).collect();
    let report = Report::of(asker, &scenario);
    let names: Vec<String> = bad
        .iter()
        .map(|thing| crate::timeline::name(&model.world, *thing))
        .collect();
    report
        .things
        .iter()
        .filter(|line| names.contains(&line.thing))
        .map(|line| {
            let may = if line.certain { "" } else { "perhaps " };
            format!(
                "{} {may}{}: {}",
                line.thing,
                line.verdict.word(),
                line.because
            )
        })
        .collect()
}

/// The smallest sets of hosts, disks and networks that break the targets.
pub(super) fn cuts_in_words(model: &Model, targets: &[Target]) -> (Vec<String>, bool) {
    let world = &model.world;
    let single = |element: &ElementId| match world.elements[*element] {
        Element::Host(_) | Element::Disk(_) | Element::Link(_) => true,
        Element::Node(_) | Element::Storage(_) => false,
    };
    let elements: Vec<ElementId> = world.elements.ids().filter(single).collect();
    let circuit = compile(model, Course::UNLESS_UNKNOWN, targets, &elements);
    let Cuts { cuts, complete, .. } = minimal_cuts(&circuit, None);
    let told = cuts
        .iter()
        .take(MOST_TOLD)
        .map(|cut| in_words(model, cut, &elements));
    (told.collect(), complete && cuts.len() <= MOST_TOLD)
}

fn in_words(model: &Model, cut: &Cut, elements: &[ElementId]) -> String {
    let parts = cut.iter().map(|part| {
        let names: Vec<String> = part
            .of
            .iter()
            .map(|at| model.world.called(elements[*at]))
            .collect();
        if part.count == names.len() {
            names.join(" and ")
        } else if part.count == 1 {
            format!("any of {}", names.join(", "))
        } else {
            format!("any {} of {}", part.count, names.join(", "))
        }
    });
    let parts: Vec<String> = parts.collect();
    if parts.is_empty() {
        return "nothing: it does not stand as it is".to_owned();
    }
    parts.join(" and ")
}
