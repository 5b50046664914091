//! Why a workload is not ready, found where the reason is: in its pods, their events, their logs.

use serde_json::Value;

use super::client::{Cluster, Request};
use super::object::{items, segment, text};
use super::readiness::condition;

/// Waiting reasons that every healthy start passes through.
const ORDINARY: [&str; 2] = ["ContainerCreating", "PodInitializing"];

/// What is wrong with a pod, and what must be asked to learn more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Trouble {
    pub(crate) text: String,
    /// The container whose last log lines tell why it died.
    pub(crate) crashed: Option<String>,
    /// Whether the pod's events may tell why it does not start.
    pub(crate) events: bool,
}

impl Trouble {
    fn new(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            crashed: None,
            events: false,
        }
    }
}

/// What is wrong with a pod, as far as the pod itself tells; `None` where it is well.
pub(crate) fn trouble(pod: &Value) -> Option<Trouble> {
    if text(pod, "/status/phase") == "Succeeded" {
        return None;
    }
    if let Some(("False", message)) = condition(pod, "PodScheduled") {
        return Some(Trouble::new(format!("cannot be placed: {message}")));
    }
    let containers = items(pod, "/status/initContainerStatuses")
        .iter()
        .chain(items(pod, "/status/containerStatuses"));
    let mut starting = None;
    for container in containers {
        match container_trouble(container) {
            Some(found) if found.events => starting = starting.or(Some(found)),
            Some(found) => return Some(found),
            None => {}
        }
    }
    if starting.is_some() {
        return starting;
    }
    match text(pod, "/status/phase") {
        "Failed" => Some(Trouble::new(format!(
            "failed: {}",
            text(pod, "/status/message")
        ))),
        "Pending" => Some(Trouble {
            events: true,
            ..Trouble::new("not started yet")
        }),
        _ => match condition(pod, "Ready") {
            Some(("True", _)) => None,
            Some((_, message)) => Some(Trouble {
                events: true,
                ..Trouble::new(format!("not ready: {message}"))
            }),
            None => Some(Trouble::new("not ready yet")),
        },
    }
}

fn container_trouble(container: &Value) -> Option<Trouble> {
    let name = text(container, "/name");
    let died = ["/lastState/terminated", "/state/terminated"]
        .iter()
        .find_map(|at| container.pointer(at))
        .filter(|end| end["exitCode"].as_i64() != Some(0));
    if let Some(waiting) = container.pointer("/state/waiting") {
        let reason = text(waiting, "/reason");
        if ORDINARY.contains(&reason) {
            return Some(Trouble {
                events: true,
                ..Trouble::new(format!("container {name} is being made"))
            });
        }
        let message = text(waiting, "/message");
        let mut found = Trouble::new(format!("container {name}: {reason}: {message}"));
        if let (Some(end), "CrashLoopBackOff") = (died, reason) {
            found.text = format!("container {name} {}", ended(end));
            found.crashed = ran(end).then(|| name.to_owned());
        }
        return Some(found);
    }
    let ready = container["ready"] == Value::Bool(true);
    match died {
        Some(end) if !ready => Some(Trouble {
            crashed: ran(end).then(|| name.to_owned()),
            ..Trouble::new(format!("container {name} {}", ended(end)))
        }),
        _ => None,
    }
}

/// Whether the container ran at all, and may have written something.
fn ran(end: &Value) -> bool {
    text(end, "/reason") != "StartError"
}

fn ended(end: &Value) -> String {
    let code = end["exitCode"].as_i64().unwrap_or(-1);
    match text(end, "/reason") {
        "OOMKilled" => "was killed: out of memory".to_owned(),
        "" | "Error" => format!("exited with {code}"),
        // It never ran: there is no log, and the runtime's message is the cause.
        "StartError" => format!("could not be started: {}", text(end, "/message")),
        reason => format!("exited with {code} ({reason})"),
    }
}

impl Cluster {
    /// Why a workload's pods are not ready: the first pod in trouble, with the cause.
    pub(crate) fn cause(&self, workload: &Value) -> Option<String> {
        let namespace = text(workload, "/metadata/namespace");
        if workload["kind"] == "Pod" {
            return self.explain(workload);
        }
        let labels = workload
            .pointer("/spec/selector/matchLabels")?
            .as_object()?;
        let selector: Vec<_> = labels
            .iter()
            .filter_map(|(key, value)| Some(format!("{}%3D{}", escaped(key), value.as_str()?)))
            .collect();
        let list = self
            .send(Request::get(format!(
                "/api/v1/namespaces/{}/pods?labelSelector={}",
                segment(namespace),
                selector.join(",")
            )))
            .ok()?;
        let pods = items(&list, "/items");
        if pods.is_empty() {
            return self.last_event(namespace, &text_of(workload, "/metadata/name"));
        }
        pods.iter().find_map(|pod| {
            let why = self.explain(pod)?;
            let node = text(pod, "/spec/nodeName");
            let place = if node.is_empty() {
                String::new()
            } else {
                format!(" on {node}")
            };
            Some(format!("pod {}{place}: {why}", text(pod, "/metadata/name")))
        })
    }

    /// What is wrong with a pod, with the event or the log line that tells why.
    pub(crate) fn explain(&self, pod: &Value) -> Option<String> {
        let found = trouble(pod)?;
        let namespace = text(pod, "/metadata/namespace");
        let name = text(pod, "/metadata/name");
        let more = match &found.crashed {
            Some(container) => self.last_words(namespace, name, container),
            None if found.events => self.last_event(namespace, name),
            None => None,
        };
        Some(match more {
            Some(more) => format!("{}: {more}", found.text),
            None => found.text,
        })
    }

    /// The line that tells why a container died.
    fn last_words(&self, namespace: &str, pod: &str, container: &str) -> Option<String> {
        let path = format!(
            "/api/v1/namespaces/{}/pods/{}/log?container={}&tailLines=100",
            segment(namespace),
            segment(pod),
            segment(container)
        );
        ["&previous=true", ""].iter().find_map(|previous| {
            let log = self
                .send_text(Request::get(format!("{path}{previous}")))
                .ok()?;
            let line = telling(&log)?;
            // kubelet says so in place of the log of a container that was cleared away.
            if line.starts_with("unable to retrieve container logs") {
                return None;
            }
            Some(line.trim().chars().take(300).collect())
        })
    }

    /// The last warning about an object, or about one that it made.
    fn last_event(&self, namespace: &str, name: &str) -> Option<String> {
        let list = self
            .send(Request::get(format!(
                "/api/v1/namespaces/{}/events?fieldSelector=type%3DWarning",
                segment(namespace)
            )))
            .ok()?;
        let about = |event: &&Value| {
            let subject = text(event, "/involvedObject/name");
            // What kept a pod from being placed is over once it is asked why it does not start.
            if text(event, "/reason") == "FailedScheduling" {
                return false;
            }
            // A Deployment's pods are refused on its ReplicaSet, which carries its name and more.
            subject == name
                || subject
                    .strip_prefix(name)
                    .is_some_and(|rest| rest.starts_with('-'))
        };
        let last = items(&list, "/items")
            .iter()
            .filter(about)
            .max_by_key(|event| {
                // Newer kinds of events carry only the second.
                let last = text_of(event, "/lastTimestamp");
                if last.is_empty() {
                    text_of(event, "/eventTime")
                } else {
                    last
                }
            })?;
        let message = text(last, "/message").trim();
        Some(format!("{}: {message}", text(last, "/reason")))
    }
}

/// The last line that speaks of an error; else the last line. A program that ends with its usage
/// has said what is wrong before.
fn telling(log: &str) -> Option<&str> {
    let marks = [
        "error:",
        "fatal:",
        "panic:",
        "level=error",
        "level=fatal",
        "\"error\"",
        "\"fatal\"",
    ];
    let speaks = |line: &&str| {
        let line = line.trim().to_ascii_lowercase();
        let begins = ["error", "fatal", "panic"]
            .iter()
            .any(|word| line.starts_with(word));
        begins || marks.iter().any(|mark| line.contains(mark))
    };
    let last = || log.lines().rfind(|line| !line.trim().is_empty());
    log.lines().rfind(speaks).or_else(last)
}

fn text_of(object: &Value, pointer: &str) -> String {
    text(object, pointer).to_owned()
}

/// Label keys have a `/` that belongs to the query, not to the path.
fn escaped(key: &str) -> String {
    key.replace('/', "%2F")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn waiting(reason: &str, message: &str) -> Value {
        json!({ "status": { "phase": "Pending", "containerStatuses": [{ "name": "app",
            "state": { "waiting": { "reason": reason, "message": message } } }] } })
    }

    #[test]
    fn a_pod_tells_its_trouble() {
        let pull = trouble(&waiting("ErrImagePull", "no such image")).unwrap();
        assert_eq!(
            pull,
            Trouble::new("container app: ErrImagePull: no such image")
        );
        let made = trouble(&waiting("ContainerCreating", "")).unwrap();
        assert!(made.events && made.crashed.is_none());
        let placed = json!({ "status": { "phase": "Pending", "conditions": [{
            "type": "PodScheduled", "status": "False", "message": "0/3 nodes are available" }] } });
        assert_eq!(
            trouble(&placed).unwrap().text,
            "cannot be placed: 0/3 nodes are available"
        );
    }

    #[test]
    fn a_crashed_container_is_asked_for_its_last_words() {
        let mut pod = waiting("CrashLoopBackOff", "back-off 10s");
        pod["status"]["containerStatuses"][0]["lastState"] =
            json!({ "terminated": { "exitCode": 2, "reason": "Error" } });
        let found = trouble(&pod).unwrap();
        assert_eq!(found.text, "container app exited with 2");
        assert_eq!(found.crashed.as_deref(), Some("app"));
    }

    #[test]
    fn a_log_tells_by_its_last_error() {
        assert_eq!(
            telling("a\nError: bad flag\nusage:\n  -v\n"),
            Some("Error: bad flag")
        );
        assert_eq!(
            telling("level=error x\n --error flag\n"),
            Some("level=error x")
        );
        assert_eq!(telling("a\nb\n\n"), Some("b"));
        assert_eq!(telling(""), None);
    }

    #[test]
    fn a_broken_container_outranks_one_that_starts() {
        let mut pod = waiting("ContainerCreating", "");
        let broken = waiting("ImagePullBackOff", "gone")["status"]["containerStatuses"][0].clone();
        pod["status"]["containerStatuses"]
            .as_array_mut()
            .unwrap()
            .push(broken);
        assert!(trouble(&pod).unwrap().text.contains("ImagePullBackOff"));
    }

    #[test]
    fn a_healthy_pod_has_none_even_after_a_restart() {
        let pod = json!({ "status": { "phase": "Running",
            "conditions": [{ "type": "Ready", "status": "True" }],
            "containerStatuses": [{ "name": "app", "ready": true, "state": { "running": {} },
                "lastState": { "terminated": { "exitCode": 1 } } }] } });
        assert_eq!(trouble(&pod), None);
        assert_eq!(
            trouble(&json!({ "status": { "phase": "Succeeded" } })),
            None
        );
    }
}
