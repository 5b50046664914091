//! The promises of a lab.

use model::lab::{Event, Lab, OffAndFails, OneOrMany, Promise};
use serde::Serialize;

use super::compile::{Target, compile_beside};
use super::cuts::minimal_cuts;
use super::evidence::{cuts_in_words, help, timed, why};
use super::sets::One;
use crate::ids::{ElementId, WorkloadId};
use crate::search::Suggestion;
use crate::semantics::{Course, Model};
use crate::span::Span;
use crate::timeline::Asker;
use crate::world::{Element, Failure, Input, Origin, StorageKind};

/// Whether a promise holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kept {
    /// Under every failure that it names.
    Holds,
    /// The lab has nothing that it is about.
    SaysNothing,
    /// The model does not know.
    Unknown,
    /// There is a failure that breaks it.
    Breaks,
}

impl Kept {
    /// The verdict in a word or two. `certain`: whether what breaks it certainly does, where that
    /// was asked.
    #[must_use]
    pub const fn word(self, certain: Option<bool>) -> &'static str {
        match (self, certain) {
            (Self::Holds, _) => "holds",
            (Self::SaysNothing, _) => "says nothing",
            (Self::Unknown, _) => "unknown",
            (Self::Breaks, Some(false)) => "may break",
            (Self::Breaks, _) => "breaks",
        }
    }
}

/// All promises of a lab, with what came out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Proof {
    /// The lab.
    pub lab: String,
    /// Its promises.
    pub promises: Vec<Proven>,
    /// What was assumed where the lab file is silent.
    pub assumed: Vec<String>,
}

/// A promise, with what came out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Proven {
    /// The failures that it names.
    pub when: String,
    /// Each thing that must stay.
    pub stays: Vec<Stay>,
    /// How long it may be away, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub within: Option<u64>,
    /// Why it matters to the owner.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub because: Option<String>,
    /// Whether all of them stay.
    pub kept: Kept,
}

/// Something that must stay, with what came out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Stay {
    /// Its word in the promise.
    pub what: String,
    /// Whether it stays.
    pub kept: Kept,
    /// How many sets of failures were told apart.
    pub sets: u64,
    /// The smallest set that breaks it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub counterexample: Vec<String>,
    /// Whether that breaks it for certain; else it depends on where pods are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub certain: Option<bool>,
    /// Why it breaks, or why it is not known.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub why: Vec<String>,
    /// The longest time that it is away, as earliest and latest milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub away: Option<Span>,
    /// The smallest sets of hosts, disks and networks that break it, in words.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub cuts: Vec<String>,
    /// Whether all sets were looked at for that; else those of up to three failures.
    pub all_cuts: bool,
    /// Small changes that would help against the counterexample.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub suggestions: Vec<Suggestion>,
}

/// The verdicts alone, without smallest sets and changes that would help: fast enough for every
/// `check`.
#[must_use]
pub fn judge(model: &Model, lab: &Lab) -> Proof {
    let mut asker = Asker::new(model);
    let promises = lab.promises.iter();
    Proof {
        lab: model.world.name.clone(),
        promises: promises
            .map(|promise| one(model, None, promise, &mut asker))
            .collect(),
        assumed: model.world.assumed.clone(),
    }
}

/// Checks all promises of a lab.
#[must_use]
pub fn prove(model: &Model, input: Input<'_>) -> Proof {
    let mut asker = Asker::new(model);
    let promises = input.lab.promises.iter();
    Proof {
        lab: model.world.name.clone(),
        promises: promises
            .map(|promise| one(model, Some(input), promise, &mut asker))
            .collect(),
        assumed: model.world.assumed.clone(),
    }
}

fn one(
    model: &Model,
    input: Option<Input<'_>>,
    promise: &Promise,
    asker: &mut Asker<'_>,
) -> Proven {
    let within = promise
        .within
        .map(|within| u64::try_from(within.0.as_millis()).unwrap_or(u64::MAX));
    let (when, sets) = (named_event(&promise.when), sets_of(model, &promise.when));
    let stays: Vec<Stay> = promise
        .stays
        .iter()
        .map(|what| match (&sets, targets(model, what)) {
            (Err(why), _) => unknown(what, why.clone()),
            (Ok(_), Err(why)) => unknown(what, why),
            (Ok(_), Ok(targets)) if targets.is_empty() => Stay {
                kept: Kept::SaysNothing,
                why: vec![format!("the lab has no {what}")],
                ..unknown(what, String::new())
            },
            (Ok(sets), Ok(targets)) => {
                let mut stay = stay(model, what, &targets, sets, within, asker);
                if let Some(input) = input {
                    let (cuts, all) = cuts_in_words(model, &targets);
                    stay.cuts = cuts;
                    stay.all_cuts = all;
                    if stay.kept == Kept::Breaks {
                        stay.suggestions = help(model, input, &targets, &stay.counterexample);
                    }
                }
                stay
            }
        })
        .collect();
    Proven {
        when,
        kept: overall(&stays),
        stays,
        within,
        because: promise.because.clone(),
    }
}

/// The failures that an event names, in words.
pub(crate) fn named_event(event: &Event) -> String {
    let any = |count: u32| {
        let hosts = if count == 1 {
            "host fails"
        } else {
            "hosts fail"
        };
        format!("any {count} {hosts}")
    };
    match event {
        Event::Off(what) => format!("{} off", what.all().join(", ")),
        Event::Fails(count) => any(*count),
        Event::OffAndFails(OffAndFails { off, fails }) => {
            format!("{} off and {}", off.all().join(", "), any(*fails))
        }
    }
}

/// The failures that an event names, as sets.
fn sets_of(model: &Model, event: &Event) -> Result<Sets, String> {
    let named = |what: &OneOrMany| {
        let mut failure = model.world.no_failure();
        let mut names = what.all().into_iter();
        names
            .try_for_each(|name| model.world.add_named(name, &mut failure))
            .map(|()| failure)
            .map_err(|error| error.to_string())
    };
    match event {
        Event::Off(what) => named(what).map(Sets::One),
        Event::Fails(count) => Ok(Sets::Hosts(*count as usize, model.world.no_failure())),
        Event::OffAndFails(OffAndFails { off, fails }) => {
            named(off).map(|off| Sets::Hosts(*fails as usize, off))
        }
    }
}

/// The worst of them; what says nothing does not count beside what says something.
fn overall(stays: &[Stay]) -> Kept {
    let said = stays.iter().map(|stay| stay.kept);
    said.filter(|kept| *kept != Kept::SaysNothing)
        .max()
        .unwrap_or(Kept::SaysNothing)
}

pub(super) enum Sets {
    /// This one.
    One(Failure),
    /// Any so many hosts, besides what is off.
    Hosts(usize, Failure),
}

fn unknown(what: &str, why: String) -> Stay {
    Stay {
        what: what.to_owned(),
        kept: Kept::Unknown,
        sets: 0,
        counterexample: Vec::new(),
        certain: None,
        why: vec![why],
        away: None,
        cuts: Vec::new(),
        all_cuts: true,
        suggestions: Vec::new(),
    }
}

/// What a word of a promise is about.
fn targets(model: &Model, word: &str) -> Result<Vec<Target>, String> {
    let world = &model.world;
    let workloads = |wanted: &dyn Fn(WorkloadId) -> bool| -> Vec<WorkloadId> {
        world.workloads.ids().filter(|id| wanted(*id)).collect()
    };
    let reached = |all: Vec<WorkloadId>| all.into_iter().map(Target::Reached).collect();
    let is_app = |id: WorkloadId| world.workloads[id].origin == Origin::App;
    Ok(match word {
        "api" => world.clusters.ids().map(Target::Api).collect(),
        "ingress" => reached(workloads(&|id| world.workloads[id].ingress)),
        "apps" => reached(workloads(&|id| is_app(id) && world.workloads[id].several)),
        "running-apps" => {
            let all = workloads(&|id| is_app(id));
            all.into_iter().map(Target::GoesOn).collect()
        }
        "dns" => {
            let inside = world.clusters.iter().filter_map(|(_, cluster)| cluster.dns);
            let outside = world.links.iter().filter(|(_, link)| link.dns.is_some());
            let inside = inside.map(Target::Served);
            inside
                .chain(outside.map(|(id, _)| Target::Names(id)))
                .collect()
        }
        "storage" => {
            let own = world
                .storages
                .iter()
                .filter(|(_, storage)| !matches!(storage.kind, StorageKind::Object(_)));
            own.map(|(id, _)| Target::Storage(id)).collect()
        }
        "vpn" => {
            let overlays = world.links.iter().filter(|(_, link)| link.overlay);
            let servers = workloads(&|id| world.workloads[id].vpn);
            let servers = servers.into_iter().map(Target::Reached);
            overlays
                .map(|(id, _)| Target::Link(id))
                .chain(servers)
                .collect()
        }
        name => vec![named(model, name)?],
    })
}

fn named(model: &Model, name: &str) -> Result<Target, String> {
    let world = &model.world;
    let workload = world.workloads.iter().find(|(_, one)| one.name == name);
    let storage = || world.storages.iter().find(|(_, one)| one.name == name);
    let cluster = || world.clusters.iter().find(|(_, one)| one.name == name);
    let link = || world.links.iter().find(|(_, one)| one.name == name);
    workload
        .map(|(id, _)| Target::Reached(id))
        .or_else(|| storage().map(|(id, _)| Target::Storage(id)))
        .or_else(|| cluster().map(|(id, _)| Target::Api(id)))
        .or_else(|| link().map(|(id, _)| Target::Link(id)))
        .ok_or_else(|| format!("nothing that runs in the lab is called {name}"))
}

fn stay(
    model: &Model,
    what: &str,
    targets: &[Target],
    sets: &Sets,
    within: Option<u64>,
    asker: &mut Asker<'_>,
) -> Stay {
    let mut stay = Stay {
        kept: Kept::Holds,
        why: Vec::new(),
        ..unknown(what, String::new())
    };
    let (sets_checked, sure) = smallest(model, targets, sets, Course::SURE);
    stay.sets = sets_checked;
    if let Some(unsure) = sure {
        let broken = smallest(model, targets, sets, Course::UNLESS_UNKNOWN).1;
        stay.kept = if broken.is_some() {
            Kept::Breaks
        } else {
            Kept::Unknown
        };
        let example = broken.unwrap_or(unsure);
        stay.counterexample = example
            .iter()
            .map(|element| model.world.called(*element))
            .collect();
        if stay.kept == Kept::Breaks {
            let lucky = One::new(model, Course::POSSIBLE, targets).stands(example.iter().copied());
            stay.certain = Some(!lucky);
        }
        stay.why = why(model, targets, &example, asker);
    } else {
        timed(model, targets, sets, within, asker, &mut stay);
    }
    stay
}

/// What of a promise breaks while these are away, and `spent` of the failures that it names have
/// happened already: the word of what does not stay, for each.
pub(crate) fn broken_beside(
    model: &Model,
    promise: &Promise,
    away: &Failure,
    spent: usize,
) -> Vec<String> {
    let Ok(sets) = sets_of(model, &promise.when) else {
        return Vec::new();
    };
    let sets = match sets {
        Sets::One(mut failure) => {
            failure.add(away);
            Sets::One(failure)
        }
        Sets::Hosts(count, mut off) => {
            off.add(away);
            Sets::Hosts(count.saturating_sub(spent), off)
        }
    };
    // What is just being made anew does not run: a promise about what runs is not about it.
    let runs =
        |target: &Target| !matches!(target, Target::GoesOn(id) if model.world.workloads[*id].anew);
    let breaks = |what: &&String| {
        let mut targets = targets(model, what).unwrap_or_default();
        targets.retain(runs);
        !targets.is_empty()
            && smallest(model, &targets, &sets, Course::UNLESS_UNKNOWN)
                .1
                .is_some()
    };
    promise.stays.iter().filter(breaks).cloned().collect()
}

/// The words of a promise that are about a workload, and that hold in time.
pub(crate) fn kept_within(model: &Model, promise: &Promise, id: WorkloadId) -> Vec<String> {
    let about = |word: &str| {
        let targets = targets(model, word).unwrap_or_default();
        let is = |target: &Target| matches!(target, Target::Reached(of) | Target::Served(of) if *of == id);
        targets.iter().any(is)
    };
    let proven = one(model, None, promise, &mut Asker::new(model));
    let kept = proven
        .stays
        .into_iter()
        .filter(|stay| stay.kept == Kept::Holds);
    kept.map(|stay| stay.what)
        .filter(|word| about(word))
        .collect()
}

/// The smallest set that breaks one of the targets, and how many were told apart.
fn smallest(
    model: &Model,
    targets: &[Target],
    sets: &Sets,
    course: Course,
) -> (u64, Option<Vec<ElementId>>) {
    match sets {
        Sets::One(failure) => {
            let stands = One::new(model, course, targets).stands(failure);
            (1, (!stands).then(|| failure.iter().collect()))
        }
        Sets::Hosts(count, off) => {
            let hosts: Vec<ElementId> = hosts(model, off);
            let circuit = compile_beside(model, course, targets, &hosts, off);
            let cuts = minimal_cuts(&circuit, Some(*count));
            let example = cuts.cuts.first().map(|cut| {
                let of = cut.iter().flat_map(|part| part.of.iter().take(part.count));
                off.iter().chain(of.map(|at| hosts[*at])).collect()
            });
            (cuts.sets, example)
        }
    }
}

/// All hosts, besides those that are off.
pub(super) fn hosts(model: &Model, off: &Failure) -> Vec<ElementId> {
    let hosts = model.world.hosts.ids();
    hosts
        .map(|host| model.world.element(Element::Host(host)))
        .filter(|host| !off.has(*host))
        .collect()
}
