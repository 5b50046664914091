//! What the lab file says of an app's pods, carried into its workloads: how many, what each asks
//! for, where they may run.

use model::lab::{Apart, App, Lab, Placement, Requests, TaintEffect};
use model::name::Name;
use serde_json::{Map, Value, json};

use crate::derive;

/// A node's name, as Kubernetes labels it.
const HOSTNAME: &str = "kubernetes.io/hostname";
/// What must hold of a node, and what must not be near.
const REQUIRED: &str = "requiredDuringSchedulingIgnoredDuringExecution";

/// Whether an object runs pods of an app.
pub(super) fn is_workload(object: &Value) -> bool {
    let kind = object.get("kind").and_then(Value::as_str);
    matches!(kind, Some("Deployment" | "StatefulSet" | "DaemonSet"))
}

/// Carries out what the lab file says of an app's pods. Numbers and requests are of the app as a
/// whole, so that they are carried out where it is one workload.
pub(super) fn carry_out(lab: &Lab, cluster: &Name, app: &App, objects: &mut [Value]) {
    let single = objects.iter().filter(|one| is_workload(one)).count() == 1;
    for object in objects.iter_mut().filter(|one| is_workload(one)) {
        if single {
            if let Some(replicas) = app.replicas.filter(|_| object["kind"] != "DaemonSet") {
                object["spec"]["replicas"] = json!(replicas);
            }
            if let Some(requests) = &app.requests {
                asks(requests, &mut object["spec"]["template"]["spec"]);
            }
        }
        if let Some(placement) = &app.placement {
            place(lab, cluster, placement, object);
        }
    }
}

/// Sets what a pod asks for: the first container asks for all of it. The limits go: they were meant
/// for other requests, and where a limit stands without a request it is one.
fn asks(requests: &Requests, pod: &mut Value) {
    let mut asked = Map::new();
    if let Some(millicpu) = requests.millicpu {
        asked.insert("cpu".to_owned(), json!(format!("{millicpu}m")));
    }
    if let Some(memory) = requests.memory {
        asked.insert("memory".to_owned(), json!(memory.0.to_string()));
    }
    let containers = pod["containers"].as_array_mut();
    for container in containers.into_iter().flatten() {
        container["resources"] = json!({ "requests": std::mem::take(&mut asked) });
    }
}

fn place(lab: &Lab, cluster: &Name, placement: &Placement, object: &mut Value) {
    let selector = object["spec"]["selector"].clone();
    let pod = &mut object["spec"]["template"]["spec"];
    near(lab, cluster, placement, pod);
    if placement.volatile == Some(true) {
        bear(lab, cluster, pod);
    }
    if let Some(apart) = placement.apart {
        let key = match apart {
            Apart::Node => HOSTNAME,
            Apart::Host => derive::HOST_LABEL,
            Apart::Site => derive::SITE_LABEL,
        };
        let term = json!({ "labelSelector": selector, "topologyKey": key });
        push(&mut pod["affinity"]["podAntiAffinity"][REQUIRED], term);
        if object["kind"] == "Deployment" && object["spec"]["strategy"]["type"] != "Recreate" {
            // Where every node has a pod already, a new one has no place before an old one goes.
            object["spec"]["strategy"] = json!({
                "type": "RollingUpdate", "rollingUpdate": { "maxUnavailable": 1, "maxSurge": 0 }
            });
        }
    }
}

/// On which nodes: everything that is named must hold, and one of the terms, if there are any.
fn near(lab: &Lab, cluster: &Name, placement: &Placement, pod: &mut Value) {
    let mut must = Vec::new();
    if !placement.nodes.is_empty() {
        must.push(json!({ "key": HOSTNAME, "operator": "In", "values": placement.nodes }));
    }
    must.extend(placement.labels.iter().map(is));
    if placement.volatile == Some(false) {
        let volatile: Vec<&Name> = volatile(lab, cluster).map(|(name, _)| name).collect();
        if !volatile.is_empty() {
            must.push(json!({ "key": HOSTNAME, "operator": "NotIn", "values": volatile }));
        }
    }
    let any = placement.any_of.iter().map(|labels| {
        let all: Vec<Value> = labels.iter().map(is).collect();
        json!({ "matchExpressions": all })
    });
    let own = pod.pointer(&format!(
        "/affinity/nodeAffinity/{REQUIRED}/nodeSelectorTerms"
    ));
    let own = own.and_then(Value::as_array).cloned();
    let mut terms: Vec<Value> = own.into_iter().flatten().chain(any).collect();
    if terms.is_empty() && !must.is_empty() {
        terms.push(json!({}));
    }
    if terms.is_empty() {
        return;
    }
    for term in &mut terms {
        for expression in &must {
            push(&mut term["matchExpressions"], expression.clone());
        }
    }
    pod["affinity"]["nodeAffinity"][REQUIRED] = json!({ "nodeSelectorTerms": terms });
}

fn is((key, value): (&String, &String)) -> Value {
    json!({ "key": key, "operator": "In", "values": [value] })
}

/// Bears what keeps others off nodes of hosts that come and go.
fn bear(lab: &Lab, cluster: &Name, pod: &mut Value) {
    let mut borne = Vec::new();
    for (_, node) in volatile(lab, cluster) {
        let taints = derive::node_taints(lab, node).into_iter();
        let hard = taints.filter(|taint| taint.effect != TaintEffect::PreferNoSchedule);
        for taint in hard.filter(|taint| taint.key != derive::CONTROL_PLANE_TAINT) {
            let toleration = match &taint.value {
                Some(value) => json!({
                    "key": taint.key, "operator": "Equal", "value": value, "effect": taint.effect
                }),
                None => json!({
                    "key": taint.key, "operator": "Exists", "effect": taint.effect
                }),
            };
            if !borne.contains(&toleration) {
                borne.push(toleration);
            }
        }
    }
    for toleration in borne {
        push(&mut pod["tolerations"], toleration);
    }
}

/// The nodes of a cluster on hosts that come and go.
fn volatile<'a>(
    lab: &'a Lab,
    cluster: &Name,
) -> impl Iterator<Item = (&'a Name, &'a model::lab::Node)> {
    lab.nodes_of(cluster).filter(|(_, node)| {
        lab.host_of(node)
            .is_some_and(|host| host.availability.may_be_off())
    })
}

/// Adds to a list, which may not be there yet.
pub(super) fn push(list: &mut Value, item: Value) {
    match list.as_array_mut() {
        Some(list) => list.push(item),
        None => *list = Value::Array(vec![item]),
    }
}
