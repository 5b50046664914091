//! The real kube-scheduler as oracle: whatever it chooses, the model held possible; what the model
//! held impossible, it never does. Nodes are objects, and nothing runs on them.
//!
//! `STEADING_ORACLE_CLUSTERS=1000` asks about more clusters than usual, `STEADING_ORACLE_FROM=7`
//! begins with another one.

mod made;
mod volumes;

use std::time::{Duration, Instant};

use e2e::plane::{Api, Nodes, Plane};
use made::{Made, NAMESPACES, classes};
use serde_json::{Value, json};
use volumes::Volumes;
use whatif::bits::Bits;
use whatif::ids::{NodeId, WorkloadId};
use whatif::place::schedule::Scheduler;
use whatif::semantics::Model;
use whatif::world::{Input, World};

/// How long the scheduler may take for something that it can do.
const DECIDES: Duration = Duration::from_secs(15);

/// How long it may take to look again at a pod that others gave way to.
const WAKES: Duration = Duration::from_secs(4);

/// What the scheduler did with a pod.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Chose {
    Node(String),
    /// Others gave way to it there, but it was not looked at again soon: where several terms keep
    /// pods apart, the scheduler (1.36) wakes it only for one that all of them mean, and else after
    /// five minutes. Source: interpodaffinity/plugin.go, `isSchedulableAfterPodChange`.
    Later(String),
    Nothing(String),
}

#[test]
fn the_real_schedulers_choice_is_always_a_possible_one() {
    let number = |name: &str, otherwise| {
        let told = std::env::var(name).ok().and_then(|text| text.parse().ok());
        told.unwrap_or(otherwise)
    };
    let (from, clusters): (u64, u64) = (
        number("STEADING_ORACLE_FROM", 0),
        number("STEADING_ORACLE_CLUSTERS", 100),
    );
    let mut plane = Plane::new(Nodes::AsWritten);
    for class in classes() {
        plane
            .api
            .create("/apis/scheduling.k8s.io/v1/priorityclasses", &class);
    }
    for name in NAMESPACES {
        plane.api.create(
            "/api/v1/namespaces",
            &json!({ "metadata": { "name": name } }),
        );
    }
    plane.scheduler();
    let mut tally = Tally::default();
    let mut wrong = Vec::new();
    for seed in from..from + clusters {
        if let Err(why) = one(&plane.api, seed, &mut tally) {
            wrong.push(format!("cluster {seed}: {why}"));
            plane.assert_alive();
        }
    }
    println!("{clusters} clusters: {tally:?}");
    assert!(
        wrong.is_empty(),
        "{} of {clusters}:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
    // A model that holds everything possible would agree with anything.
    let all = tally.only + tally.several + tally.nowhere + tally.driven;
    assert!(clusters < 50 || tally.nowhere * 20 > all && tally.only * 20 > all && tally.driven > 0);
    assert!(clusters < 50 || tally.waited * 20 > all && tally.waited_in_vain > 0);
}

/// What came to pass.
#[derive(Debug, Default)]
struct Tally {
    /// One node was possible.
    only: usize,
    /// Several were.
    several: usize,
    /// None was.
    nowhere: usize,
    /// Others had to give way.
    driven: usize,
    /// The same, but it has to wait for its own turn.
    later: usize,
    /// It had claims that waited for it.
    waited: usize,
    /// It had, and there was no place for it.
    waited_in_vain: usize,
}

/// A cluster, played with the real scheduler and with the model.
struct Played<'a> {
    api: &'a Api,
    model: &'a Model,
    scheduler: Scheduler<'a>,
    /// Pods that are there: namespace, name, workload, node.
    there: Vec<(String, String, WorkloadId, NodeId)>,
    seed: u64,
}

fn one(api: &Api, seed: u64, tally: &mut Tally) -> Result<(), String> {
    let made = Made::new(seed);
    let lab: model::lab::Lab =
        serde_json::from_value(made.lab.clone()).map_err(|e| e.to_string())?;
    let model = Model::new(World::of(Input {
        lab: &lab,
        manifests: &made.manifests,
    }));
    for (_, workload) in model.world.workloads.iter() {
        if !workload.unknown.is_empty() {
            return Err(format!("{}: {:?}", workload.name, workload.unknown));
        }
    }
    volumes::offer(api, &made.offered);
    write_nodes(api, &lab, &model.world, seed);
    let mut played = Played {
        api,
        model: &model,
        scheduler: Scheduler::new(&model),
        there: Vec::new(),
        seed,
    };
    let mut result = Ok(());
    for (at, app) in made.order.iter().enumerate() {
        let objects = &made.manifests[app];
        let namespace = made.lab["apps"][app]["namespace"]
            .as_str()
            .unwrap_or_default();
        result = played.pod(app, namespace, at, objects, tally);
        if result.is_err() {
            break;
        }
    }
    for path in NAMESPACES.map(|name| format!("/api/v1/namespaces/{name}")) {
        api.delete(&format!("{path}/pods"));
        api.delete(&format!("{path}/persistentvolumeclaims"));
    }
    api.delete("/api/v1/persistentvolumes");
    api.delete("/apis/storage.k8s.io/v1/storageclasses");
    api.delete("/api/v1/nodes");
    result
}

fn write_nodes(api: &Api, lab: &model::lab::Lab, world: &World, seed: u64) {
    for (_, node) in world.nodes.iter() {
        let declared = &lab.nodes[node.name.as_str()];
        let taints: Vec<Value> = catalog::node_taints(lab, declared)
            .iter()
            .map(|taint| json!({ "key": taint.key, "value": taint.value.clone().unwrap_or_default(), "effect": taint.effect }))
            .collect();
        let room = node.room.unwrap_or_default();
        let room = json!({ "cpu": format!("{}m", room.millicpu), "memory": room.memory.to_string(), "pods": "110" });
        let object = json!({ "metadata": { "name": node.name, "labels": node.labels }, "spec": { "taints": taints },
            "status": { "capacity": room, "allocatable": room, "conditions": [{ "type": "Ready", "status": "True" }] } });
        api.create("/api/v1/nodes", &object);
    }
    // Once this pod is placed, the scheduler has seen all that was written before its node.
    let mark = format!("mark{seed}");
    let size = json!({ "cpu": "1", "memory": "1Gi", "pods": "1" });
    let node = json!({ "metadata": { "name": mark, "labels": { "mark": mark } },
        "spec": { "taints": [{ "key": "mark", "effect": "NoSchedule" }] },
        "status": { "capacity": size, "allocatable": size } });
    api.create("/api/v1/nodes", &node);
    let pod = json!({ "metadata": { "name": mark }, "spec": { "nodeSelector": { "mark": mark },
        "tolerations": [{ "operator": "Exists" }], "containers": [{ "name": "main", "image": "none" }] } });
    api.create("/api/v1/namespaces/default/pods", &pod);
    let path = format!("/api/v1/namespaces/default/pods/{mark}");
    assert!(
        matches!(decided(api, &path, true, None), Chose::Node(_)),
        "the mark is placed"
    );
    api.delete(&path);
    api.delete(&format!("/api/v1/nodes/{mark}"));
}

/// What becomes of a pod. Where it can be placed, a first refusal may come of an object that the
/// scheduler has not seen yet.
fn decided(api: &Api, path: &str, possible: bool, volumes: Option<&Volumes<'_>>) -> Chose {
    let start = Instant::now();
    loop {
        if let Some(volumes) = volumes {
            volumes.look_after();
        }
        let pod = api.get(path).unwrap_or_default();
        if let Some(node) = pod["spec"]["nodeName"].as_str() {
            return Chose::Node(node.to_owned());
        }
        let conditions = pod["status"]["conditions"].as_array();
        let refused = conditions
            .into_iter()
            .flatten()
            .find(|one| one["type"] == "PodScheduled" && one["reason"] == "Unschedulable");
        let late = start.elapsed() > DECIDES;
        if let Some(node) = pod["status"]["nominatedNodeName"].as_str()
            && start.elapsed() > WAKES
        {
            return Chose::Later(node.to_owned());
        }
        match refused {
            Some(refused) if !possible || late => {
                return Chose::Nothing(refused["message"].to_string());
            }
            _ if late => return Chose::Nothing("no decision".to_owned()),
            _ => std::thread::sleep(Duration::from_millis(3)),
        }
    }
}

impl Played<'_> {
    fn pod(
        &mut self,
        app: &str,
        namespace: &str,
        at: usize,
        objects: &[Value],
        tally: &mut Tally,
    ) -> Result<(), String> {
        let world = &self.model.world;
        let mut workloads = world.workloads.iter();
        let (id, _) = workloads.find(|(_, one)| one.name == app).unwrap();
        let name = format!("{app}-{at}");
        let object = objects.last().unwrap();
        let mut pod = object["spec"]["template"].clone();
        pod["metadata"]["name"] = json!(name);
        let (api, model) = (self.api, self.model);
        let about = (id, namespace, name.as_str());
        let volumes = Volumes::new((api, model), about, objects, &mut pod, self.seed);
        let list = format!("/api/v1/namespaces/{namespace}/pods");
        let path = format!("{list}/{name}");
        let fitting = self.scheduler.fitting(id).clone();
        let driving = if fitting.is_empty() {
            self.scheduler.preempting(id)
        } else {
            Bits::none(world.nodes.len())
        };
        let possible = if fitting.is_empty() {
            &driving
        } else {
            &fitting
        };
        self.api.create(&list, &pod);
        let chose = decided(self.api, &path, !possible.is_empty(), Some(&volumes));
        let names: Vec<&str> = possible
            .iter()
            .map(|node| world.nodes[node].name.as_str())
            .collect();
        let how = if fitting.is_empty() {
            "driving others out"
        } else {
            "fitting"
        };
        match chose {
            Chose::Nothing(_) if possible.is_empty() => {
                tally.nowhere += 1;
                tally.waited_in_vain += usize::from(volumes.waits());
                self.api.delete(&path);
                Ok(())
            }
            Chose::Node(node) if names.contains(&node.as_str()) => {
                let node = possible
                    .iter()
                    .find(|one| world.nodes[*one].name == node)
                    .unwrap();
                match (fitting.is_empty(), names.len()) {
                    (true, _) => tally.driven += 1,
                    (false, 1) => tally.only += 1,
                    (false, _) => tally.several += 1,
                }
                if fitting.is_empty() {
                    self.driven_out(id, node)?;
                }
                volumes.compare(&mut self.scheduler, node)?;
                tally.waited += usize::from(volumes.waits());
                self.there.push((namespace.to_owned(), name, id, node));
                Ok(())
            }
            Chose::Later(node) if fitting.is_empty() && names.contains(&node.as_str()) => {
                let mut named = possible.iter();
                let node = named.find(|one| world.nodes[*one].name == node).unwrap();
                tally.later += 1;
                self.driven_out(id, node)?;
                self.api.delete(&path);
                Ok(())
            }
            chose => {
                let there: Vec<&String> = self.there.iter().map(|(_, name, ..)| name).collect();
                Err(format!(
                    "{name}: {chose:?}, possible ({how}): {names:?}; there: {there:?}; {object}"
                ))
            }
        }
    }

    /// Finds who had to give way: only less important ones on that node.
    fn driven_out(&mut self, by: WorkloadId, at: NodeId) -> Result<(), String> {
        let world = &self.model.world;
        let mut gone = Vec::new();
        self.there.retain(|(namespace, name, id, node)| {
            let there = self
                .api
                .get(&format!("/api/v1/namespaces/{namespace}/pods/{name}"));
            let stays = there.is_some();
            if !stays {
                gone.push((*id, *node));
            }
            stays
        });
        for (id, node) in &gone {
            let less = world.workloads[*id].priority < world.workloads[by].priority;
            if !less || *node != at {
                return Err(format!(
                    "{} gave way to {}",
                    world.workloads[*id].name, world.workloads[by].name
                ));
            }
            self.scheduler.take_off(*id, *node);
        }
        if gone.is_empty() {
            return Err(format!("nobody gave way to {}", world.workloads[by].name));
        }
        Ok(())
    }
}
