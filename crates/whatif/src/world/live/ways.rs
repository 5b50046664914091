//! How workloads of a running cluster are reached from outside, and who answers for addresses.

use serde_json::Value;

use super::{Live, Placed};
use crate::bits::Bits;
use crate::fields::{list, pod_labels, text};
use crate::ids::{ClusterId, NodeId, WorkloadId};
use crate::world::selectors::{self, Labels};
use crate::world::{BalancerKind, Way, World};

/// The label with the name of what runs, as most charts set it.
const NAME: &str = "app.kubernetes.io/name";

/// A workload with its namespace and the labels of its pods.
type Named<'a> = (WorkloadId, &'a str, Labels);

/// Takes over the ways in.
pub(super) fn take(live: &Live, world: &mut World, placed: &[Placed<'_>]) {
    let of = |kind: &str| -> Vec<&Value> {
        let all = live.objects.iter().filter(|one| text(one, "/kind") == kind);
        all.collect()
    };
    let services = of("Service");
    let all: Vec<Named<'_>> = placed
        .iter()
        .map(|(id, object)| (*id, text(object, "/metadata/namespace"), pod_labels(object)))
        .collect();
    for (id, namespace, labels) in &all {
        let own = services
            .iter()
            .filter(|service| leads_to(service, namespace, labels));
        let mut ways = own.filter_map(|service| way(service)).collect::<Vec<Way>>();
        // An address of the network is told before the ports of nodes.
        ways.sort_by_key(|way| matches!(way, Way::Unknown(_)));
        world.workloads[*id].way = ways.into_iter().next();
        if live.refused.contains("services") {
            let why = "how it is reached is not known: the server does not show services";
            world.workloads[*id].way = Some(Way::Unknown(why.to_owned()));
        }
    }
    let (ingresses, classes) = (of("Ingress"), of("IngressClass"));
    for (id, namespace, labels) in &all {
        let mut own = services
            .iter()
            .filter(|service| leads_to(service, namespace, labels));
        let door = ingresses.iter().find(|ingress| {
            text(ingress, "/metadata/namespace") == *namespace
                && own.any(|service| names(ingress, text(service, "/metadata/name")))
        });
        if let Some(ingress) = door.filter(|_| world.workloads[*id].way.is_none()) {
            world.workloads[*id].way = Some(through(world, ingress, &classes, &all));
        }
    }
    speakers(live, world, placed);
}

/// Whether a Service leads to pods with these labels.
fn leads_to(service: &Value, namespace: &str, labels: &Labels) -> bool {
    let selector = selectors::equal(service.pointer("/spec/selector"));
    !selector.is_empty()
        && text(service, "/metadata/namespace") == namespace
        && selectors::all_hold(&selector, labels)
}

/// The way that a Service makes from outside; `None`: none.
fn way(service: &Value) -> Option<Way> {
    let name = text(service, "/metadata/name");
    match text(service, "/spec/type") {
        "LoadBalancer" if list(service, "/status/loadBalancer/ingress").is_empty() => Some(
            Way::Unknown(format!("its Service {name} has got no address")),
        ),
        "LoadBalancer" => Some(Way::Balanced {
            keep_source: text(service, "/spec/externalTrafficPolicy") == "Local",
        }),
        "NodePort" => Some(Way::Unknown(format!(
            "its Service {name} is a port of each node, and which node clients ask is not told"
        ))),
        _ => None,
    }
}

/// Whether an Ingress names a Service.
fn names(ingress: &Value, service: &str) -> bool {
    let is = |backend: &Value| text(backend, "/service/name") == service;
    let rules = list(ingress, "/spec/rules").iter();
    let mut paths = rules.flat_map(|rule| list(rule, "/http/paths"));
    ingress.pointer("/spec/defaultBackend").is_some_and(is)
        || paths.any(|path| path.get("backend").is_some_and(is))
}

/// The workload that leads in by an Ingress: the one that is called as its class's controller.
fn through(world: &World, ingress: &Value, classes: &[&Value], labels: &[Named<'_>]) -> Way {
    let name = text(ingress, "/spec/ingressClassName");
    let class = classes
        .iter()
        .find(|class| text(class, "/metadata/name") == name);
    let controller = class.map_or("", |class| text(class, "/spec/controller"));
    let words: Vec<&str> = controller
        .split('/')
        .flat_map(|part| [Some(part), part.split('.').next()])
        .flatten()
        .collect();
    let mut doors = labels.iter().filter(|(id, _, labels)| {
        let called = labels.get(NAME).map_or("", String::as_str);
        let balanced = matches!(world.workloads[*id].way, Some(Way::Balanced { .. }));
        balanced && words.contains(&called)
    });
    match (doors.next(), doors.next()) {
        (Some((id, ..)), None) => Way::Through(*id),
        _ => Way::Unknown(format!(
            "the Ingress {} leads to it, and what carries that is not told",
            text(ingress, "/metadata/name")
        )),
    }
}

/// `MetalLB`: the nodes that have a speaker and that an advertisement means answer for addresses.
fn speakers(live: &Live, world: &mut World, placed: &[Placed<'_>]) {
    let of = |kind: &str| -> Vec<&Value> {
        let all = live.objects.iter();
        all.filter(|one| {
            text(one, "/kind") == kind && text(one, "/apiVersion").starts_with("metallb.io/")
        })
        .collect()
    };
    let (pools, announced, routes) = (
        of("IPAddressPool"),
        of("L2Advertisement"),
        of("BGPAdvertisement"),
    );
    let Some(cluster) = world.clusters.ids().next() else {
        return;
    };
    if pools.is_empty() || world.clusters[cluster].balancer.is_none() {
        return;
    }
    if announced.is_empty() {
        let why = if routes.is_empty() {
            "nothing announces the addresses of MetalLB's pools"
        } else {
            "the routers that MetalLB tells its addresses are not told"
        };
        set_kind(world, cluster, BalancerKind::Unknown(why.to_owned()));
        return;
    }
    let mut nodes = Bits::none(world.nodes.len());
    for one in &announced {
        let terms = list(one, "/spec/nodeSelectors");
        for (id, node) in world.nodes.iter() {
            let fits = |term: &Value| match selectors::of_pods(Some(term)) {
                Ok(Some(wanted)) => selectors::all_hold(&wanted, &node.labels),
                Ok(None) | Err(_) => false,
            };
            if terms.is_empty() || terms.iter().any(fits) {
                nodes.insert(id);
            }
        }
    }
    if let Some(speaking) = speaking(world, placed) {
        nodes.keep(&speaking);
    }
    if let Some(balancer) = &mut world.clusters[cluster].balancer {
        balancer.speakers.keep(&nodes);
    }
}

fn set_kind(world: &mut World, cluster: ClusterId, kind: BalancerKind) {
    if let Some(balancer) = &mut world.clusters[cluster].balancer {
        balancer.kind = kind;
    }
}

/// The nodes with a pod of `MetalLB`'s speaker; `None`: it is not found.
fn speaking(world: &World, placed: &[Placed<'_>]) -> Option<Bits<NodeId>> {
    let speaker = placed.iter().find(|(_, object)| {
        let labels = pod_labels(object);
        let is = |key: &str, value: &str| labels.get(key).is_some_and(|own| own == value);
        text(object, "/kind") == "DaemonSet"
            && (is(NAME, "metallb") || is("app", "metallb"))
            && text(object, "/metadata/name").contains("speaker")
    });
    let (id, _) = speaker?;
    let at = world.workloads[*id].at.iter().copied();
    Some(Bits::of(world.nodes.len(), at))
}
