use std::collections::BTreeMap;

use model::inventory::{Observed, Remedy};
use model::plan::{Action, Impact};
use model::resource::{HostSpace, Spec};

use super::*;
use crate::tests::{address, lab, name, planned, standing, told};

/// A lab with a control plane on one host and two workers on another, all inside of them.
fn on_two_hosts() -> Vec<Resource> {
    let mut all = lab(2);
    for host in ["always", "gamer"] {
        all.push(Resource {
            address: address(&format!("host/{host}")),
            spec: Spec::Host(HostSpace {
                links: BTreeMap::new(),
            }),
            needs: [address("network/lan")].into(),
        });
    }
    for resource in &mut all {
        let on = match resource.address.name.as_str() {
            "w1" | "w2" => "gamer",
            _ => "always",
        };
        match &mut resource.spec {
            Spec::Machine(machine) => {
                machine.host = name(on);
                machine.inside_host = true;
                resource.needs.remove(&address("network/lan"));
                resource.needs.insert(address(&format!("host/{on}")));
            }
            Spec::Connectivity(proof) => {
                proof.nodes = ["cp", "w1", "w2"].map(name).into();
            }
            _ => {}
        }
    }
    all
}

/// The gamer is off; what was on it shows it.
fn off(resources: &[Resource]) -> Inventory {
    let mut inventory = standing(resources);
    let things = &mut inventory.things;
    things.insert(address("host/gamer"), Observed::off("its power was cut"));
    for node in ["w1", "w2"] {
        let machine = things.remove(&address(&format!("machine/{node}"))).unwrap();
        let machine = machine.fault("it does not run", None, Remedy::Repair);
        things.insert(address(&format!("machine/{node}")), machine);
        let member = Observed::unseen("its machine does not run");
        things.insert(address(&format!("member/{node}")), member);
    }
    inventory
}

/// The gamer was off long enough to be fenced, and all was proved without it.
fn fenced(resources: &[Resource]) -> Inventory {
    let mut inventory = off(resources);
    for step in planned(resources, &inventory).steps {
        let seen = Observed::ours(Some(step.inputs), Some(step.resource.spec));
        inventory.things.insert(step.address, seen);
    }
    inventory
}

#[test]
fn a_host_that_is_off_is_fenced_and_nothing_else_is_touched() {
    let resources = on_two_hosts();
    let plan = planned(&resources, &off(&resources));
    insta::assert_snapshot!(told(&plan));
    assert!(planned(&resources, &fenced(&resources)).is_empty());
}

#[test]
fn a_host_that_is_only_silent_is_not_fenced() {
    let resources = on_two_hosts();
    let mut inventory = off(&resources);
    let silent = Observed::unseen("it does not answer");
    inventory.things.insert(address("host/gamer"), silent);
    let plan = planned(&resources, &inventory);
    assert!(
        plan.steps
            .iter()
            .all(|step| step.address.kind != Kind::Fence)
    );
}

#[test]
fn no_fence_where_the_api_does_not_answer() {
    let resources = on_two_hosts();
    let mut inventory = off(&resources);
    let silent = Observed::ours(None, None).fault("the API does not answer", None, Remedy::Wait);
    inventory.things.insert(address("member/cp"), silent);
    let plan = planned(&resources, &inventory);
    assert!(
        plan.steps
            .iter()
            .all(|step| step.address.kind != Kind::Fence)
    );
}

#[test]
fn the_fence_is_opened_before_the_machine_starts() {
    let resources = on_two_hosts();
    let mut inventory = fenced(&resources);
    let back = Observed::ours(None, None).fault("nothing holds it", None, Remedy::Repair);
    inventory.things.insert(address("host/gamer"), back);
    let plan = planned(&resources, &inventory);
    let step = |at: &str| plan.steps.iter().find(|step| step.address == address(at));
    for node in ["w1", "w2"] {
        let fence = address(&format!("fence/{node}"));
        assert_eq!(step(&fence.to_string()).unwrap().action, Action::Delete);
        let machine = step(&format!("machine/{node}")).unwrap();
        assert!(machine.needs.contains(&fence), "{}", told(&plan));
        assert!(machine.needs.contains(&address("host/gamer")));
        let member = step(&format!("member/{node}")).unwrap();
        assert!(member.needs.contains(&machine.address));
    }
    assert!(step("connectivity/main").is_some());
}

#[test]
fn what_changed_meanwhile_waits_and_is_told() {
    let mut resources = on_two_hosts();
    let inventory = fenced(&resources);
    let worker = resources
        .iter_mut()
        .find(|one| one.address == address("machine/w1"));
    let Some(Spec::Machine(machine)) = worker.map(|one| &mut one.spec) else {
        panic!()
    };
    machine.mtu = 1400;
    let plan = planned(&resources, &inventory);
    assert!(plan.is_empty(), "{}", told(&plan));
    let note = plan.notes.first().unwrap();
    assert!(
        note.text.contains("when it is back: machine/w1"),
        "{}",
        note.text
    );
    assert!(!note.refused);
}

#[test]
fn what_was_killed_before_it_could_tell_what_it_is_made_from_is_removed() {
    let resources = on_two_hosts();
    let mut inventory = standing(&resources);
    for at in ["machine/w1", "network/lan"] {
        let remains = Observed::ours(None, None);
        inventory.things.insert(address(at), remains);
    }
    let plan = planned(&[], &inventory);
    for at in ["machine/w1", "network/lan"] {
        let step = plan.steps.iter().find(|step| step.address == address(at));
        let step = step.unwrap_or_else(|| panic!("{at}: {}", told(&plan)));
        assert_eq!((step.action, step.impact), (Action::Delete, Impact::None));
    }
}

#[test]
fn a_lab_goes_down_with_a_host_that_is_off() {
    let resources = on_two_hosts();
    let mut inventory = fenced(&resources);
    let off = Observed::off("its power was cut");
    inventory.things.insert(address("host/gamer"), off);
    let plan = planned(&[], &inventory);
    let removed = |at: &str| {
        let step = plan.steps.iter().find(|step| step.address == address(at));
        step.is_some_and(|step| step.action == Action::Delete)
    };
    for at in [
        "host/gamer",
        "host/always",
        "machine/w1",
        "machine/cp",
        "network/lan",
    ] {
        assert!(removed(at), "{at}: {}", told(&plan));
    }
}
