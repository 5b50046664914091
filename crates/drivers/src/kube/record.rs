//! The record that a cluster keeps of every component and app of ours: a ConfigMap with the list
//! of its objects and the digest of what they were made from.
//!
//! The list is written before the first object, the digest after the last. So a cut-off run
//! leaves a list without digest, and no object is ever forgotten when it has to be pruned.

use std::collections::BTreeMap;

use driver::Scope;
use model::digest::Digest;
use model::plan::Generation;
use model::resource::{Address, Spec};
use serde_json::{Value, json};

use super::client::{ApiError, Cluster, Request};
use super::object::{ADDRESS, LAB, ObjectRef, lab_of, segment, text};

/// The namespace of everything that Steading keeps in a cluster for itself.
pub(crate) const NAMESPACE: &str = "steading-system";

/// Marks records among ConfigMaps.
const RECORD: &str = "steading.dev/record";

/// A spec larger than this is recorded without its objects: an object in etcd has at most 1.5 MiB.
const SPEC_LIMIT: usize = 512 * 1024;

/// What a cluster knows of one component or app.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Record {
    pub(crate) address: Address,
    /// The generation that wrote it.
    pub(crate) generation: Generation,
    pub(crate) objects: Vec<ObjectRef>,
    /// Of the spec; only once everything was applied and ready.
    pub(crate) digest: Option<Digest>,
    pub(crate) spec: Option<Spec>,
}

/// What stands where a record would.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Found {
    Nothing,
    Ours(Box<Record>),
    /// Whose it is.
    Foreign(String),
}

impl Record {
    fn name(address: &Address) -> String {
        format!("record-{}-{}", address.kind.as_str(), address.name)
    }

    fn path(address: &Address) -> String {
        let name = Self::name(address);
        format!(
            "/api/v1/namespaces/{NAMESPACE}/configmaps/{}",
            segment(&name)
        )
    }

    fn to_object(&self, scope: &Scope) -> Value {
        let mut data = BTreeMap::from([
            ("generation", self.generation.0.to_string()),
            ("objects", json!(self.objects).to_string()),
        ]);
        if let Some(digest) = &self.digest {
            data.insert("digest", digest.to_string());
        }
        if let Some(spec) = &self.spec {
            data.insert("spec", recorded_spec(spec));
        }
        json!({
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {
                "name": Self::name(&self.address),
                "namespace": NAMESPACE,
                "labels": { LAB: scope.id.to_string(), RECORD: "true" },
                "annotations": { ADDRESS: self.address.to_string() },
            },
            "data": data,
        })
    }

    fn from_object(object: &Value) -> Option<Self> {
        let data = &object["data"];
        let read = |key: &str| data.get(key).and_then(Value::as_str);
        Some(Self {
            address: object["metadata"]["annotations"]
                .get(ADDRESS)?
                .as_str()?
                .parse()
                .ok()?,
            generation: Generation(read("generation").and_then(|text| text.parse().ok())?),
            objects: serde_json::from_str(read("objects")?).ok()?,
            digest: read("digest").and_then(|hex| serde_json::from_value(json!(hex)).ok()),
            spec: read("spec").and_then(|json| serde_json::from_str(json).ok()),
        })
    }
}

fn recorded_spec(spec: &Spec) -> String {
    let whole = json!(spec).to_string();
    match spec {
        Spec::Objects(objects) if whole.len() > SPEC_LIMIT => {
            let mut small = objects.clone();
            small.objects.clear();
            json!(Spec::Objects(small)).to_string()
        }
        _ => whole,
    }
}

impl Cluster {
    /// All records of the lab, within `limit`.
    pub(crate) fn records(
        &self,
        scope: &Scope,
        limit: std::time::Duration,
    ) -> Result<Vec<Record>, ApiError> {
        let request = Request::get(format!(
            "/api/v1/namespaces/{NAMESPACE}/configmaps?labelSelector={LAB}%3D{},{RECORD}%3Dtrue",
            scope.id
        ))
        .within(limit);
        let list = self.send(request)?;
        let items = list["items"].as_array().map_or(&[][..], Vec::as_slice);
        Ok(items.iter().filter_map(Record::from_object).collect())
    }

    /// What stands where the record of that resource would.
    pub(crate) fn record(&self, scope: &Scope, address: &Address) -> Result<Found, ApiError> {
        let object = match self.send(Request::get(Record::path(address))) {
            Ok(object) => object,
            Err(error) if error.not_found() => return Ok(Found::Nothing),
            Err(error) => return Err(error),
        };
        if lab_of(&object) != Some(scope.id.to_string().as_str()) {
            return Ok(Found::Foreign(whose(&object)));
        }
        // A record of ours that cannot be read is one without a list.
        let record = Record::from_object(&object).unwrap_or_else(|| Record {
            address: address.clone(),
            generation: Generation::default(),
            objects: Vec::new(),
            digest: None,
            spec: None,
        });
        Ok(Found::Ours(Box::new(record)))
    }

    /// Writes a record.
    pub(crate) fn write_record(&self, scope: &Scope, record: &Record) -> Result<(), ApiError> {
        let path = Record::path(&record.address);
        self.apply(&path, &record.to_object(scope), false)
            .map(|_| ())
    }

    /// Deletes a record; one that is not there is deleted already.
    pub(crate) fn delete_record(&self, address: &Address) -> Result<(), ApiError> {
        let path = Record::path(address);
        match self.send(Request::with(http::Method::DELETE, path, JSON, &json!({}))) {
            Ok(_) => Ok(()),
            Err(error) if error.not_found() => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Server-side apply with our field manager. Conflicts are forced: callers have made sure that
    /// the object is ours or not there.
    pub(crate) fn apply(&self, path: &str, object: &Value, dry: bool) -> Result<Value, ApiError> {
        self.send(Request::apply(path, object, dry))
    }
}

const JSON: &str = "application/json";

/// Whose an object is, for refusals.
pub(crate) fn whose(object: &Value) -> String {
    match lab_of(object) {
        Some(id) => format!("it belongs to lab {id}"),
        None => {
            let manager = text(object, "/metadata/managedFields/0/manager");
            let by = if manager.is_empty() {
                "somebody else"
            } else {
                manager
            };
            format!("it carries no label {LAB}; made by {by}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kube::object::tests::scope;
    use model::resource::Objects;

    fn record(objects: usize) -> Record {
        let spec = Spec::Objects(Objects {
            cluster: "main".parse().unwrap(),
            source: "podinfo 6.9.2".to_owned(),
            namespace: "podinfo".parse().unwrap(),
            objects: vec![json!({ "kind": "ConfigMap", "data": "x".repeat(100) }); objects],
        });
        Record {
            address: "app/podinfo".parse().unwrap(),
            generation: Generation(7),
            objects: vec![ObjectRef {
                api_version: "v1".to_owned(),
                kind: "Namespace".to_owned(),
                plural: "namespaces".to_owned(),
                namespace: None,
                name: "podinfo".to_owned(),
            }],
            digest: Some(Digest::of(&spec)),
            spec: Some(spec),
        }
    }

    #[test]
    fn a_record_reads_back() {
        let record = record(3);
        let object = record.to_object(&scope());
        assert_eq!(Record::from_object(&object), Some(record));
    }

    #[test]
    fn a_large_spec_is_recorded_without_objects() {
        let record = record(10_000);
        let object = record.to_object(&scope());
        assert!(object.to_string().len() < SPEC_LIMIT);
        let read = Record::from_object(&object).unwrap();
        assert_eq!(read.digest, record.digest);
        let Some(Spec::Objects(spec)) = read.spec else {
            panic!("{read:?}")
        };
        assert!(spec.objects.is_empty());
    }

    #[test]
    fn what_is_no_record_is_not_read() {
        assert_eq!(Record::from_object(&json!({ "data": {} })), None);
    }
}
