//! What a plan's steps take away, and what that means for what runs.

use std::collections::BTreeMap;

use model::inventory::{Inventory, Presence};
use model::plan::{Action, Impact, Plan, Step};
use model::resource::{Address, Kind};

use super::pods::Update;
use crate::ids::Id as _;
use crate::semantics::{Course, Model, what_stands};
use crate::timeline::{Thing, name};
use crate::world::{Controller, Element, Failure};

/// How long a machine takes to start anew and join, in seconds, where nobody remembers: about what
/// a container machine takes on a busy host.
pub const GUESS: u64 = 40;

/// Something that steps of a plan take away.
#[derive(Debug)]
pub(super) struct Taken {
    /// What goes.
    pub(super) away: Failure,
    /// The steps, by their positions in the plan, from the one that takes it to the one after
    /// which it is back.
    pub(super) steps: Vec<usize>,
    /// For how long, in seconds; `None`: it does not come back.
    pub(super) seconds: Option<u64>,
    /// Pods that are made anew.
    pub(super) update: Option<Update>,
}

impl Taken {
    /// Whether it is a node.
    pub(super) fn node(&self, model: &Model) -> bool {
        let node = |element| matches!(model.world.elements[element], Element::Node(_));
        self.away.iter().any(node)
    }
}

/// What is not well already.
#[must_use]
pub fn base(model: &Model, inventory: &Inventory) -> Failure {
    let world = &model.world;
    let well = |address: &Address| {
        inventory.things.get(address).is_some_and(|seen| {
            let ours = matches!(
                &seen.presence,
                Presence::Ours {
                    made_from: Some(_),
                    ..
                }
            );
            ours && seen.faults.is_empty()
        })
    };
    let mut away = world.no_failure();
    for (id, node) in world.nodes.iter() {
        let stands = node
            .name
            .parse()
            .is_ok_and(|name| well(&Address::new(Kind::Member, name)));
        if !stands {
            away.insert(world.element(Element::Node(id)));
        }
    }
    away
}

/// What the plan's steps take away, each thing once, in the order of the plan.
pub(super) fn taken(
    model: &Model,
    plan: &Plan,
    usual: &dyn Fn(&Step) -> Option<u64>,
) -> Vec<Taken> {
    let world = &model.world;
    let mut groups: BTreeMap<Away, Vec<usize>> = BTreeMap::new();
    for (at, step) in plan.steps.iter().enumerate() {
        if let Some(element) = about(model, &step.address) {
            groups.entry(element).or_default().push(at);
        }
    }
    let mut all = Vec::new();
    for (Away(kind, at), mut steps) in groups {
        let of = |at: &usize| plan.steps.get(*at);
        let Some(first) = steps.iter().position(|at| of(at).is_some_and(takes)) else {
            continue;
        };
        steps.drain(..first);
        let deleted = steps
            .iter()
            .filter_map(of)
            .all(|step| step.action == Action::Delete);
        let known: Option<u64> = steps.iter().map(|at| of(at).and_then(usual)).sum();
        let element = match kind {
            Kind::Network => Element::Link(crate::ids::LinkId::at(at)),
            _ => Element::Node(crate::ids::NodeId::at(at)),
        };
        all.push(Taken {
            away: world.failure([element]),
            seconds: (!deleted).then(|| known.filter(|one| *one > 0).unwrap_or(GUESS)),
            steps,
            update: None,
        });
    }
    all.sort_by_key(|one| one.steps.first().copied());
    all
}

/// A node or a network, by its position in the world.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Away(Kind, usize);

fn about(model: &Model, address: &Address) -> Option<Away> {
    let world = &model.world;
    let name = address.name.as_str();
    match address.kind {
        Kind::Machine | Kind::Member => {
            let found = world.nodes.iter().find(|(_, node)| node.name == name);
            found.map(|(id, _)| Away(Kind::Machine, id.index()))
        }
        Kind::Network => {
            let found = world.links.iter().find(|(_, link)| link.name == name);
            found.map(|(id, _)| Away(Kind::Network, id.index()))
        }
        _ => None,
    }
}

/// Whether a step takes away what may be well. One that mends takes nothing.
fn takes(step: &Step) -> bool {
    match step.action {
        Action::Replace | Action::Delete => true,
        Action::Update => {
            let mends = matches!(step.reason, model::plan::Reason::Faulty { .. });
            step.impact >= Impact::Restart && !mends
        }
        Action::Create => false,
    }
}

/// What stands, by the order of [`things`], in two courses.
pub(super) struct Standing {
    /// Whatever is not known turns out well, pods are where it is worst.
    sure: Vec<bool>,
    /// Pods are where it is best.
    possible: Vec<bool>,
}

/// What stops while that is away, in words.
pub(super) fn consequences(model: &Model, base: &Failure, taken: &Taken) -> Vec<String> {
    let mut both = base.clone();
    both.add(&taken.away);
    let (down, perhaps) = lost(
        &Standing::of(model, base),
        &Standing::of(model, &both),
        model,
    );
    let how_long = match taken.seconds {
        Some(seconds) => format!("down about {}", long(seconds)),
        None => "down for good".to_owned(),
    };
    let mut told = Vec::new();
    if !down.is_empty() {
        told.push(format!("{} {how_long}", down.join(", ")));
    }
    if !perhaps.is_empty() {
        told.push(format!("{} perhaps {how_long}", perhaps.join(", ")));
    }
    told
}

/// The names of what stood and does not: for certain, and perhaps.
pub(super) fn lost(
    before: &Standing,
    after: &Standing,
    model: &Model,
) -> (Vec<String>, Vec<String>) {
    let gone = |one: &[bool], other: &[bool], at: usize| {
        one.get(at) == Some(&true) && other.get(at) == Some(&false)
    };
    let (mut down, mut perhaps) = (Vec::new(), Vec::new());
    for (at, thing) in things(model).iter().enumerate() {
        if gone(&before.possible, &after.possible, at) {
            down.push(name(&model.world, *thing));
        } else if gone(&before.sure, &after.sure, at) {
            perhaps.push(name(&model.world, *thing));
        }
    }
    (down, perhaps)
}

fn long(seconds: u64) -> String {
    match seconds {
        0..=5 => "5 s".to_owned(),
        6..=90 => format!("{} s", seconds.div_ceil(10) * 10),
        seconds => format!("{} min", seconds.div_ceil(60)),
    }
}

/// What there is to tell of: APIs and what runs in pods; not what has one pod on each node.
fn things(model: &Model) -> Vec<Thing> {
    let world = &model.world;
    let moves = |one: &crate::world::Workload| one.controller != Controller::DaemonSet;
    let workloads = world.workloads.iter().filter(|(_, one)| moves(one));
    let apis = world.clusters.ids().map(Thing::Api);
    apis.chain(workloads.map(|(id, _)| Thing::Workload(id)))
        .collect()
}

impl Standing {
    /// What stands while that is away, without anything having moved.
    pub(super) fn of(model: &Model, away: &Failure) -> Self {
        let things = things(model);
        let of = |course: Course| {
            let state = what_stands(model, away, course);
            let stands = |thing: &Thing| match thing {
                Thing::Api(id) => state.api.get(id.index()) == Some(&true),
                Thing::Workload(id) => state.goes_on.get(id.index()) == Some(&true),
                _ => true,
            };
            things.iter().map(stands).collect::<Vec<bool>>()
        };
        Self {
            sure: of(Course::UNLESS_UNKNOWN),
            possible: of(Course::POSSIBLE),
        }
    }
}
