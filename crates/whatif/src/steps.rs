//! What the steps of a plan do to the lab while they run, crash included.
//!
//! A step that starts a node anew, makes it anew or removes a network takes something away, from
//! its beginning until the last step of the same thing has succeeded; where the run dies in
//! between, until somebody runs it again. So each moment of a run is a failure of the model, and
//! is asked as one:
//!
//! - A quorum that stood before must stand without what the step takes.
//! - A promise that held before must hold, beside what it names itself: what is off by a promise
//!   may be off just then. Of failures that a promise counts, the step's own hosts are some: who
//!   promises one failure has not promised another one during an upgrade.
//!
//! What breaks by itself is refused, unless the owner forces it. What breaks only because several
//! are away at once is put in a row: as more failures never heal, steps that break nothing all
//! together break nothing in any order. How nodes join, and what is not well already, is taken
//! from the inventory. Nodes that are no longer declared are not in the model: etcd's quorum is
//! guarded for them by the planner.

mod away;
mod rows;

use std::collections::{BTreeMap, BTreeSet};

use model::inventory::Inventory;
use model::lab::Lab;
use model::plan::{Note, Plan, Step};
use model::resource::Address;

use crate::bits::Bits;
use crate::ids::{ElementId, Id as _};
use crate::prove::broken_beside;
use crate::semantics::{Course, Model, Plain, State, evaluate};
use crate::world::{Element, Failure};

pub use away::{GUESS, base};

/// Fewer control planes survive no failure: nothing is guarded that cannot stand.
const FEW: usize = 3;

/// What a plan is looked at with.
#[derive(Debug, Clone, Copy)]
pub struct Around<'a> {
    /// The lab.
    pub lab: &'a Lab,
    /// Its model.
    pub model: &'a Model,
    /// What is there.
    pub inventory: &'a Inventory,
    /// Steps that may run whatever they break.
    pub forced: &'a BTreeSet<Address>,
}

/// A plan that was looked at.
#[derive(Debug, Clone)]
pub struct Reviewed {
    /// The plan, in rows where that is needed, with a refusal for each step that breaks something.
    pub plan: Plan,
    /// What each step means for what runs, in words.
    pub consequences: BTreeMap<Address, Vec<String>>,
}

impl From<Plan> for Reviewed {
    /// A plan whose consequences nobody asks for.
    fn from(plan: Plan) -> Self {
        Self {
            plan,
            consequences: BTreeMap::new(),
        }
    }
}

/// Looks at every moment of a plan. `usual`: how many seconds a step took last time.
pub fn review(
    around: &Around<'_>,
    mut plan: Plan,
    usual: &dyn Fn(&Step) -> Option<u64>,
) -> Reviewed {
    let model = around.model;
    let base = away::base(model, around.inventory);
    let taken = away::taken(model, &plan, usual);
    let mut consequences = BTreeMap::new();
    let mut all = base.clone();
    let mut alone_good = Vec::new();
    for one in &taken {
        let told = away::consequences(model, &base, one);
        let first = one.steps.first().and_then(|at| plan.steps.get(*at));
        let Some(first) = first.map(|step| step.address.clone()) else {
            continue;
        };
        if !told.is_empty() {
            consequences.insert(first.clone(), told);
        }
        let mut addresses = one.steps.iter().filter_map(|at| plan.steps.get(*at));
        let forced = addresses.any(|step| around.forced.contains(&step.address));
        if forced {
            continue;
        }
        let breaks = breaks(around, &base, &one.away);
        if breaks.is_empty() {
            all.add(&one.away);
            alone_good.push(one);
        } else {
            plan.notes.push(refusal(&first, &breaks));
        }
    }
    if alone_good.len() > 1 && !breaks(around, &base, &all).is_empty() {
        let groups: Vec<&[usize]> = alone_good.iter().map(|one| one.steps.as_slice()).collect();
        match rows::in_a_row(&plan, &groups) {
            Some(ordered) => plan = ordered,
            None => {
                let breaks = self::breaks(around, &base, &all);
                for one in alone_good {
                    let first = one.steps.first().and_then(|at| plan.steps.get(*at));
                    if let Some(address) = first.map(|step| step.address.clone()) {
                        plan.notes.push(refusal(&address, &breaks));
                    }
                }
            }
        }
    }
    plan.notes
        .sort_by(|one, other| one.address.cmp(&other.address));
    Reviewed { plan, consequences }
}

fn refusal(step: &Address, breaks: &[String]) -> Note {
    Note {
        address: step.clone(),
        text: format!(
            "while it runs, and after a crash until it is run again, {}. Mend or change that \
             first; or let it run nevertheless: --force {step}",
            breaks.join("; ")
        ),
        refused: true,
    }
}

/// What stands beside `base` and breaks when that goes, too: quorums and promises, in words.
#[must_use]
pub fn breaks(around: &Around<'_>, base: &Failure, away: &Failure) -> Vec<String> {
    let model = around.model;
    let mut both = base.clone();
    both.add(away);
    let mut told = Vec::new();
    let (before, after) = (quorums(model, base), quorums(model, &both));
    for (id, cluster) in model.world.clusters.iter() {
        let guarded = cluster.control_planes.len() >= FEW;
        let stood = before.get(id.index()) == Some(&true);
        if guarded && stood && after.get(id.index()) == Some(&false) {
            told.push(format!("the cluster {} has no quorum", cluster.name));
        }
    }
    let (spent_before, spent) = (hosts_of(model, base), hosts_of(model, &both));
    for promise in &around.lab.promises {
        let held_not = broken_beside(model, promise, base, spent_before);
        let mut words = broken_beside(model, promise, &both, spent);
        words.retain(|word| !held_not.contains(word));
        if !words.is_empty() {
            let when = crate::prove::named_event(&promise.when);
            told.push(format!(
                "the promise \"{when}: {}\" does not hold",
                words.join(", ")
            ));
        }
    }
    told
}

fn quorums(model: &Model, away: &Failure) -> Vec<bool> {
    let mut joined = Bits::none(model.world.nodes.len());
    let mut state = State::default();
    let mut plain = Plain::new(away, &mut joined);
    evaluate(model, Course::SURE, &mut plain, &mut state);
    state.quorum
}

/// How many hosts have something that is away.
fn hosts_of(model: &Model, away: &Failure) -> usize {
    let world = &model.world;
    let host = |element: ElementId| match world.elements[element] {
        Element::Host(host) => Some(host.index()),
        Element::Node(node) => Some(world.nodes[node].host.index()),
        Element::Disk(disk) => Some(world.disks[disk].host.index()),
        Element::Link(_) | Element::Storage(_) => None,
    };
    away.iter()
        .filter_map(host)
        .collect::<BTreeSet<usize>>()
        .len()
}
