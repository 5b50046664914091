//! Facts of a cluster that people write as patches and a lab has fields for.

use serde_json::Value;

use crate::draft::Draft;
use crate::machines::{ClusterFacts, NodeFacts};
use model::lab::{Patch, Role};

/// Takes what the lab has fields for out of the patches.
pub(crate) fn take_facts(cluster: &mut ClusterFacts, nodes: &mut [NodeFacts]) {
    // What stands under `cluster` is read by control planes only: one of them speaks for all.
    let mut patches: Vec<&mut Value> = cluster.patches.iter_mut().collect();
    let kubeprism = patches
        .iter_mut()
        .filter_map(|patch| take(patch, &["machine", "features", "kubePrism"]))
        .last();
    let planes = nodes
        .iter_mut()
        .filter(|node| node.role == Role::ControlPlane);
    patches.extend(planes.flat_map(|node| &mut node.patches));
    for patch in patches {
        if let Some(value) = take(patch, &["cluster", "proxy", "disabled"]) {
            cluster.no_proxy = value == Value::Bool(true);
        }
        for field in ["allowSchedulingOnControlPlanes", "allowSchedulingOnMasters"] {
            if let Some(value) = take(patch, &["cluster", field]) {
                cluster.untainted = value == Value::Bool(true);
            }
        }
        if let Some(Value::String(name)) = take(patch, &["cluster", "network", "cni", "name"]) {
            cluster.cni = Some(name);
        }
    }
    if let Some(kubeprism) = kubeprism {
        let port = kubeprism.get("port").and_then(Value::as_u64);
        let on = kubeprism.get("enabled") != Some(&Value::Bool(false));
        cluster.kubeprism = if on {
            port.and_then(|port| port.try_into().ok())
        } else {
            Some(0)
        };
    }
    let empty = |patch: &Value| patch.as_object().is_some_and(serde_json::Map::is_empty);
    cluster.patches.retain(|patch| !empty(patch));
    for node in nodes {
        node.patches.retain(|patch| !empty(patch));
    }
}

/// Takes a value out, with the maps around it that hold nothing else.
pub(crate) fn take(value: &mut Value, path: &[&str]) -> Option<Value> {
    let (first, rest) = path.split_first()?;
    let map = value.as_object_mut()?;
    if rest.is_empty() {
        return map.remove(*first);
    }
    let inner = map.get_mut(*first)?;
    let taken = take(inner, rest);
    if taken.is_some() && inner.as_object().is_some_and(serde_json::Map::is_empty) {
        map.remove(*first);
    }
    taken
}

/// Takes secrets out of all patches of a lab.
pub(crate) fn without_secrets(draft: &mut Draft) {
    let mut clusters = std::mem::take(&mut draft.lab.clusters);
    for (name, cluster) in &mut clusters {
        clean(
            draft,
            &format!("clusters.{name}.patches"),
            &mut cluster.patches,
        );
    }
    draft.lab.clusters = clusters;
    let mut nodes = std::mem::take(&mut draft.lab.nodes);
    for (name, node) in &mut nodes {
        clean(draft, &format!("nodes.{name}.patches"), &mut node.patches);
    }
    draft.lab.nodes = nodes;
}

fn clean(draft: &mut Draft, place: &str, patches: &mut Vec<Patch>) {
    let all = std::mem::take(patches);
    for (position, patch) in all.into_iter().enumerate() {
        let Patch::Talos(value) = patch else {
            patches.push(patch);
            continue;
        };
        let place = format!("{place}[{position}]");
        let kept = draft.usable(&place, value);
        patches.extend(kept.map(Patch::Talos));
    }
}
