//! A running cluster as a world: what `import` makes of its nodes and networks, and on top of that
//! what runs there now: workloads with their requests, their pods' places, volumes, room.
//!
//! Objects are as the API server lists them. Deployments, `StatefulSets` and `DaemonSets` become
//! apps of manifests, read by the same rules as manifests of a lab. What only a running cluster
//! tells is laid over the world that is made of them. What the server refuses to show, and what of it
//! is not understood, is unknown.

mod budgets;
mod volumes;
mod ways;

use std::collections::{BTreeMap, BTreeSet};

use model::lab::{App, Lab};
use model::name::Name;
use serde_json::Value;

use super::{Ask, World, pods};
use crate::fields::{list, number, text};
use crate::ids::{NodeId, WorkloadId};

/// A cluster's objects, and the lab that was made of them.
#[derive(Debug, Clone)]
pub struct Live {
    /// The lab, with what runs in the cluster as its apps.
    pub lab: Lab,
    /// The objects of each of these apps.
    pub manifests: BTreeMap<String, Vec<Value>>,
    objects: Vec<Value>,
    /// Kinds that the server refused to show, as it names them in paths.
    refused: BTreeSet<String>,
}

/// What a running cluster tells beside its world.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Now {
    /// Nodes that are not ready.
    pub not_ready: Vec<NodeId>,
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
        let refusal = |one: &&Value| text(one, "/reason") == "Forbidden";
        let refused = objects.iter().filter(refusal);
        let refused = refused.map(|one| text(one, "/details/kind").to_owned());
        let refused = refused.collect();
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
            refused,
        }
    }

    /// Lays over the world of this lab what only the running cluster tells.
    pub fn lay_over(&self, world: &mut World) -> Now {
        let mut now = Now::default();
        self.nodes(world, &mut now);
        let mut placed = Vec::new();
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
            let replicas = number(object, "/spec/replicas");
            if let Some(replicas) = replicas.and_then(|count| usize::try_from(count).ok()) {
                world.workloads[id].replicas = replicas;
            }
            placed.push((id, object));
        }
        volumes::take(self, world, &placed);
        for (id, _) in &placed {
            let workload = &mut world.workloads[*id];
            workload.several = workload.volumes.is_empty() || workload.replicas > 1;
        }
        budgets::take(self, world, &placed);
        ways::take(self, world, &placed);
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
        for kind in &self.refused {
            world
                .assumed
                .push(format!("the server does not show {kind}"));
        }
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

/// A workload of the world, and the object that it was made of.
type Placed<'a> = (WorkloadId, &'a Value);
