//! Claims that wait for their first pod, as the real scheduler binds them. What the oracle
//! (tests/tests/scheduler) found to be otherwise is kept here.

mod random;

use std::collections::BTreeMap;

use serde_json::{Value, json};
use whatif::bits::Bits;
use whatif::ids::{NodeId, WorkloadId};
use whatif::place::schedule::Scheduler;
use whatif::semantics::Model;
use whatif::world::{Input, World};

const HOSTNAME: &str = "kubernetes.io/hostname";

fn class(name: &str, by: &str, topologies: &Value) -> Value {
    json!({ "kind": "StorageClass", "metadata": { "name": name }, "provisioner": by,
        "volumeBindingMode": "WaitForFirstConsumer", "allowedTopologies": topologies })
}

fn volume(name: &str, size: &str, nodes: &[&str]) -> Value {
    let term =
        json!({ "matchExpressions": [{ "key": HOSTNAME, "operator": "In", "values": nodes }] });
    json!({ "kind": "PersistentVolume", "metadata": { "name": name, "labels": { "speed": name } }, "spec": {
        "capacity": { "storage": size }, "accessModes": ["ReadWriteOnce"], "storageClassName": "there",
        "nodeAffinity": { "required": { "nodeSelectorTerms": [term] } } } })
}

fn template(name: &str, class: &str, size: &str) -> Value {
    json!({ "metadata": { "name": name }, "spec": { "storageClassName": class,
        "accessModes": ["ReadWriteOnce"], "resources": { "requests": { "storage": size } } } })
}

fn app(pod: &Value, templates: &[Value]) -> Value {
    json!({ "kind": "StatefulSet", "spec": { "replicas": 2, "volumeClaimTemplates": templates,
        "template": { "metadata": { "labels": { "app": "x" } }, "spec": pod } } })
}

/// Three workers of two processors each, and these apps with their objects.
fn model(apps: &[(&str, Vec<Value>)]) -> Model {
    let mut nodes = serde_json::Map::new();
    let mut hosts = serde_json::Map::new();
    for name in ["a", "b", "c"] {
        hosts.insert(format!("h{name}"), json!({}));
        nodes.insert(
            name.to_owned(),
            json!({ "cluster": "main", "role": "worker", "on": format!("h{name}"),
            "vm": { "cpu": 2, "memory": "4Gi" } }),
        );
    }
    let manifests: BTreeMap<String, Vec<Value>> = apps
        .iter()
        .map(|(name, objects)| ((*name).to_owned(), objects.clone()))
        .collect();
    let apps: serde_json::Map<String, Value> = apps
        .iter()
        .map(|(name, _)| ((*name).to_owned(), json!({ "manifests": "x" })))
        .collect();
    let lab = random::lab(
        json!({ "lab": "volumes", "hosts": hosts, "nodes": nodes, "apps": apps,
        "clusters": { "main": { "distribution": { "kubeadm": { "kubernetes": "1.36.3" } },
            "pods": "10.1.0.0/16", "services": "10.2.0.0/16", "cni": { "flannel": {} } } } }),
    );
    Model::new(World::of(Input {
        lab: &lab,
        manifests: &manifests,
    }))
}

fn of(model: &Model, name: &str) -> WorkloadId {
    let mut all = model.world.workloads.iter();
    all.find(|(_, one)| one.name == name).unwrap().0
}

fn names(model: &Model, nodes: &Bits<NodeId>) -> String {
    nodes
        .iter()
        .map(|node| model.world.nodes[node].name.as_str())
        .collect()
}

fn node(model: &Model, name: &str) -> NodeId {
    let mut all = model.world.nodes.iter();
    all.find(|(_, one)| one.name == name).unwrap().0
}

fn taken(model: &Model, scheduler: &mut Scheduler<'_>, id: WorkloadId, at: &str) -> Vec<String> {
    let taken = scheduler.takes(id, node(model, at)).iter();
    taken
        .map(|offer| {
            offer.map_or("made".to_owned(), |offer| {
                model.world.offers[offer].name.clone()
            })
        })
        .collect()
}

#[test]
fn the_smallest_that_fits_is_taken_and_then_gone() {
    let there = class("there", "kubernetes.io/no-provisioner", &Value::Null);
    let volumes = [
        volume("large", "9Gi", &["a", "b"]),
        volume("small", "3Gi", &["a"]),
        volume("tiny", "1Gi", &["c"]),
    ];
    let pod = json!({ "containers": [{}] });
    let objects = [
        vec![there],
        volumes.to_vec(),
        vec![app(&pod, &[template("data", "there", "2Gi")])],
    ]
    .concat();
    let model = model(&[("db", objects)]);
    let db = of(&model, "db");
    let mut scheduler = Scheduler::new(&model);
    assert_eq!(
        names(&model, scheduler.fitting(db)),
        "ab",
        "tiny is too small"
    );
    assert_eq!(taken(&model, &mut scheduler, db, "a"), ["small"]);
    scheduler.put(db, node(&model, "a"));
    assert_eq!(names(&model, scheduler.fitting(db)), "ab", "large is left");
    scheduler.put(db, node(&model, "b"));
    assert!(scheduler.fitting(db).is_empty());
    let all = Bits::of(3, model.world.nodes.ids());
    scheduler.reset(&all);
    assert_eq!(
        names(&model, scheduler.fitting(db)),
        "ab",
        "a new course begins"
    );
}

#[test]
fn what_is_not_there_is_made_where_it_may_be() {
    let only = json!([{ "matchLabelExpressions": [{ "key": HOSTNAME, "values": ["b", "c"] }] }]);
    let pod = json!({ "containers": [{}] });
    let templates = [
        template("one", "made", "2Gi"),
        template("two", "there", "1Gi"),
    ];
    let objects = vec![
        class("made", "disks.test", &only),
        class("there", "kubernetes.io/no-provisioner", &Value::Null),
        volume("v", "3Gi", &["a", "b"]),
        app(&pod, &templates),
    ];
    let model = model(&[("db", objects)]);
    let db = of(&model, "db");
    let mut scheduler = Scheduler::new(&model);
    assert_eq!(
        names(&model, scheduler.fitting(db)),
        "b",
        "both claims must find theirs"
    );
    assert_eq!(
        taken(&model, &mut scheduler, db, "b"),
        ["v", "made"],
        "the smaller claim first"
    );
}

#[test]
fn pods_that_share_a_claim_follow_the_first() {
    let claim = json!({ "kind": "PersistentVolumeClaim", "metadata": { "name": "data" },
        "spec": template("data", "there", "2Gi")["spec"] });
    let pod = json!({ "containers": [{}], "volumes": [{ "persistentVolumeClaim": { "claimName": "data" } }] });
    let mut shared = app(&pod, &[]);
    shared["kind"] = json!("Deployment");
    let there = class("there", "kubernetes.io/no-provisioner", &Value::Null);
    let objects = vec![
        there,
        volume("v", "3Gi", &["a", "b"]),
        volume("w", "2Gi", &["c"]),
        claim,
        shared,
    ];
    let model = model(&[("web", objects)]);
    let web = of(&model, "web");
    let mut scheduler = Scheduler::new(&model);
    assert_eq!(names(&model, scheduler.fitting(web)), "abc");
    scheduler.put(web, node(&model, "b"));
    assert_eq!(
        names(&model, scheduler.fitting(web)),
        "ab",
        "where the volume is reached from"
    );
}

/// Found by cluster 44 of the oracle: looking for somebody to drive out bound their claims again.
#[test]
fn looking_whom_to_drive_out_binds_nothing() {
    let there = class("there", "kubernetes.io/no-provisioner", &Value::Null);
    let pod = json!({ "containers": [{ "resources": { "requests": { "cpu": "1500m" } } }] });
    let volumes = [volume("v", "3Gi", &["a"]), volume("w", "4Gi", &["a"])];
    let low = [
        vec![there],
        volumes.to_vec(),
        vec![app(&pod, &[template("data", "there", "2Gi")])],
    ]
    .concat();
    let mut important = pod;
    important["priorityClassName"] = json!("high");
    let high = vec![
        json!({ "kind": "PriorityClass", "metadata": { "name": "high" }, "value": 1000 }),
        app(&important, &[]),
    ];
    let model = model(&[("high", high), ("low", low)]);
    let (high, low) = (of(&model, "high"), of(&model, "low"));
    let mut scheduler = Scheduler::new(&model);
    scheduler.put(low, node(&model, "a"));
    assert_eq!(names(&model, &scheduler.preempting(high)), "a");
    scheduler.take_off(low, node(&model, "a"));
    assert_eq!(
        taken(&model, &mut scheduler, low, "a"),
        ["w"],
        "one volume is bound, not two"
    );
}

/// Found by cluster 863 of the oracle: where a volume may be made is not from where it is reached.
#[test]
fn what_was_made_may_be_reached_from_elsewhere() {
    let only = json!([{ "matchLabelExpressions": [{ "key": HOSTNAME, "values": ["b"] }] }]);
    let claim = json!({ "kind": "PersistentVolumeClaim", "metadata": { "name": "data" },
        "spec": template("data", "made", "2Gi")["spec"] });
    let pod = json!({ "containers": [{}], "volumes": [{ "persistentVolumeClaim": { "claimName": "data" } }] });
    let mut shared = app(&pod, &[]);
    shared["kind"] = json!("Deployment");
    let model = model(&[(
        "web",
        vec![class("made", "disks.test", &only), claim, shared],
    )]);
    let web = of(&model, "web");
    let mut scheduler = Scheduler::new(&model);
    assert_eq!(
        names(&model, scheduler.fitting(web)),
        "b",
        "it is made there"
    );
    scheduler.put(web, node(&model, "b"));
    assert_eq!(
        names(&model, scheduler.fitting(web)),
        "b",
        "nobody has told more"
    );
    let all = Bits::of(3, model.world.nodes.ids());
    scheduler.made(web, 0, &all);
    assert_eq!(
        names(&model, scheduler.fitting(web)),
        "abc",
        "its driver lets any node have it"
    );
}
