//! How an app runs, out of its Kubernetes objects.

use std::collections::BTreeMap;

use model::lab::Volume;
use serde_json::Value;

use super::claims::Wanted;
use super::pods::{self, Shape};
use super::{Controller, Workload, selectors};
use crate::fields::{list, number, text};
use crate::place::eligible::Wish;
use crate::rules;

/// Classes of priority by their names: those that objects of the lab make, and the built-in ones.
#[derive(Debug, Clone, Default)]
pub(super) struct Priorities {
    by_name: BTreeMap<String, Priority>,
    default: Option<Priority>,
}

/// How important pods of a class are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Priority {
    value: i32,
    preempts: bool,
}

impl Priorities {
    /// Those that are among all objects of a lab.
    pub(super) fn of<'a>(objects: impl IntoIterator<Item = &'a Value>) -> Self {
        let mut all = Self::default();
        let critical = |value| Priority {
            value,
            preempts: true,
        };
        let built_in = [
            ("system-cluster-critical", rules::scheduler::CRITICAL),
            ("system-node-critical", rules::scheduler::CRITICAL + 1000),
        ];
        for (name, value) in built_in {
            all.by_name.insert(name.to_owned(), critical(value));
        }
        for object in objects {
            if text(object, "/kind") != "PriorityClass" {
                continue;
            }
            let value = object.get("value").and_then(Value::as_i64).unwrap_or(0);
            let class = Priority {
                value: i32::try_from(value).unwrap_or(i32::MAX),
                preempts: text(object, "/preemptionPolicy") != "Never",
            };
            if object.get("globalDefault") == Some(&Value::Bool(true)) {
                all.default = Some(class);
            }
            all.by_name.insert(name_of(object).to_owned(), class);
        }
        all
    }

    fn of_pod(&self, pod: &Value) -> Result<Priority, String> {
        let plain = Priority {
            value: 0,
            preempts: true,
        };
        match text(pod, "/priorityClassName") {
            "" => Ok(self.default.unwrap_or(plain)),
            name => self
                .by_name
                .get(name)
                .copied()
                .ok_or_else(|| format!("the priority class {name} is not known")),
        }
    }
}

/// Takes over what the objects of an app say. What of it is about other pods, and the volumes that
/// it claims, are returned.
///
/// # Errors
/// What of them the model does not know.
pub(super) fn apply(
    objects: &[Value],
    priorities: &Priorities,
    workload: &mut Workload,
    wish: &mut Wish,
) -> Result<Shape, String> {
    let mut found = objects.iter().filter_map(|object| {
        let kind = match text(object, "/kind") {
            "Deployment" => Controller::Deployment,
            "StatefulSet" => Controller::StatefulSet,
            "DaemonSet" => Controller::DaemonSet,
            _ => return None,
        };
        Some((kind, object))
    });
    let (kind, object) = found
        .next()
        .ok_or("there is no Deployment, StatefulSet or DaemonSet in it")?;
    if found.next().is_some() {
        return Err("there are several workloads in it; only one is modelled".to_owned());
    }
    workload.controller = kind;
    let replicas = number(object, "/spec/replicas");
    workload.replicas = replicas.map_or(1, |count| usize::try_from(count).unwrap_or(1));
    let Some(pod) = object.pointer("/spec/template/spec") else {
        return Err("its workload has no pod template".to_owned());
    };
    let priority = priorities.of_pod(pod)?;
    workload.priority = priority.value;
    let policy = pod.get("preemptionPolicy").and_then(Value::as_str);
    workload.preempts = policy.map_or(priority.preempts, |policy| policy != "Never");
    let mut shape = pods::take(object, pod, workload, wish)?;
    shape.claims.extend(templates(object));
    for claim in &mut shape.claims {
        complete(objects, claim);
    }
    workload.must_stay = must_stay(objects, &shape, workload.replicas)?;
    Ok(shape)
}

/// A volume that pods claim by its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Claim {
    /// The name of the claim.
    pub(super) name: String,
    /// What the claim says, as a volume of the lab file; `None`: its object is not among the app's.
    pub(super) volume: Option<Volume>,
    /// The same as Kubernetes says it.
    pub(super) wanted: Option<Wanted>,
}

/// The claims that a `StatefulSet` makes for each of its pods.
fn templates(object: &Value) -> Vec<Claim> {
    let all = list(object, "/spec/volumeClaimTemplates").iter();
    all.map(|claim| Claim {
        name: name_of(claim).to_owned(),
        volume: Some(claimed(claim)),
        wanted: Some(wanted(claim, true)),
    })
    .collect()
}

fn name_of(object: &Value) -> &str {
    text(object, "/metadata/name")
}

/// Looks the object of a claim up.
fn complete(objects: &[Value], claim: &mut Claim) {
    if claim.volume.is_some() {
        return;
    }
    let object = objects.iter().find(|object| {
        text(object, "/kind") == "PersistentVolumeClaim" && name_of(object) == claim.name
    });
    claim.volume = object.map(claimed);
    claim.wanted = object.map(|object| wanted(object, false));
}

fn wanted(claim: &Value, each: bool) -> Wanted {
    Wanted {
        name: name_of(claim).to_owned(),
        each,
        spec: claim.get("spec").cloned().unwrap_or_default(),
    }
}

fn claimed(claim: &Value) -> Volume {
    let class = claim.pointer("/spec/storageClassName");
    Volume {
        class: class.and_then(Value::as_str).map(str::to_owned),
        shared: list(claim, "/spec/accessModes")
            .iter()
            .any(|mode| mode == "ReadWriteMany"),
        ..Volume::default()
    }
}

/// How many of its pods a drain must leave, by the disruption budgets that select them.
fn must_stay(objects: &[Value], shape: &Shape, replicas: usize) -> Result<usize, String> {
    let mut most = 0;
    for object in objects {
        if text(object, "/kind") != "PodDisruptionBudget" {
            continue;
        }
        let selector = selectors::of_pods(object.pointer("/spec/selector"))?;
        // Of a budget without a selector it is assumed that it is meant for these pods: there are
        // no others in the app.
        let meant = selector.is_none_or(|wanted| selectors::all_hold(&wanted, &shape.labels));
        if !meant {
            continue;
        }
        let stays = match (
            object.pointer("/spec/minAvailable"),
            object.pointer("/spec/maxUnavailable"),
        ) {
            (Some(least), _) => amount(least, replicas)?,
            (None, Some(most)) => replicas.saturating_sub(amount(most, replicas)?),
            (None, None) => 0,
        };
        most = most.max(stays);
    }
    Ok(most)
}

/// A number, or a part of all, rounded up as the disruption controller does.
fn amount(value: &Value, all: usize) -> Result<usize, String> {
    let part = value.as_str().and_then(|text| text.strip_suffix('%'));
    let read = match part {
        Some(percent) => percent
            .parse::<usize>()
            .ok()
            .map(|percent| (all * percent).div_ceil(100)),
        None => value.as_u64().and_then(|count| usize::try_from(count).ok()),
    };
    read.ok_or_else(|| format!("{value} is no amount of a disruption budget"))
}
