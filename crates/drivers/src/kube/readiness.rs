//! Whether an object is ready, read from its status. Pure.

use serde_json::Value;

use super::object::{items, text};

/// Why an object is not ready; `None` where it is, or has nothing to become ready.
pub(crate) fn pending(object: &Value) -> Option<String> {
    if object.pointer("/metadata/deletionTimestamp").is_some() {
        return Some("it is being deleted".to_owned());
    }
    match object["kind"].as_str().unwrap_or_default() {
        "Deployment" => deployment(object),
        "DaemonSet" => daemon_set(object),
        "StatefulSet" => stateful_set(object),
        "Job" => job(object),
        "CustomResourceDefinition" => wants(object, "Established"),
        "APIService" => wants(object, "Available"),
        "PersistentVolumeClaim" => claim(object),
        "Pod" => pod(object),
        "Namespace" => match text(object, "/status/phase") {
            "Active" => None,
            phase => Some(format!("it is {phase}")),
        },
        _ => other(object),
    }
}

fn number(object: &Value, pointer: &str) -> i64 {
    object.pointer(pointer).and_then(Value::as_i64).unwrap_or(0)
}

/// The controller has not looked at the latest declaration yet: its counts are about an older one.
fn unseen(object: &Value) -> Option<String> {
    let seen = number(object, "/status/observedGeneration");
    (seen < number(object, "/metadata/generation"))
        .then(|| "its controller has not seen the change yet".to_owned())
}

/// A condition of an object: its status and its message.
pub(crate) fn condition<'a>(object: &'a Value, kind: &str) -> Option<(&'a str, &'a str)> {
    let all = items(object, "/status/conditions");
    let one = all.iter().find(|one| one["type"] == kind)?;
    let message = match text(one, "/message") {
        "" => text(one, "/reason"),
        message => message,
    };
    Some((text(one, "/status"), message))
}

fn wants(object: &Value, kind: &str) -> Option<String> {
    match condition(object, kind) {
        Some(("True", _)) => None,
        Some((_, message)) => Some(format!("not {kind}: {message}")),
        None => Some(format!("not {kind} yet")),
    }
}

fn count(ready: i64, wanted: i64) -> Option<String> {
    (ready < wanted).then(|| format!("{ready} of {wanted} ready"))
}

fn deployment(object: &Value) -> Option<String> {
    let wanted = object
        .pointer("/spec/replicas")
        .and_then(Value::as_i64)
        .unwrap_or(1);
    unseen(object)
        .or_else(|| count(number(object, "/status/updatedReplicas"), wanted))
        .or_else(|| {
            let old = number(object, "/status/replicas") - wanted;
            (old > 0).then(|| format!("{old} of the old replicas still run"))
        })
        .or_else(|| count(number(object, "/status/availableReplicas"), wanted))
}

fn daemon_set(object: &Value) -> Option<String> {
    let wanted = number(object, "/status/desiredNumberScheduled");
    unseen(object)
        .or_else(|| count(number(object, "/status/updatedNumberScheduled"), wanted))
        .or_else(|| count(number(object, "/status/numberAvailable"), wanted))
}

fn stateful_set(object: &Value) -> Option<String> {
    let wanted = object
        .pointer("/spec/replicas")
        .and_then(Value::as_i64)
        .unwrap_or(1);
    let partition = number(object, "/spec/updateStrategy/rollingUpdate/partition");
    unseen(object)
        .or_else(|| count(number(object, "/status/readyReplicas"), wanted))
        .or_else(|| {
            if text(object, "/spec/updateStrategy/type") == "OnDelete" {
                return None;
            }
            count(
                number(object, "/status/updatedReplicas"),
                wanted - partition,
            )
            .filter(|_| {
                text(object, "/status/currentRevision") != text(object, "/status/updateRevision")
            })
        })
}

fn job(object: &Value) -> Option<String> {
    if let Some(("True", _)) = condition(object, "Complete") {
        return None;
    }
    if let Some(("True", message)) = condition(object, "Failed") {
        return Some(format!("it failed: {message}"));
    }
    let suspended = object.pointer("/spec/suspend") == Some(&Value::Bool(true));
    (!suspended).then(|| {
        let done = number(object, "/status/succeeded");
        let wanted = object
            .pointer("/spec/completions")
            .and_then(Value::as_i64)
            .unwrap_or(1);
        format!("{done} of {wanted} completed")
    })
}

fn claim(object: &Value) -> Option<String> {
    match text(object, "/status/phase") {
        "Bound" => None,
        // Whether it waits for its first consumer stands in its StorageClass; the pod that
        // consumes it tells the reason if there is one.
        "Pending" | "" => None,
        phase => Some(format!("it is {phase}")),
    }
}

fn pod(object: &Value) -> Option<String> {
    match text(object, "/status/phase") {
        "Succeeded" => None,
        _ => wants(object, "Ready"),
    }
}

/// Other kinds, custom resources above all: by the conventions of Kubernetes' API, where they
/// keep to them.
fn other(object: &Value) -> Option<String> {
    if object.pointer("/status/observedGeneration").is_some()
        && let Some(why) = unseen(object)
    {
        return Some(why);
    }
    match condition(object, "Ready") {
        Some(("False" | "Unknown", message)) => Some(format!("not Ready: {message}")),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn pending_of(kind: &str, mut object: Value) -> Option<String> {
        object["kind"] = json!(kind);
        pending(&object)
    }

    #[test]
    fn deployments() {
        let object = |updated: i64, all: i64, available: i64| {
            json!({ "metadata": { "generation": 2 }, "spec": { "replicas": 2 },
                "status": { "observedGeneration": 2, "updatedReplicas": updated,
                    "replicas": all, "availableReplicas": available } })
        };
        assert_eq!(pending_of("Deployment", object(2, 2, 2)), None);
        let why = |u, a, v| pending_of("Deployment", object(u, a, v)).unwrap();
        assert_eq!(why(1, 2, 2), "1 of 2 ready");
        assert_eq!(why(2, 3, 2), "1 of the old replicas still run");
        assert_eq!(why(2, 2, 0), "0 of 2 ready");
        let mut late = object(2, 2, 2);
        late["status"]["observedGeneration"] = json!(1);
        assert!(pending_of("Deployment", late).unwrap().contains("not seen"));
        let none = json!({ "metadata": { "generation": 1 }, "spec": { "replicas": 0 },
            "status": { "observedGeneration": 1 } });
        assert_eq!(pending_of("Deployment", none), None);
    }

    #[test]
    fn daemon_sets() {
        let object = |wanted: i64, available: i64| {
            json!({ "metadata": { "generation": 1 }, "status": { "observedGeneration": 1,
                "desiredNumberScheduled": wanted, "updatedNumberScheduled": wanted,
                "numberAvailable": available } })
        };
        assert_eq!(pending_of("DaemonSet", object(3, 3)), None);
        assert_eq!(
            pending_of("DaemonSet", object(3, 1)),
            Some("1 of 3 ready".to_owned())
        );
        // A DaemonSet that was only just made has counted nothing yet.
        let fresh = json!({ "metadata": { "generation": 1 } });
        assert!(pending_of("DaemonSet", fresh).is_some());
    }

    #[test]
    fn others() {
        let condition = |kind: &str, status: &str| {
            json!({ "status": { "conditions": [
                { "type": kind, "status": status, "message": "why" }] } })
        };
        let crd = "CustomResourceDefinition";
        assert_eq!(pending_of(crd, condition("Established", "True")), None);
        assert_eq!(
            pending_of(crd, json!({})),
            Some("not Established yet".to_owned())
        );
        assert_eq!(pending_of("Job", condition("Complete", "True")), None);
        let failed = pending_of("Job", condition("Failed", "True"));
        assert_eq!(failed, Some("it failed: why".to_owned()));
        assert_eq!(pending_of("Widget", json!({})), None);
        let widget = pending_of("Widget", condition("Ready", "False"));
        assert_eq!(widget, Some("not Ready: why".to_owned()));
        let gone = json!({ "metadata": { "deletionTimestamp": "now" } });
        assert_eq!(
            pending_of("ConfigMap", gone),
            Some("it is being deleted".to_owned())
        );
    }
}
