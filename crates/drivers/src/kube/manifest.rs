//! From the declared objects of a component or app to what is applied: each with its place in the
//! API, its namespace and our marks.

use std::collections::{BTreeMap, BTreeSet};

use driver::Scope;
use model::resource::{Address, Objects};
use serde_json::{Value, json};

use super::client::{ApiError, Cluster};
use super::object::{ADDRESS, DIGEST, ObjectRef, Plural, items, marked, text};
use super::record::NAMESPACE;

/// Namespaces that every cluster has, and our own, which has a life of its own.
const GIVEN: [&str; 5] = [
    "default",
    "kube-system",
    "kube-public",
    "kube-node-lease",
    NAMESPACE,
];

/// An object to apply.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Wanted {
    pub(crate) reference: ObjectRef,
    pub(crate) object: Value,
    /// Made only because objects live in it: one that somebody else made serves as well.
    pub(crate) implied: bool,
}

impl Wanted {
    /// Whether other objects cannot be applied before this one stands.
    pub(crate) fn founds(&self) -> bool {
        matches!(
            self.reference.kind.as_str(),
            "Namespace" | "CustomResourceDefinition"
        )
    }
}

/// Why the objects of a resource cannot be placed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ManifestError {
    /// An object lacks what every object has.
    #[error("object {index} has no {field}")]
    Incomplete { index: usize, field: &'static str },
    /// Neither the cluster nor the objects themselves define that kind.
    #[error("the cluster knows no kind {kind} of {api_version}")]
    UnknownKind { api_version: String, kind: String },
    /// The cluster could not be asked.
    #[error(transparent)]
    Api(#[from] ApiError),
}

type KindKey = (String, String);

/// The objects of a resource, in the order in which they are applied.
pub(crate) fn wanted(
    cluster: &Cluster,
    scope: &Scope,
    address: &Address,
    spec: &Objects,
) -> Result<Vec<Wanted>, ManifestError> {
    let mut plurals = defined_here(&spec.objects);
    let mut ask = BTreeSet::new();
    for (index, object) in spec.objects.iter().enumerate() {
        let key = kind_of(index, object)?;
        if !plurals.contains_key(&key) {
            ask.insert(key);
        }
    }
    plurals.extend(cluster.plurals(&ask)?);
    place(scope, address, spec, &plurals)
}

fn place(
    scope: &Scope,
    address: &Address,
    spec: &Objects,
    plurals: &BTreeMap<KindKey, Plural>,
) -> Result<Vec<Wanted>, ManifestError> {
    let mut all = Vec::new();
    all.extend(implied_namespace(scope, address, spec));
    for (index, object) in spec.objects.iter().enumerate() {
        let key = kind_of(index, object)?;
        let plural = plurals
            .get(&key)
            .ok_or_else(|| ManifestError::UnknownKind {
                api_version: key.0.clone(),
                kind: key.1.clone(),
            })?;
        let name = text(object, "/metadata/name");
        if name.is_empty() {
            let field = "metadata.name";
            return Err(ManifestError::Incomplete { index, field });
        }
        let namespace = plural
            .namespaced
            .then(|| match text(object, "/metadata/namespace") {
                "" => spec.namespace.to_string(),
                own => own.to_owned(),
            });
        all.push(Wanted {
            object: marked(object, scope, address, namespace.as_deref()),
            reference: ObjectRef {
                api_version: key.0,
                kind: key.1,
                plural: plural.plural.clone(),
                namespace,
                name: name.to_owned(),
            },
            implied: false,
        });
    }
    // What others stand on goes first; the rest keeps its order.
    all.sort_by_key(|one| !one.founds());
    Ok(all)
}

fn kind_of(index: usize, object: &Value) -> Result<KindKey, ManifestError> {
    let field = |field: &'static str, pointer: &str| match text(object, pointer) {
        "" => Err(ManifestError::Incomplete { index, field }),
        value => Ok(value.to_owned()),
    };
    Ok((field("apiVersion", "/apiVersion")?, field("kind", "/kind")?))
}

/// Kinds that custom resource definitions among the objects define.
fn defined_here(objects: &[Value]) -> BTreeMap<KindKey, Plural> {
    let mut defined = BTreeMap::new();
    for object in objects
        .iter()
        .filter(|one| one["kind"] == "CustomResourceDefinition")
    {
        for version in items(object, "/spec/versions") {
            let group = text(object, "/spec/group");
            let api_version = format!("{group}/{}", text(version, "/name"));
            let kind = text(object, "/spec/names/kind").to_owned();
            let plural = Plural {
                plural: text(object, "/spec/names/plural").to_owned(),
                namespaced: object["spec"]["scope"] == "Namespaced",
            };
            defined.insert((api_version, kind), plural);
        }
    }
    defined
}

/// The namespace that the objects live in, where nobody declares it.
fn implied_namespace(scope: &Scope, address: &Address, spec: &Objects) -> Option<Wanted> {
    let name = spec.namespace.as_str();
    let declared = |one: &Value| one["kind"] == "Namespace" && one["metadata"]["name"] == name;
    if GIVEN.contains(&name) || spec.objects.iter().any(declared) {
        return None;
    }
    let plain = json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": name } });
    let mut object = marked(&plain, scope, address, None);
    // Several apps may share it: it is the lab's, not one app's.
    if let Some(annotations) = object["metadata"]["annotations"].as_object_mut() {
        annotations.remove(ADDRESS);
        annotations.remove(DIGEST);
    }
    Some(Wanted {
        object,
        reference: namespace_ref(name),
        implied: true,
    })
}

/// What identifies a namespace.
pub(crate) fn namespace_ref(name: &str) -> ObjectRef {
    ObjectRef {
        api_version: "v1".to_owned(),
        kind: "Namespace".to_owned(),
        plural: "namespaces".to_owned(),
        namespace: None,
        name: name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kube::object::tests::scope;

    fn plurals() -> BTreeMap<KindKey, Plural> {
        [
            ("v1", "ConfigMap", "configmaps", true),
            ("v1", "Namespace", "namespaces", false),
        ]
        .into_iter()
        .map(|(version, kind, plural, namespaced)| {
            let plural = plural.to_owned();
            (
                (version.to_owned(), kind.to_owned()),
                Plural { plural, namespaced },
            )
        })
        .collect()
    }

    fn placed(objects: Vec<Value>) -> Result<Vec<Wanted>, ManifestError> {
        let spec = Objects {
            cluster: "main".parse().unwrap(),
            source: "apps/web".to_owned(),
            namespace: "web".parse().unwrap(),
            objects,
        };
        let mut known = plurals();
        known.extend(defined_here(&spec.objects));
        place(&scope(), &"app/web".parse().unwrap(), &spec, &known)
    }

    fn map(name: &str) -> Value {
        json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": name } })
    }

    #[test]
    fn objects_get_the_namespace_and_it_is_made_first() {
        let all = placed(vec![map("b"), map("a")]).unwrap();
        let names: Vec<_> = all.iter().map(|one| one.reference.to_string()).collect();
        assert_eq!(
            names,
            ["Namespace web", "ConfigMap web/b", "ConfigMap web/a"]
        );
        assert!(all[0].implied && !all[1].implied);
        assert_eq!(all[0].object["metadata"]["annotations"], json!({}));
        assert_eq!(all[1].object["metadata"]["namespace"], "web");
    }

    #[test]
    fn definitions_come_before_what_they_define() {
        let widget = json!({ "apiVersion": "ex.dev/v1", "kind": "Widget",
            "metadata": { "name": "w", "namespace": "other" } });
        let definition = json!({ "apiVersion": "apiextensions.k8s.io/v1",
            "kind": "CustomResourceDefinition", "metadata": { "name": "widgets.ex.dev" },
            "spec": { "group": "ex.dev", "scope": "Namespaced",
                "names": { "kind": "Widget", "plural": "widgets" },
                "versions": [{ "name": "v1" }] } });
        let crd = (
            "apiextensions.k8s.io/v1".to_owned(),
            "CustomResourceDefinition".to_owned(),
        );
        let mut known = defined_here(std::slice::from_ref(&definition));
        let plural = "customresourcedefinitions".to_owned();
        known.insert(
            crd,
            Plural {
                plural,
                namespaced: false,
            },
        );
        let spec = Objects {
            cluster: "main".parse().unwrap(),
            source: String::new(),
            namespace: "default".parse().unwrap(),
            objects: vec![widget, definition],
        };
        let all = place(&scope(), &"app/web".parse().unwrap(), &spec, &known).unwrap();
        assert_eq!(all[0].reference.kind, "CustomResourceDefinition");
        assert_eq!(
            all[1].reference.path(),
            "/apis/ex.dev/v1/namespaces/other/widgets/w"
        );
    }

    #[test]
    fn what_is_no_object_is_refused_with_its_place() {
        let error = placed(vec![map("a"), json!({ "kind": "ConfigMap" })]).unwrap_err();
        assert_eq!(error.to_string(), "object 1 has no apiVersion");
        let error = placed(vec![map("")]).unwrap_err();
        assert_eq!(error.to_string(), "object 0 has no metadata.name");
        let odd = json!({ "apiVersion": "a/v1", "kind": "Odd", "metadata": { "name": "x" } });
        let error = placed(vec![odd]).unwrap_err();
        assert_eq!(error.to_string(), "the cluster knows no kind Odd of a/v1");
    }
}
