//! Waiting until objects are ready, with the reason of the first that is not.

use std::time::{Duration, Instant};

use driver::{DriverError, Poll, StepContext};
use serde_json::Value;

use super::client::{Cluster, Request};
use super::fence::pending;
use super::object::{ObjectRef, items};

/// How long objects may take to become ready: image pulls and slow starts included.
const READY: Duration = Duration::from_secs(300);
/// How long a workload without a probe must stay ready: one that crashes at its start counts as
/// ready until kubelet has looked again (it does so every second) and has told.
const STEADY: Duration = Duration::from_secs(3);
/// The search for a cause costs requests: not for what was only just made.
const DEEP: Duration = Duration::from_secs(3);
/// Between two looks.
const PAUSE: Duration = Duration::from_millis(300);

/// Waits until every object is ready.
pub(crate) fn await_ready(
    cluster: &Cluster,
    references: &[ObjectRef],
    context: &StepContext<'_>,
) -> Result<(), DriverError> {
    let mut awaiting = Awaiting {
        cluster,
        left: references.iter().collect(),
        unproved: Vec::new(),
        start: Instant::now(),
        waited: false,
        steady: None,
    };
    context.wait("readiness", READY, PAUSE, || awaiting.look())
}

struct Awaiting<'a> {
    cluster: &'a Cluster,
    /// What has to be looked at.
    left: Vec<&'a ObjectRef>,
    /// What became ready without a probe that says so.
    unproved: Vec<&'a ObjectRef>,
    start: Instant,
    /// Whether anything was not ready at the first look.
    waited: bool,
    /// Since when all is ready.
    steady: Option<Instant>,
}

impl Awaiting<'_> {
    fn look(&mut self) -> Result<Poll<()>, DriverError> {
        let requests = self.left.iter().map(|one| Request::get(one.path()));
        let answers = self.cluster.send_all(requests.collect());
        let mut why = None;
        let mut still = Vec::new();
        for (one, live) in self.left.clone().into_iter().zip(answers) {
            let reason = match live {
                Ok(live) => {
                    let reason = self.reason(&live, why.is_none());
                    if reason.is_none()
                        && self.waited
                        && unprobed(&live)
                        && !self.unproved.contains(&one)
                    {
                        self.unproved.push(one);
                    }
                    reason
                }
                Err(error) if error.not_found() => Some("it was deleted meanwhile".to_owned()),
                Err(error) if error.passing() => Some(error.to_string()),
                Err(error) => return Err(error.during(format!("looking at {one}"))),
            };
            if let Some(reason) = reason {
                still.push(one);
                why.get_or_insert_with(|| format!("{one}: {reason}"));
            }
        }
        if let Some(why) = why {
            (self.waited, self.steady, self.left) = (true, None, still);
            return Ok(Poll::Pending(why));
        }
        let since = *self.steady.get_or_insert_with(Instant::now);
        match self.unproved.first() {
            Some(one) if since.elapsed() < STEADY => {
                let why = format!("{one}: it has no readiness probe; whether it stays up");
                self.left.clone_from(&self.unproved);
                Ok(Poll::Pending(why))
            }
            _ => Ok(Poll::Ready(())),
        }
    }

    fn reason(&self, live: &Value, first: bool) -> Option<String> {
        let reason = pending(self.cluster, live)?;
        let deep = first && self.start.elapsed() > DEEP;
        Some(match deep.then(|| self.cluster.cause(live)).flatten() {
            Some(cause) => format!("{reason}, {cause}"),
            None => reason,
        })
    }
}

/// Whether a workload has a container that no probe looks at.
fn unprobed(workload: &Value) -> bool {
    let containers = items(workload, "/spec/template/spec/containers");
    // A Job's pods are over when they are done.
    workload["kind"] != "Job"
        && containers
            .iter()
            .any(|one| one.get("readinessProbe").is_none())
}

#[cfg(test)]
mod tests {
    use super::unprobed;
    use serde_json::json;

    #[test]
    fn only_workloads_without_probes_have_to_prove_themselves() {
        let with = |kind: &str, container| json!({ "kind": kind, "spec": { "template": { "spec": { "containers": [container] } } } });
        assert!(unprobed(&with("Deployment", json!({}))));
        assert!(!unprobed(&with(
            "Deployment",
            json!({ "readinessProbe": {} })
        )));
        assert!(!unprobed(&with("Job", json!({}))));
        assert!(!unprobed(&json!({ "kind": "ConfigMap" })));
    }
}
