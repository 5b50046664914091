//! A cluster's state for people: its nodes, and every pod that is not well, with the cause.

use driver::{DriverError, Scope};
use model::name::Name;
use serde::Serialize;
use serde_json::Value;

use super::client::{Cluster, Clusters, Request};
use super::object::{items, text};
use super::readiness::condition;

/// A cluster's state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ClusterStatus {
    /// Its nodes, by name.
    pub nodes: Vec<NodeStatus>,
    /// Pods that are not well.
    pub pods: Vec<PodStatus>,
}

/// A node's state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NodeStatus {
    /// Its name.
    pub name: String,
    /// Whether pods can run on it.
    pub ready: bool,
    /// Why it is not ready, in kubelet's or the node controller's words.
    pub why: Option<String>,
    /// Its roles, as `kubectl get nodes` shows them.
    pub roles: Vec<String>,
    /// Its kubelet's version.
    pub version: String,
    /// The processors that Kubernetes sees.
    pub cpu: String,
    /// The memory that Kubernetes sees.
    pub memory: String,
}

/// A pod that is not well.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PodStatus {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Where it runs, if it was placed.
    pub node: Option<String>,
    /// What is wrong, with the cause.
    pub why: String,
}

/// At most so many pods are asked for their causes: each costs a request or two.
const EXPLAINED: usize = 20;

/// Asks a cluster how it is.
///
/// # Errors
/// Where its API server cannot be asked.
pub fn cluster_status(
    clusters: &Clusters,
    scope: &Scope,
    name: &Name,
) -> Result<ClusterStatus, DriverError> {
    let cluster = clusters.connect(scope, name)?;
    let asked = ["/api/v1/nodes", "/api/v1/pods"].map(Request::get);
    let mut answers = cluster.send_all(asked.into()).into_iter();
    let mut next = || {
        let answer = answers.next().unwrap_or(Ok(Value::Null));
        answer.map_err(|e| e.during(format!("looking at cluster {name}")))
    };
    let (nodes, pods) = (next()?, next()?);
    Ok(ClusterStatus {
        nodes: items(&nodes, "/items").iter().map(node_status).collect(),
        pods: pod_states(&cluster, items(&pods, "/items")),
    })
}

fn node_status(node: &Value) -> NodeStatus {
    let (ready, why) = match condition(node, "Ready") {
        Some(("True", _)) => (true, None),
        Some((_, message)) => (false, Some(message.to_owned())),
        None => (false, Some("kubelet has not told yet".to_owned())),
    };
    let labels = node.pointer("/metadata/labels").and_then(Value::as_object);
    let role = |key: &String| {
        key.strip_prefix("node-role.kubernetes.io/")
            .map(str::to_owned)
    };
    NodeStatus {
        name: text(node, "/metadata/name").to_owned(),
        ready,
        why,
        roles: labels
            .into_iter()
            .flatten()
            .filter_map(|(key, _)| role(key))
            .collect(),
        version: text(node, "/status/nodeInfo/kubeletVersion").to_owned(),
        cpu: text(node, "/status/capacity/cpu").to_owned(),
        memory: text(node, "/status/capacity/memory").to_owned(),
    }
}

fn pod_states(cluster: &Cluster, pods: &[Value]) -> Vec<PodStatus> {
    let unwell = pods
        .iter()
        .filter(|pod| super::causes::trouble(pod).is_some());
    unwell
        .take(EXPLAINED)
        .filter_map(|pod| {
            let node = text(pod, "/spec/nodeName");
            Some(PodStatus {
                namespace: text(pod, "/metadata/namespace").to_owned(),
                name: text(pod, "/metadata/name").to_owned(),
                node: (!node.is_empty()).then(|| node.to_owned()),
                why: cluster.explain(pod)?,
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_node_that_is_not_ready_says_why() {
        let node = json!({
            "metadata": { "name": "worker-1", "labels": { "node-role.kubernetes.io/worker": "" } },
            "status": {
                "conditions": [{ "type": "Ready", "status": "False", "message": "cni is missing" }],
                "nodeInfo": { "kubeletVersion": "v1.36.3" },
                "capacity": { "cpu": "2", "memory": "2097152Ki" },
            },
        });
        let status = node_status(&node);
        assert!(!status.ready);
        assert_eq!(status.why.as_deref(), Some("cni is missing"));
        assert_eq!(status.roles, ["worker"]);
        assert_eq!(
            (status.cpu.as_str(), status.memory.as_str()),
            ("2", "2097152Ki")
        );
    }
}
