//! Fences: the mark on a node whose host is off for certain.
//!
//! Kubernetes moves the pods of a silent node after about six minutes, and those of StatefulSets
//! and with attached volumes never, because the node may still run them. Where it is known that the
//! host is off, the taint `node.kubernetes.io/out-of-service` says so: pods and volumes move at
//! once. Source: Kubernetes, "Node Shutdowns", and `pkg/controller/{podgc,volume/attachdetach}`.
//!
//! The label [`FENCED`] tells whose fence it is and which host; the annotation [`DONE`] is written
//! last, when nothing is left on the node.

use std::collections::BTreeMap;
use std::time::Duration;

use driver::{DriverError, ErrorKind, Poll, Precheck, Refusal, Scope, StepContext};
use jiff::Timestamp;
use model::digest::Digest;
use model::inventory::Observed;
use model::name::Name;
use model::plan::Step;
use model::resource::{Address, Fence, Kind, Spec};
use serde_json::{Value, json};

use super::apply::answering;
use super::client::{ApiError, Cluster, Clusters, Request};
use super::object::{LAB, items, lab_of, segment, text};
use super::observe::Seen;
use super::readiness;

/// The label of a node that we fenced: the host that is off.
pub(crate) const FENCED: &str = "steading.dev/fenced";
/// The annotation of a fence that is complete: the digest of what it was made from.
const DONE: &str = "steading.dev/fence";
/// The generation that made it.
const GENERATION: &str = "steading.dev/fence-generation";
/// The taint. Source: `k8s.io/api/core/v1`, `TaintNodeOutOfService`.
const TAINT: &str = "node.kubernetes.io/out-of-service";
/// How long pods and volumes may take to leave.
const LEAVE: Duration = Duration::from_secs(60);
const PAUSE: Duration = Duration::from_millis(300);
/// How long an API server may take to answer an observation.
const ANSWER: Duration = Duration::from_secs(3);
const MERGE: &str = "application/merge-patch+json";
/// The manager of what a fence writes: not the one of the node's own labels.
const MANAGER: &str = "steading-fence";

fn spec_of(step: &Step) -> Result<&Fence, DriverError> {
    match &step.resource.spec {
        Spec::Fence(fence) => Ok(fence),
        _ => Err(DriverError::new(format!("reading {}", step.address))
            .caused_by("its spec is not a fence")),
    }
}

fn node_path(node: &str) -> String {
    format!("/api/v1/nodes/{}", segment(node))
}

/// All nodes with a fence of ours.
pub(super) fn fenced(cluster: &Cluster) -> Result<Vec<Value>, ApiError> {
    let label = segment(FENCED);
    let request = Request::get(format!("/api/v1/nodes?labelSelector={label}")).within(ANSWER);
    Ok(items(&cluster.send(request)?, "/items").to_vec())
}

/// Every fence of ours in these clusters.
pub(super) fn observe(
    scope: &Scope,
    clusters: &BTreeMap<Name, Seen>,
) -> BTreeMap<Address, Observed> {
    let mut seen = BTreeMap::new();
    for (name, cluster) in clusters {
        let Seen::Known(cluster, _) = cluster else {
            continue;
        };
        let nodes = fenced(cluster).unwrap_or_default();
        seen.extend(nodes.iter().filter_map(|node| look(scope, name, node)));
    }
    seen
}

fn look(scope: &Scope, cluster: &Name, node: &Value) -> Option<(Address, Observed)> {
    if lab_of(node) != Some(scope.id.to_string().as_str()) {
        return None;
    }
    let name = text(node, "/metadata/name").parse().ok()?;
    let fence = Fence {
        cluster: cluster.clone(),
        host: label(node, "labels", FENCED)?.parse().ok()?,
    };
    let digest: Option<Digest> = label(node, "annotations", DONE)
        .filter(|_| tainted(node))
        .and_then(|text| serde_json::from_value(json!(text)).ok());
    let generation = label(node, "annotations", GENERATION).unwrap_or("0");
    let seen = Observed::ours(digest, Some(Spec::Fence(fence))).fact("generation", generation);
    Some((Address::new(Kind::Fence, name), seen))
}

fn label<'a>(node: &'a Value, of: &str, key: &str) -> Option<&'a str> {
    node["metadata"][of].get(key)?.as_str()
}

fn tainted(node: &Value) -> bool {
    items(node, "/spec/taints")
        .iter()
        .any(|taint| taint["key"] == TAINT)
}

/// Whether the node is ours to fence.
pub(super) fn precheck(
    clusters: &Clusters,
    step: &Step,
    context: &StepContext<'_>,
) -> Result<Precheck, DriverError> {
    let fence = spec_of(step)?;
    let cluster = answering(clusters, &fence.cluster, context)?;
    let Some(node) = get(&cluster, &step.address.name)? else {
        // Nothing runs on a node that is not registered.
        return Ok(Precheck::Done);
    };
    if lab_of(&node) != Some(context.scope.id.to_string().as_str()) {
        return Ok(Precheck::Refused(Refusal {
            found: format!("node {} is not one of this lab's", step.address.name),
            hint: "it is left as it is".to_owned(),
        }));
    }
    let written = label(&node, "annotations", GENERATION).and_then(|text| text.parse().ok());
    let wrote = model::plan::Generation(written.unwrap_or_default());
    if let Some(refusal) = driver::superseded(wrote, context) {
        return Ok(Precheck::Refused(refusal));
    }
    let seen = look(context.scope, &fence.cluster, &node);
    let done = seen.is_some_and(|(_, seen)| {
        matches!(seen.presence, model::inventory::Presence::Ours { made_from: Some(from), .. } if from == step.inputs)
    });
    Ok(if done {
        Precheck::Done
    } else {
        Precheck::Ready
    })
}

fn get(cluster: &Cluster, node: &Name) -> Result<Option<Value>, DriverError> {
    match cluster.send(Request::get(node_path(node.as_str()))) {
        Ok(node) => Ok(Some(node)),
        Err(error) if error.not_found() => Ok(None),
        Err(error) => Err(error.during(format!("reading node {node}"))),
    }
}

/// Fences a node and waits until its pods and volumes have left.
pub(super) fn apply(
    clusters: &Clusters,
    step: &Step,
    context: &StepContext<'_>,
) -> Result<(), DriverError> {
    let (fence, name) = (spec_of(step)?, &step.address.name);
    let failed = |error: ApiError| error.during(format!("fencing node {name}"));
    let cluster = answering(clusters, &fence.cluster, context)?;
    context.doing("marking the node as out of service");
    patch(&cluster, name, |node| {
        let mut taints: Vec<Value> = others(node);
        for effect in ["NoExecute", "NoSchedule"] {
            taints.push(json!({ "key": TAINT, "value": "nodeshutdown", "effect": effect }));
        }
        json!({
            "metadata": {
                "labels": { FENCED: fence.host },
                "annotations": { GENERATION: context.generation.0.to_string() },
            },
            "spec": { "taints": taints },
        })
    })?;
    not_ready(&cluster, name, &fence.host).map_err(failed)?;
    context.wait("pods and volumes to leave", LEAVE, PAUSE, || {
        let left = release(&cluster, name).map_err(failed)?;
        Ok(match left.first() {
            None => Poll::Ready(()),
            Some(first) => Poll::Pending(format!("{} left: {first}", left.len())),
        })
    })?;
    patch(
        &cluster,
        name,
        |_| json!({ "metadata": { "annotations": { DONE: step.inputs.to_string() } } }),
    )
}

/// The taints of a node that are not the fence's.
fn others(node: &Value) -> Vec<Value> {
    let all = items(node, "/spec/taints").iter();
    all.filter(|taint| taint["key"] != TAINT).cloned().collect()
}

/// Changes a Node, on top of what it is now.
fn patch(
    cluster: &Cluster,
    name: &Name,
    change: impl Fn(&Value) -> Value,
) -> Result<(), DriverError> {
    let failed = |error: ApiError| error.during(format!("marking node {name}"));
    for _ in 0..5 {
        let Some(node) = get(cluster, name)? else {
            return Ok(());
        };
        let mut patch = change(&node);
        // Taints come from several sides; a change in between must not be lost.
        patch["metadata"]["resourceVersion"] = node["metadata"]["resourceVersion"].clone();
        let url = format!("{}?fieldManager={MANAGER}", node_path(name.as_str()));
        match cluster.send(Request::with(http::Method::PATCH, url, MERGE, &patch)) {
            Ok(_) => return Ok(()),
            Err(ApiError::Status { code: 409, .. }) => {}
            Err(error) => return Err(failed(error)),
        }
    }
    Err(DriverError::new(format!("marking node {name}"))
        .kind(ErrorKind::TimedOut)
        .caused_by("somebody else changes it all the time"))
}

/// Says that the node is not ready: its kubelet cannot, and the node controller takes most of a
/// minute to find out. Endpoints and volumes follow this condition.
fn not_ready(cluster: &Cluster, name: &Name, host: &Name) -> Result<(), ApiError> {
    let now = Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    let patch = json!({ "status": { "conditions": [{
        "type": "Ready",
        "status": "Unknown",
        "reason": "HostOff",
        "message": format!("host {host} is off"),
        "lastTransitionTime": now,
    }] } });
    let url = format!("{}/status?fieldManager={MANAGER}", node_path(name.as_str()));
    let content = "application/strategic-merge-patch+json";
    cluster
        .send(Request::with(http::Method::PATCH, url, content, &patch))
        .map(|_| ())
}

/// Lets go what is bound to a node that is off; answers what still is. Pods that are being deleted
/// there are deleted for good, since nobody is left to end them.
fn release(cluster: &Cluster, name: &Name) -> Result<Vec<String>, ApiError> {
    let node = segment(name.as_str());
    let pods = cluster.send(Request::get(format!(
        "/api/v1/pods?fieldSelector=spec.nodeName%3D{node}"
    )))?;
    let mut left = Vec::new();
    let mut deletions = Vec::new();
    for pod in items(&pods, "/items").iter().filter(|pod| moves(pod)) {
        let (namespace, pod_name) = (
            text(pod, "/metadata/namespace"),
            text(pod, "/metadata/name"),
        );
        left.push(format!("pod {namespace}/{pod_name}"));
        if pod.pointer("/metadata/deletionTimestamp").is_some() {
            let path = format!(
                "/api/v1/namespaces/{}/pods/{}",
                segment(namespace),
                segment(pod_name)
            );
            let body = json!({
                "gracePeriodSeconds": 0,
                "preconditions": { "uid": text(pod, "/metadata/uid") },
            });
            deletions.push(Request::with(
                http::Method::DELETE,
                path,
                "application/json",
                &body,
            ));
        }
    }
    for answer in cluster.send_all(deletions) {
        match answer {
            Ok(_)
            | Err(ApiError::Status {
                code: 404 | 409, ..
            }) => {}
            Err(error) => return Err(error),
        }
    }
    let path = "/apis/storage.k8s.io/v1/volumeattachments";
    let attachments = cluster.send(Request::get(path))?;
    let here = items(&attachments, "/items")
        .iter()
        .filter(|one| text(one, "/spec/nodeName") == name.as_str());
    left.extend(here.map(|one| format!("volume {}", text(one, "/metadata/name"))));
    Ok(left)
}

/// Whether a pod moves when its node is fenced: static ones and those of DaemonSets belong to it,
/// and those that tolerate everything are meant to stay.
fn moves(pod: &Value) -> bool {
    let owned = |kind: &str| {
        let owners = items(pod, "/metadata/ownerReferences");
        owners.iter().any(|owner| owner["kind"] == kind)
    };
    let tolerates = items(pod, "/spec/tolerations").iter().any(|toleration| {
        let key = text(toleration, "/key");
        let effect = text(toleration, "/effect");
        (key.is_empty() || key == TAINT)
            && (effect.is_empty() || effect == "NoExecute")
            && toleration.get("tolerationSeconds").is_none()
    });
    !(owned("DaemonSet") || owned("Node") || tolerates)
}

/// Takes a fence away.
pub(super) fn teardown(
    clusters: &Clusters,
    step: &Step,
    context: &StepContext<'_>,
) -> Result<(), DriverError> {
    let fence = spec_of(step)?;
    let cluster = answering(clusters, &fence.cluster, context)?;
    let own = context.scope.id.to_string();
    patch(&cluster, &step.address.name, |node| {
        if label(node, "labels", FENCED).is_none() || label(node, "labels", LAB) != Some(&own) {
            return json!({});
        }
        json!({
            "metadata": {
                "labels": { FENCED: null },
                "annotations": { DONE: null, GENERATION: null },
            },
            "spec": { "taints": others(node) },
        })
    })
}

/// Why an object is not ready, as [`readiness::pending`] tells it, but for pods of a DaemonSet on
/// fenced nodes: nobody waits for those.
pub(super) fn pending(cluster: &Cluster, object: &Value) -> Option<String> {
    let reason = readiness::pending(object)?;
    if object["kind"] != "DaemonSet" {
        return Some(reason);
    }
    let away = out_of_service(cluster, text(object, "/metadata/uid"));
    let mut rest = object.clone();
    let wanted = &mut rest["status"]["desiredNumberScheduled"];
    *wanted = json!(wanted.as_i64().unwrap_or_default() - away);
    readiness::pending(&rest)
}

/// How many pods of a DaemonSet are on fenced nodes.
fn out_of_service(cluster: &Cluster, uid: &str) -> i64 {
    let mut count = 0;
    let nodes = fenced(cluster).unwrap_or_default();
    let requests = nodes.iter().map(|node| {
        let name = segment(text(node, "/metadata/name"));
        Request::get(format!("/api/v1/pods?fieldSelector=spec.nodeName%3D{name}"))
    });
    for pods in cluster.send_all(requests.collect()).into_iter().flatten() {
        let owners = items(&pods, "/items")
            .iter()
            .flat_map(|pod| items(pod, "/metadata/ownerReferences"));
        count += owners
            .filter(|owner| owner["uid"] == uid)
            .map(|_| 1)
            .sum::<i64>();
    }
    count
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pod(owner: Option<&str>, tolerations: &Value) -> Value {
        let owners: Vec<Value> = owner
            .map(|kind| json!({ "kind": kind }))
            .into_iter()
            .collect();
        json!({
            "metadata": { "ownerReferences": owners },
            "spec": { "tolerations": tolerations },
        })
    }

    #[test]
    fn what_belongs_to_the_node_stays_on_it() {
        let usual = json!([{ "key": "node.kubernetes.io/unreachable", "operator": "Exists",
            "effect": "NoExecute", "tolerationSeconds": 300 }]);
        assert!(moves(&pod(Some("ReplicaSet"), &usual)));
        assert!(moves(&pod(Some("StatefulSet"), &json!([]))));
        assert!(moves(&pod(None, &json!([]))));
        assert!(!moves(&pod(Some("DaemonSet"), &json!([]))));
        assert!(!moves(&pod(Some("Node"), &json!([]))));
        assert!(!moves(&pod(
            Some("ReplicaSet"),
            &json!([{ "operator": "Exists" }])
        )));
    }

    #[test]
    fn a_fence_is_complete_only_with_its_taint() {
        let scope = Scope {
            lab: "home".parse().unwrap(),
            id: model::plan::LabId(uuid::Uuid::from_u128(1)),
        };
        let fence = Fence {
            cluster: "main".parse().unwrap(),
            host: "gamer".parse().unwrap(),
        };
        let digest = Digest::of(&Spec::Fence(fence.clone()));
        let mut node = json!({
            "metadata": {
                "name": "n1",
                "labels": { FENCED: "gamer", LAB: scope.id.to_string() },
                "annotations": { DONE: digest.to_string() },
            },
            "spec": { "taints": [{ "key": TAINT, "effect": "NoExecute" }] },
        });
        let seen = |node: &Value| look(&scope, &fence.cluster, node).map(|(_, seen)| seen.presence);
        let ours = |made_from| model::inventory::Presence::Ours {
            made_from,
            spec: Some(Box::new(Spec::Fence(fence.clone()))),
        };
        assert_eq!(seen(&node), Some(ours(Some(digest))));
        node["spec"]["taints"] = json!([]);
        assert_eq!(seen(&node), Some(ours(None)));
        node["metadata"]["labels"][LAB] = json!("another");
        assert_eq!(seen(&node), None);
    }
}
