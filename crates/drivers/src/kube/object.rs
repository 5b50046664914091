//! Kubernetes objects as data: what identifies one, and the marks that make it ours.

use std::fmt;

use driver::Scope;
use model::digest::Digest;
use model::resource::Address;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::kinds::root;

/// The label that says to which lab an object belongs.
pub(crate) const LAB: &str = "steading.dev/lab";
/// The annotation that says to which resource of the lab.
pub(crate) const ADDRESS: &str = "steading.dev/address";
/// The annotation with the digest of what the object was made from.
pub(crate) const DIGEST: &str = "steading.dev/digest";
/// The name under which the API server remembers which fields are ours.
pub(crate) const MANAGER: &str = "steading";

/// How an API server calls a kind in paths.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Plural {
    pub(crate) plural: String,
    pub(crate) namespaced: bool,
}

/// What identifies an object in a cluster.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct ObjectRef {
    pub(crate) api_version: String,
    pub(crate) kind: String,
    pub(crate) plural: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) namespace: Option<String>,
    pub(crate) name: String,
}

impl ObjectRef {
    /// The object's path.
    pub(crate) fn path(&self) -> String {
        format!("{}/{}", self.collection(), segment(&self.name))
    }

    /// The path of all objects of its kind, in its namespace.
    pub(crate) fn collection(&self) -> String {
        let root = root(&self.api_version);
        match &self.namespace {
            Some(namespace) => {
                format!("{root}/namespaces/{}/{}", segment(namespace), self.plural)
            }
            None => format!("{root}/{}", self.plural),
        }
    }

    /// Whether both mean one object: versions of one API group are views of one thing.
    pub(crate) fn same(&self, other: &Self) -> bool {
        let group = |version: &str| version.split_once('/').map(|(group, _)| group.to_owned());
        group(&self.api_version) == group(&other.api_version)
            && self.kind == other.kind
            && self.namespace == other.namespace
            && self.name == other.name
    }
}

impl fmt::Display for ObjectRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.namespace {
            Some(namespace) => write!(f, "{} {namespace}/{}", self.kind, self.name),
            None => write!(f, "{} {}", self.kind, self.name),
        }
    }
}

/// A text as one segment of a path: whatever a manifest says, it stays inside its place.
pub(crate) fn segment(text: &str) -> String {
    use fmt::Write as _;
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_~:".contains(&byte) {
            out.push(char::from(byte));
        } else if byte == b'.' && text.bytes().any(|b| b != b'.') {
            // `.` and `..` alone would walk.
            out.push('.');
        } else {
            // Writing to a String cannot fail.
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

/// A field of an object as text; empty where there is none.
pub(crate) fn text<'a>(object: &'a Value, pointer: &str) -> &'a str {
    object
        .pointer(pointer)
        .and_then(Value::as_str)
        .unwrap_or_default()
}

/// Items of a list, or of a field that is one.
pub(crate) fn items<'a>(object: &'a Value, pointer: &str) -> &'a [Value] {
    object
        .pointer(pointer)
        .and_then(Value::as_array)
        .map_or(&[], Vec::as_slice)
}

/// The lab's id that an object carries.
pub(crate) fn lab_of(object: &Value) -> Option<&str> {
    object["metadata"]["labels"].get(LAB)?.as_str()
}

/// The object with the lab's marks, in the namespace that it belongs to.
pub(crate) fn marked(
    object: &Value,
    scope: &Scope,
    address: &Address,
    namespace: Option<&str>,
) -> Value {
    let digest = Digest::of(object);
    let mut object = object.clone();
    if !object["metadata"].is_object() {
        object["metadata"] = json!({});
    }
    // What only the server writes has no business in a declaration.
    if let Some(fields) = object.as_object_mut() {
        fields.remove("status");
    }
    if let Some(metadata) = object["metadata"].as_object_mut() {
        for field in [
            "managedFields",
            "resourceVersion",
            "uid",
            "generation",
            "creationTimestamp",
        ] {
            metadata.remove(field);
        }
        if let Some(namespace) = namespace {
            metadata.insert("namespace".to_owned(), json!(namespace));
        }
        for (field, key, value) in [
            ("labels", LAB, scope.id.to_string()),
            ("annotations", ADDRESS, address.to_string()),
            ("annotations", DIGEST, digest.to_string()),
        ] {
            let map = metadata.entry(field).or_insert_with(|| json!({}));
            if map.is_null() {
                *map = json!({});
            }
            map[key] = json!(value);
        }
    }
    object
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use proptest::prelude::*;

    pub(crate) fn scope() -> Scope {
        Scope {
            lab: "quickstart".parse().unwrap(),
            id: model::plan::LabId("6b3a0f0e-0000-4000-8000-000000000001".parse().unwrap()),
        }
    }

    #[test]
    fn paths_of_objects() {
        let mut object = ObjectRef {
            api_version: "apps/v1".to_owned(),
            kind: "Deployment".to_owned(),
            plural: "deployments".to_owned(),
            namespace: Some("podinfo".to_owned()),
            name: "podinfo".to_owned(),
        };
        assert_eq!(
            object.path(),
            "/apis/apps/v1/namespaces/podinfo/deployments/podinfo"
        );
        object.namespace = None;
        object.name = "system:coredns".to_owned();
        assert_eq!(object.path(), "/apis/apps/v1/deployments/system:coredns");
    }

    #[test]
    fn marks_keep_what_is_there() {
        let address: Address = "app/podinfo".parse().unwrap();
        let object = json!({
            "apiVersion": "v1", "kind": "ConfigMap", "status": {},
            "metadata": { "name": "a", "uid": "x", "labels": { "b": "c" }, "annotations": null },
        });
        let marked = marked(&object, &scope(), &address, Some("podinfo"));
        assert_eq!(marked["metadata"]["labels"]["b"], "c");
        assert_eq!(
            lab_of(&marked),
            Some("6b3a0f0e-0000-4000-8000-000000000001")
        );
        assert_eq!(marked["metadata"]["annotations"][ADDRESS], "app/podinfo");
        assert_eq!(marked["metadata"]["namespace"], "podinfo");
        assert!(marked.get("status").is_none() && marked["metadata"].get("uid").is_none());
    }

    proptest! {
        #[test]
        fn a_segment_never_leaves_its_place(text in ".*") {
            let segment = segment(&text);
            prop_assert!(!segment.contains(['/', '?', '#', ' ']));
            prop_assert!(segment != "." && segment != "..");
        }
    }
}
