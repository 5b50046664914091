//! A pod template: what it asks for, what it bears, and what it says of its node and of other pods.

use std::net::IpAddr;

use model::lab::TaintEffect;
use model::quantity::Bytes;
use serde_json::Value;

use super::manifests::Claim;
use super::selectors::{self, Is, Labels, Requirement};
use super::{Ask, HostPort, Protocol, Workload};
use crate::fields::{list, number, pod_labels, text};
use crate::place::eligible::{Term, Toleration, Wish};

/// What a pod template says of other pods, before it is known who they are.
#[derive(Debug, Clone, Default)]
pub(super) struct Shape {
    /// The namespace that its object names.
    pub(super) namespace: Option<String>,
    /// Its own labels.
    pub(super) labels: Labels,
    /// Pods that it must be near.
    pub(super) near: Vec<Others>,
    /// Pods that it must be away from.
    pub(super) away: Vec<Others>,
    /// Over what it must be spread.
    pub(super) spread: Vec<Spreading>,
    /// Volumes that it claims.
    pub(super) claims: Vec<Claim>,
}

/// Other pods, and what is meant by near.
#[derive(Debug, Clone)]
pub(super) struct Others {
    /// The node label whose value tells places apart.
    pub(super) key: String,
    /// Labels of the pods; `None`: no pod.
    pub(super) selector: Option<Vec<Requirement>>,
    /// Their namespaces.
    pub(super) namespaces: Namespaces,
}

/// Which namespaces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Namespaces {
    /// Its own.
    Own,
    /// All of them.
    All,
    /// These.
    Named(Vec<String>),
}

/// A hard constraint of spread.
#[derive(Debug, Clone)]
pub(super) struct Spreading {
    pub(super) others: Others,
    pub(super) most: u32,
    pub(super) least_domains: usize,
    /// Only nodes that its node affinity takes count.
    pub(super) wanted_only: bool,
    /// Only nodes whose taints it bears count.
    pub(super) borne_only: bool,
}

/// Takes over what a pod template says.
///
/// # Errors
/// What of it the model does not know.
pub(super) fn take(
    object: &Value,
    pod: &Value,
    workload: &mut Workload,
    wish: &mut Wish,
) -> Result<Shape, String> {
    workload.asks = asks(pod)?;
    workload.ports = host_ports(pod);
    tolerations(pod, workload, wish)?;
    for requirement in selectors::equal(pod.get("nodeSelector")) {
        if let Is::In(mut values) = requirement.is {
            wish.labels
                .insert(requirement.key, values.pop().unwrap_or_default());
        }
    }
    node_affinity(pod, wish)?;
    let namespace = object.pointer("/metadata/namespace");
    let mut shape = Shape {
        namespace: namespace.and_then(Value::as_str).map(str::to_owned),
        labels: pod_labels(object),
        claims: claims(pod),
        ..Shape::default()
    };
    let required = "requiredDuringSchedulingIgnoredDuringExecution";
    let of = |kind: &str| {
        let terms = list(pod, &format!("/affinity/{kind}/{required}")).iter();
        let terms = terms.map(|term| others(term, &shape.labels));
        terms.collect::<Result<Vec<_>, _>>()
    };
    let (near, away) = (of("podAffinity")?, of("podAntiAffinity")?);
    shape.spread = spread(pod, &shape.labels)?;
    shape.near = near;
    shape.away = away;
    Ok(shape)
}

fn claims(pod: &Value) -> Vec<Claim> {
    let all = list(pod, "/volumes").iter();
    all.filter_map(|volume| {
        let name = volume.pointer("/persistentVolumeClaim/claimName")?.as_str();
        Some(Claim {
            name: name?.to_owned(),
            volume: None,
            wanted: None,
        })
    })
    .collect()
}

/// What a pod asks for, as the scheduler counts: its containers together, or the largest of what
/// runs before them, whichever is more. Source: Kubernetes, `k8s.io/component-helpers/resource`.
fn asks(pod: &Value) -> Result<Ask, String> {
    let mut sum = Ask::default();
    for container in list(pod, "/containers") {
        sum = plus(sum, of_one(container)?);
    }
    let (mut beside, mut most) = (Ask::default(), Ask::default());
    for container in list(pod, "/initContainers") {
        let one = of_one(container)?;
        let goes_on = text(container, "/restartPolicy") == "Always";
        let now = plus(beside, one);
        if goes_on {
            beside = now;
        }
        most = larger(most, now);
    }
    let mut all = larger(plus(sum, beside), most);
    // What is said of the pod as a whole goes before what is said of its containers.
    let whole = of_one(pod)?;
    if whole.millicpu > 0 {
        all.millicpu = whole.millicpu;
    }
    if whole.memory > 0 {
        all.memory = whole.memory;
    }
    let overhead = pod.get("overhead");
    let over = |what: &str| overhead.and_then(|overhead| overhead.get(what));
    Ok(plus(
        all,
        Ask {
            millicpu: over("cpu").map_or(Ok(0), millicpu)?,
            memory: over("memory").map_or(Ok(0), memory)?,
        },
    ))
}

fn plus(one: Ask, other: Ask) -> Ask {
    Ask {
        millicpu: one.millicpu + other.millicpu,
        memory: one.memory + other.memory,
    }
}

fn larger(one: Ask, other: Ask) -> Ask {
    Ask {
        millicpu: one.millicpu.max(other.millicpu),
        memory: one.memory.max(other.memory),
    }
}

/// What one container asks for; where it only has a limit, that.
fn of_one(container: &Value) -> Result<Ask, String> {
    let table = |which: &str| container.pointer(&format!("/resources/{which}"));
    let all = [table("limits"), table("requests")];
    for name in all.iter().flatten().filter_map(|one| one.as_object()) {
        let other = name
            .keys()
            .find(|key| !["cpu", "memory", "ephemeral-storage"].contains(&key.as_str()));
        if let Some(other) = other {
            return Err(format!("it asks for {other}, which is not modelled"));
        }
    }
    let [limits, requests] = all;
    let of = |what: &str| {
        let asked = requests.and_then(|one| one.get(what));
        asked.or_else(|| limits.and_then(|one| one.get(what)))
    };
    Ok(Ask {
        millicpu: of("cpu").map_or(Ok(0), millicpu)?,
        memory: of("memory").map_or(Ok(0), memory)?,
    })
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

/// Ports of the node that a pod takes; one that lives in the node's network takes all of its own.
fn host_ports(pod: &Value) -> Vec<HostPort> {
    let in_network = pod.get("hostNetwork") == Some(&Value::Bool(true));
    let goes_on = |one: &&Value| text(one, "/restartPolicy") == "Always";
    let before = list(pod, "/initContainers").iter().filter(goes_on);
    let containers = list(pod, "/containers").iter().chain(before);
    let ports = containers.flat_map(|container| list(container, "/ports"));
    ports
        .filter_map(|port| {
            let own = port.get("hostPort").filter(|port| port.as_u64() != Some(0));
            let number = own.or_else(|| port.get("containerPort").filter(|_| in_network))?;
            let address = text(port, "/hostIP").parse::<IpAddr>().ok();
            Some(HostPort {
                number: u16::try_from(number.as_u64()?).ok()?,
                protocol: match text(port, "/protocol") {
                    "UDP" => Protocol::Udp,
                    "SCTP" => Protocol::Sctp,
                    _ => Protocol::Tcp,
                },
                address: address.filter(|address| !address.is_unspecified()),
            })
        })
        .collect()
}

fn tolerations(pod: &Value, workload: &mut Workload, wish: &mut Wish) -> Result<(), String> {
    let mut patience = None;
    for toleration in list(pod, "/tolerations") {
        let effect = match text(toleration, "/effect") {
            "" => None,
            "NoSchedule" => Some(TaintEffect::NoSchedule),
            "PreferNoSchedule" => Some(TaintEffect::PreferNoSchedule),
            "NoExecute" => Some(TaintEffect::NoExecute),
            other => return Err(format!("the taint effect {other} is not known")),
        };
        let value = match text(toleration, "/operator") {
            "Exists" => None,
            "" | "Equal" => Some(text(toleration, "/value").to_owned()),
            other => return Err(format!("the toleration {other} is not modelled")),
        };
        let key = text(toleration, "/key");
        let one = Toleration {
            key: (!key.is_empty()).then(|| key.to_owned()),
            value,
            effect,
        };
        // The first one that bears the taint of a node that is gone counts (rule 3).
        let gone = "node.kubernetes.io/unreachable";
        if patience.is_none() && one.bears(gone, "", TaintEffect::NoExecute) {
            let seconds = toleration.get("tolerationSeconds").and_then(Value::as_i64);
            patience = Some(seconds.map_or(u64::MAX, |seconds| {
                u64::try_from(seconds).unwrap_or(0).saturating_mul(1000)
            }));
        }
        wish.tolerates.push(one);
    }
    workload.patience = patience.unwrap_or(workload.patience);
    Ok(())
}

fn node_affinity(pod: &Value, wish: &mut Wish) -> Result<(), String> {
    let required = "/affinity/nodeAffinity/requiredDuringSchedulingIgnoredDuringExecution";
    let terms = pod.pointer(required);
    let Some(terms) = terms.and_then(|one| one.get("nodeSelectorTerms")?.as_array()) else {
        return Ok(());
    };
    let terms = terms.iter().map(|term| {
        Ok(Term {
            labels: selectors::expressions(term.get("matchExpressions"))?,
            name: selectors::expressions(term.get("matchFields"))?,
        })
    });
    wish.terms = Some(terms.collect::<Result<_, String>>()?);
    Ok(())
}

/// A term of affinity or anti-affinity.
fn others(term: &Value, own: &Labels) -> Result<Others, String> {
    let named: Vec<String> = list(term, "/namespaces")
        .iter()
        .filter_map(Value::as_str)
        .map(str::to_owned)
        .collect();
    let selector = term.get("namespaceSelector").filter(|one| !one.is_null());
    let namespaces = match selector.map(|one| selectors::of_pods(Some(one))) {
        Some(Ok(Some(all))) if all.is_empty() => Namespaces::All,
        Some(_) => return Err("a selector of namespaces is not modelled".to_owned()),
        None if named.is_empty() => Namespaces::Own,
        None => Namespaces::Named(named),
    };
    let mut selector = selectors::of_pods(term.get("labelSelector"))?;
    add_keys(term, "/matchLabelKeys", own, &mut selector, Is::In);
    add_keys(term, "/mismatchLabelKeys", own, &mut selector, Is::NotIn);
    Ok(Others {
        key: key(term)?,
        selector,
        namespaces,
    })
}

/// Adds labels whose value is, or is not, that of the pod itself.
fn add_keys(
    term: &Value,
    pointer: &str,
    own: &Labels,
    selector: &mut Option<Vec<Requirement>>,
    is: impl Fn(Vec<String>) -> Is,
) {
    for key in list(term, pointer).iter().filter_map(Value::as_str) {
        if let (Some(value), Some(all)) = (own.get(key), selector.as_mut()) {
            all.push(Requirement {
                key: key.to_owned(),
                is: is(vec![value.clone()]),
            });
        }
    }
}

fn key(of: &Value) -> Result<String, String> {
    let key = of.get("topologyKey").and_then(Value::as_str);
    key.map(str::to_owned)
        .ok_or_else(|| "a term about other pods has no topologyKey".to_owned())
}

/// Hard constraints of spread; soft ones only sort nodes that fit.
fn spread(pod: &Value, own: &Labels) -> Result<Vec<Spreading>, String> {
    let mut hard = Vec::new();
    for one in list(pod, "/topologySpreadConstraints") {
        if text(one, "/whenUnsatisfiable") == "ScheduleAnyway" {
            continue;
        }
        let number_or_one = |pointer: &str| number(one, pointer).unwrap_or(1);
        let mut selector = selectors::of_pods(one.get("labelSelector"))?;
        add_keys(one, "/matchLabelKeys", own, &mut selector, Is::In);
        hard.push(Spreading {
            others: Others {
                key: key(one)?,
                // An empty selector counts no pod here, other than elsewhere.
                selector: selector.filter(|selector| !selector.is_empty()),
                namespaces: Namespaces::Own,
            },
            most: u32::try_from(number_or_one("/maxSkew")).unwrap_or(u32::MAX),
            least_domains: usize::try_from(number_or_one("/minDomains")).unwrap_or(1),
            wanted_only: text(one, "/nodeAffinityPolicy") != "Ignore",
            borne_only: text(one, "/nodeTaintsPolicy") == "Honor",
        });
    }
    Ok(hard)
}
