use std::collections::{BTreeMap, BTreeSet};

use model::inventory::{Inventory, Observed, Remedy};
use model::plan::{Action, Impact, Plan, Step};
use model::resource::{Address, Kind, Resource, Spec};
use proptest::prelude::*;

use crate::tests::{address, change, fault, machine, member, name, planned, resource, told};

/// A cluster of that many control planes, and two workers.
fn cluster(planes: usize) -> Vec<Resource> {
    let mut all = Vec::new();
    for n in 1..=planes {
        let mut spec = member(n == 1);
        spec.role = model::lab::Role::ControlPlane;
        spec.first = n == 1;
        let (on, at) = (format!("machine/cp{n}"), format!("member/cp{n}"));
        let mut own = machine(2);
        own.address = format!("10.0.0.{n}/24").parse().unwrap();
        all.push(resource(&on, Spec::Machine(own), &[]));
        let mut needs = vec![on];
        if n == 1 {
            needs.extend((1..=planes).map(|other| format!("machine/cp{other}")));
        } else {
            needs.push(format!("member/cp{}", n - 1));
            needs.push("member/cp1".to_owned());
        }
        let needs: Vec<&str> = needs.iter().map(String::as_str).collect();
        all.push(resource(&at, Spec::Member(spec), &needs));
    }
    for n in 1..=2 {
        let (on, at) = (format!("machine/w{n}"), format!("member/w{n}"));
        let mut own = machine(2);
        own.address = format!("10.0.0.2{n}/24").parse().unwrap();
        all.push(resource(&on, Spec::Machine(own), &[]));
        all.push(resource(
            &at,
            Spec::Member(member(false)),
            &[&on, "member/cp1"],
        ));
    }
    all
}

/// The world in which it stands, where these control planes do not vote.
fn standing(resources: &[Resource], silent: &[usize]) -> Inventory {
    let planes = resources
        .iter()
        .filter(|one| is_plane(&one.address))
        .count();
    let things = resources.iter().map(|one| {
        let seen = Observed::ours(Some(one.digest()), Some(one.spec.clone()));
        let voting = is_plane(&one.address)
            && !silent
                .iter()
                .any(|n| one.address.name == name(&format!("cp{n}")));
        let seen = match voting {
            true => seen
                .fact("etcd", "follower")
                .fact("etcd-members", planes.to_string()),
            false => seen,
        };
        (one.address.clone(), seen)
    });
    Inventory {
        things: things.collect(),
    }
}

fn is_plane(at: &Address) -> bool {
    at.kind == Kind::Member && at.name.as_str().starts_with("cp")
}

fn upgraded(resources: &[Resource]) -> Vec<Resource> {
    let mut after = resources.to_vec();
    for one in &mut after {
        match &mut one.spec {
            Spec::Member(member) => member.kubernetes = "1.37.0".to_owned(),
            Spec::Machine(machine) => machine.image = model::digest::Digest::of("newer"),
            _ => {}
        }
    }
    after
}

fn larger(resources: &mut [Resource], at: &str) {
    change(resources, at, |spec| {
        let Spec::Machine(own) = spec else { panic!() };
        own.machine = machine(4).machine;
    });
}

#[test]
fn an_upgrade_goes_from_node_to_node() {
    let before = cluster(3);
    let plan = planned(&upgraded(&before), &standing(&before, &[]));
    insta::assert_snapshot!(told(&plan));
}

#[test]
fn machines_of_members_start_anew_one_after_the_other() {
    let before = cluster(3);
    let mut after = before.clone();
    for at in ["machine/cp1", "machine/cp2", "machine/cp3"] {
        larger(&mut after, at);
    }
    insta::assert_snapshot!(told(&planned(&after, &standing(&before, &[]))));
}

#[test]
fn a_lost_member_is_mended_before_another_is_taken() {
    let before = cluster(3);
    let mut after = before.clone();
    larger(&mut after, "machine/cp1");
    let mut inventory = standing(&before, &[3]);
    fault(
        &mut inventory,
        "machine/cp3",
        "it does not run",
        Remedy::Repair,
    );
    insta::assert_snapshot!(told(&planned(&after, &inventory)));
}

#[test]
fn nothing_is_taken_where_one_more_failure_would_stop_the_cluster() {
    let before = cluster(3);
    let mut after = before.clone();
    larger(&mut after, "machine/cp1");
    // The third does not vote, and nothing that this plan does would mend it.
    let plan = planned(&after, &standing(&before, &[3]));
    assert!(plan.steps.is_empty(), "{}", told(&plan));
    let note = plan.notes.iter().find(|note| note.refused).unwrap();
    assert!(note.text.contains("2 of 3 members"), "{}", note.text);
    // A dead member that nobody declares counts, too.
    let mut inventory = standing(&before, &[]);
    for at in ["member/cp1", "member/cp2", "member/cp3"] {
        let seen = inventory.things.get_mut(&address(at)).unwrap();
        *seen = seen.clone().fact("etcd-members", "5");
    }
    assert!(
        planned(&after, &inventory)
            .notes
            .iter()
            .any(|note| note.refused)
    );
}

#[test]
fn a_lost_first_control_plane_leaves_the_cluster_alone() {
    let lab = cluster(3);
    let mut inventory = standing(&lab, &[1]);
    inventory.things.remove(&address("machine/cp1"));
    let unseen = Observed::unseen("its machine is gone");
    inventory.things.insert(address("member/cp1"), unseen);
    let plan = planned(&lab, &inventory);
    let steps: Vec<String> = plan
        .steps
        .iter()
        .map(|one| one.address.to_string())
        .collect();
    assert_eq!(steps, ["machine/cp1", "member/cp1"], "{}", told(&plan));
}

#[test]
fn certificates_are_renewed_one_control_plane_after_the_other() {
    let lab = cluster(3);
    let mut inventory = standing(&lab, &[]);
    for n in 1..=3 {
        fault(
            &mut inventory,
            &format!("member/cp{n}"),
            "they end soon",
            Remedy::Renew,
        );
    }
    let plan = planned(&lab, &inventory);
    insta::assert_snapshot!(told(&plan));
    // Where one more failure would stop the cluster it waits, and does not hold up the rest.
    let mut inventory = standing(&lab, &[3]);
    fault(&mut inventory, "member/cp1", "they end soon", Remedy::Renew);
    let plan = planned(&lab, &inventory);
    assert!(plan.steps.is_empty(), "{}", told(&plan));
    let note = plan.notes.first().unwrap();
    assert!(
        !note.refused && note.text.contains("waits"),
        "{}",
        note.text
    );
}

/// Everything that must have succeeded before a step, also behind others.
fn before<'a>(plan: &'a Plan, step: &'a Step) -> BTreeSet<&'a Address> {
    let by: BTreeMap<&Address, &Step> = plan.steps.iter().map(|one| (&one.address, one)).collect();
    let mut found = BTreeSet::new();
    let mut open: Vec<&Address> = step.needs.iter().collect();
    while let Some(at) = open.pop() {
        if found.insert(at) {
            open.extend(by.get(at).into_iter().flat_map(|one| &one.needs));
        }
    }
    found
}

/// Whether a step takes away a control plane that is well.
fn takes(step: &Step, silent: &[usize]) -> bool {
    let plane = step.address.name.as_str().strip_prefix("cp");
    let well = plane.is_some_and(|n| !silent.iter().any(|other| other.to_string() == n));
    let heavy = matches!(step.reason, model::plan::Reason::Changed { .. })
        && step.impact >= Impact::Restart;
    well && (heavy || matches!(step.action, Action::Delete | Action::Replace))
}

/// A cluster before and after: how many control planes, which of them are silent, whose machines
/// change, which are declared no more, and whether Kubernetes changes.
fn worlds() -> impl Strategy<Value = (usize, Vec<usize>, Vec<usize>, usize, bool)> {
    (1..6usize).prop_flat_map(|planes| {
        let some = proptest::collection::vec(1..=planes, 0..=planes);
        (Just(planes), some.clone(), some, 0..planes, any::<bool>())
    })
}

proptest! {
    #[test]
    fn the_quorum_survives_every_plan_and_one_failure_more(
        (planes, silent, changed, removed, upgrade) in worlds(), dead: bool,
    ) {
        let old = cluster(planes);
        let stay = cluster(planes - removed);
        let mut new = if upgrade { upgraded(&stay) } else { stay };
        for n in changed.iter().filter(|n| **n <= planes - removed) {
            larger(&mut new, &format!("machine/cp{n}"));
        }
        let mut inventory = standing(&old, &silent);
        for n in silent.iter().filter(|_| dead) {
            fault(&mut inventory, &format!("machine/cp{n}"), "it does not run", Remedy::Repair);
        }
        let plan = planned(&new, &inventory);
        let mut done = BTreeSet::new();
        for step in &plan.steps {
            prop_assert!(step.needs.iter().all(|need| done.contains(need)), "{}", told(&plan));
            done.insert(step.address.clone());
        }
        let silent: BTreeSet<usize> = silent.into_iter().collect();
        let silent: Vec<usize> = silent.into_iter().collect();
        let voting = planes - silent.len();
        let taking: Vec<&Step> = plan.steps.iter().filter(|one| takes(one, &silent)).collect();
        if voting == 0 {
            return Ok(());
        }
        // One after the other, whatever else the plan does.
        for one in &taking {
            for other in taking.iter().filter(|other| other.address.name != one.address.name) {
                let (first, second) = (before(&plan, one), before(&plan, other));
                prop_assert!(
                    first.contains(&other.address) || second.contains(&one.address),
                    "{} beside {}\n{}", one.address, other.address, told(&plan)
                );
            }
        }
        if planes < 3 || taking.is_empty() || plan.notes.iter().any(|note| note.refused) {
            return Ok(());
        }
        // Those that are mended before count; the others are as good as dead.
        let mended = |step: &Step| silent.iter().filter(|n| {
            before(&plan, step).contains(&address(&format!("member/cp{n}")))
                || before(&plan, step).contains(&address(&format!("machine/cp{n}")))
        }).count();
        for step in &taking {
            prop_assert!(
                voting + mended(step) > planes / 2 + 1,
                "{} with {voting} of {planes}\n{}", step.address, told(&plan)
            );
        }
    }
}
