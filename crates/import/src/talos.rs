//! Talos' own machine configurations, `v1alpha1`: a file for each node.
//!
//! What a lab has fields for is placed there. Everything else of a machine's configuration becomes
//! a Talos patch: what all nodes have, one of the cluster; the rest, one of the node. Versions
//! stand in the names of images.

mod machine;

use std::collections::BTreeMap;

use model::lab::Role;
use serde_json::{Map, Value};

use crate::fields::Fields;
use crate::machines::{self, ClusterFacts, NodeFacts};
use crate::{Files, ImportError, Imported, document, patch_facts};

/// What is read from all files.
#[derive(Default)]
struct Found {
    cluster: ClusterFacts,
    nodes: Vec<NodeFacts>,
    /// What a machine's configuration holds beyond its fields, by the order of the nodes.
    patches: Vec<Value>,
    /// Documents of other kinds, fields that are told.
    leftover: Vec<Fields>,
    /// Places of secrets.
    secrets: Vec<String>,
    derived: Vec<String>,
}

pub(crate) fn import(files: &Files) -> Result<Imported, ImportError> {
    let mut found = Found::default();
    // Control planes first: what their files say of the cluster counts.
    let mut read: Vec<(bool, &String, Vec<Value>)> = Vec::new();
    for (file, text) in files {
        let documents = document::yaml(file, text)?;
        let kind = documents
            .iter()
            .find_map(|one| one.pointer("/machine/type"));
        if let Some(kind) = kind.and_then(Value::as_str) {
            read.push((kind == "worker" || kind == "join", file, documents));
        }
    }
    read.sort_by_key(|(worker, file, _)| (*worker, *file));
    for (_, file, documents) in read {
        machine::file(&mut found, file, documents)?;
    }
    if found.nodes.is_empty() {
        return Err(ImportError::Nothing {
            what: "Talos machine configuration (a document with machine.type)",
        });
    }
    share(&mut found);
    patch_facts::take_facts(&mut found.cluster, &mut found.nodes);
    if found.cluster.name.is_empty() {
        "talos".clone_into(&mut found.cluster.name);
        found
            .derived
            .push("the name talos: the files tell no name of the cluster".to_owned());
    }
    let mut draft = machines::assemble(found.cluster, found.nodes)?;
    for line in found.derived {
        draft.derived(line);
    }
    for place in found.secrets {
        draft.left_out(&place);
    }
    for fields in found.leftover {
        draft.rest(fields);
    }
    patch_facts::without_secrets(&mut draft);
    Ok(draft.finish())
}

/// What all nodes have becomes the cluster's patch.
fn share(found: &mut Found) {
    let mut common = found.patches.first().cloned().unwrap_or_default();
    for patch in &found.patches {
        common = shared(&common, patch);
    }
    // Of `cluster` workers have only a part; what all control planes agree on is the cluster's.
    let planes: Vec<&Value> = found
        .nodes
        .iter()
        .zip(&found.patches)
        .filter(|(node, _)| node.role == Role::ControlPlane)
        .filter_map(|(_, patch)| patch.get("cluster"))
        .collect();
    if let Some(first) = planes.first() {
        let cluster = planes
            .iter()
            .fold((*first).clone(), |all, one| shared(&all, one));
        if let (Value::Object(map), Value::Object(inner)) = (&mut common, &cluster)
            && !inner.is_empty()
        {
            map.insert("cluster".to_owned(), cluster);
        }
    }
    for (node, patch) in found
        .nodes
        .iter_mut()
        .zip(std::mem::take(&mut found.patches))
    {
        let own = without(patch, &common);
        if own.as_object().is_some_and(|map| !map.is_empty()) {
            node.patches.push(own);
        }
    }
    if common.as_object().is_some_and(|map| !map.is_empty()) {
        found.cluster.patches.push(common);
    }
}

/// What two maps have in common.
fn shared(one: &Value, other: &Value) -> Value {
    let (Value::Object(one), Value::Object(other)) = (one, other) else {
        return Value::Null;
    };
    let mut common = Map::new();
    for (key, value) in one {
        match (value, other.get(key)) {
            (_, Some(same)) if same == value => {
                common.insert(key.clone(), value.clone());
            }
            (Value::Object(_), Some(inner @ Value::Object(_))) => {
                let inner = shared(value, inner);
                if inner.as_object().is_some_and(|map| !map.is_empty()) {
                    common.insert(key.clone(), inner);
                }
            }
            _ => {}
        }
    }
    Value::Object(common)
}

/// A map without what another says already.
fn without(value: Value, known: &Value) -> Value {
    let (Value::Object(map), Value::Object(known)) = (value, known) else {
        return Value::Null;
    };
    let mut own = BTreeMap::new();
    for (key, value) in map {
        match (known.get(&key), value) {
            (Some(same), value) if *same == value => {}
            (Some(inner @ Value::Object(_)), value @ Value::Object(_)) => {
                let rest = without(value, inner);
                if rest.as_object().is_some_and(|map| !map.is_empty()) {
                    own.insert(key, rest);
                }
            }
            (_, value) => {
                own.insert(key, value);
            }
        }
    }
    Value::Object(own.into_iter().collect())
}
