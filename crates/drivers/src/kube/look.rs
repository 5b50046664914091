//! A look at what runs where, brief enough to be taken several times a second.

use std::collections::BTreeMap;
use std::time::Duration;

use driver::{DriverError, Scope};
use model::name::Name;
use serde_json::Value;

use super::client::{Clusters, Request};
use super::object::{items, text};
use super::readiness::condition;

/// A cluster at one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Look {
    /// Its nodes, and whether each is ready.
    pub nodes: BTreeMap<String, bool>,
    /// Its pods.
    pub pods: Vec<PodLook>,
}

/// A pod at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PodLook {
    /// Its namespace.
    pub namespace: String,
    /// What it is a part of: its label `app.kubernetes.io/instance`, or the older `k8s-app`, if it
    /// has one.
    pub instance: Option<String>,
    /// Where it was placed.
    pub node: Option<String>,
    /// It serves: it is ready and not ending.
    pub serves: bool,
}

/// Looks at a cluster's nodes and pods.
///
/// # Errors
/// Where its API server does not answer within the limit.
pub fn look(
    clusters: &Clusters,
    scope: &Scope,
    name: &Name,
    limit: Duration,
) -> Result<Look, DriverError> {
    let cluster = clusters.connect(scope, name)?;
    let asked = ["/api/v1/nodes", "/api/v1/pods"].map(|path| Request::get(path).within(limit));
    let mut answers = Vec::new();
    for answer in cluster.send_all(asked.into()) {
        answers.push(answer.map_err(|error| error.during(format!("looking at cluster {name}")))?);
    }
    let [nodes, pods] = answers.as_slice() else {
        return Ok(Look::default());
    };
    let ready = |node: &Value| matches!(condition(node, "Ready"), Some(("True", _)));
    Ok(Look {
        nodes: items(nodes, "/items")
            .iter()
            .map(|node| (text(node, "/metadata/name").to_owned(), ready(node)))
            .collect(),
        pods: items(pods, "/items").iter().filter_map(pod).collect(),
    })
}

/// `None`: it has ended, and only its object is left.
fn pod(pod: &Value) -> Option<PodLook> {
    if ["Succeeded", "Failed"].contains(&text(pod, "/status/phase")) {
        return None;
    }
    let given = |path| Some(text(pod, path).to_owned()).filter(|text| !text.is_empty());
    let ends = pod.pointer("/metadata/deletionTimestamp").is_some();
    Some(PodLook {
        namespace: text(pod, "/metadata/namespace").to_owned(),
        instance: given("/metadata/labels/app.kubernetes.io~1instance")
            .or_else(|| given("/metadata/labels/k8s-app")),
        node: given("/spec/nodeName"),
        serves: !ends && matches!(condition(pod, "Ready"), Some(("True", _))),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_pod_that_ends_serves_no_more_and_one_that_has_ended_is_none() {
        let mut seen = json!({
            "metadata": { "namespace": "web", "name": "a-0", "labels": { "app.kubernetes.io/instance": "a" } },
            "spec": { "nodeName": "worker-1" },
            "status": { "conditions": [{ "type": "Ready", "status": "True" }] },
        });
        let look = pod(&seen).unwrap();
        assert_eq!(look.instance.as_deref(), Some("a"));
        assert_eq!(
            (look.node.as_deref(), look.serves),
            (Some("worker-1"), true)
        );
        seen["metadata"]["deletionTimestamp"] = json!("2026-11-21T00:00:00Z");
        assert!(!pod(&seen).unwrap().serves);
        seen["status"]["phase"] = json!("Failed");
        assert_eq!(pod(&seen), None);
    }
}
