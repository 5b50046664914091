//! The guard of etcd's quorum: members are taken away one after the other, each only once the one
//! before votes again, and none where one more failure would stop the cluster.
//!
//! A step takes a member away where it restarts, upgrades, replaces or deletes what is well and
//! votes. Mending one that does not vote takes nothing away; it comes first. How many members etcd
//! has and which of them vote are facts of the inventory (`etcd`, `etcd-members`), told by etcd
//! itself: a node may be ready whose etcd is not.

use std::collections::{BTreeMap, BTreeSet};

use model::inventory::Inventory;
use model::lab::Role;
use model::name::Name;
use model::plan::{Action, Impact, Reason};
use model::resource::{Address, Kind, Member, Spec};

use crate::needs::Needs;
use crate::{Decision, Draft, Input, Wanted};

/// Below this many members no guard helps: two members survive no failure, and one is alone.
const FEW: usize = 3;

/// What the guard asks of the order of steps.
#[derive(Debug, Default)]
pub(crate) struct Order {
    /// Steps with those that must have succeeded before.
    after: BTreeMap<Address, BTreeSet<Address>>,
    /// Needs that hold only while a cluster is made, and would make a circle here.
    freed: BTreeSet<(Address, Address)>,
}

impl Order {
    /// Puts it on top of what steps need anyway.
    pub(crate) fn apply(&self, all: &mut BTreeMap<Address, Needs>) {
        for (address, needs) in all.iter_mut() {
            needs
                .all
                .retain(|need| !self.freed.contains(&(address.clone(), need.clone())));
            needs
                .all
                .extend(self.after.get(address).into_iter().flatten().cloned());
        }
    }

    fn wait(&mut self, step: &Address, before: &BTreeSet<Address>) {
        let before = before.iter().filter(|other| *other != step).cloned();
        self.after.entry(step.clone()).or_default().extend(before);
    }
}

/// A control plane with what is decided about it.
struct Plane {
    machine: Address,
    member: Address,
    votes: bool,
}

impl Plane {
    fn steps<'a>(&'a self, draft: &'a Draft) -> impl Iterator<Item = (&'a Address, &'a Decision)> {
        [&self.machine, &self.member]
            .into_iter()
            .filter_map(|at| Some((at, draft.decisions.get(at)?)))
    }

    fn taken(&self, draft: &Draft) -> bool {
        self.votes && self.steps(draft).any(|(_, decision)| takes(decision))
    }

    fn addresses(&self) -> [&Address; 2] {
        [&self.machine, &self.member]
    }

    /// The steps after which it votes again, or is gone.
    fn gate(&self, draft: &Draft) -> BTreeSet<Address> {
        self.steps(draft).map(|(at, _)| at.clone()).collect()
    }
}

/// Whether a step takes away what is well.
fn takes(decision: &Decision) -> bool {
    match decision.action {
        Action::Replace | Action::Delete => true,
        Action::Update => {
            decision.impact >= Impact::Restart
                && matches!(
                    decision.reason,
                    Reason::Changed { .. } | Reason::Ending { .. }
                )
        }
        Action::Create => false,
    }
}

/// Orders the steps on all clusters' members, and takes back those that would risk the quorum.
pub(crate) fn guard(wanted: &Wanted<'_>, input: &Input<'_>, draft: &mut Draft) -> Order {
    let inventory = input.inventory;
    let mut order = Order::default();
    for cluster in clusters(wanted) {
        let planes = planes(cluster, wanted, inventory);
        // A cluster that is made, or that lies still as a whole, has nothing to lose.
        if planes.values().any(|plane| plane.votes) {
            risk(&planes, input, draft);
            one_by_one(&planes, wanted, draft, &mut order);
        }
        workers(cluster, &planes, draft, &mut order);
    }
    order
}

fn clusters<'a>(wanted: &Wanted<'a>) -> BTreeSet<&'a Name> {
    let members = wanted.values().filter_map(|one| plane_spec(&one.spec));
    members.map(|member| &member.cluster).collect()
}

fn plane_spec(spec: &Spec) -> Option<&Member> {
    match spec {
        Spec::Member(member) if member.role == Role::ControlPlane => Some(member),
        _ => None,
    }
}

/// The control planes of a cluster, declared or there, in the order in which they joined.
fn planes(cluster: &Name, wanted: &Wanted<'_>, inventory: &Inventory) -> BTreeMap<Name, Plane> {
    let declared = wanted.values().map(|one| (&one.address, &one.spec));
    let there = inventory.things.keys();
    let there = there.filter_map(|at| Some((at, inventory.spec(at)?)));
    let of_it = |spec: &Spec| plane_spec(spec).is_some_and(|member| member.cluster == *cluster);
    declared
        .chain(there)
        .filter(|(at, spec)| at.kind == Kind::Member && of_it(spec))
        .map(|(at, _)| {
            let facts = inventory.things.get(at).map(|seen| &seen.facts);
            let part = facts.and_then(|facts| facts.get("etcd"));
            let plane = Plane {
                machine: Address::new(Kind::Machine, at.name.clone()),
                member: at.clone(),
                votes: part.is_some_and(|part| part == "leader" || part == "follower"),
            };
            (at.name.clone(), plane)
        })
        .collect()
}

/// Takes back what would leave a cluster without a quorum at the next failure.
fn risk(planes: &BTreeMap<Name, Plane>, input: &Input<'_>, draft: &mut Draft) {
    let inventory = input.inventory;
    let told = planes.values().filter_map(|plane| {
        let facts = &inventory.things.get(&plane.member)?.facts;
        facts.get("etcd-members")?.parse::<usize>().ok()
    });
    let members = told.max().unwrap_or(planes.len());
    let voting = planes.values().filter(|plane| plane.votes).count();
    let mended = planes.values().filter(|plane| mends(plane, draft)).count();
    let quorum = members / 2 + 1;
    // What is mended comes first, and votes before anything is taken.
    if members < FEW || (voting + mended).min(members) > quorum {
        return;
    }
    for plane in planes.values() {
        let forced = |at: &&Address| input.forced.contains(*at);
        if !plane.taken(draft) || plane.addresses().iter().any(forced) {
            continue;
        }
        let few = format!(
            "{voting} of {members} members of etcd are well: with this one away one more failure \
             would stop the cluster"
        );
        // What only would end some day waits; what is declared is refused.
        let waits = plane.steps(draft).all(|(_, decision)| {
            !takes(decision) || matches!(decision.reason, Reason::Ending { .. })
        });
        for address in plane.addresses() {
            draft.decisions.remove(address);
        }
        let text = match waits {
            true => format!("{few}. Its renewal waits until the others are well"),
            false => {
                let member = &plane.member;
                format!(
                    "{few}. Mend the others first: steading heal with the lab file as it was; or \
                     risk it: --force {member}"
                )
            }
        };
        draft.note(&plane.member, text, !waits);
    }
}

fn mends(plane: &Plane, draft: &Draft) -> bool {
    let deleted = |decision: &Decision| decision.action == Action::Delete;
    !plane.votes && plane.steps(draft).any(|(_, decision)| !deleted(decision))
}

/// Lets members be taken one after the other, after all that is mended.
fn one_by_one(
    planes: &BTreeMap<Name, Plane>,
    wanted: &Wanted<'_>,
    draft: &mut Draft,
    order: &mut Order,
) {
    let taken: Vec<&Plane> = planes.values().filter(|plane| plane.taken(draft)).collect();
    if taken.is_empty() {
        return;
    }
    let mended: Vec<&Plane> = planes
        .values()
        .filter(|plane| mends(plane, draft))
        .collect();
    for plane in taken.iter().chain(&mended) {
        await_back(plane, wanted, draft);
    }
    // Removals last: by then the others are as they shall be.
    let (gone, stay): (Vec<&Plane>, Vec<&Plane>) = taken
        .into_iter()
        .partition(|plane| draft.action(&plane.member) == Some(Action::Delete));
    let chain: Vec<&Plane> = stay.into_iter().chain(gone).collect();
    for (place, plane) in chain.iter().enumerate() {
        let makes_room = |other: &&&Plane| shares_address(plane, other, draft);
        let before = mended.iter().filter(|other| !makes_room(other));
        let before = before.chain(chain.iter().take(place));
        let before: BTreeSet<Address> = before.flat_map(|other| other.gate(draft)).collect();
        for (address, decision) in plane.steps(draft) {
            if takes(decision) {
                order.wait(address, &before);
            }
        }
        let later = chain.iter().skip(place + 1);
        let later: Vec<&Address> = later.flat_map(|other| other.addresses()).collect();
        free(order, plane.addresses(), &later);
        for other in &mended {
            free(order, other.addresses(), &plane.addresses());
        }
        let forwards = draft.decisions.keys().filter(|at| at.kind == Kind::Forward);
        for forward in forwards {
            // It leads there already, and is mended without it.
            free(order, [forward, forward], &[&plane.machine]);
        }
    }
}

/// Whether a machine that is made gets the address of one that goes.
fn shares_address(gone: &Plane, made: &Plane, draft: &Draft) -> bool {
    let address = |plane: &Plane| match &draft.decisions.get(&plane.machine)?.resource.spec {
        Spec::Machine(machine) => Some(machine.address.addr()),
        _ => None,
    };
    draft.action(&gone.machine) == Some(Action::Delete) && address(gone) == address(made)
}

fn free(order: &mut Order, steps: [&Address; 2], needs: &[&Address]) {
    for step in steps {
        for need in needs {
            order.freed.insert((step.clone(), (*need).clone()));
        }
    }
}

/// A machine that starts anew is back when its member votes: that is what the member's step ends
/// with.
fn await_back(plane: &Plane, wanted: &Wanted<'_>, draft: &mut Draft) {
    if draft.decisions.contains_key(&plane.member) {
        return;
    }
    if let Some(member) = wanted.get(&plane.member) {
        let step = plane.machine.clone();
        let reason = Reason::Follows { step };
        draft.decide(member, Action::Update, Impact::InPlace, reason);
    }
}

/// Workers get a new Kubernetes after all control planes, and one after the other: what runs on
/// them moves to the others.
fn workers(cluster: &Name, planes: &BTreeMap<Name, Plane>, draft: &Draft, order: &mut Order) {
    let mut before: BTreeSet<Address> = planes
        .values()
        .map(|plane| &plane.member)
        .filter(|member| draft.decisions.get(member).is_some_and(takes))
        .cloned()
        .collect();
    for (address, decision) in &draft.decisions {
        let Spec::Member(member) = &decision.resource.spec else {
            continue;
        };
        let worker = member.role == Role::Worker && member.cluster == *cluster;
        if !worker || decision.action == Action::Delete {
            continue;
        }
        order.wait(address, &before);
        if takes(decision) {
            before.insert(address.clone());
        }
    }
}

#[cfg(test)]
#[path = "quorum_tests.rs"]
mod tests;
