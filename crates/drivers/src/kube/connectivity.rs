//! The proof that pods of all nodes reach each other, Services and names.
//!
//! A netcheck pod on every node is asked, through the API server's pod proxy, to connect to all
//! others. The state of objects cannot tell this: with a missing route between two nodes every
//! object looks well.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use driver::{DriverError, Poll, Precheck, Refusal, StepContext};
use model::inventory::{Fault, Observed, Presence, Remedy};
use model::name::Name;
use model::plan::Step;
use model::resource::{Address, Connectivity, Kind, Resource, Spec};
use serde_json::{Value, json};

use super::apply::{answering, answering_within, ensure_namespace};
use super::client::{ApiError, Cluster, Clusters, Request};
use super::delete::LAST_ANSWER;
use super::object::{items, segment, text};
use super::observe::Seen;
use super::readiness::condition;
use super::record::{Found, NAMESPACE, Record};

/// The label of netcheck's pods and their port; see `catalog/components/netcheck`.
const PODS: &str = "app.kubernetes.io%2Fname%3Dnetcheck";
const PORT: u16 = 8080;

/// How long one connection of a check may take; a healthy one takes a millisecond.
const CONNECT: Duration = Duration::from_millis(1500);
/// How long a whole check may take, the way through the API server included.
const CHECK: Duration = Duration::from_millis(2500);
/// How long the network may take to come up once everything else stands.
const LIMIT: Duration = Duration::from_secs(180);
const PAUSE: Duration = Duration::from_millis(300);

/// One way that does not work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Broken {
    pub(crate) what: String,
    pub(crate) why: Option<String>,
    /// Whether the cause is known to be elsewhere and to mend itself.
    pub(crate) elsewhere: bool,
}

/// A netcheck pod that can be asked.
struct Probe<'a> {
    node: &'a str,
    pod: &'a str,
    /// Its address with the port.
    target: String,
}

fn spec_of(resource: &Resource) -> Option<&Connectivity> {
    match &resource.spec {
        Spec::Connectivity(spec) => Some(spec),
        _ => None,
    }
}

/// Looks whether the networks of the clusters work, now.
pub(crate) fn observe(
    wanted: &[&Resource],
    clusters: &BTreeMap<Name, Seen>,
) -> BTreeMap<Address, Observed> {
    let mut seen = BTreeMap::new();
    for cluster in clusters.values() {
        let Seen::Known(_, records) = cluster else {
            continue;
        };
        for record in records {
            if record.address.kind == Kind::Connectivity {
                let observed = Observed::ours(record.digest.clone(), record.spec.clone())
                    .fact("generation", record.generation.0.to_string());
                seen.insert(record.address.clone(), observed);
            }
        }
    }
    for resource in wanted {
        let Some(spec) = spec_of(resource) else {
            continue;
        };
        match clusters.get(&spec.cluster) {
            Some(Seen::Known(cluster, _)) => {
                if let Some(observed) = seen.get_mut(&resource.address) {
                    // Of nodes that were not proved there is nothing to say yet.
                    let proved = match &observed.presence {
                        Presence::Ours {
                            spec: Some(old), ..
                        } => match &**old {
                            Spec::Connectivity(old) => old,
                            _ => spec,
                        },
                        _ => spec,
                    };
                    observed.faults = faults(cluster, proved);
                }
            }
            Some(Seen::Silent(why)) => {
                seen.insert(resource.address.clone(), Observed::unseen(why));
            }
            Some(Seen::Never) | None => {}
        }
    }
    seen
}

fn faults(cluster: &Cluster, spec: &Connectivity) -> Vec<Fault> {
    let broken = check(cluster, spec).unwrap_or_else(|error| {
        vec![Broken {
            what: "it could not be checked".to_owned(),
            why: Some(error.to_string()),
            elsewhere: true,
        }]
    });
    let fault = |one: Broken| Fault {
        what: one.what,
        cause: one.why,
        remedy: if one.elsewhere {
            Remedy::Wait
        } else {
            Remedy::Repair
        },
    };
    broken.into_iter().map(fault).collect()
}

/// The record must be ours.
pub(crate) fn precheck(
    clusters: &Clusters,
    step: &Step,
    context: &StepContext<'_>,
) -> Result<Precheck, DriverError> {
    let spec = step_spec(step)?;
    let cluster = answering(clusters, &spec.cluster, context)?;
    let found = cluster.record(context.scope, &step.address);
    Ok(
        match found.map_err(|e| e.during(format!("checking {}", step.address)))? {
            Found::Nothing => Precheck::Ready,
            Found::Ours(record) => driver::superseded(record.generation, context)
                .map_or(Precheck::Ready, Precheck::Refused),
            Found::Foreign(found) => Precheck::Refused(Refusal {
                found,
                hint: format!("delete that record in namespace {NAMESPACE}"),
            }),
        },
    )
}

fn step_spec(step: &Step) -> Result<&Connectivity, DriverError> {
    spec_of(&step.resource).ok_or_else(|| {
        DriverError::new(format!("reading {}", step.address))
            .caused_by("its spec is not one of connectivity")
    })
}

/// Waits until everything reaches everything, then writes that down.
pub(crate) fn apply(
    clusters: &Clusters,
    step: &Step,
    context: &StepContext<'_>,
) -> Result<(), DriverError> {
    let spec = step_spec(step)?;
    let cluster = answering(clusters, &spec.cluster, context)?;
    let failed = || format!("proving {}", step.address);
    context.wait("pods to reach each other", LIMIT, PAUSE, || {
        match check(&cluster, spec) {
            Ok(broken) => Ok(summary(&broken).map_or(Poll::Ready(()), Poll::Pending)),
            Err(error) if error.passing() => Ok(Poll::Pending(error.to_string())),
            Err(error) => Err(error.during(failed())),
        }
    })?;
    ensure_namespace(&cluster, context.scope).map_err(|e| e.during(failed()))?;
    let record = Record {
        address: step.address.clone(),
        generation: context.generation,
        objects: Vec::new(),
        digest: Some(step.inputs.clone()),
        spec: Some(step.resource.spec.clone()),
    };
    cluster
        .write_record(context.scope, &record)
        .map_err(|e| e.during(failed()))
}

/// Forgets the proof.
pub(crate) fn teardown(
    clusters: &Clusters,
    step: &Step,
    context: &StepContext<'_>,
) -> Result<(), DriverError> {
    let spec = step_spec(step)?;
    if !clusters.forwarded(context.scope)?.contains(&spec.cluster) {
        return Ok(());
    }
    let cluster = answering_within(LAST_ANSWER, clusters, &spec.cluster, context)?;
    let failed = || format!("deleting {}", step.address);
    match cluster.record(context.scope, &step.address) {
        Ok(Found::Ours(_)) => {
            let deleted = cluster.delete_record(&step.address);
            deleted.map_err(|e| e.during(failed()))
        }
        Ok(Found::Nothing | Found::Foreign(_)) => Ok(()),
        Err(error) => Err(error.during(failed())),
    }
}

/// Asks every node's pod, all at once, and tells what does not work.
fn check(cluster: &Cluster, spec: &Connectivity) -> Result<Vec<Broken>, ApiError> {
    let path = format!("/api/v1/namespaces/{NAMESPACE}/pods");
    let list = cluster.send(Request::get(format!("{path}?labelSelector={PODS}")))?;
    let pods = items(&list, "/items");
    let (probes, mut broken) = probes(cluster, spec, pods);
    let requests = probes.iter().map(|probe| {
        let pod = segment(&format!("http:{}:{PORT}", probe.pod));
        let body = question(spec, &probes, probe);
        let url = format!("{path}/{pod}/proxy/check");
        Request::with(http::Method::POST, url, "application/json", &body).within(CHECK)
    });
    for (probe, answer) in probes.iter().zip(cluster.send_all(requests.collect())) {
        match answer {
            Ok(answer) => broken.extend(verdict(probe.node, &probes, &answer)),
            Err(error) => broken.push(Broken {
                what: format!("control plane → {}", probe.node),
                why: Some(match error {
                    // The API server took the question: it is the pod that is silent.
                    ApiError::Unreachable(_) => "its pod does not answer".to_owned(),
                    told => plain(&told.to_string()),
                }),
                elsewhere: false,
            }),
        }
    }
    Ok(broken)
}

/// The pods that can be asked, and the nodes that have none.
fn probes<'a>(
    cluster: &Cluster,
    spec: &'a Connectivity,
    pods: &'a [Value],
) -> (Vec<Probe<'a>>, Vec<Broken>) {
    let mut probes = Vec::new();
    let mut broken = Vec::new();
    for node in &spec.nodes {
        let here = pods.iter().filter(|pod| {
            text(pod, "/spec/nodeName") == node.as_str()
                && pod.pointer("/metadata/deletionTimestamp").is_none()
        });
        let mut why = "there is no netcheck pod on it yet".to_owned();
        let mut probe = None;
        for pod in here {
            if matches!(condition(pod, "Ready"), Some(("True", _))) {
                let ip = text(pod, "/status/podIP");
                let ip = if ip.contains(':') {
                    format!("[{ip}]")
                } else {
                    ip.to_owned()
                };
                probe = Some(Probe {
                    node: node.as_str(),
                    pod: text(pod, "/metadata/name"),
                    target: format!("{ip}:{PORT}"),
                });
            } else {
                let found = cluster.explain(pod);
                why = found.unwrap_or_else(|| "its netcheck pod is not ready".to_owned());
            }
        }
        match probe {
            Some(probe) => probes.push(probe),
            None => broken.push(Broken {
                what: format!("{node} cannot be asked"),
                why: Some(why),
                elsewhere: true,
            }),
        }
    }
    (probes, broken)
}

fn question(spec: &Connectivity, probes: &[Probe<'_>], asked: &Probe<'_>) -> Value {
    let others = probes.iter().filter(|other| other.node != asked.node);
    let connect: BTreeSet<&str> = others
        .map(|other| other.target.as_str())
        .chain(spec.services.iter().map(String::as_str))
        .collect();
    json!({
        "connect": connect,
        "resolve": spec.names,
        "timeoutMs": u64::try_from(CONNECT.as_millis()).unwrap_or(1500),
    })
}

/// What a pod's answer tells.
fn verdict(node: &str, probes: &[Probe<'_>], answer: &Value) -> Vec<Broken> {
    let failed = answer.as_array().map(Vec::as_slice).unwrap_or_default();
    failed
        .iter()
        .filter(|one| one["ok"] != Value::Bool(true))
        .map(|one| {
            let target = text(one, "/target");
            let to = probes.iter().find(|probe| probe.target == target);
            Broken {
                what: format!("{node} → {}", to.map_or(target, |probe| probe.node)),
                why: Some(plain(text(one, "/error"))),
                elsewhere: false,
            }
        })
        .collect()
}

/// Go's error, as people say it.
fn plain(error: &str) -> String {
    let last = error.rsplit(": ").next().unwrap_or(error);
    match last {
        "i/o timeout" => "timed out".to_owned(),
        _ if error.contains("context deadline exceeded") => "timed out".to_owned(),
        last => last.to_owned(),
    }
}

fn summary(broken: &[Broken]) -> Option<String> {
    let first = broken.first()?;
    let mut text = first.what.clone();
    if let Some(why) = &first.why {
        text = format!("{text}: {why}");
    }
    if broken.len() > 1 {
        text = format!("{text} (and {} more)", broken.len() - 1);
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn probes() -> [Probe<'static>; 2] {
        [
            ("worker-1", "10.244.1.2:8080"),
            ("worker-2", "10.244.2.2:8080"),
        ]
        .map(|(node, target)| Probe {
            node,
            pod: node,
            target: target.to_owned(),
        })
    }

    #[test]
    fn a_node_is_asked_for_all_others_and_services() {
        let spec = Connectivity {
            cluster: "main".parse().unwrap(),
            nodes: BTreeSet::new(),
            names: ["kubernetes.default".to_owned()].into(),
            services: ["10.96.0.1:443".to_owned()].into(),
        };
        let probes = probes();
        let asked = question(&spec, &probes, &probes[0]);
        assert_eq!(
            asked["connect"],
            json!(["10.244.2.2:8080", "10.96.0.1:443"])
        );
        assert_eq!(asked["resolve"], json!(["kubernetes.default"]));
    }

    #[test]
    fn broken_pairs_are_told_by_node_names() {
        let answer = json!([
            { "target": "10.244.2.2:8080", "ok": false, "error": "dial tcp 10.244.2.2:8080: i/o timeout" },
            { "target": "10.96.0.1:443", "ok": false,
              "error": "dial tcp 10.96.0.1:443: connect: connection refused" },
            { "target": "kubernetes.default", "ok": true },
        ]);
        let broken = verdict("worker-1", &probes(), &answer);
        let told: Vec<_> = broken
            .iter()
            .map(|one| (one.what.as_str(), one.why.as_deref()))
            .collect();
        assert_eq!(
            told,
            [
                ("worker-1 → worker-2", Some("timed out")),
                ("worker-1 → 10.96.0.1:443", Some("connection refused")),
            ]
        );
        assert_eq!(
            summary(&broken).unwrap(),
            "worker-1 → worker-2: timed out (and 1 more)"
        );
    }

    #[test]
    fn everything_reached_is_nothing_broken() {
        let answer = json!([{ "target": "a", "ok": true }]);
        assert!(verdict("worker-1", &probes(), &answer).is_empty());
        assert_eq!(summary(&[]), None);
    }
}
