//! Taking a node out of its cluster: its pods move away first.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use driver::{DriverError, ErrorKind, Poll, StepContext};
use model::lab::Role;
use model::name::Name;
use model::resource::Member;
use serde::Serialize;
use serde_json::{Value, json};

use super::before::Risk;
use super::member::delete_node;
use super::{Kubeadm, before, endpoint, etcd, node_object};
use crate::kube::client::{ApiError, Cluster, Request};
use crate::kube::object::{LAB, items, lab_of, segment, text};
use crate::kube::readiness::condition;

/// How long pods may take to leave, and disruption budgets to allow it.
pub(super) const LEAVE: Duration = Duration::from_secs(120);
/// How long the API server of a cluster that may be gone is asked.
const ANSWER: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_millis(500);

/// Takes a node out of its cluster. Where the cluster is gone, there is nothing to leave.
pub(super) fn leave(
    driver: &Kubeadm,
    name: &Name,
    member: &Member,
    context: &StepContext<'_>,
) -> Result<(), DriverError> {
    let cluster = match answering(driver, &member.cluster, context) {
        Ok(cluster) => Some(cluster),
        Err(why) => {
            context.doing(format!("not drained: {why}"));
            None
        }
    };
    // With the last control plane the cluster itself goes: its pods have nowhere to move to.
    let plane = member.role == Role::ControlPlane;
    let last = cluster
        .as_ref()
        .is_some_and(|cluster| plane && etcd::alone(cluster, name));
    if cluster.is_some() {
        before::keep(driver, (name, member), Risk::Removal { last }, context)?;
    }
    let cluster = cluster.filter(|_| !last);
    if let Some(cluster) = &cluster {
        drain(cluster, name, context)?;
    }
    let inside = driver.inside(context.scope, name);
    // A machine that does not run has no kubelet that could come back.
    if let Ok(remains) = inside.remains() {
        // First: what is half taken back must not look whole.
        inside.remove_marker()?;
        if plane {
            endpoint::withdraw(inside)?;
        }
        if remains.begun {
            context.doing("taking back what kubeadm did");
            // A further control plane leaves etcd by this, which asks for its Node.
            inside.reset(plane && cluster.is_some())?;
        }
    }
    if let Some(cluster) = &cluster {
        if plane {
            etcd::forget(driver, cluster, (name, member.address), context)?;
        }
        context.doing("deleting the Node object");
        delete_node(cluster, name)?;
    }
    Ok(())
}

/// A cluster whose API server answers soon; else why not.
pub(super) fn answering(
    driver: &Kubeadm,
    name: &Name,
    context: &StepContext<'_>,
) -> Result<std::sync::Arc<Cluster>, String> {
    let start = Instant::now();
    loop {
        let cluster = driver
            .clusters
            .connect(context.scope, name)
            .map_err(|error| error.chain().join(": "))?;
        let request = Request::get("/readyz").within(Duration::from_secs(2));
        match cluster.send_text(request) {
            Ok(_) => return Ok(cluster),
            Err(error) if start.elapsed() > ANSWER => return Err(error.to_string()),
            Err(_) => std::thread::sleep(PAUSE),
        }
    }
}

/// Moves a node's pods away, if it is ours and its kubelet lives.
pub(super) fn drain(
    cluster: &Cluster,
    name: &Name,
    context: &StepContext<'_>,
) -> Result<(), DriverError> {
    let failed = |error: ApiError| error.during(format!("draining node {name}"));
    let Some(node) = node_object::get(cluster, name).map_err(failed)? else {
        return Ok(());
    };
    if let Some(owner) = lab_of(&node)
        && owner != context.scope.id.to_string()
    {
        return Err(DriverError::new(format!("draining node {name}"))
            .kind(ErrorKind::Refused)
            .caused_by(format!("it carries label {LAB}={owner}")));
    }
    cordon(cluster, name).map_err(failed)?;
    // On a node that is down nobody could end a pod; deleting the Node frees them.
    if matches!(condition(&node, "Ready"), Some(("True", _))) {
        let asked = evict_all(cluster, name, LEAVE, context)?;
        if let Some(why) = asked.stays {
            context.doing(format!("going on without them: {why}"));
        }
    }
    Ok(())
}

fn cordon(cluster: &Cluster, name: &Name) -> Result<(), ApiError> {
    schedulable(cluster, name, false)
}

/// Lets pods be placed on a node, or not.
pub(super) fn schedulable(cluster: &Cluster, name: &Name, may: bool) -> Result<(), ApiError> {
    let patch = json!({ "spec": { "unschedulable": !may } });
    node_object::patch(cluster, name, &patch)
}

/// What asking a node's pods to leave came to, as a shutdown answers it to programs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Asked {
    /// The node.
    pub node: Name,
    /// The pods that were asked and left, as `NAMESPACE/NAME`.
    pub left: BTreeSet<String>,
    /// Why not all of them left in time, or why none was asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stays: Option<String>,
}

impl Asked {
    /// Where none was asked.
    pub(super) fn not(node: &Name, why: impl Into<String>) -> Self {
        Self {
            node: node.clone(),
            left: BTreeSet::new(),
            stays: Some(why.into()),
        }
    }
}

/// Evicts all pods that would move elsewhere, respecting disruption budgets for so long.
pub(super) fn evict_all(
    cluster: &Cluster,
    name: &Name,
    limit: Duration,
    context: &StepContext<'_>,
) -> Result<Asked, DriverError> {
    let query = format!(
        "/api/v1/pods?fieldSelector=spec.nodeName%3D{}",
        segment(name.as_str())
    );
    let (mut asked, mut staying) = (BTreeSet::new(), BTreeSet::new());
    let waited = context.wait("pods to leave", limit, PAUSE, || {
        let list = cluster
            .send(Request::get(&query))
            .map_err(|error| error.during(format!("listing pods of node {name}")))?;
        let mut why = None;
        staying.clear();
        for pod in items(&list, "/items").iter().filter(|pod| moves(pod)) {
            let reason = evict(cluster, pod).map_err(|error| {
                error.during(format!("evicting {}", text(pod, "/metadata/name")))
            })?;
            let (namespace, pod) = (
                text(pod, "/metadata/namespace"),
                text(pod, "/metadata/name"),
            );
            staying.insert(format!("{namespace}/{pod}"));
            asked.insert(format!("{namespace}/{pod}"));
            why = why.or(Some(reason));
        }
        Ok(why.map_or(Poll::Ready(()), Poll::Pending))
    });
    let stays = match waited {
        Err(error) if error.kind == ErrorKind::TimedOut => Some(error.chain().join(": ")),
        Err(error) => return Err(error),
        Ok(()) => None,
    };
    asked.retain(|pod| !staying.contains(pod));
    Ok(Asked {
        node: name.clone(),
        left: asked,
        stays,
    })
}

/// Whether a pod moves elsewhere: not those that belong to the node itself, nor finished ones.
fn moves(pod: &Value) -> bool {
    let owners = items(pod, "/metadata/ownerReferences");
    let bound = owners
        .iter()
        .any(|one| one["kind"] == "DaemonSet" || one["kind"] == "Node");
    let mirror = pod["metadata"]["annotations"]
        .get("kubernetes.io/config.mirror")
        .is_some();
    let over = matches!(text(pod, "/status/phase"), "Succeeded" | "Failed");
    !bound && !mirror && !over
}

/// Asks for a pod's eviction, and tells why the pod is still there.
fn evict(cluster: &Cluster, pod: &Value) -> Result<String, ApiError> {
    let (namespace, name) = (
        text(pod, "/metadata/namespace"),
        text(pod, "/metadata/name"),
    );
    if pod.pointer("/metadata/deletionTimestamp").is_some() {
        return Ok(format!("pod {namespace}/{name} is ending"));
    }
    let eviction = json!({
        "apiVersion": "policy/v1",
        "kind": "Eviction",
        "metadata": { "name": name, "namespace": namespace },
    });
    let path = format!(
        "/api/v1/namespaces/{}/pods/{}/eviction",
        segment(namespace),
        segment(name)
    );
    let request = Request::with(http::Method::POST, path, "application/json", &eviction);
    match cluster.send(request) {
        Ok(_) => Ok(format!("pod {namespace}/{name} is ending")),
        Err(error) if error.not_found() => Ok(format!("pod {namespace}/{name} has left")),
        // 429: a disruption budget says not now.
        Err(ApiError::Status {
            code: 429, message, ..
        }) => Ok(format!("pod {namespace}/{name} may not go: {message}")),
        Err(error) if error.passing() => Ok(error.to_string()),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::{Asked, moves};
    use serde_json::json;

    #[test]
    fn only_pods_that_can_live_elsewhere_move() {
        let owned = |kind: &str| {
            json!({ "metadata": { "ownerReferences": [{ "kind": kind }] },
            "status": { "phase": "Running" } })
        };
        assert!(moves(&owned("ReplicaSet")));
        assert!(!moves(&owned("DaemonSet")));
        assert!(!moves(&owned("Node")));
        assert!(moves(&json!({ "status": { "phase": "Pending" } })));
        assert!(!moves(&json!({ "status": { "phase": "Succeeded" } })));
        assert!(!moves(&json!({ "metadata": { "annotations": {
            "kubernetes.io/config.mirror": "x" } } })));
    }

    #[test]
    fn programs_are_told_why_pods_stay_only_where_some_do() {
        let node = "big".parse().unwrap();
        let mut asked = Asked::not(&node, "it is not ready");
        let told = json!({ "node": "big", "left": [], "stays": "it is not ready" });
        assert_eq!(json!(asked), told);
        asked.left.insert("free/free-1".to_owned());
        asked.stays = None;
        assert_eq!(
            json!(asked),
            json!({ "node": "big", "left": ["free/free-1"] })
        );
    }
}
