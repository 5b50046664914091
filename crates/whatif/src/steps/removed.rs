//! Nodes that are no longer declared: the lab as it is while they are still there, and what their
//! removal means.

use std::collections::BTreeSet;

use model::dual::Dual;
use model::inventory::Inventory;
use model::lab::{Lab, Node};
use model::name::Name;
use model::plan::{Action, Note, Plan, Step};
use model::resource::{Address, Kind, Member, NodeMachine, Spec};

use super::breaks::{State, between};
use super::{Around, base, rows};
use crate::events::Scenario;
use crate::semantics::Model;
use crate::span::Span;
use crate::timeline::{Asker, Report, Verdict};
use crate::world::{Controller, Element, Failure};

/// The nodes that a plan removes for good, with what is known of them.
fn removed<'a>(
    lab: &Lab,
    plan: &'a Plan,
    inventory: &'a Inventory,
) -> Vec<(Name, &'a Member, Option<&'a NodeMachine>)> {
    let deleted = plan.steps.iter().filter(|step| {
        step.action == Action::Delete && !lab.nodes.contains_key(&step.address.name)
    });
    deleted
        .filter_map(|step| {
            let Spec::Member(member) = &step.resource.spec else {
                return None;
            };
            let name = step.address.name.clone();
            let machine = Address::new(Kind::Machine, name.clone());
            let machine = match inventory.spec(&machine) {
                Some(Spec::Machine(machine)) => Some(machine),
                _ => None,
            };
            lab.clusters
                .contains_key(&member.cluster)
                .then_some((name, member, machine))
        })
        .collect()
}

/// The lab with the nodes that a plan removes, as they are now; `None`: it removes none.
#[must_use]
pub fn before(lab: &Lab, plan: &Plan, inventory: &Inventory) -> Option<Lab> {
    let removed = removed(lab, plan, inventory);
    if removed.is_empty() {
        return None;
    }
    let mut all = lab.clone();
    for (name, member, machine) in removed {
        let on = machine.map_or_else(|| name.clone(), |machine| machine.host.clone());
        all.hosts.entry(on.clone()).or_default();
        let mut node = Node {
            cluster: member.cluster.clone(),
            role: member.role,
            on,
            container: None,
            vm: None,
            address: Some(Dual::one(member.address)),
            addresses: Default::default(),
            labels: member.labels.clone(),
            taints: Some(member.taints.clone()),
            patches: Vec::new(),
        };
        match machine.map(|machine| &machine.machine) {
            Some(model::lab::Machine::Container(container)) => {
                node.container = Some(container.clone());
            }
            Some(model::lab::Machine::Vm(vm)) => node.vm = Some(vm.clone()),
            None => {}
        }
        all.nodes.insert(name, node);
    }
    Some(all)
}

/// Nodes that go for good.
pub(super) struct Removal<'a> {
    /// The lab with them.
    pub(super) whole: &'a Lab,
    /// As it is declared.
    pub(super) around: &'a Around<'a>,
}

impl Removal<'_> {
    /// The nodes that go.
    fn nodes(&self) -> Vec<&Name> {
        let all = self.whole.nodes.keys();
        all.filter(|name| !self.around.lab.nodes.contains_key(*name))
            .collect()
    }

    /// What holds now and does not in this lab, in words. `unmade`: nodes that are not there by then.
    fn breaks(&self, after: &Lab, unmade: &BTreeSet<Address>) -> Vec<String> {
        let around = self.around;
        let moment = |lab: &Lab, unmade: &BTreeSet<Address>| {
            let model = around.model_of(&without(lab, unmade));
            let mut away = base(&model, around.inventory);
            for (id, node) in model.world.nodes.iter() {
                // What the plan made by then is well.
                let seen = node
                    .name
                    .parse()
                    .map(|name| Address::new(Kind::Member, name));
                if seen.is_ok_and(|member| !around.inventory.things.contains_key(&member)) {
                    away.remove(model.world.element(Element::Node(id)));
                }
            }
            (model, away)
        };
        let now: BTreeSet<Address> = unmade_now(self.whole, around);
        let (before, away_before) = moment(self.whole, &now);
        let (after, away_after) = moment(after, unmade);
        between(
            around.lab,
            &State::new(&before, &away_before),
            &State::new(&after, &away_after),
        )
    }

    /// The plan, so that nodes that are needed in their place are made before they go; `None`: that
    /// makes no difference, or cannot be.
    pub(super) fn ordered(&self, plan: &Plan) -> Option<Plan> {
        let made = made(plan);
        let lab = self.around.lab;
        let address = |step: &Step| match &step.resource.spec {
            Spec::Member(member) => Some(member.address),
            _ => None,
        };
        let of = |action: Action| {
            let steps = plan.steps.iter().filter(move |step| step.action == action);
            steps.filter_map(address).collect::<BTreeSet<_>>()
        };
        // What has the address of one that goes can only come after it.
        let free = of(Action::Create).is_disjoint(&of(Action::Delete));
        let helps =
            || !self.breaks(lab, &made).is_empty() && self.breaks(lab, &BTreeSet::new()).is_empty();
        if made.is_empty() || !free || !helps() {
            return None;
        }
        let first = |name: &Name| plan.steps.iter().position(|step| is_of(step, name));
        let later: Vec<usize> = self.nodes().into_iter().filter_map(first).collect();
        rows::after(plan, &later, &made)
    }

    /// Refuses what would break something for good.
    pub(super) fn refuse(&self, plan: &mut Plan) {
        let made = made(plan);
        let mut alone_good = Vec::new();
        let mut notes = Vec::new();
        for name in self.nodes() {
            let own = || plan.steps.iter().filter(|step| is_of(step, name));
            let Some(first) = own().next() else {
                continue;
            };
            if own().any(|step| self.around.forced.contains(&step.address)) {
                continue;
            }
            let unmade: BTreeSet<Address> = made.difference(&first.needs).cloned().collect();
            let mut less = self.whole.clone();
            less.nodes.remove(name);
            let breaks = self.breaks(&less, &unmade);
            if breaks.is_empty() {
                alone_good.push((first.address.clone(), unmade));
            } else {
                notes.push(refusal(&first.address, &breaks));
            }
        }
        if let [(_, unmade), _, ..] = alone_good.as_slice() {
            let breaks = self.breaks(self.around.lab, unmade);
            if !breaks.is_empty() {
                let all = alone_good.iter();
                notes.extend(all.map(|(address, _)| refusal(address, &breaks)));
            }
        }
        plan.notes.extend(notes);
        plan.notes
            .sort_by(|one, other| one.address.cmp(&other.address));
    }
}

/// Nodes of a lab that are not there yet.
fn unmade_now(lab: &Lab, around: &Around<'_>) -> BTreeSet<Address> {
    let members = lab
        .nodes
        .keys()
        .map(|name| Address::new(Kind::Member, name.clone()));
    members
        .filter(|member| !around.inventory.things.contains_key(member))
        .collect()
}

/// A lab without nodes that are not there.
pub(super) fn without(lab: &Lab, unmade: &BTreeSet<Address>) -> Lab {
    let mut less = lab.clone();
    for member in unmade {
        less.nodes.remove(&member.name);
    }
    less
}

/// The members that a plan makes.
pub(super) fn made(plan: &Plan) -> BTreeSet<Address> {
    let made = plan
        .steps
        .iter()
        .filter(|step| step.address.kind == Kind::Member && step.action == Action::Create);
    made.map(|step| step.address.clone()).collect()
}

fn is_of(step: &Step, node: &Name) -> bool {
    matches!(step.address.kind, Kind::Machine | Kind::Member)
        && step.address.name == *node
        && step.action == Action::Delete
}

fn refusal(step: &Address, breaks: &[String]) -> Note {
    Note {
        address: step.clone(),
        text: format!(
            "once it is gone, {}. Declare it again, or what takes its place; or let it go \
             nevertheless: --force {step}",
            breaks.join("; ")
        ),
        refused: true,
    }
}

/// What the removal of a node means for what runs, in words: its pods are asked to leave before.
pub(super) fn consequences(model: &Model, base: &Failure, away: &Failure) -> Vec<String> {
    let mut scenario = Scenario::new(&model.world).drained();
    scenario.away.copy_from(base);
    scenario.off.copy_from(away);
    // What is gone already cannot go.
    scenario.off.less(base);
    if scenario.off.is_empty() {
        return Vec::new();
    }
    let daemon = |name: &str| {
        let mut all = model.world.workloads.iter();
        all.any(|(_, one)| one.name == name && one.controller == Controller::DaemonSet)
    };
    let report = Report::of(&mut Asker::new(model), &scenario);
    let lines = report.things.iter().filter(|line| {
        let quiet = line.verdict == Verdict::Stays && line.until.is_none();
        !quiet && !line.thing.starts_with("way to ") && !daemon(&line.thing)
    });
    // What has the same fate for the same reason is told together.
    let mut told: Vec<(String, Vec<&str>, String)> = Vec::new();
    for line in lines {
        let perhaps = if line.certain { "" } else { "perhaps " };
        let fate = match (line.verdict, line.until) {
            (Verdict::Unknown, _) => "what becomes of it is unknown".to_owned(),
            (_, Some(until)) => format!("{perhaps}away for {}", length(line.from, until)),
            (_, None) => format!("{perhaps}down for good"),
        };
        let why = format!("{} ({})", line.because, line.rule.rule().code);
        match told
            .iter_mut()
            .find(|(other, _, because)| *other == fate && *because == why)
        {
            Some((_, names, _)) => names.push(&line.thing),
            None => told.push((fate, vec![&line.thing], why)),
        }
    }
    let text = |(fate, names, why): (String, Vec<&str>, String)| {
        format!("{} {fate}: {why}", names.join(", "))
    };
    told.into_iter().map(text).collect()
}

/// How long something is away that goes and returns within these moments.
fn length(from: Option<Span>, until: Span) -> Span {
    let from = from.unwrap_or(Span::NOW);
    Span::new(
        until.earliest.saturating_sub(from.latest),
        until.latest.saturating_sub(from.earliest),
    )
}
