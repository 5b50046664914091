//! The real controllers as oracle: nodes fall silent, and taints, deletions and replacements come
//! inside the intervals that the model tells. Nodes are objects, their leases are renewed by this
//! test. All times of Kubernetes are a tenth of its defaults, and so are the intervals.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use e2e::plane::{Api, Nodes, Plane};
use serde_json::{Value, json};
use whatif::events::Question;
use whatif::rules;
use whatif::semantics::Model;
use whatif::span::Span;
use whatif::timeline::{Asker, Report};
use whatif::world::{Input, World};

/// How much faster than usual everything is.
const FASTER: u64 = 10;
/// How long a busy machine may keep the controllers, or this test, from doing what is due, in
/// milliseconds of this test.
const BUSY: u64 = 400;
/// Nodes of each zone, and how many of them fall silent: one; so many that eviction stops (after
/// the first ones, as they fall silent one after the other); two, which have their turns.
const ZONES: [(&str, usize, usize); 3] = [("one", 6, 1), ("stops", 5, 3), ("turns", 6, 2)];
const ZONE: &str = "topology.kubernetes.io/zone";

/// What runs, and where: kind, zone, seconds of patience (0: forever).
const APPS: [(&str, &str, &str, u64); 6] = [
    ("plain", "Deployment", "one", 300),
    ("quick", "Deployment", "one", 30),
    ("patient", "Deployment", "one", 0),
    ("state", "StatefulSet", "one", 300),
    ("braked", "Deployment", "stops", 300),
    ("waiting", "Deployment", "turns", 30),
];

fn name(zone: &str, at: usize) -> String {
    format!("{zone}-{at}")
}

fn silent() -> Vec<String> {
    let all = ZONES.iter();
    all.flat_map(|(zone, _, gone)| (0..*gone).map(|at| name(zone, at)))
        .collect()
}

/// The pod template of an app: rather on the node that falls silent first.
fn template((app, _, zone, patience): (&str, &str, &str, u64), faster: u64) -> Value {
    let mut toleration = json!({ "key": "node.kubernetes.io/unreachable", "operator": "Exists", "effect": "NoExecute" });
    if patience > 0 {
        toleration["tolerationSeconds"] = json!(patience / faster);
    }
    let first = json!({ "weight": 100, "preference": { "matchExpressions": [
        { "key": "kubernetes.io/hostname", "operator": "In", "values": [name(zone, 0)] }] } });
    json!({
        "metadata": { "labels": { "app": app } },
        "spec": {
            "nodeSelector": { ZONE: zone },
            "affinity": { "nodeAffinity": { "preferredDuringSchedulingIgnoredDuringExecution": [first] } },
            "tolerations": [toleration],
            "containers": [{ "name": "main", "image": "none" }],
        },
    })
}

fn object(one: (&str, &str, &str, u64), faster: u64) -> Value {
    let (app, kind, ..) = one;
    json!({ "apiVersion": "apps/v1", "kind": kind, "metadata": { "name": app }, "spec": { "replicas": 1,
        "serviceName": app, "selector": { "matchLabels": { "app": app } }, "template": template(one, faster) } })
}

/// What the model says when these nodes fall silent.
fn predicted() -> Report {
    let (mut hosts, mut nodes) = (serde_json::Map::new(), serde_json::Map::new());
    for (zone, count, _) in ZONES {
        for at in 0..count {
            let name = name(zone, at);
            hosts.insert(name.clone(), json!({}));
            nodes.insert(
                name.clone(),
                json!({ "cluster": "main", "role": "worker", "on": name,
                "labels": { ZONE: zone }, "vm": { "cpu": 8, "memory": "16Gi" } }),
            );
        }
    }
    hosts.insert("rock".to_owned(), json!({}));
    nodes.insert(
        "rock".to_owned(),
        json!({ "cluster": "main", "role": "control-plane", "on": "rock",
        "vm": { "cpu": 8, "memory": "16Gi" } }),
    );
    let apps: serde_json::Map<String, Value> = APPS
        .iter()
        .map(|(app, ..)| {
            (
                (*app).to_owned(),
                json!({ "manifests": format!("apps/{app}") }),
            )
        })
        .collect();
    let lab = json!({ "lab": "silent", "hosts": hosts, "nodes": nodes, "apps": apps, "clusters": { "main": {
        "distribution": { "kubeadm": { "kubernetes": "1.36.3" } }, "endpoint": { "node": "rock" },
        "pods": "10.1.0.0/16", "services": "10.2.0.0/16", "cni": { "flannel": {} } } } });
    let lab = serde_json::from_value(lab).expect("a lab");
    let manifests: BTreeMap<String, Vec<Value>> = APPS
        .iter()
        .map(|one| (one.0.to_owned(), vec![object(*one, 1)]))
        .collect();
    let model = Model::new(World::of(Input {
        lab: &lab,
        manifests: &manifests,
    }));
    let question = Question {
        off: silent(),
        ..Question::default()
    };
    let scenario = question.of(&model.world).expect("nodes of the lab");
    Report::of(&mut Asker::new(&model), &scenario)
}

/// What this test saw of an app, in milliseconds after its node fell silent.
#[derive(Debug, Clone, Default)]
struct Seen {
    pod: String,
    deleted: Option<u64>,
    replaced: Option<u64>,
}

#[test]
fn taints_deletions_and_replacements_come_when_the_model_says() {
    // Half a second in which the machine does something else is five here, and tells of others.
    if once().is_err() {
        println!("(once more)");
        if let Err(why) = once() {
            std::panic::resume_unwind(why);
        }
    }
}

fn once() -> std::thread::Result<()> {
    let mut plane = Plane::new(Nodes::Watched);
    write_nodes(&plane.api);
    plane.scheduler();
    plane.controllers(&[
        "--node-monitor-period=500ms",
        "--node-monitor-grace-period=5s",
        "--node-eviction-rate=1",
        "--secondary-node-eviction-rate=0.1",
        "--controllers=node-lifecycle-controller,taint-eviction-controller,deployment-controller,\
         replicaset-controller,statefulset-controller,pod-garbage-collector-controller",
    ]);
    let stop = AtomicBool::new(false);
    let quiet = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| renew(&plane.api, &quiet, &stop));
        let done = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            play(&plane.api, &quiet);
        }));
        stop.store(true, Ordering::Relaxed);
        if done.is_err() {
            eprintln!("{}", plane.log("kube-controller-manager"));
        }
        done
    })
}

fn play(api: &Api, quiet: &AtomicBool) {
    // New nodes are tainted until the controller has seen that they are ready.
    e2e::wait_until("nodes are ready", Duration::from_secs(30), || {
        let nodes = api.list("/api/v1/nodes");
        nodes.iter().all(|node| node["spec"]["taints"].is_null())
    });
    for one in APPS {
        let kind = if one.1 == "Deployment" {
            "deployments"
        } else {
            "statefulsets"
        };
        api.create(
            &format!("/apis/apps/v1/namespaces/default/{kind}"),
            &object(one, FASTER),
        );
    }
    let mut seen = started(api);
    // Their last renewals were some part of an interval ago, each another one.
    quiet.store(true, Ordering::Relaxed);
    let cut = Instant::now();
    let mut unknown: BTreeMap<String, u64> = BTreeMap::new();
    let mut tainted: BTreeMap<String, u64> = BTreeMap::new();
    while cut.elapsed() < Duration::from_secs(42) {
        let nodes = api.list("/api/v1/nodes");
        let now = elapsed(cut);
        for node in nodes {
            let name = node["metadata"]["name"]
                .as_str()
                .unwrap_or_default()
                .to_owned();
            if condition(&node["status"]["conditions"], "Ready") == "Unknown" {
                unknown.entry(name.clone()).or_insert(now);
            }
            let taints = node["spec"]["taints"].as_array();
            if taints
                .into_iter()
                .flatten()
                .any(|taint| taint["effect"] == "NoExecute")
            {
                tainted.entry(name).or_insert(now);
            }
        }
        look(api, cut, &mut seen);
        std::thread::sleep(Duration::from_millis(50));
    }
    judge(&predicted(), &unknown, &tainted, &seen);
}

fn elapsed(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX)
}

fn condition<'a>(conditions: &'a Value, kind: &str) -> &'a str {
    let all = conditions.as_array().into_iter().flatten();
    let mut of_kind = all.filter(|one| one["type"] == kind);
    let status = of_kind.next().and_then(|one| one["status"].as_str());
    status.unwrap_or_default()
}

fn write_nodes(api: &Api) {
    let room = json!({ "cpu": "8", "memory": "16Gi", "pods": "110" });
    for (zone, count, _) in ZONES {
        for at in 0..count {
            let name = name(zone, at);
            let labels = json!({ ZONE: zone, "kubernetes.io/hostname": name });
            api.create("/api/v1/nodes", &json!({ "metadata": { "name": name, "labels": labels },
                "status": { "capacity": room, "allocatable": room, "conditions": [{ "type": "Ready", "status": "True" }] } }));
            let lease = json!({ "metadata": { "name": name }, "spec": {
                "holderIdentity": name, "leaseDurationSeconds": 4, "renewTime": now() } });
            api.create(
                "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases",
                &lease,
            );
        }
    }
}

/// The time as leases write it.
fn now() -> String {
    jiff::Timestamp::now()
        .strftime("%Y-%m-%dT%H:%M:%S%.6fZ")
        .to_string()
}

/// Renews every lease every second, each at a moment of its own; those that are silent no more.
fn renew(api: &Api, quiet: &AtomicBool, stop: &AtomicBool) {
    let all: Vec<String> = ZONES
        .iter()
        .flat_map(|(zone, count, _)| (0..*count).map(|at| name(zone, at)))
        .collect();
    let silent = silent();
    let step = Duration::from_millis(1000 / all.len() as u64);
    let mut next = Instant::now();
    while !stop.load(Ordering::Relaxed) {
        for name in &all {
            next += step;
            std::thread::sleep(next.saturating_duration_since(Instant::now()));
            if quiet.load(Ordering::Relaxed) && silent.contains(name) {
                continue;
            }
            let path =
                format!("/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/{name}");
            api.must("PATCH", &path, &json!({ "spec": { "renewTime": now() } }));
        }
    }
}

/// Waits until every app has a pod on the node that falls silent, and says of it that it runs.
fn started(api: &Api) -> BTreeMap<&'static str, Seen> {
    let mut seen = BTreeMap::new();
    e2e::wait_until("pods are placed", Duration::from_secs(30), || {
        for (app, _, zone, _) in APPS {
            let pod = pods(api, app).into_iter().next().unwrap_or_default();
            if pod["spec"]["nodeName"] == name(zone, 0).as_str() {
                let pod = pod["metadata"]["name"]
                    .as_str()
                    .unwrap_or_default()
                    .to_owned();
                seen.entry(app).or_insert(Seen {
                    pod,
                    ..Seen::default()
                });
            }
        }
        seen.len() == APPS.len()
    });
    for one in seen.values() {
        let running = json!({ "status": { "phase": "Running", "conditions": [{ "type": "Ready", "status": "True" }] } });
        api.must(
            "PATCH",
            &format!("/api/v1/namespaces/default/pods/{}/status", one.pod),
            &running,
        );
    }
    seen
}

fn pods(api: &Api, app: &str) -> Vec<Value> {
    api.list(&format!(
        "/api/v1/namespaces/default/pods?labelSelector=app%3D{app}"
    ))
}

fn look(api: &Api, cut: Instant, seen: &mut BTreeMap<&'static str, Seen>) {
    for (app, one) in seen {
        for pod in pods(api, app) {
            if pod["metadata"]["name"] == one.pod.as_str() {
                if pod["metadata"]["deletionTimestamp"].is_string() {
                    one.deleted.get_or_insert(elapsed(cut));
                }
            } else if pod["spec"]["nodeName"].is_string() {
                one.replaced.get_or_insert(elapsed(cut));
            }
        }
    }
}

/// Lays what was seen over what was predicted.
fn judge(
    report: &Report,
    unknown: &BTreeMap<String, u64>,
    tainted: &BTreeMap<String, u64>,
    seen: &BTreeMap<&str, Seen>,
) {
    println!("unknown {unknown:?}\ntainted {tainted:?}\n{seen:?}");
    let mut wrong = Vec::new();
    let silent = silent();
    let moment = |what: &str| {
        let found = report.timeline.iter().find(|moment| moment.what == what);
        found.unwrap_or_else(|| panic!("nothing {what}")).at
    };
    let gone = moment("counts as gone");
    for name in &silent {
        check(
            &mut wrong,
            &format!("{name} unknown"),
            unknown.get(name).copied(),
            Some(gone),
        );
        let zone = ZONES.iter().find(|(zone, ..)| name.starts_with(zone));
        let &(zone, count, lost) = zone.expect("its zone");
        let taint = rules::eviction::taint(Some("1.36.3"));
        // Where eviction stops, the first may be tainted before.
        let at = tainted.get(name).copied();
        let (turns, due) = if rules::brakes::stops(count, lost) {
            (rules::brakes::BEFORE_IT_STOPS, at.is_some())
        } else {
            (lost, true)
        };
        let due = due.then(|| gone.after(taint).after(rules::brakes::turn(count, turns)));
        check(&mut wrong, &format!("{name} tainted ({zone})"), at, due);
    }
    let before = tainted.keys().filter(|name| name.starts_with("stops"));
    let before = before.count();
    if before > rules::brakes::BEFORE_IT_STOPS {
        wrong.push(format!(
            "{before} nodes were tainted before eviction stopped"
        ));
    }
    // The intervals are too wide to tell a taint of the same pass from one of the next: the first
    // of each zone has no turn to wait for.
    let behind = |name: &str| Some(tainted.get(name)?.saturating_sub(*unknown.get(name)?));
    let first = tainted.keys().filter_map(|name| behind(name)).min();
    let taint = rules::eviction::taint(Some("1.36.3")).latest / FASTER;
    if first.is_none_or(|first| first > taint + BUSY / 2) {
        wrong.push(format!(
            "the first taint comes {first:?} ms after its node counts as gone"
        ));
    }
    for (name, at) in unknown.iter().chain(tainted) {
        if !silent.contains(name) {
            wrong.push(format!("{name} was not silent, and went at {at} ms"));
        }
    }
    for (app, one) in seen {
        let line = report.thing(app).expect("what becomes of it");
        // What moves is deleted, and begins to serve some time after that.
        let starts = rules::controllers::STARTS;
        let due = match (line.until, *app) {
            (Some(until), _) => Some(Span::new(
                until.earliest - starts.earliest,
                until.latest - starts.latest,
            )),
            // It is deleted as others are, but nobody makes another one.
            (None, "state") => Some(moment("pods of gone nodes are deleted")),
            (None, "braked") if tainted.contains_key(&name("stops", 0)) => {
                Some(moment("pods of the first gone nodes may be deleted"))
            }
            (None, _) => None,
        };
        check(&mut wrong, &format!("{app} deleted"), one.deleted, due);
        let moves = line.verdict == whatif::timeline::Verdict::Moves || *app == "braked";
        // A ReplicaSet replaces at once: its pod waits for nothing that would take seconds.
        let due = due
            .filter(|_| moves)
            .map(|due| Span::new(due.earliest, due.latest + 10_000));
        check(&mut wrong, &format!("{app} replaced"), one.replaced, due);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Whether something was seen in its interval, which is in milliseconds of a cluster with defaults.
fn check(wrong: &mut Vec<String>, what: &str, seen: Option<u64>, due: Option<Span>) {
    let good = match (seen, due) {
        (None, None) => true,
        (Some(seen), Some(due)) => {
            (due.earliest / FASTER).saturating_sub(BUSY) <= seen
                && seen <= due.latest / FASTER + BUSY
        }
        (Some(_), None) | (None, Some(_)) => false,
    };
    if !good {
        wrong.push(format!(
            "{what}: seen at {seen:?} ms, due {due:?}, {FASTER} times as fast"
        ));
    }
}
