//! The Node object of a member: its labels, its taints, the marks that make it ours.

use std::time::Duration;

use driver::{DriverError, Scope};
use model::digest::Digest;
use model::lab::Role;
use model::name::Name;
use model::resource::{Address, Kind, Member};
use serde_json::{Map, Value, json};

use super::config::taints;
use crate::kube::client::{ApiError, Cluster, Request};
use crate::kube::object::{ADDRESS, DIGEST, LAB, items, segment, text};

/// The spec that a node was made from, so that one that is declared no more can be taken out.
const SPEC: &str = "steading.dev/spec";
/// The taints that we put on a node, so that others' are left alone.
const TAINTS: &str = "steading.dev/taints";
/// kubeadm's own taint of control planes: ours to decide.
const CONTROL_PLANE: &str = "node-role.kubernetes.io/control-plane";

/// The path of a Node.
pub(crate) fn path(node: &str) -> String {
    format!("/api/v1/nodes/{}", segment(node))
}

/// The Node object of that name, if it is registered.
pub(crate) fn get(cluster: &Cluster, node: &Name) -> Result<Option<Value>, ApiError> {
    match cluster.send(Request::get(path(node.as_str()))) {
        Ok(object) => Ok(Some(object)),
        Err(error) if error.not_found() => Ok(None),
        Err(error) => Err(error),
    }
}

/// Changes a Node by a JSON merge patch (RFC 7396).
pub(crate) fn patch(cluster: &Cluster, node: &Name, patch: &Value) -> Result<(), ApiError> {
    let url = format!("{}?fieldManager=steading", path(node.as_str()));
    let content = "application/merge-patch+json";
    cluster
        .send(Request::with(http::Method::PATCH, url, content, patch))
        .map(|_| ())
}

/// All Node objects; an API server that is just being started anew is asked again.
pub(crate) fn all(cluster: &Cluster) -> Result<Vec<Value>, ApiError> {
    let list = cluster.send(Request::get("/api/v1/nodes"))?;
    Ok(items(&list, "/items").to_vec())
}

/// All Node objects, within `limit`.
pub(crate) fn list(cluster: &Cluster, limit: Duration) -> Result<Vec<Value>, ApiError> {
    let request = Request::get("/api/v1/nodes").within(limit);
    Ok(items(&cluster.send(request)?, "/items").to_vec())
}

/// The labels of a member: declared ones, and its role as `kubectl get nodes` shows it. kubelet
/// itself may not set the role.
fn labels(member: &Member) -> Map<String, Value> {
    let mut all: Map<_, _> = member
        .labels
        .iter()
        .map(|(key, value)| (key.clone(), json!(value)))
        .collect();
    if member.role == Role::Worker {
        all.insert("node-role.kubernetes.io/worker".to_owned(), json!(""));
    }
    all
}

/// Whether the Node carries the declared labels and taints.
pub(crate) fn marked(node: &Value, member: &Member) -> bool {
    let live = &node["metadata"]["labels"];
    labels(member)
        .iter()
        .all(|(key, value)| live.get(key) == Some(value))
        && wanted_taints(node, member).is_none()
}

/// The spec that an undeclared node was made from.
pub(crate) fn recorded(node: &Value) -> Option<(Digest, Member)> {
    let annotations = &node["metadata"]["annotations"];
    let read = |key: &str| annotations.get(key).and_then(Value::as_str);
    let digest = serde_json::from_value(json!(read(DIGEST)?)).ok()?;
    Some((digest, serde_json::from_str(read(SPEC)?).ok()?))
}

/// Whether kubelet has been silent for so long that the node controller gave it up.
pub(crate) fn silent(node: &Value) -> bool {
    matches!(
        crate::kube::readiness::condition(node, "Ready"),
        Some(("Unknown", _))
    )
}

/// Sets labels, taints and our marks.
pub(crate) fn mark(
    cluster: &Cluster,
    scope: &Scope,
    name: &Name,
    member: &Member,
    digest: &Digest,
) -> Result<(), DriverError> {
    let failed = |error: ApiError| error.during(format!("labelling node {name}"));
    let Some(live) = get(cluster, name).map_err(failed)? else {
        return Err(
            DriverError::new(format!("labelling node {name}")).caused_by("it is not registered")
        );
    };
    let mut labels = labels(member);
    labels.insert(LAB.to_owned(), json!(scope.id.to_string()));
    let address = Address::new(Kind::Member, name.clone());
    let apply = json!({
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": name,
            // Exactly this one: server-side apply would else make a Node that has no kubelet.
            "uid": text(&live, "/metadata/uid"),
            "labels": labels,
            "annotations": {
                ADDRESS: address.to_string(),
                DIGEST: digest.to_string(),
                SPEC: json!(member).to_string(),
                TAINTS: json!(keys(&taints(&member.taints))).to_string(),
            },
        },
    });
    if let Some(wanted) = wanted_taints(&live, member) {
        let patch = json!({
            // Taints come from several sides; a change in between must not be lost.
            "metadata": { "resourceVersion": text(&live, "/metadata/resourceVersion") },
            "spec": { "taints": wanted },
        });
        self::patch(cluster, name, &patch).map_err(failed)?;
    }
    // Last: it says which taints are ours.
    cluster
        .send(Request::apply(&path(name.as_str()), &apply, false))
        .map_err(failed)?;
    Ok(())
}

fn keys(taints: &[Value]) -> Vec<String> {
    taints.iter().map(key).collect()
}

/// What tells taints apart: key and effect.
fn key(taint: &Value) -> String {
    format!("{}:{}", text(taint, "/key"), text(taint, "/effect"))
}

/// The taints that the node should have, where they differ from those it has: the declared ones,
/// and all that others put there.
fn wanted_taints(node: &Value, member: &Member) -> Option<Vec<Value>> {
    let declared = taints(&member.taints);
    let ours_before: Vec<String> = node["metadata"]["annotations"]
        .get(TAINTS)
        .and_then(Value::as_str)
        .and_then(|json| serde_json::from_str(json).ok())
        .unwrap_or_default();
    let live = items(node, "/spec/taints");
    let now = keys(&declared);
    let others = live.iter().filter(|taint| {
        let key = key(taint);
        !now.contains(&key) && !ours_before.contains(&key) && text(taint, "/key") != CONTROL_PLANE
    });
    let wanted: Vec<Value> = declared.iter().chain(others).cloned().collect();
    let same = wanted.len() == live.len() && wanted.iter().all(|one| live.contains(one));
    (!same).then_some(wanted)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kubeadm::config::tests::member;
    use model::lab::{Taint, TaintEffect};

    fn node(taints: &Value, ours: &str) -> Value {
        json!({
            "metadata": {
                "labels": { "disk": "ssd" },
                "annotations": { TAINTS: ours },
            },
            "spec": { "taints": taints },
        })
    }

    #[test]
    fn taints_of_others_stay() {
        let mut member = member(Role::Worker, false);
        member.taints = vec![Taint {
            key: "dedicated".to_owned(),
            value: Some("db".to_owned()),
            effect: TaintEffect::NoSchedule,
        }];
        let not_ready = json!({ "key": "node.kubernetes.io/not-ready", "effect": "NoSchedule" });
        let old = json!({ "key": "old", "effect": "NoExecute" });
        let node = node(&json!([not_ready, old]), "[\"old:NoExecute\"]");
        let wanted = wanted_taints(&node, &member).unwrap();
        let dedicated = json!({ "key": "dedicated", "value": "db", "effect": "NoSchedule" });
        assert_eq!(wanted, [dedicated, not_ready]);
    }

    #[test]
    fn a_control_plane_without_taints_loses_kubeadms() {
        let mut member = member(Role::ControlPlane, true);
        let taint = json!({ "key": CONTROL_PLANE, "effect": "NoSchedule" });
        let node = node(&json!([taint]), "[]");
        assert_eq!(wanted_taints(&node, &member), None);
        assert!(marked(&node, &member));
        member.taints.clear();
        assert_eq!(wanted_taints(&node, &member), Some(vec![]));
        assert!(!marked(&node, &member));
    }

    #[test]
    fn a_worker_shows_its_role() {
        let member = member(Role::Worker, false);
        assert_eq!(labels(&member)["node-role.kubernetes.io/worker"], "");
        assert_eq!(labels(&member)["disk"], "ssd");
    }
}
