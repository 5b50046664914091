use std::collections::BTreeSet;
use std::fmt::Write as _;

use model::digest::Digest;
use model::inventory::{Observed, Presence, Remedy};
use model::lab::{ContainerMachine, Machine, Role};
use model::quantity::Bytes;
use model::resource::{
    Artifact, Connectivity, ForwardTarget, Forwarder, Kind, Member, NodeImage, NodeMachine,
    NodeNetwork, Objects, Spec,
};
use proptest::prelude::*;

use super::*;

pub(crate) fn address(text: &str) -> Address {
    text.parse().unwrap()
}

pub(crate) fn name(text: &str) -> Name {
    text.parse().unwrap()
}

pub(crate) fn resource(at: &str, spec: Spec, needs: &[&str]) -> Resource {
    Resource {
        address: address(at),
        spec,
        needs: needs.iter().map(|need| address(need)).collect(),
    }
}

fn image() -> NodeImage {
    NodeImage {
        debian: "trixie".to_owned(),
        packages: BTreeSet::new(),
        kubernetes: "1.36.3".to_owned(),
        artifacts: BTreeSet::new(),
        recipe: 1,
    }
}

pub(crate) fn machine(cpu: u32) -> NodeMachine {
    NodeMachine {
        host: name("here"),
        inside_host: false,
        shared_folder: false,
        machine: Machine::Container(ContainerMachine {
            cpu,
            memory: Bytes::mebi(2048),
        }),
        image: Digest::of(&image()),
        system: None,
        network: name("lan"),
        address: "10.0.0.11/24".parse().unwrap(),
        gateway: "10.0.0.1".parse().unwrap(),
        mtu: 1500,
        pod_mtu: 1450,
        pods: "10.244.0.0/16".parse().unwrap(),
        hosts: BTreeMap::new(),
    }
}

pub(crate) fn member(first: bool) -> Member {
    Member {
        cluster: name("main"),
        role: if first {
            Role::ControlPlane
        } else {
            Role::Worker
        },
        first,
        address: "10.0.0.11".parse().unwrap(),
        endpoint: "10.0.0.11:6443".to_owned(),
        shared: None,
        planes: BTreeMap::new(),
        kubernetes: "1.36.3".to_owned(),
        pods: "10.244.0.0/16".parse().unwrap(),
        services: "10.96.0.0/16".parse().unwrap(),
        dns: "10.96.0.10".parse().unwrap(),
        domain: "cluster.local".to_owned(),
        sans: BTreeSet::new(),
        certificates: Default::default(),
        labels: BTreeMap::new(),
        taints: Vec::new(),
    }
}

fn objects(source: &str) -> Spec {
    Spec::Objects(Objects {
        cluster: name("main"),
        source: source.to_owned(),
        namespace: name("default"),
        objects: Vec::new(),
    })
}

/// A lab of one control plane and that many workers.
pub(crate) fn lab(workers: usize) -> Vec<Resource> {
    let artifact = Artifact {
        name: name("programs"),
        version: "1".to_owned(),
        arch: Default::default(),
    };
    let network = NodeNetwork {
        host: name("here"),
        cidr: "10.0.0.0/24".parse().unwrap(),
        gateway: "10.0.0.1".parse().unwrap(),
        routed: false,
        mtu: 1500,
    };
    let forward = Forwarder {
        host: name("here"),
        listen: None,
        target: ForwardTarget::Api {
            cluster: name("main"),
            control_planes: BTreeSet::from([name("cp")]),
            shared: None,
            port: 6443,
        },
    };
    let mut all = vec![
        resource("artifact/programs", Spec::Artifact(artifact), &[]),
        resource("image/node", Spec::Image(image()), &["artifact/programs"]),
        resource("network/lan", Spec::Network(network), &[]),
        resource(
            "machine/cp",
            Spec::Machine(machine(2)),
            &["image/node", "network/lan"],
        ),
        resource("member/cp", Spec::Member(member(true)), &["machine/cp"]),
        resource("forward/main-api", Spec::Forward(forward), &["machine/cp"]),
        resource(
            "component/cni",
            objects("cni"),
            &["member/cp", "forward/main-api"],
        ),
    ];
    let mut proof = vec!["member/cp".to_owned(), "component/cni".to_owned()];
    for n in 1..=workers {
        let (on, at) = (format!("machine/w{n}"), format!("member/w{n}"));
        all.push(resource(
            &on,
            Spec::Machine(machine(2)),
            &["image/node", "network/lan"],
        ));
        all.push(resource(
            &at,
            Spec::Member(member(false)),
            &[&on, "member/cp"],
        ));
        proof.push(at);
    }
    let needs: Vec<&str> = proof.iter().map(String::as_str).collect();
    all.push(resource("app/web", objects("web"), &needs));
    let check = Connectivity {
        cluster: name("main"),
        nodes: BTreeSet::new(),
        names: BTreeSet::new(),
        services: BTreeSet::new(),
    };
    all.push(resource(
        "connectivity/main",
        Spec::Connectivity(check),
        &needs,
    ));
    all
}

/// The world in which all of that stands and is well.
pub(crate) fn standing(resources: &[Resource]) -> Inventory {
    let things = resources
        .iter()
        .map(|r| {
            (
                r.address.clone(),
                Observed::ours(Some(r.digest()), Some(r.spec.clone())),
            )
        })
        .collect();
    Inventory { things }
}

pub(crate) fn planned(resources: &[Resource], inventory: &Inventory) -> Plan {
    plan(&Input {
        lab: &name("lab"),
        lab_id: LabId(Default::default()),
        parent: Generation(0),
        resources,
        inventory,
        forced: &Default::default(),
    })
}

pub(crate) fn told(plan: &Plan) -> String {
    let mut text = String::new();
    for step in &plan.steps {
        let needs: Vec<String> = step.needs.iter().map(ToString::to_string).collect();
        let (symbol, impact) = (step.action.symbol(), step.impact);
        writeln!(
            text,
            "{symbol} {} [{impact:?}] {} <- {}",
            step.address,
            step.reason,
            needs.join(" ")
        )
        .unwrap();
    }
    for note in &plan.notes {
        let sign = if note.refused { "refused" } else { "note" };
        writeln!(text, "{sign} {}: {}", note.address, note.text).unwrap();
    }
    text
}

pub(crate) fn change(resources: &mut [Resource], at: &str, with: impl FnOnce(&mut Spec)) {
    let at = address(at);
    with(&mut resources.iter_mut().find(|r| r.address == at).unwrap().spec);
}

pub(crate) fn fault(inventory: &mut Inventory, at: &str, what: &str, remedy: Remedy) {
    let seen = inventory.things.get_mut(&address(at)).unwrap();
    *seen = seen.clone().fault(what, None, remedy);
}

#[test]
fn a_lab_from_nothing() {
    insta::assert_snapshot!(told(&planned(&lab(1), &Inventory::default())));
}

#[test]
fn nothing_is_done_where_all_is_well() {
    let lab = lab(2);
    assert_eq!(told(&planned(&lab, &standing(&lab))), "");
}

#[test]
fn a_worker_is_added() {
    insta::assert_snapshot!(told(&planned(&lab(2), &standing(&lab(1)))));
}

#[test]
fn a_worker_is_removed_drained_first() {
    insta::assert_snapshot!(told(&planned(&lab(1), &standing(&lab(2)))));
}

#[test]
fn everything_is_removed() {
    insta::assert_snapshot!(told(&planned(&[], &standing(&lab(1)))));
}

#[test]
fn a_changed_size_restarts_the_machine_and_says_what_changed() {
    let before = lab(1);
    let mut after = before.clone();
    change(&mut after, "machine/w1", |spec| {
        *spec = Spec::Machine(machine(4));
    });
    insta::assert_snapshot!(told(&planned(&after, &standing(&before))));
}

#[test]
fn a_changed_image_replaces_workers_and_leaves_the_control_plane() {
    let before = lab(1);
    let mut after = before.clone();
    for at in ["machine/cp", "machine/w1"] {
        change(&mut after, at, |spec| {
            let Spec::Machine(machine) = spec else {
                panic!()
            };
            machine.image = Digest::of("another");
        });
    }
    let mut inventory = standing(&before);
    inventory.things.remove(&address("image/node"));
    insta::assert_snapshot!(told(&planned(&after, &inventory)));
}

#[test]
fn machines_are_given_container_images_while_they_run() {
    let (system, other) = (Digest::of("system"), Digest::of("another system"));
    let with = |resources: &mut Vec<Resource>, image: &str, system: &Digest| {
        for at in ["machine/cp", "machine/w1"] {
            change(resources, at, |spec| {
                let Spec::Machine(machine) = spec else {
                    panic!()
                };
                machine.image = Digest::of(image);
                machine.system = Some(system.clone());
            });
        }
    };
    let (mut before, mut after, mut another) = (lab(1), lab(1), lab(1));
    with(&mut before, "few", &system);
    with(&mut after, "more", &system);
    with(&mut another, "more", &other);
    let impact = |resources: &[Resource]| {
        let plan = planned(resources, &standing(&before));
        let step = |at| plan.steps.iter().find(move |step| step.address == at);
        ["machine/cp", "machine/w1"].map(|at| step(address(at)).map(|step| step.impact))
    };
    assert_eq!(impact(&after), [Some(Impact::InPlace); 2]);
    assert_eq!(impact(&another), [None, Some(Impact::Recreate)]);
}

#[test]
fn a_changed_version_or_range_is_refused_and_nothing_is_touched() {
    let before = lab(1);
    let mut after = before.clone();
    change(&mut after, "member/cp", |spec| {
        let Spec::Member(member) = spec else { panic!() };
        member.kubernetes = "1.38.0".to_owned();
    });
    change(&mut after, "member/w1", |spec| {
        let Spec::Member(member) = spec else { panic!() };
        member.pods = "10.245.0.0/16".parse().unwrap();
    });
    let plan = planned(&after, &standing(&before));
    assert!(plan.steps.is_empty());
    assert_eq!(plan.notes.iter().filter(|note| note.refused).count(), 2);
}

#[test]
fn a_dead_machine_is_started_again() {
    let lab = lab(1);
    let mut inventory = standing(&lab);
    fault(
        &mut inventory,
        "machine/w1",
        "it does not run",
        Remedy::Repair,
    );
    fault(&mut inventory, "member/w1", "NotReady", Remedy::Wait);
    insta::assert_snapshot!(told(&planned(&lab, &inventory)));
}

#[test]
fn a_lost_control_plane_takes_the_objects_along() {
    let lab = lab(1);
    let mut inventory = standing(&lab);
    inventory.things.remove(&address("machine/cp"));
    for at in [
        "member/cp",
        "component/cni",
        "app/web",
        "connectivity/main",
        "member/w1",
    ] {
        inventory
            .things
            .insert(address(at), Observed::unseen("the API does not answer"));
    }
    insta::assert_snapshot!(told(&planned(&lab, &inventory)));
}

#[test]
fn workers_join_again_where_the_cluster_is_made_anew() {
    let lab = lab(1);
    let mut inventory = standing(&lab);
    inventory.things.remove(&address("machine/cp"));
    let silent = Observed::unseen("the API does not answer");
    inventory.things.insert(address("member/cp"), silent);
    let what = "the API server does not answer";
    fault(&mut inventory, "member/w1", what, Remedy::Wait);
    let plan = planned(&lab, &inventory);
    let step = plan
        .steps
        .iter()
        .find(|step| step.address == address("member/w1"))
        .unwrap();
    assert_eq!(step.reason.to_string(), "follows member/cp");
    assert!(step.needs.contains(&address("member/cp")));
}

#[test]
fn what_is_not_ours_is_refused_and_left() {
    let lab = lab(1);
    let mut inventory = standing(&lab);
    inventory.things.insert(
        address("machine/w1"),
        Observed::foreign("/x belongs to another lab"),
    );
    let plan = planned(&lab, &inventory);
    assert!(
        plan.steps
            .iter()
            .all(|step| step.address != address("machine/w1"))
    );
    assert!(
        plan.notes
            .iter()
            .any(|note| note.refused && note.text.contains("/x"))
    );
}

#[test]
fn a_network_made_anew_takes_the_links_along() {
    let lab = lab(1);
    let mut inventory = standing(&lab);
    inventory.things.remove(&address("network/lan"));
    insta::assert_snapshot!(told(&planned(&lab, &inventory)));
}

/// What a run of the plan leaves behind, if every step does what it says.
fn carried_out(plan: &Plan, mut inventory: Inventory) -> Inventory {
    for step in &plan.steps {
        if step.action == Action::Delete {
            inventory.things.remove(&step.address);
        } else {
            let spec = step.resource.spec.clone();
            let made = Observed::ours(Some(step.inputs.clone()), Some(spec));
            inventory.things.insert(step.address.clone(), made);
        }
    }
    inventory
}

/// Worlds that are partly there, partly broken.
fn world() -> impl Strategy<Value = (usize, Vec<u8>)> {
    (0..4usize, proptest::collection::vec(0..7u8, 32))
}

fn broken(workers: usize, states: &[u8]) -> Inventory {
    let mut inventory = standing(&lab(workers));
    let addresses: Vec<Address> = inventory.things.keys().cloned().collect();
    for (address, state) in addresses.iter().zip(states) {
        let seen = inventory.things.get_mut(address).unwrap();
        match state {
            0 => drop(inventory.things.remove(address)),
            1 => {
                if let Presence::Ours { made_from, .. } = &mut seen.presence {
                    *made_from = None;
                }
            }
            2 => *seen = seen.clone().fault("broken", None, Remedy::Repair),
            3 => *seen = seen.clone().fault("broken", None, Remedy::Replace),
            4 => *seen = Observed::foreign("somebody's"),
            _ => {}
        }
    }
    inventory
}

proptest! {
    #[test]
    fn every_step_comes_after_its_needs_and_none_touches_what_is_foreign((workers, states) in world()) {
        let inventory = broken(3, &states);
        let plan = planned(&lab(workers), &inventory);
        let mut before = BTreeSet::new();
        for step in &plan.steps {
            prop_assert!(step.needs.iter().all(|need| before.contains(need)), "{}", told(&plan));
            prop_assert!(before.insert(step.address.clone()), "one step for each address");
            let foreign = matches!(
                inventory.things.get(&step.address).map(|seen| &seen.presence),
                Some(Presence::Foreign { .. })
            );
            prop_assert!(!foreign || step.address.kind == Kind::Artifact || step.address.kind == Kind::Image);
        }
    }

    #[test]
    fn a_plan_carried_out_leaves_nothing_to_do((workers, states) in world()) {
        let states: Vec<u8> = states.into_iter().map(|s| if s == 4 { 5 } else { s }).collect();
        let resources = lab(workers);
        let inventory = broken(3, &states);
        let after = carried_out(&planned(&resources, &inventory), inventory);
        let again = planned(&resources, &after);
        prop_assert!(again.steps.is_empty(), "{}", told(&again));
    }

    #[test]
    fn the_order_of_the_input_does_not_matter(states in proptest::collection::vec(0..7u8, 32), seed: u64) {
        let inventory = broken(2, &states);
        let mut shuffled = lab(3);
        let mut state = seed;
        for i in (1..shuffled.len()).rev() {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            shuffled.swap(i, usize::try_from(state >> 33).unwrap() % (i + 1));
        }
        prop_assert_eq!(planned(&lab(3), &inventory), planned(&shuffled, &inventory));
    }
}
