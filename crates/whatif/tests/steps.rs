//! Steps of plans: what each means, what is refused, what is put in a row; and that no moment of a
//! plan that was looked at breaks a quorum or a promise, crash included.

mod random;

use std::collections::{BTreeMap, BTreeSet};

use model::inventory::{Fault, Inventory, Observed, Presence, Remedy};
use model::lab::Lab;
use model::plan::{Action, Generation, Impact, LabId, Plan, Reason, Step};
use model::resource::{Address, Artifact, Kind, Resource, Spec};
use proptest::prelude::*;
use random::{Dice, small};
use serde_json::{Value, json};
use whatif::semantics::Model;
use whatif::steps::{Around, Reviewed, base, breaks, review};
use whatif::world::{Element, Failure};

fn address(text: &str) -> Address {
    text.parse().unwrap()
}

/// A step; of what is of no matter here.
fn step(at: &str, action: Action, impact: Impact, needs: &[&str]) -> Step {
    let spec = Spec::Artifact(Artifact {
        name: "a".parse().unwrap(),
        version: "1".to_owned(),
        arch: Default::default(),
    });
    let resource = Resource {
        address: address(at),
        spec,
        needs: Default::default(),
    };
    Step {
        address: address(at),
        action,
        impact,
        reason: Reason::Changed { fields: Vec::new() },
        needs: needs.iter().map(|need| address(need)).collect(),
        inputs: resource.digest(),
        resource,
    }
}

/// The node starts anew, and joins again.
fn reboot(node: &str) -> [Step; 2] {
    let machine = format!("machine/{node}");
    let member = format!("member/{node}");
    [
        step(&machine, Action::Update, Impact::Reboot, &[]),
        step(&member, Action::Update, Impact::InPlace, &[&machine]),
    ]
}

fn plan(steps: Vec<Step>) -> Plan {
    Plan {
        format: Plan::FORMAT,
        lab: "lab".parse().unwrap(),
        lab_id: LabId(Default::default()),
        parent: Generation(0),
        basis: Inventory::default().basis(),
        seen: BTreeMap::new(),
        steps,
        notes: Vec::new(),
    }
}

/// All members of the lab's nodes, well but for these.
fn inventory(lab: &Lab, ill: &[&str]) -> Inventory {
    let things = lab.nodes.keys().map(|name| {
        let fault = Fault {
            what: "kubelet is not running".to_owned(),
            cause: None,
            remedy: Remedy::Wait,
        };
        let spec = step(&format!("member/{name}"), Action::Create, Impact::None, &[]);
        let seen = Observed {
            presence: Presence::Ours {
                made_from: Some(spec.inputs),
                spec: None,
            },
            faults: ill
                .contains(&name.as_str())
                .then_some(fault)
                .into_iter()
                .collect(),
            facts: BTreeMap::new(),
        };
        (spec.address, seen)
    });
    Inventory {
        things: things.collect(),
    }
}

/// Three control planes and a worker, each on a host of its own, with these promises.
fn three(promises: &Value) -> Lab {
    let mut hosts = serde_json::Map::new();
    let mut nodes = serde_json::Map::new();
    for (at, name) in ["a", "b", "c", "w"].into_iter().enumerate() {
        hosts.insert(
            name.to_owned(),
            json!({ "availability": if name == "a" { "volatile" } else { "always" } }),
        );
        let role = if name == "w" {
            "worker"
        } else {
            "control-plane"
        };
        nodes.insert(
            format!("n{name}"),
            json!({ "cluster": "main", "role": role, "on": name, "address": format!("10.0.0.{}", 10 + at),
                "vm": { "cpu": 4, "memory": "8Gi" } }),
        );
    }
    random::lab(json!({
        "lab": "three",
        "networks": { "lan": { "cidr": "10.0.0.0/24" } },
        "hosts": hosts, "nodes": nodes,
        "clusters": { "main": { "distribution": { "kubeadm": { "kubernetes": "1.36.3" } },
            "endpoint": { "vip": "10.0.0.100" }, "pods": "10.244.0.0/16",
            "services": "10.96.0.0/16", "cni": { "flannel": {} } } },
        "apps": { "podinfo": { "catalog": "podinfo", "replicas": 1, "stateless": true } },
        "promises": promises,
    }))
}

fn looked_at(lab: &Lab, ill: &[&str], forced: &[&str], steps: Vec<Step>) -> Reviewed {
    let model = random::model(lab);
    let inventory = inventory(lab, ill);
    let forced = forced.iter().map(|one| address(one)).collect();
    let around = Around {
        lab,
        manifests: &BTreeMap::new(),
        model: &model,
        inventory: &inventory,
        forced: &forced,
    };
    review(&around, plan(steps), &|_| None)
}

fn refused(reviewed: &Reviewed) -> Vec<(String, &str)> {
    let notes = reviewed.plan.notes.iter();
    notes
        .map(|note| (note.address.to_string(), note.text.as_str()))
        .collect()
}

#[test]
fn a_step_tells_what_it_means_for_what_runs() {
    let lab = three(&json!([]));
    let reviewed = looked_at(&lab, &[], &[], reboot("nw").into());
    assert_eq!(refused(&reviewed), []);
    let told = &reviewed.consequences[&address("machine/nw")];
    // Both of CoreDNS may be there.
    assert_eq!(
        told,
        &["podinfo down about 40 s", "coredns perhaps down about 40 s"]
    );
    let took = |_: &Step| Some(6);
    let model = random::model(&lab);
    let around = Around {
        lab: &lab,
        manifests: &BTreeMap::new(),
        model: &model,
        inventory: &inventory(&lab, &[]),
        forced: &BTreeSet::new(),
    };
    let reviewed = review(&around, plan(reboot("nw").into()), &took);
    let told = &reviewed.consequences[&address("machine/nw")];
    assert_eq!(
        told,
        &["podinfo down about 20 s", "coredns perhaps down about 20 s"],
        "as long as both took last time"
    );
}

#[test]
fn control_planes_go_one_after_the_other() {
    let lab = three(&json!([]));
    let steps = ["na", "nb", "nc"].into_iter().flat_map(reboot).collect();
    let reviewed = looked_at(&lab, &[], &[], steps);
    assert_eq!(refused(&reviewed), []);
    let needs = |at: &str| {
        let step = reviewed
            .plan
            .steps
            .iter()
            .find(|step| step.address == address(at));
        step.unwrap().needs.clone()
    };
    assert_eq!(needs("machine/na"), BTreeSet::new());
    assert_eq!(needs("machine/nb"), [address("member/na")].into());
    assert_eq!(needs("machine/nc"), [address("member/nb")].into());
}

#[test]
fn a_step_that_ends_a_quorum_is_refused_unless_it_is_forced() {
    let lab = three(&json!([]));
    let reviewed = looked_at(&lab, &["na"], &[], reboot("nb").into());
    let told = refused(&reviewed);
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].0, "machine/nb");
    assert!(
        told[0].1.contains("the cluster main has no quorum"),
        "{}",
        told[0].1
    );
    assert!(told[0].1.contains("--force machine/nb"), "{}", told[0].1);
    let mending = looked_at(&lab, &["na"], &[], reboot("na").into());
    assert_eq!(
        refused(&mending),
        [],
        "what is away already cannot be taken"
    );
    for forced in ["machine/nb", "member/nb"] {
        let reviewed = looked_at(&lab, &["na"], &[forced], reboot("nb").into());
        assert_eq!(refused(&reviewed), [], "{forced}");
    }
}

#[test]
fn a_node_that_is_mended_before_counts_as_well() {
    // Killed amid an upgrade, a run goes on with the node that it left, and then with the next one.
    let lab = three(&json!([]));
    let mut next = reboot("nc");
    next[0].needs.insert(address("member/nb"));
    let steps: Vec<Step> = reboot("nb").into_iter().chain(next).collect();
    assert_eq!(refused(&looked_at(&lab, &["nb"], &[], steps.clone())), []);
    // One that nothing mends does not.
    let told = looked_at(&lab, &["na"], &[], steps);
    assert_eq!(refused(&told).len(), 2);
}

#[test]
fn a_step_that_breaks_a_promise_is_refused() {
    // While b starts anew, a may be off.
    let lab = three(&json!([{ "when": { "off": "volatile" }, "stays": ["api"] }]));
    let reviewed = looked_at(&lab, &[], &[], reboot("nb").into());
    let told = refused(&reviewed);
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(
        told[0]
            .1
            .contains("the promise \"volatile off: api\" does not hold"),
        "{}",
        told[0].1
    );
    // The step's own host is the one that is off.
    assert_eq!(refused(&looked_at(&lab, &[], &[], reboot("na").into())), []);
    // One failure was promised, and the step is it.
    let lab = three(&json!([{ "when": { "fails": 1 }, "stays": ["api"] }]));
    assert_eq!(refused(&looked_at(&lab, &[], &[], reboot("nb").into())), []);
    // With another one ill it is the second.
    let told = looked_at(&lab, &["nc"], &[], reboot("nb").into());
    assert!(refused(&told)[0].1.contains("any 1 host fails: api"));
}

#[test]
fn what_did_not_hold_before_refuses_nothing() {
    let lab = three(&json!([{ "when": { "fails": 2 }, "stays": ["api"] }]));
    assert_eq!(refused(&looked_at(&lab, &[], &[], reboot("nb").into())), []);
    let made = |name: &str| step(name, Action::Create, Impact::None, &[]);
    let all = ["na", "nb", "nc", "nw"];
    let reviewed = looked_at(
        &lab,
        &all,
        &[],
        vec![made("machine/na"), made("machine/nb")],
    );
    assert_eq!(refused(&reviewed), []);
    assert!(reviewed.consequences.is_empty());
}

/// A random lab with promises, and a plan that takes some of its nodes.
fn random_plan(seed: u64) -> (Lab, Vec<Step>, Vec<String>) {
    let mut dice = Dice::new(seed.wrapping_add(17));
    let mut value = small(seed, &|at| format!("h{at}"));
    value["promises"] = json!([
        { "when": { "fails": 1 }, "stays": ["api", "apps"] },
        { "when": { "off": "volatile" }, "stays": ["api"] },
        { "when": { "off-and-fails": { "off": "h1", "fails": 1 } }, "stays": ["apps"] },
    ]);
    let lab = random::lab(value);
    let names: Vec<String> = lab.nodes.keys().map(ToString::to_string).collect();
    let mut steps: Vec<Step> = Vec::new();
    for name in &names {
        if steps.len() == 8 || dice.below(10) > 6 {
            continue;
        }
        let mut pair = reboot(name);
        if let Some(before) = steps.last().filter(|_| dice.below(10) < 3) {
            pair[0].needs.insert(before.address.clone());
        }
        steps.extend(pair);
    }
    let ill = names.into_iter().filter(|_| dice.below(10) == 0).collect();
    (lab, steps, ill)
}

/// What is not well when a node starts anew: what was not, but for nodes whose own steps that needs.
fn base_of(model: &Model, base: &Failure, steps: &[Step], node: &str) -> Failure {
    let mut base = base.clone();
    let mut open = vec![address(&format!("machine/{node}"))];
    while let Some(at) = open.pop() {
        let step = steps.iter().find(|step| step.address == at).unwrap();
        open.extend(step.needs.iter().cloned());
        let name = at.name.as_str();
        if at.kind == Kind::Member {
            let found = model.world.nodes.iter().find(|(_, one)| one.name == name);
            base.remove(model.world.element(Element::Node(found.unwrap().0)));
        }
    }
    base
}

/// Every set of steps that may have been begun and not succeeded at one moment, by trying all ways
/// to go on: slow, and simple enough to be seen to be right.
fn moments(steps: &[Step]) -> BTreeSet<(BTreeSet<usize>, BTreeSet<usize>)> {
    let number = |of: &Address| steps.iter().position(|step| step.address == *of).unwrap();
    let mut seen = BTreeSet::new();
    let mut open = vec![(BTreeSet::new(), BTreeSet::new())];
    while let Some((done, begun)) = open.pop() {
        if !seen.insert((done.clone(), begun.clone())) {
            continue;
        }
        for (at, step) in steps.iter().enumerate() {
            let ready = step.needs.iter().all(|need| done.contains(&number(need)));
            if ready && !done.contains(&at) && !begun.contains(&at) {
                let mut more: BTreeSet<usize> = begun.clone();
                more.insert(at);
                open.push((done.clone(), more));
            }
        }
        for at in &begun {
            let (mut finished, mut rest) = (done.clone(), begun.clone());
            rest.remove(at);
            finished.insert(*at);
            open.push((finished, rest));
        }
    }
    seen
}

/// What is away at a moment: nodes whose machine's step was begun and whose member's is not done.
fn away(model: &Model, steps: &[Step], done: &BTreeSet<usize>, begun: &BTreeSet<usize>) -> Failure {
    let mut away = model.world.no_failure();
    for (id, node) in model.world.nodes.iter() {
        let at = |kind: &str| {
            let address = address(&format!("{kind}/{}", node.name));
            steps.iter().position(|step| step.address == address)
        };
        let (Some(machine), Some(member)) = (at("machine"), at("member")) else {
            continue;
        };
        let started = begun.contains(&machine) || done.contains(&machine);
        if started && !done.contains(&member) {
            away.insert(model.world.element(Element::Node(id)));
        }
    }
    away
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    #[test]
    fn no_moment_of_a_plan_breaks_what_held(seed in any::<u64>()) {
        let (lab, steps, ill) = random_plan(seed);
        let ill: Vec<&str> = ill.iter().map(String::as_str).collect();
        let reviewed = looked_at(&lab, &ill, &[], steps.clone());
        let refused: BTreeSet<String> = reviewed
            .plan
            .notes
            .iter()
            .map(|note| note.address.name.to_string())
            .collect();
        // Who is refused does not run, and what needs it neither.
        let gone = reviewed.plan.steps.iter().map(|step| step.address.clone());
        let gone = gone.filter(|at| refused.contains(&at.name.to_string())).collect();
        let runs = reviewed.plan.without(&gone).steps;
        let model = random::model(&lab);
        let inventory = inventory(&lab, &ill);
        let none = BTreeSet::new();
        let around = Around {
            lab: &lab,
            manifests: &BTreeMap::new(),
            model: &model,
            inventory: &inventory,
            forced: &none,
        };
        let base = base(&model, &inventory);
        for (done, begun) in moments(&runs) {
            let away = away(&model, &runs, &done, &begun);
            let nodes: Vec<&str> = away.iter().map(|at| match model.world.elements[at] {
                Element::Node(id) => model.world.nodes[id].name.as_str(),
                _ => unreachable!("nodes only"),
            }).collect();
            let base = match nodes.as_slice() {
                [one] => base_of(&model, &base, &steps, one),
                _ => base.clone(),
            };
            let broken = breaks(&around, &base, &away);
            prop_assert!(broken.is_empty(), "{done:?} {begun:?}: {broken:?}");
        }
        // What is refused is refused for a reason.
        for note in &reviewed.plan.notes {
            let of = |name: &str| model.world.nodes.iter().find(|(_, one)| one.name == name);
            let (id, _) = of(note.address.name.as_str()).unwrap();
            let alone = model.world.failure([Element::Node(id)]);
            let base = base_of(&model, &base, &steps, note.address.name.as_str());
            prop_assert!(!breaks(&around, &base, &alone).is_empty());
        }
    }
}
