//! Which kinds of objects an API server knows, and how it calls them in paths.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::PoisonError;

use serde_json::Value;

use super::client::{ApiError, Cluster, Request};
use super::object::Plural;

/// What has been learnt so far, by `apiVersion`.
#[derive(Debug, Default)]
pub(crate) struct Kinds(BTreeMap<String, BTreeMap<String, Plural>>);

impl Cluster {
    /// How the server calls these kinds (`apiVersion`, `kind`); a kind that it does not know is
    /// left out. Asks only for what is not known yet.
    pub(crate) fn plurals(
        &self,
        wanted: &BTreeSet<(String, String)>,
    ) -> Result<BTreeMap<(String, String), Plural>, ApiError> {
        let mut kinds = self.kinds.lock().unwrap_or_else(PoisonError::into_inner);
        let missing: BTreeSet<&String> = wanted
            .iter()
            .filter(|(version, kind)| {
                !kinds
                    .0
                    .get(version)
                    .is_some_and(|all| all.contains_key(kind))
            })
            .map(|(version, _)| version)
            .collect();
        let requests = missing.iter().map(|version| Request::get(root(version)));
        let answers = self.send_all(requests.collect());
        for (version, answer) in missing.into_iter().zip(answers) {
            match answer {
                Ok(list) => {
                    kinds.0.insert(version.clone(), read(&list));
                }
                Err(error) if error.not_found() => {}
                Err(error) => return Err(error),
            }
        }
        Ok(wanted
            .iter()
            .filter_map(|key| Some((key.clone(), kinds.0.get(&key.0)?.get(&key.1)?.clone())))
            .collect())
    }
}

/// The path of an API group at a version.
pub(crate) fn root(api_version: &str) -> String {
    if api_version.contains('/') {
        format!("/apis/{api_version}")
    } else {
        format!("/api/{api_version}")
    }
}

fn read(list: &Value) -> BTreeMap<String, Plural> {
    let resources = list["resources"].as_array().map(Vec::as_slice);
    resources
        .unwrap_or_default()
        .iter()
        .filter_map(|one| {
            let name = one["name"].as_str()?;
            // `pods/log` and the like are parts of others.
            if name.contains('/') {
                return None;
            }
            let plural = Plural {
                plural: name.to_owned(),
                namespaced: one["namespaced"].as_bool()?,
            };
            Some((one["kind"].as_str()?.to_owned(), plural))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn reads_an_api_resource_list() {
        let list = json!({ "resources": [
            { "name": "pods", "kind": "Pod", "namespaced": true },
            { "name": "pods/log", "kind": "Pod", "namespaced": true },
            { "name": "nodes", "kind": "Node", "namespaced": false },
        ]});
        let kinds = read(&list);
        assert_eq!(kinds.len(), 2);
        assert_eq!(kinds["Pod"].plural, "pods");
        assert!(!kinds["Node"].namespaced);
    }

    #[test]
    fn the_core_group_has_its_own_root() {
        assert_eq!(root("v1"), "/api/v1");
        assert_eq!(root("apps/v1"), "/apis/apps/v1");
    }
}
