//! Plans that update apps and components, or remove nodes: what each step means, and what is refused.

#![expect(clippy::disallowed_methods, reason = "the cases lie in a file")]

mod random;

use std::collections::{BTreeMap, BTreeSet};

use model::inventory::{Inventory, Observed};
use model::lab::Lab;
use model::plan::{Action, Generation, Impact, LabId, Plan, Reason, Step};
use model::resource::{Address, Member, Objects, Resource, Spec};
use serde_json::{Value, json};
use whatif::semantics::Model;
use whatif::steps::{Around, Reviewed, review};
use whatif::world::{Input, World};

/// A case with its source: what an app was made from, what it shall be, and what is told.
#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Case {
    name: String,
    source: String,
    old: Vec<Value>,
    new: Vec<Value>,
    told: Vec<String>,
}

type Manifests = BTreeMap<String, Vec<Value>>;

fn address(text: &str) -> Address {
    text.parse().unwrap()
}

fn step(at: &str, action: Action, spec: Spec, needs: &[&str]) -> Step {
    let resource = Resource {
        address: address(at),
        spec,
        needs: Default::default(),
    };
    Step {
        address: address(at),
        action,
        impact: Impact::InPlace,
        reason: match action {
            Action::Delete => Reason::Undeclared,
            Action::Create => Reason::Missing,
            Action::Update | Action::Replace => Reason::Changed { fields: Vec::new() },
        },
        needs: needs.iter().map(|need| address(need)).collect(),
        inputs: resource.digest(),
        resource,
    }
}

fn objects(list: &[Value]) -> Spec {
    Spec::Objects(Objects {
        cluster: "main".parse().unwrap(),
        source: "a".to_owned(),
        namespace: "a".parse().unwrap(),
        objects: list.to_vec(),
    })
}

fn member(role: &str, cluster: &str) -> Spec {
    let member: Member = serde_json::from_value(json!({
        "cluster": cluster, "role": role, "first": false, "address": "10.0.0.9",
        "endpoint": "10.0.0.100:6443", "kubernetes": "1.36.3", "pods": "10.244.0.0/16",
        "services": "10.96.0.0/16", "dns": "10.96.0.10", "domain": "cluster.local", "sans": [],
        "labels": {}, "taints": [],
    }))
    .unwrap();
    Spec::Member(member)
}

/// A workload of one container.
fn workload(kind: &str, name: &str, image: &str, spec: &Value) -> Value {
    let mut object = json!({ "kind": kind, "metadata": { "name": name }, "spec": { "template": {
        "metadata": { "labels": { "app": name } }, "spec": { "containers": [{ "image": image }] } } } });
    for (key, value) in spec.as_object().unwrap() {
        object["spec"][key] = value.clone();
    }
    object
}

/// Control planes and workers by these names, each on a host of its own.
fn lab(nodes: &[(&str, &str)], apps: &Value, promises: &Value) -> Lab {
    let (mut hosts, mut all) = (serde_json::Map::new(), serde_json::Map::new());
    for (at, (name, role)) in nodes.iter().enumerate() {
        hosts.insert(format!("h{name}"), json!({}));
        all.insert(
            (*name).to_owned(),
            json!({ "cluster": "main", "role": role, "on": format!("h{name}"),
            "address": format!("10.0.0.{}", 10 + at), "vm": { "cpu": 4, "memory": "8Gi" } }),
        );
    }
    random::lab(json!({
        "lab": "updates", "networks": { "lan": { "cidr": "10.0.0.0/24" } },
        "hosts": hosts, "nodes": all,
        "clusters": { "main": { "distribution": { "kubeadm": { "kubernetes": "1.36.3" } },
            "endpoint": { "vip": "10.0.0.100" }, "pods": "10.244.0.0/16",
            "services": "10.96.0.0/16", "cni": { "flannel": {} } } },
        "components": { "flannel": {} },
        "apps": apps, "promises": promises,
    }))
}

const FOUR: [(&str, &str); 4] = [
    ("a", "control-plane"),
    ("b", "control-plane"),
    ("c", "control-plane"),
    ("w", "worker"),
];

/// What is there: all nodes that are named, well, and what was applied.
fn inventory(nodes: &[(&str, &str)], applied: &[(&str, Spec)]) -> Inventory {
    let members = nodes
        .iter()
        .map(|(name, role)| (format!("member/{name}"), member(role, "main")));
    let applied = applied
        .iter()
        .map(|(at, spec)| ((*at).to_owned(), spec.clone()));
    let things = members.chain(applied).map(|(at, spec)| {
        let digest = step(&at, Action::Update, spec.clone(), &[]).inputs;
        (address(&at), Observed::ours(Some(digest), Some(spec)))
    });
    Inventory {
        things: things.collect(),
    }
}

fn looked_at(
    lab: &Lab,
    manifests: &Manifests,
    inventory: &Inventory,
    forced: &[&str],
    steps: Vec<Step>,
) -> Reviewed {
    let model = Model::new(World::of(Input { lab, manifests }));
    let forced: BTreeSet<Address> = forced.iter().map(|one| address(one)).collect();
    let around = Around {
        lab,
        manifests,
        model: &model,
        inventory,
        forced: &forced,
    };
    let plan = Plan {
        format: Plan::FORMAT,
        lab: "lab".parse().unwrap(),
        lab_id: LabId(Default::default()),
        parent: Generation(0),
        basis: Inventory::default().basis(),
        seen: BTreeMap::new(),
        steps,
        notes: Vec::new(),
    };
    review(&around, plan, &|_| None)
}

fn refused(reviewed: &Reviewed) -> Vec<String> {
    let notes = reviewed.plan.notes.iter();
    notes
        .map(|note| format!("{}: {}", note.address, note.text))
        .collect()
}

/// An app `wiki` that was made from the first list of objects and becomes the second.
fn updated(apps: &Value, promises: &Value, old: &[Value], new: &[Value]) -> Reviewed {
    let lab = lab(&FOUR, apps, promises);
    let manifests = BTreeMap::from([("wiki".to_owned(), new.to_vec())]);
    let inventory = inventory(&FOUR, &[("app/wiki", objects(old))]);
    let steps = vec![step("app/wiki", Action::Update, objects(new), &[])];
    looked_at(&lab, &manifests, &inventory, &[], steps)
}

fn told(reviewed: &Reviewed, at: &str) -> Vec<String> {
    let told = reviewed.consequences.get(&address(at));
    told.cloned().unwrap_or_default()
}

fn wiki() -> Value {
    json!({ "wiki": { "manifests": "apps/wiki" } })
}

#[test]
fn every_case_comes_out_as_its_source_says() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cases/W017.yaml");
    let text = std::fs::read_to_string(file).unwrap();
    let cases: Vec<Case> = serde_saphyr::from_str(&text).unwrap();
    assert!(cases.len() >= 3);
    for case in cases {
        assert!(!case.source.is_empty());
        let reviewed = updated(&wiki(), &json!([]), &case.old, &case.new);
        assert_eq!(told(&reviewed, "app/wiki"), case.told, "{}", case.name);
        assert_eq!(refused(&reviewed), [""; 0], "{}", case.name);
    }
}

#[test]
fn an_update_tells_what_is_down_and_for_how_long() {
    let recreate = json!({ "replicas": 1, "strategy": { "type": "Recreate" } });
    let deployment = |image: &str, spec: &Value| [workload("Deployment", "wiki", image, spec)];
    let none = json!([]);
    let reviewed = updated(
        &wiki(),
        &none,
        &deployment("x:1", &recreate),
        &deployment("x:2", &recreate),
    );
    assert_eq!(
        told(&reviewed, "app/wiki"),
        [
            "wiki down for 1–90 s, longer while its image is fetched: all of its pods end before new ones start (W017)"
        ]
    );
    assert_eq!(refused(&reviewed), [""; 0]);
    // One pod of a rolling update starts before the other ends.
    let rolling = json!({ "replicas": 1 });
    let reviewed = updated(
        &wiki(),
        &none,
        &deployment("x:1", &rolling),
        &deployment("x:2", &rolling),
    );
    assert_eq!(told(&reviewed, "app/wiki"), [""; 0]);
    // Nothing of its pods changes.
    let reviewed = updated(
        &wiki(),
        &none,
        &deployment("x:1", &recreate),
        &deployment("x:1", &recreate),
    );
    assert_eq!(told(&reviewed, "app/wiki"), [""; 0]);
    let apart = json!({ "replicas": 3, "strategy": { "rollingUpdate": { "maxSurge": 0, "maxUnavailable": 1 } } });
    let reviewed = updated(
        &wiki(),
        &none,
        &deployment("x:1", &apart),
        &deployment("x:2", &apart),
    );
    assert_eq!(
        told(&reviewed, "app/wiki"),
        [
            "wiki goes on with 2 of 3 pods, each away for 1–90 s, longer while its image is fetched (W017)"
        ]
    );
    let none_left = json!({ "replicas": 0, "strategy": { "type": "Recreate" } });
    let reviewed = updated(
        &wiki(),
        &none,
        &deployment("x:1", &recreate),
        &deployment("x:1", &none_left),
    );
    assert_eq!(told(&reviewed, "app/wiki"), ["wiki down for good"]);
}

#[test]
fn stateful_sets_go_pod_by_pod_and_who_needs_them_is_told() {
    let set = |image: &str, replicas: u64| {
        [workload(
            "StatefulSet",
            "wiki",
            image,
            &json!({ "replicas": replicas }),
        )]
    };
    let apps = json!({ "wiki": { "manifests": "apps/wiki" },
        "blog": { "catalog": "podinfo", "stateless": true, "replicas": 2, "needs": ["wiki"] } });
    let reviewed = updated(&apps, &json!([]), &set("x", 1), &set("x", 1));
    assert_eq!(told(&reviewed, "app/wiki"), [""; 0]);
    let mut slow = set("x", 1);
    slow[0]["spec"]["template"]["spec"]["terminationGracePeriodSeconds"] = json!(120);
    let reviewed = updated(&apps, &json!([]), &set("x", 1), &slow);
    assert_eq!(
        told(&reviewed, "app/wiki"),
        [
            "wiki down for 1–180 s: its pod ends before the new one starts (W017)",
            "blog down as long, for want of wiki",
        ]
    );
    let reviewed = updated(&apps, &json!([]), &set("x", 3), &set("y", 3));
    assert_eq!(
        told(&reviewed, "app/wiki"),
        [
            "wiki goes on with 2 of 3 pods, each away for 1–90 s, longer while its image is fetched (W017)"
        ]
    );
}

#[test]
fn a_daemon_set_goes_from_node_to_node() {
    let lab = lab(&FOUR, &json!({}), &json!([]));
    let set = |image: &str| {
        let mut set = workload("DaemonSet", "kube-flannel-ds", image, &json!({}));
        set["spec"]["template"]["spec"]["tolerations"] =
            json!([{ "operator": "Exists", "effect": "NoSchedule" }]);
        objects(&[set])
    };
    let inventory = inventory(&FOUR, &[("component/flannel", set("x:1"))]);
    let steps = vec![step("component/flannel", Action::Update, set("x:1"), &[])];
    let reviewed = looked_at(&lab, &BTreeMap::new(), &inventory, &[], steps);
    assert_eq!(told(&reviewed, "component/flannel"), [""; 0]);
    let steps = vec![step("component/flannel", Action::Update, set("x:2"), &[])];
    let reviewed = looked_at(&lab, &BTreeMap::new(), &inventory, &[], steps);
    assert_eq!(
        told(&reviewed, "component/flannel"),
        [
            "flannel away for 1–90 s on each of 4 nodes, one after the other, 4–360 s in all, longer while \
          its image is fetched; what runs there keeps its network, pods that start meanwhile wait for \
          it (W017)"
        ]
    );
}

#[test]
fn what_was_there_may_not_be_known() {
    let lab = lab(&FOUR, &wiki(), &json!([]));
    let recreate = json!({ "replicas": 1, "strategy": { "type": "Recreate" } });
    let new = [workload("Deployment", "wiki", "x", &recreate)];
    let manifests = BTreeMap::from([("wiki".to_owned(), new.to_vec())]);
    // Too large a record keeps no objects.
    let inventory = inventory(&FOUR, &[("app/wiki", objects(&[]))]);
    let mut update = step("app/wiki", Action::Update, objects(&new), &[]);
    let perhaps = "wiki perhaps down for 1–90 s: all of its pods end before new ones start (W017)";
    let looked = |step: &Step| looked_at(&lab, &manifests, &inventory, &[], vec![step.clone()]);
    assert_eq!(told(&looked(&update), "app/wiki"), [perhaps]);
    let drift = |what: &str| Reason::Faulty {
        what: vec![what.to_owned()],
    };
    update.reason = drift("Deployment a/wiki was changed by somebody (spec.template: 1 → 2)");
    assert_eq!(told(&looked(&update), "app/wiki"), [perhaps]);
    update.reason = drift("Service a/wiki was changed by somebody (spec.ports: 1 → 2)");
    assert_eq!(told(&looked(&update), "app/wiki"), [""; 0]);
    // Nothing of it runs: nothing goes.
    update.reason = Reason::Changed { fields: Vec::new() };
    let nobody = Inventory::default();
    let looked_at_nothing = looked_at(&lab, &manifests, &nobody, &[], vec![update]);
    assert_eq!(told(&looked_at_nothing, "app/wiki"), [""; 0]);
    let gone = step("app/blog", Action::Delete, objects(&new), &[]);
    assert_eq!(told(&looked(&gone), "app/blog"), ["blog down for good"]);
}

#[test]
fn an_update_that_breaks_a_promise_is_refused() {
    let recreate = |image: &str| {
        let spec = json!({ "replicas": 1, "strategy": { "type": "Recreate" } });
        [workload("Deployment", "wiki", image, &spec)]
    };
    let update = |promises: &Value| {
        let apps = json!({ "wiki": { "manifests": "apps/wiki", "stateless": true } });
        refused(&updated(&apps, promises, &recreate("x"), &recreate("y")))
    };
    // Whoever goes, it is made anew elsewhere.
    assert_eq!(
        update(&json!([{ "when": { "fails": 1 }, "stays": ["wiki"] }])),
        [""; 0]
    );
    // It is on the worker, and goes on there without the API; but nobody makes it anew then.
    let promises = json!([{ "when": { "off": ["ha", "hb"] }, "stays": ["wiki"] }]);
    let told = update(&promises);
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(
        told[0].contains("the promise \"ha, hb off: wiki\" does not hold"),
        "{told:?}"
    );
    assert!(told[0].contains("--force app/wiki"), "{told:?}");
    // What runs when it happens stays, and what is just being made anew does not run.
    let promises = json!([{ "when": { "off": ["ha", "hb"] }, "stays": ["running-apps"] }]);
    assert_eq!(update(&promises), [""; 0]);
    // It is away for longer than may be.
    let promises = json!([{ "when": { "off": ["ha"] }, "stays": ["wiki"], "within": "30s" }]);
    let told = update(&promises);
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(
        told[0].contains("wiki within 30 s\" does not hold: wiki is away for 1–90 s"),
        "{told:?}"
    );
}

fn removal(name: &str, role: &str) -> [Step; 1] {
    [step(
        &format!("member/{name}"),
        Action::Delete,
        member(role, "main"),
        &[],
    )]
}

#[test]
fn a_node_that_goes_tells_what_goes_with_it() {
    let rest = [FOUR[0], FOUR[1], FOUR[2], ("w", "worker")];
    let apps = json!({
        "podinfo": { "catalog": "podinfo", "replicas": 1, "stateless": true },
        "films": { "catalog": "podinfo", "replicas": 1, "volumes": { "data": { "class": "local" } } },
    });
    let mut declared = lab(&rest, &apps, &json!([]));
    let local = json!({ "disks": { "local": { "classes": { "local": {} } } } });
    declared.storage = serde_json::from_value(local).unwrap();
    let mut nodes = rest.to_vec();
    nodes.push(("x", "worker"));
    let inventory = inventory(&nodes, &[]);
    let looked = looked_at(
        &declared,
        &BTreeMap::new(),
        &inventory,
        &[],
        removal("x", "worker").into(),
    );
    let told = told(&looked, "member/x").join("\n");
    assert!(
        told.contains("podinfo perhaps away for 1–91 s: its pods are asked to go before, and start elsewhere (W005)"),
        "{told}"
    );
    assert!(
        told.contains(
            "films perhaps down for good: its volume data lies on the node's disk of x (W007)"
        ),
        "{told}"
    );
    assert_eq!(refused(&looked), [""; 0]);
}

#[test]
fn a_node_that_a_promise_needs_does_not_go() {
    let promises = json!([{ "when": { "fails": 1 }, "stays": ["api"] }]);
    let rest = [FOUR[0], FOUR[1], FOUR[3]];
    let declared = lab(&rest, &json!({}), &promises);
    let there = inventory(&FOUR, &[]);
    let looked = |forced: &[&str], steps: Vec<Step>, lab: &Lab| {
        looked_at(lab, &BTreeMap::new(), &there, forced, steps)
    };
    let going = removal("c", "control-plane").to_vec();
    let told = refused(&looked(&[], going.clone(), &declared));
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(
        told[0].starts_with(
            "member/c: once it is gone, the promise \"any 1 host fails: api\" does not hold"
        ),
        "{told:?}"
    );
    assert_eq!(
        refused(&looked(&["member/c"], going.clone(), &declared)),
        [""; 0]
    );
    // Another one in its place is made before.
    let replaced = lab(
        &[FOUR[0], FOUR[1], ("d", "control-plane"), FOUR[3]],
        &json!({}),
        &promises,
    );
    let mut steps = going;
    let Spec::Member(mut new) = member("control-plane", "main") else {
        panic!();
    };
    let same = Spec::Member(new.clone());
    new.address = "10.0.0.8".parse().unwrap();
    let mut late = steps.clone();
    late.push(step("member/d", Action::Create, same, &[]));
    let told = refused(&looked(&[], late, &replaced));
    assert!(
        told[0].contains("once it is gone"),
        "it can only come when the address is free: {told:?}"
    );
    steps.push(step("member/d", Action::Create, Spec::Member(new), &[]));
    let reviewed = looked(&[], steps, &replaced);
    assert_eq!(refused(&reviewed), [""; 0]);
    let order: Vec<String> = reviewed
        .plan
        .steps
        .iter()
        .map(|step| step.address.to_string())
        .collect();
    assert_eq!(order, ["member/d", "member/c"]);
    assert!(reviewed.plan.steps[1].needs.contains(&address("member/d")));
}
