//! What the steps of a plan do to the lab while they run, crash included.
//!
//! A step that starts a node anew, makes it anew or removes a network takes something away, from
//! its beginning until the last step of the same thing has succeeded; where the run dies in
//! between, until somebody runs it again. A step that changes an app or a component makes its pods
//! anew (rule 17). So each moment of a run is a failure of the model, and is asked as one:
//!
//! - A quorum that stood before must stand without what the step takes.
//! - A promise that held before must hold, beside what it names itself: what is off by a promise
//!   may be off just then. Of failures that a promise counts, the step's own hosts are some: who
//!   promises one failure has not promised another one during an upgrade.
//! - A node that is no longer declared is in the model as long as the plan removes it, and what
//!   held with it must hold without it, too, for good. That etcd has a majority at every moment of
//!   it, the planner guards as well.
//!
//! What breaks by itself is refused, unless the owner forces it. What breaks only because several
//! are away at once is put in a row: as more failures never heal, steps that break nothing all
//! together break nothing in any order. How nodes join, and what is not well already, is taken
//! from the inventory.

mod away;
mod breaks;
mod pods;
mod removed;
mod rollout;
mod rows;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use model::inventory::Inventory;
use model::lab::Lab;
use model::plan::{Action, Note, Plan, Step};
use model::resource::{Address, Kind};
use serde_json::Value;

use crate::semantics::Model;
use crate::world::{Element, Failure, Input, World};
use away::Taken;
use breaks::State;

pub use away::{GUESS, base};
pub use breaks::breaks;
pub use removed::before;

/// What a plan is looked at with.
#[derive(Debug, Clone, Copy)]
pub struct Around<'a> {
    /// The lab.
    pub lab: &'a Lab,
    /// The objects of its apps that come as manifests.
    pub manifests: &'a BTreeMap<String, Vec<Value>>,
    /// Its model.
    pub model: &'a Model,
    /// What is there.
    pub inventory: &'a Inventory,
    /// Steps that may run whatever they break.
    pub forced: &'a BTreeSet<Address>,
}

impl Around<'_> {
    fn model_of(&self, lab: &Lab) -> Model {
        Model::new(World::of(Input {
            lab,
            manifests: self.manifests,
        }))
    }
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
pub fn review(around: &Around<'_>, plan: Plan, usual: &dyn Fn(&Step) -> Option<u64>) -> Reviewed {
    let all = before(around.lab, &plan, around.inventory);
    let Some(whole) = all else {
        return Review::new(around, usual).of(plan);
    };
    let removal = removed::Removal {
        whole: &whole,
        around,
    };
    // Nodes that go are there until then; those that are made are only where they come before.
    let (lab, plan) = match removal.ordered(&plan) {
        Some(ordered) => (whole.clone(), ordered),
        None => (removed::without(&whole, &removed::made(&plan)), plan),
    };
    let model = around.model_of(&lab);
    let now = Around {
        lab: &lab,
        model: &model,
        ..*around
    };
    let mut reviewed = Review::new(&now, usual).of(plan);
    removal.refuse(&mut reviewed.plan);
    reviewed
}

struct Review<'a> {
    around: &'a Around<'a>,
    base: Failure,
    usual: &'a dyn Fn(&Step) -> Option<u64>,
}

impl<'a> Review<'a> {
    fn new(around: &'a Around<'a>, usual: &'a dyn Fn(&Step) -> Option<u64>) -> Self {
        Self {
            around,
            base: away::base(around.model, around.inventory),
            usual,
        }
    }

    fn of(&self, mut plan: Plan) -> Reviewed {
        let around = self.around;
        let mut taken = away::taken(around.model, &plan, self.usual);
        taken.extend(pods::updated(around, &plan));
        taken.sort_by_key(|one| one.steps.first().copied());
        let mut consequences = BTreeMap::new();
        let mut alone_good = Vec::new();
        for one in &taken {
            let mut addresses = one.steps.iter().filter_map(|at| plan.steps.get(*at));
            let forced = addresses.any(|step| around.forced.contains(&step.address));
            let Some(first) = address(&plan, one) else {
                continue;
            };
            let told = self.consequences(one);
            if !told.is_empty() {
                consequences.insert(first.clone(), told);
            }
            if forced {
                continue;
            }
            let breaks = self.breaks(&self.base_of(&plan, one), &[one]);
            if breaks.is_empty() {
                alone_good.push(one);
            } else {
                plan.notes.push(refusal(&first, &breaks));
            }
        }
        let breaks = self.breaks(&self.base, &alone_good);
        if alone_good.len() > 1 && !breaks.is_empty() {
            let groups: Vec<&[usize]> = alone_good.iter().map(|one| one.steps.as_slice()).collect();
            match rows::in_a_row(&plan, &groups) {
                Some(ordered) => plan = ordered,
                None => {
                    let all = alone_good.iter().filter_map(|one| address(&plan, one));
                    let refused = all
                        .map(|address| refusal(&address, &breaks))
                        .collect::<Vec<_>>();
                    plan.notes.extend(refused);
                }
            }
        }
        plan.notes
            .sort_by(|one, other| one.address.cmp(&other.address));
        Reviewed { plan, consequences }
    }

    fn consequences(&self, taken: &Taken) -> Vec<String> {
        let model = self.around.model;
        let for_good = taken.seconds.is_none();
        match &taken.update {
            Some(update) => pods::consequences(model, &self.base, update),
            None if for_good && taken.node(model) => {
                removed::consequences(model, &self.base, &taken.away)
            }
            None => away::consequences(model, &self.base, taken),
        }
    }

    /// What is not well when that is taken: without nodes that are made or mended before. A step
    /// about a member that succeeds leaves it well, etcd and all.
    fn base_of(&self, plan: &Plan, taken: &Taken) -> Failure {
        let world = &self.around.model.world;
        let mut base = self.base.clone();
        let first = taken.steps.first().and_then(|at| plan.steps.get(*at));
        let mut open: Vec<&Address> = first.into_iter().flat_map(|step| &step.needs).collect();
        let mut seen: BTreeSet<&Address> = BTreeSet::new();
        while let Some(need) = open.pop() {
            let step = plan.steps.iter().find(|step| step.address == *need);
            let Some(step) = step.filter(|_| seen.insert(need)) else {
                continue;
            };
            open.extend(&step.needs);
            let well = step.address.kind == Kind::Member && step.action != Action::Delete;
            let name = step.address.name.as_str();
            let node = world
                .nodes
                .iter()
                .find(|(_, node)| well && node.name == name);
            if let Some((id, _)) = node {
                base.remove(world.element(Element::Node(id)));
            }
        }
        base
    }

    /// What breaks while all of these are away, beside that.
    fn breaks(&self, base: &Failure, taken: &[&Taken]) -> Vec<String> {
        let around = self.around;
        let updates = || taken.iter().filter_map(|one| one.update.as_ref());
        let mut away = base.clone();
        for one in taken {
            away.add(&one.away);
        }
        let model = match updates().next() {
            Some(_) => Cow::Owned(pods::moment(around.model, updates())),
            None => Cow::Borrowed(around.model),
        };
        let before = State::new(around.model, base);
        let during = State::new(&model, &away);
        let mut told = breaks::between(around.lab, &before, &during);
        for (id, longest) in updates().filter_map(|one| one.all_away(around.model)) {
            told.extend(breaks::too_long(around, id, longest));
        }
        told
    }
}

fn address(plan: &Plan, taken: &Taken) -> Option<Address> {
    let first = taken.steps.first().and_then(|at| plan.steps.get(*at));
    first.map(|step| step.address.clone())
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
