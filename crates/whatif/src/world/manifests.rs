//! How an app runs, out of its Kubernetes objects.

use model::lab::Apart;
use model::quantity::Bytes;
use serde_json::Value;

use super::{Ask, Controller, Workload};
use crate::place::eligible::Wish;
use crate::rules;

/// Takes over what the objects of an app say.
///
/// # Errors
/// What of them the model does not know.
pub(super) fn apply(
    objects: &[Value],
    workload: &mut Workload,
    wish: &mut Wish,
) -> Result<(), String> {
    let mut found = objects.iter().filter_map(|object| {
        let kind = match object.get("kind").and_then(Value::as_str)? {
            "Deployment" => Controller::Deployment,
            "StatefulSet" => Controller::StatefulSet,
            "DaemonSet" => Controller::DaemonSet,
            _ => return None,
        };
        Some((kind, object))
    });
    let (kind, object) = found
        .next()
        .ok_or("there is no Deployment, StatefulSet or DaemonSet in it")?;
    if found.next().is_some() {
        return Err("there are several workloads in it; only one is modelled".to_owned());
    }
    workload.controller = kind;
    let replicas = object.pointer("/spec/replicas").and_then(Value::as_u64);
    workload.replicas = replicas.map_or(1, |count| usize::try_from(count).unwrap_or(1));
    let Some(pod) = object.pointer("/spec/template/spec") else {
        return Err("its workload has no pod template".to_owned());
    };
    workload.asks = asks(pod)?;
    workload.ports = host_ports(pod);
    let class = pod.get("priorityClassName").and_then(Value::as_str);
    workload.priority = match class {
        Some("system-cluster-critical" | "system-node-critical") => rules::scheduler::CRITICAL,
        Some(other) => return Err(format!("the priority class {other} is not known")),
        None => 0,
    };
    tolerations(pod, workload, wish);
    if let Some(labels) = pod.get("nodeSelector").and_then(Value::as_object) {
        for (key, value) in labels {
            let value = value.as_str().unwrap_or_default().to_owned();
            wish.labels.insert(key.clone(), value);
        }
    }
    affinity(pod, workload, wish)
}

fn asks(pod: &Value) -> Result<Ask, String> {
    let mut sum = Ask::default();
    let containers = pod.get("containers").and_then(Value::as_array);
    for container in containers.into_iter().flatten() {
        let of = |what: &str| container.pointer(&format!("/resources/requests/{what}"));
        sum.millicpu += of("cpu").map_or(Ok(0), millicpu)?;
        sum.memory += of("memory").map_or(Ok(0), memory)?;
    }
    Ok(sum)
}

pub(super) fn millicpu(value: &Value) -> Result<u64, String> {
    let text = value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned);
    let read = match text.strip_suffix('m') {
        Some(milli) => milli.parse().ok(),
        None => text.parse::<f64>().ok().and_then(|cores| {
            // Kubernetes rounds up to whole thousandths.
            let milli = (cores * 1000.0).ceil();
            (0.0..1e9)
                .contains(&milli)
                .then(|| format!("{milli:.0}").parse().ok())?
        }),
    };
    read.ok_or_else(|| format!("{text:?} is no amount of processor"))
}

pub(super) fn memory(value: &Value) -> Result<u64, String> {
    let text = value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned);
    text.parse::<Bytes>()
        .map(|bytes| bytes.0)
        .map_err(|error| error.to_string())
}

fn host_ports(pod: &Value) -> Vec<u16> {
    let containers = pod.get("containers").and_then(Value::as_array);
    let ports = containers
        .into_iter()
        .flatten()
        .filter_map(|container| container.get("ports")?.as_array())
        .flatten();
    ports
        .filter_map(|port| u16::try_from(port.get("hostPort")?.as_u64()?).ok())
        .collect()
}

fn tolerations(pod: &Value, workload: &mut Workload, wish: &mut Wish) {
    let all = pod.get("tolerations").and_then(Value::as_array);
    for toleration in all.into_iter().flatten() {
        let text = |field: &str| toleration.get(field).and_then(Value::as_str);
        match text("key") {
            None => {
                wish.tolerates_all = true;
                wish.tolerates_control_planes = true;
                workload.patience = u64::MAX;
            }
            Some("node.kubernetes.io/unreachable" | "node.kubernetes.io/not-ready") => {
                let seconds = toleration.get("tolerationSeconds").and_then(Value::as_u64);
                workload.patience =
                    seconds.map_or(u64::MAX, |seconds| seconds.saturating_mul(1000));
            }
            Some(key) => {
                let value = text("value").filter(|_| text("operator") != Some("Exists"));
                wish.tolerates
                    .push((key.to_owned(), value.map(str::to_owned)));
            }
        }
    }
}

fn affinity(pod: &Value, workload: &mut Workload, wish: &mut Wish) -> Result<(), String> {
    let required = "requiredDuringSchedulingIgnoredDuringExecution";
    let of = |kind: &str| pod.pointer(&format!("/affinity/{kind}/{required}"));
    if of("podAffinity").is_some() {
        return Err("pod affinity is not modelled".to_owned());
    }
    let terms = of("nodeAffinity").and_then(|one| one.get("nodeSelectorTerms")?.as_array());
    for term in terms.into_iter().flatten() {
        let mut labels = std::collections::BTreeMap::new();
        for expression in term
            .get("matchExpressions")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
        {
            let key = expression
                .get("key")
                .and_then(Value::as_str)
                .unwrap_or_default();
            let values = expression.get("values").and_then(Value::as_array);
            let operator = expression.get("operator").and_then(Value::as_str);
            match (operator, values.map(Vec::as_slice)) {
                (Some("In"), Some([Value::String(value)])) => {
                    labels.insert(key.to_owned(), value.clone());
                }
                _ => {
                    return Err(
                        "a node affinity other than `In` with one value is not modelled".to_owned(),
                    );
                }
            }
        }
        wish.any_of.push(labels);
    }
    let apart = of("podAntiAffinity").and_then(Value::as_array);
    for term in apart.into_iter().flatten() {
        workload.apart = Some(domain(term.get("topologyKey"))?);
    }
    let spread = pod
        .get("topologySpreadConstraints")
        .and_then(Value::as_array);
    for constraint in spread.into_iter().flatten() {
        let hard =
            constraint.get("whenUnsatisfiable").and_then(Value::as_str) == Some("DoNotSchedule");
        if hard {
            return Err("a hard topology spread is not modelled".to_owned());
        }
    }
    Ok(())
}

fn domain(key: Option<&Value>) -> Result<Apart, String> {
    match key.and_then(Value::as_str) {
        Some("kubernetes.io/hostname") => Ok(Apart::Node),
        Some("topology.kubernetes.io/zone") => Ok(Apart::Site),
        other => Err(format!(
            "apart by {} is not modelled",
            other.unwrap_or("nothing")
        )),
    }
}
