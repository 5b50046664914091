//! Looking at members: from inside their machines, and through the API server.

use std::collections::BTreeMap;
use std::time::Duration;

use driver::{DriverError, Scope};
use jiff::Timestamp;
use model::inventory::{Observed, Remedy};
use model::lab::Role;
use model::name::Name;
use model::resource::{Address, Kind, Member, Resource, Spec};
use serde_json::Value;

use super::inside::{Inside, Marker};
use super::{Kubeadm, certificates, etcd, node_object, ranges, shutdown};
use crate::kube::object::{lab_of, text};
use crate::kube::readiness::condition;
use crate::leaving;

/// How long an API server may take to answer an observation.
const ANSWER: Duration = Duration::from_secs(3);

/// What a cluster's API server says of its nodes.
enum Nodes {
    /// It was never made.
    Never,
    /// It does not answer.
    Silent(String),
    /// Its Node objects, by name.
    Known(BTreeMap<String, Value>),
}

pub(super) fn observe(
    driver: &Kubeadm,
    scope: &Scope,
    wanted: &[&Resource],
) -> Result<BTreeMap<Address, Observed>, DriverError> {
    let members: Vec<_> = wanted
        .iter()
        .filter_map(|one| match &one.spec {
            Spec::Member(member) => Some((&one.address, member)),
            _ => None,
        })
        .collect();
    let mut names = driver.clusters.forwarded(scope)?;
    names.extend(members.iter().map(|(_, member)| member.cluster.clone()));
    names.sort();
    names.dedup();
    let clusters: BTreeMap<Name, Nodes> = names
        .into_iter()
        .map(|name| {
            let nodes = nodes(driver, scope, &name);
            (name, nodes)
        })
        .collect();
    let mut seen = BTreeMap::new();
    // Entering a machine takes a few milliseconds each: all at once.
    std::thread::scope(|threads| {
        let looks: Vec<_> = members
            .iter()
            .filter_map(|(address, member)| {
                let nodes = clusters.get(&member.cluster)?;
                let inside = driver.inside(scope, &address.name);
                Some((*address, threads.spawn(move || look(inside, member, nodes))))
            })
            .collect();
        for (address, look) in looks {
            let observed = look
                .join()
                .unwrap_or_else(|_| Some(Observed::unseen("the look at it failed")));
            seen.extend(observed.map(|observed| (address.clone(), observed)));
        }
    });
    for nodes in clusters.values() {
        seen.extend(undeclared(scope, &members, nodes));
    }
    Ok(seen)
}

fn nodes(driver: &Kubeadm, scope: &Scope, cluster: &Name) -> Nodes {
    match driver.clusters.known(cluster) {
        Ok(false) => return Nodes::Never,
        Ok(true) => {}
        Err(error) => return Nodes::Silent(error.chain().join(": ")),
    }
    let connection = match driver.clusters.connect(scope, cluster) {
        Ok(connection) => connection,
        Err(error) => return Nodes::Silent(error.chain().join(": ")),
    };
    match node_object::list(&connection, ANSWER) {
        Ok(list) => Nodes::Known(
            list.into_iter()
                .map(|node| (text(&node, "/metadata/name").to_owned(), node))
                .collect(),
        ),
        Err(error) => Nodes::Silent(error.to_string()),
    }
}

/// One wanted member; `None` where nothing of it is there.
fn look(inside: Inside<'_>, member: &Member, nodes: &Nodes) -> Option<Observed> {
    let mut seen = examined(inside, member, nodes)?;
    if !seen.faults.is_empty() && leaving::under_way(inside.machines, inside.scope, inside.node) {
        seen.faults.clear();
        seen = seen.fault("its machine is being shut down", None, Remedy::Wait);
    }
    Some(seen)
}

fn examined(inside: Inside<'_>, member: &Member, nodes: &Nodes) -> Option<Observed> {
    if matches!(nodes, Nodes::Never) {
        return None;
    }
    let marker = match inside.marker() {
        Ok(Some(marker)) => marker,
        Ok(None) => return half_made(inside),
        Err(error) => return Some(Observed::unseen(error.chain().join(": "))),
    };
    if marker.lab != inside.scope.id {
        let found = format!("a member of a cluster of lab {}", marker.lab);
        return Some(Observed::foreign(found));
    }
    let Marker {
        digest,
        generation,
        member: old,
        ..
    } = marker;
    let mut observed = Observed::ours(Some(digest), Some(Spec::Member(old)))
        .fact("generation", generation.0.to_string());
    if member.role == Role::ControlPlane {
        match etcd::part(inside) {
            Ok(part) => {
                observed = observed.fact("etcd", part.word());
                let several = (member.planes.len() > 1).then(|| etcd::voting_members(inside));
                if let Some(count) = several.flatten() {
                    observed = observed.fact("etcd-members", count.to_string());
                }
            }
            Err(why) if matches!(nodes, Nodes::Known(_)) => {
                observed = observed.fault("its etcd is not well", Some(why), Remedy::Repair);
            }
            // The API server does not answer, of which this is the cause or not; told below.
            Err(_) => {}
        }
        if let Some(end) = certificates::first_end(inside) {
            observed = end.told(observed, &member.certificates, Timestamp::now());
        }
    }
    Some(match nodes {
        Nodes::Never => observed,
        Nodes::Silent(why) => {
            let plane = member.role == Role::ControlPlane;
            let cause = plane.then(|| inside.kubelet_error()).flatten();
            let remedy = if plane { Remedy::Repair } else { Remedy::Wait };
            observed.fault(
                "the API server does not answer",
                Some(cause.unwrap_or_else(|| why.clone())),
                remedy,
            )
        }
        Nodes::Known(nodes) => match nodes.get(inside.node.as_str()) {
            None => observed.fault("it is not registered any more", None, Remedy::Repair),
            Some(node) => ranges::judge(judge(observed, inside, member, node), inside, node),
        },
    })
}

fn half_made(inside: Inside<'_>) -> Option<Observed> {
    match inside.remains() {
        Ok(remains) if remains.begun => Some(Observed::ours(None, None)),
        Ok(_) => None,
        Err(error) => Some(Observed::unseen(error.chain().join(": "))),
    }
}

/// What is wrong with a registered node.
fn judge(observed: Observed, inside: Inside<'_>, member: &Member, node: &Value) -> Observed {
    let mut observed = observed
        .fact("version", text(node, "/status/nodeInfo/kubeletVersion"))
        .fact("cpu", text(node, "/status/capacity/cpu"))
        .fact("memory", text(node, "/status/capacity/memory"));
    match condition(node, "Ready") {
        Some(("True", _)) => {}
        Some((status, message)) => {
            let remedy = if status == "Unknown" {
                Remedy::Repair
            } else {
                Remedy::Wait
            };
            let cause = match inside.kubelet_error() {
                Some(line) => format!("{message}; kubelet's last error: {line}"),
                None => message.to_owned(),
            };
            observed = observed.fault("the node is not ready", Some(cause), remedy);
        }
        None => observed = observed.fault("kubelet has not reported yet", None, Remedy::Wait),
    }
    if shutdown::is_over(node, Timestamp::now()) {
        let what = "it takes no pods since its host was to be shut down";
        observed = observed.fault(what, None, Remedy::Repair);
    }
    if !node_object::marked(node, member) {
        let what = "its labels or taints were changed by somebody";
        observed = observed.fault(what, None, Remedy::Repair);
    }
    observed
}

/// Nodes of ours that are declared no more.
fn undeclared(
    scope: &Scope,
    wanted: &[(&Address, &Member)],
    nodes: &Nodes,
) -> Vec<(Address, Observed)> {
    let Nodes::Known(nodes) = nodes else {
        return Vec::new();
    };
    let own = scope.id.to_string();
    nodes
        .iter()
        .filter(|(_, node)| lab_of(node) == Some(own.as_str()))
        .filter_map(|(name, node)| {
            let address = Address::new(Kind::Member, name.parse().ok()?);
            if wanted.iter().any(|(one, _)| **one == address) {
                return None;
            }
            let (digest, member) = node_object::recorded(node)?;
            Some((
                address,
                Observed::ours(Some(digest), Some(Spec::Member(member))),
            ))
        })
        .collect()
}
