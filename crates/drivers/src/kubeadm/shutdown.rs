//! Nodes that are about to be shut down with their host: their pods are asked to leave first, as
//! disruption budgets let them, for a bounded time. A mark on each node says that it takes no pods
//! because of this, so that it does again when its host is back, and nobody's own cordon is lifted.

use std::time::Instant;

use driver::{DriverError, StepContext};
use jiff::{SignedDuration, Timestamp};
use model::name::Name;
use serde_json::{Value, json};

use super::drain::{self, Asked, LEAVE};
use super::{Kubeadm, node_object};
use crate::kube::client::{ApiError, Cluster, Request};
use crate::kube::object::{items, lab_of, text};
use crate::kube::readiness::condition;

/// The mark on a node that takes no pods because its host is shut down: until when that is over.
const MARK: &str = "steading.dev/shut-down";
/// How long a shutdown takes at most: pods leave, others end, a machine is off.
const SHUTDOWN: SignedDuration = SignedDuration::from_secs(180);

/// Whether a node bears the mark of a shutdown that is over by now: whoever shut it down was killed,
/// or its host is back.
pub(super) fn is_over(node: &Value, now: Timestamp) -> bool {
    let mark = node["metadata"]["annotations"].get(MARK);
    mark.is_some_and(|until| {
        let until = until.as_str().and_then(|until| until.parse().ok());
        until.is_none_or(|until: Timestamp| until < now)
    })
}

/// Lets a node that bears the mark take pods again.
pub(super) fn open(cluster: &Cluster, node: &Name) -> Result<(), ApiError> {
    let patch = json!({ "metadata": { "annotations": { MARK: null } },
        "spec": { "unschedulable": false } });
    node_object::patch(cluster, node, &patch)
}

impl Kubeadm {
    /// Asks the pods of nodes of a cluster to leave, all nodes together within two minutes. Whatever
    /// comes of it is told; nothing of it keeps the host on.
    ///
    /// # Errors
    /// Where it was interrupted.
    pub fn ask_to_leave(
        &self,
        cluster: &Name,
        nodes: &[Name],
        context: &StepContext<'_>,
    ) -> Result<Vec<Asked>, DriverError> {
        let none = |why: &str| nodes.iter().map(|node| Asked::not(node, why)).collect();
        let connected = match drain::answering(self, cluster, context) {
            Ok(connected) => connected,
            Err(why) => return Ok(none(&why)),
        };
        match others(&connected, nodes) {
            Ok(true) => {}
            Ok(false) => return Ok(none("no other node could take its pods")),
            Err(error) => return Ok(none(&error.to_string())),
        }
        // All of them first: what leaves one must not come to the other.
        let own = context.scope.id.to_string();
        let mut told: Vec<Asked> = Vec::new();
        let mut asked = Vec::new();
        for node in nodes {
            match mark(&connected, node, &own) {
                Ok(true) => asked.push(node),
                Ok(false) => told.push(Asked::not(node, "it is not ready, or not this lab's")),
                Err(error) => told.push(Asked::not(node, error.to_string())),
            }
        }
        let start = Instant::now();
        for node in asked {
            let left = LEAVE.saturating_sub(start.elapsed());
            told.push(match drain::evict_all(&connected, node, left, context) {
                Ok(asked) => asked,
                Err(error) if context.cancel.requested() => return Err(error),
                Err(error) => Asked::not(node, error.chain().join(": ")),
            });
        }
        Ok(told)
    }

    /// Lets nodes take pods again that took none because their host was shut down; the names of
    /// those that did not.
    ///
    /// # Errors
    /// Where the cluster does not answer.
    pub fn welcome(
        &self,
        cluster: &Name,
        nodes: &[Name],
        context: &StepContext<'_>,
    ) -> Result<Vec<Name>, DriverError> {
        let doing = || format!("letting nodes of {cluster} take pods");
        let connected = drain::answering(self, cluster, context)
            .map_err(|why| DriverError::new(doing()).caused_by(why))?;
        let mut welcomed = Vec::new();
        for node in nodes {
            let found =
                node_object::get(&connected, node).map_err(|error| error.during(doing()))?;
            let marked = |object: &Value| object["metadata"]["annotations"].get(MARK).is_some();
            if found.as_ref().is_some_and(marked) {
                open(&connected, node).map_err(|error| error.during(doing()))?;
                welcomed.push(node.clone());
            }
        }
        Ok(welcomed)
    }
}

/// Whether a node besides these is ready and takes pods.
fn others(cluster: &Cluster, nodes: &[Name]) -> Result<bool, ApiError> {
    let list = cluster.send(Request::get("/api/v1/nodes"))?;
    Ok(items(&list, "/items").iter().any(|node| {
        let name = text(node, "/metadata/name");
        let ready = matches!(condition(node, "Ready"), Some(("True", _)));
        let closed = node.pointer("/spec/unschedulable") == Some(&Value::Bool(true));
        ready && !closed && !nodes.iter().any(|one| one.as_str() == name)
    }))
}

/// Keeps pods off a node that is ready and ours; whether it is. One that was kept free of pods
/// already stays so afterwards.
fn mark(cluster: &Cluster, node: &Name, own: &str) -> Result<bool, ApiError> {
    let Some(object) = node_object::get(cluster, node)? else {
        return Ok(false);
    };
    let foreign = lab_of(&object).is_some_and(|lab| lab != own);
    if foreign || !matches!(condition(&object, "Ready"), Some(("True", _))) {
        return Ok(false);
    }
    let closed = object.pointer("/spec/unschedulable") == Some(&Value::Bool(true));
    let by_us = object["metadata"]["annotations"].get(MARK).is_some();
    if !closed || by_us {
        let until = Timestamp::now() + SHUTDOWN;
        let patch = json!({ "metadata": { "annotations": { MARK: until.to_string() } },
            "spec": { "unschedulable": true } });
        node_object::patch(cluster, node, &patch)?;
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shutdown_is_over_when_its_time_is() {
        let now: Timestamp = "2026-11-22T12:00:00Z".parse().unwrap();
        let marked = |until: &str| json!({ "metadata": { "annotations": { MARK: until } } });
        assert!(is_over(&marked("2026-11-22T11:59:59Z"), now));
        assert!(!is_over(&marked("2026-11-22T12:00:01Z"), now));
        assert!(
            is_over(&marked("true"), now),
            "what cannot be read keeps nothing"
        );
        assert!(!is_over(&json!({ "metadata": {} }), now));
    }
}
