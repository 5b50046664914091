//! A running cluster as a world: what `import` makes of its nodes and networks, and on top of that
//! what runs there now: workloads with their requests, their pods' places, volumes, room.
//!
//! Objects are as the API server lists them. Deployments, `StatefulSets` and `DaemonSets` become
//! apps of manifests, read by the same rules as manifests of a lab. What only a running cluster
//! tells is laid over the world that is made of them.

use std::collections::{BTreeMap, BTreeSet};

use model::lab::{App, Lab};
use model::name::Name;
use serde_json::Value;

use super::{Ask, Attach, Pool, Storage, StorageKind, VolumeUse, Workload, World, pods};
use crate::bits::Bits;
use crate::ids::{NodeId, PoolId, WorkloadId};

/// A cluster's objects, and the lab that was made of them.
#[derive(Debug, Clone)]
pub struct Live {
    /// The lab, with what runs in the cluster as its apps.
    pub lab: Lab,
    /// The objects of each of these apps.
    pub manifests: BTreeMap<String, Vec<Value>>,
    objects: Vec<Value>,
}

/// What a running cluster tells beside its world.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Now {
    /// Nodes that are not ready.
    pub not_ready: Vec<NodeId>,
}

fn text<'a>(object: &'a Value, pointer: &str) -> &'a str {
    object
        .pointer(pointer)
        .and_then(Value::as_str)
        .unwrap_or_default()
}

fn list<'a>(object: &'a Value, pointer: &str) -> &'a [Value] {
    let list = object.pointer(pointer).and_then(Value::as_array);
    list.map_or(&[], Vec::as_slice)
}

fn is_workload(object: &Value) -> bool {
    matches!(
        text(object, "/kind"),
        "Deployment" | "StatefulSet" | "DaemonSet"
    )
}

/// `CoreDNS`, which a cluster has by its distribution and the model knows of by itself.
fn is_dns(object: &Value) -> bool {
    text(object, "/metadata/namespace") == "kube-system"
        && text(object, "/metadata/name") == "coredns"
}

impl Live {
    /// What runs in a cluster, by lists of objects as the API server answers them, onto the lab
    /// that was imported from the same cluster.
    #[must_use]
    pub fn new(mut lab: Lab, lists: impl IntoIterator<Item = Value>) -> Self {
        let mut objects = Vec::new();
        for mut answer in lists {
            let kind = text(&answer, "/kind").to_owned();
            match (
                kind.strip_suffix("List"),
                answer.get_mut("items").map(Value::take),
            ) {
                (Some(of), Some(Value::Array(items))) => {
                    objects.extend(items.into_iter().map(|mut item| {
                        if let Value::Object(fields) = &mut item {
                            fields.entry("kind").or_insert_with(|| of.into());
                        }
                        item
                    }));
                }
                _ => objects.push(answer),
            }
        }
        // What the cluster runs is told by its objects; releases would tell it twice. Who hands
        // out addresses is told by the components.
        lab.components
            .retain(|name, component| component.entry(name).as_str() == "metallb");
        lab.apps.clear();
        let cluster = lab.clusters.keys().next().cloned();
        let mut manifests = BTreeMap::new();
        for object in objects
            .iter()
            .filter(|one| is_workload(one) && !is_dns(one))
        {
            let Some(name) = name_of(&objects, object) else {
                continue;
            };
            let app = App {
                cluster: cluster.clone(),
                manifests: Some("the cluster".to_owned()),
                ..App::default()
            };
            manifests.insert(name.to_string(), vec![without_claims(object)]);
            lab.apps.insert(name, app);
        }
        Self {
            lab,
            manifests,
            objects,
        }
    }

    /// Lays over the world of this lab what only the running cluster tells.
    pub fn lay_over(&self, world: &mut World) -> Now {
        let mut now = Now::default();
        self.nodes(world, &mut now);
        let claims = self.by_name("PersistentVolumeClaim");
        let volumes = self.by_name("PersistentVolume");
        let mut pools = BTreeMap::new();
        for object in self.objects.iter().filter(|one| is_workload(one)) {
            let id = if is_dns(object) {
                world.clusters.iter().find_map(|(_, cluster)| cluster.dns)
            } else {
                let name = name_of(&self.objects, object);
                let found = name.and_then(|name| {
                    world
                        .workloads
                        .iter()
                        .find(|(_, one)| one.name == name.as_str())
                });
                found.map(|(id, _)| id)
            };
            let Some(id) = id else {
                continue;
            };
            world.workloads[id].at = self.places(world, object);
            let replicas = object.pointer("/spec/replicas").and_then(Value::as_u64);
            if let Some(replicas) = replicas.and_then(|count| usize::try_from(count).ok()) {
                world.workloads[id].replicas = replicas;
            }
            for claim in claimed(object) {
                let key = format!("{}/{claim}", text(object, "/metadata/namespace"));
                let volume = claims
                    .get(&key)
                    .map(|claim| text(claim, "/spec/volumeName"));
                let volume = volume.and_then(|name| volumes.get(&format!("/{name}")));
                take_volume(world, id, &claim, volume.copied(), &mut pools);
            }
            world.workloads[id].several =
                world.workloads[id].volumes.is_empty() || world.workloads[id].replicas > 1;
        }
        self.assumptions(world);
        world.number_elements();
        now
    }

    fn nodes(&self, world: &mut World, now: &mut Now) {
        for object in self
            .objects
            .iter()
            .filter(|one| text(one, "/kind") == "Node")
        {
            let name = text(object, "/metadata/name");
            let found = world.nodes.iter().find(|(_, node)| node.name == name);
            let Some(id) = found.map(|(id, _)| id) else {
                continue;
            };
            let millicpu = object.pointer("/status/allocatable/cpu");
            let memory = object.pointer("/status/allocatable/memory");
            if let (Some(Ok(millicpu)), Some(Ok(memory))) =
                (millicpu.map(pods::millicpu), memory.map(pods::memory))
            {
                world.nodes[id].room = Some(Ask { millicpu, memory });
            }
            let ready = list(object, "/status/conditions")
                .iter()
                .any(|one| text(one, "/type") == "Ready" && text(one, "/status") == "True");
            if !ready {
                now.not_ready.push(id);
            }
        }
    }

    /// The nodes that pods of a workload are on.
    fn places(&self, world: &World, object: &Value) -> Vec<NodeId> {
        let (kind, name) = (text(object, "/kind"), text(object, "/metadata/name"));
        let namespace = text(object, "/metadata/namespace");
        let is_of = |pod: &&Value| {
            let hash = text(pod, "/metadata/labels/pod-template-hash");
            text(pod, "/metadata/namespace") == namespace
                && list(pod, "/metadata/ownerReferences").iter().any(|owner| {
                    let by = text(owner, "/name");
                    match text(owner, "/kind") {
                        // A ReplicaSet is named for its Deployment and the hash of the template.
                        "ReplicaSet" => kind == "Deployment" && by == format!("{name}-{hash}"),
                        other => other == kind && by == name,
                    }
                })
        };
        let pods = self
            .objects
            .iter()
            .filter(|one| text(one, "/kind") == "Pod");
        let nodes = pods.filter(is_of).filter_map(|pod| {
            let on = text(pod, "/spec/nodeName");
            let found = world.nodes.iter().find(|(_, node)| node.name == on);
            found.map(|(id, _)| id)
        });
        let mut nodes: Vec<NodeId> = nodes.collect();
        nodes.sort();
        nodes
    }

    /// Objects of a kind by `NAMESPACE/NAME`.
    fn by_name(&self, kind: &str) -> BTreeMap<String, &Value> {
        let all = self.objects.iter().filter(|one| text(one, "/kind") == kind);
        let named = all.map(|one| {
            let namespace = text(one, "/metadata/namespace");
            (format!("{namespace}/{}", text(one, "/metadata/name")), one)
        });
        named.collect()
    }

    fn assumptions(&self, world: &mut World) {
        for (name, budget) in self.by_name("PodDisruptionBudget") {
            let allowed = budget
                .pointer("/status/disruptionsAllowed")
                .and_then(Value::as_u64);
            world.assumed.push(format!(
                "the disruption budget {name} lets a drain take {} pods now; a failure asks nobody",
                allowed.unwrap_or(0)
            ));
        }
        let pods = self
            .objects
            .iter()
            .filter(|one| text(one, "/kind") == "Pod");
        let alone: BTreeSet<String> = pods
            .filter(|pod| {
                let owners = list(pod, "/metadata/ownerReferences");
                // Static pods belong to their node, and are the control plane itself.
                let known = ["ReplicaSet", "StatefulSet", "DaemonSet", "Node"];
                !owners
                    .iter()
                    .any(|owner| known.contains(&text(owner, "/kind")))
                    && !matches!(text(pod, "/status/phase"), "Succeeded" | "Failed")
            })
            .map(|pod| text(pod, "/metadata/name").to_owned())
            .collect();
        if !alone.is_empty() {
            let names: Vec<String> = alone.into_iter().collect();
            world.assumed.push(format!(
                "pods that no modelled controller looks after are left out: {}",
                names.join(", ")
            ));
        }
        world
            .assumed
            .push("how apps are reached from outside is not read from the cluster".to_owned());
        world.assumed.sort();
        world.assumed.dedup();
    }
}

/// The name of the app that a workload becomes: its own, with its namespace where another one has
/// the same.
fn name_of(objects: &[Value], object: &Value) -> Option<Name> {
    let own = text(object, "/metadata/name");
    let same = objects
        .iter()
        .filter(|one| is_workload(one) && text(one, "/metadata/name") == own);
    let name = if same.count() > 1 {
        let kind = text(object, "/kind").to_lowercase();
        format!("{}-{own}-{kind}", text(object, "/metadata/namespace"))
    } else {
        own.to_owned()
    };
    let mut short: String = name.replace('.', "-");
    short.truncate(63);
    short.trim_end_matches('-').parse().ok()
}

/// A workload without the volumes that it claims: what those are, the cluster's own objects tell,
/// and no class of the lab.
fn without_claims(object: &Value) -> Value {
    let mut alone = object.clone();
    if let Some(Value::Object(spec)) = alone.get_mut("spec") {
        spec.remove("volumeClaimTemplates");
    }
    if let Some(Value::Array(volumes)) = alone.pointer_mut("/spec/template/spec/volumes") {
        volumes.retain(|volume| volume.get("persistentVolumeClaim").is_none());
    }
    alone
}

/// The claims that a workload's pods use.
fn claimed(object: &Value) -> Vec<String> {
    let named = list(object, "/spec/template/spec/volumes")
        .iter()
        .map(|volume| text(volume, "/persistentVolumeClaim/claimName").to_owned());
    let set = text(object, "/metadata/name");
    let replicas = object
        .pointer("/spec/replicas")
        .and_then(Value::as_u64)
        .unwrap_or(1);
    let templates = list(object, "/spec/volumeClaimTemplates");
    let each = templates.iter().flat_map(|one| {
        let template = text(one, "/metadata/name");
        (0..replicas.min(100)).map(move |number| format!("{template}-{set}-{number}"))
    });
    named.chain(each).filter(|name| !name.is_empty()).collect()
}

fn take_volume(
    world: &mut World,
    id: WorkloadId,
    claim: &str,
    volume: Option<&Value>,
    pools: &mut BTreeMap<String, PoolId>,
) {
    let Some(volume) = volume else {
        let why = format!("the claim {claim} has no volume");
        world.workloads[id].unknown.push(why);
        return;
    };
    let nodes = pinned(world, volume);
    let shared = list(volume, "/spec/accessModes")
        .iter()
        .any(|mode| mode == "ReadWriteMany");
    let (kind, name) = kind(volume, nodes.is_some());
    let pool = *pools
        .entry(name.clone())
        .or_insert_with(|| pool(world, kind, name));
    let attach = match (&nodes, shared) {
        (Some(_), _) => Attach::Pinned,
        (None, true) => Attach::Anywhere,
        (None, false) => Attach::OneNode,
    };
    let one = nodes.as_ref().filter(|nodes| nodes.len() == 1);
    let on = one.and_then(|nodes| nodes.iter().next());
    let workload: &mut Workload = &mut world.workloads[id];
    if let Some(nodes) = nodes
        && workload.replicas < 2
    {
        workload.nodes.keep(&nodes);
    }
    workload.volumes.push(VolumeUse {
        name: claim.to_owned(),
        pool,
        attach,
        on,
        backup: None,
    });
}

/// The nodes that a volume is reached from, where it says so by their names.
fn pinned(world: &World, volume: &Value) -> Option<Bits<NodeId>> {
    let terms = list(volume, "/spec/nodeAffinity/required/nodeSelectorTerms");
    let names: Vec<&str> = terms
        .iter()
        .flat_map(|term| list(term, "/matchExpressions"))
        .filter(|one| {
            text(one, "/key") == "kubernetes.io/hostname" && text(one, "/operator") == "In"
        })
        .flat_map(|one| list(one, "/values"))
        .filter_map(Value::as_str)
        .collect();
    let of = world
        .nodes
        .iter()
        .filter(|(_, node)| names.contains(&node.name.as_str()));
    (!names.is_empty()).then(|| Bits::of(world.nodes.len(), of.map(|(id, _)| id)))
}

fn kind(volume: &Value, pinned: bool) -> (StorageKind, String) {
    if pinned {
        return (StorageKind::Local, "local volumes".to_owned());
    }
    let driver = text(volume, "/spec/csi/driver");
    // The driver of a replica's shared folder: what its nodes run on has it.
    if driver == "folders.steading.dev" {
        return (StorageKind::Folder, "a shared folder".to_owned());
    }
    let server = text(volume, "/spec/nfs/server");
    let name = match (driver, server) {
        ("", "") => "other volumes".to_owned(),
        ("", server) => format!("NFS from {server}"),
        (driver, _) => driver.to_owned(),
    };
    let why = format!("what {name} stands on is not read from the cluster");
    (StorageKind::Unknown(why), name)
}

fn pool(world: &mut World, kind: StorageKind, name: String) -> PoolId {
    let storage = world.storages.push(Storage {
        name,
        kind,
        pools: Vec::new(),
    });
    let pool = world.pools.push(Pool {
        name: String::new(),
        storage,
        domains: Vec::new(),
        size: 1,
        min: 1,
        unknown: None,
    });
    world.storages[storage].pools.push(pool);
    pool
}
