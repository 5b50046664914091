//! Entries of the catalog: `catalog/components/<name>/`.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use include_dir::{Dir, include_dir};
use serde::Deserialize;
use serde_json::Value;

static DATA: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../../catalog/components");

/// What the catalog says of a component or app.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Component {
    /// Its name, equal to that of its folder.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Whether it serves the cluster or is a workload.
    pub kind: ComponentKind,
    /// What it is, in one sentence.
    pub summary: String,
    /// Where it comes from.
    pub home: String,
    /// The namespace that it lives in. Default: the name that it is given.
    #[serde(default)]
    pub namespace: Option<String>,
    /// Its settings.
    #[serde(default)]
    pub settings: BTreeMap<String, Setting>,
    /// The artifacts that its images are made from.
    #[serde(default)]
    pub artifacts: Vec<ArtifactName>,
    /// The container images that it runs.
    #[serde(default)]
    pub images: Vec<String>,
    /// Components that must be there first; `cni` stands for the cluster's pod network.
    #[serde(default)]
    pub needs: Vec<String>,
    /// Objects whose readiness is its health, as `Kind/name`.
    #[serde(default)]
    pub health: Vec<String>,
    /// The template of its manifests.
    #[serde(skip)]
    pub template: String,
}

/// Whether an entry serves the cluster or is a workload.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ComponentKind {
    /// Serves the cluster.
    Component,
    /// A workload.
    App,
}

/// The name of an artifact.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ArtifactName {
    /// The name.
    pub name: String,
}

/// A setting: a small part of JSON Schema.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Setting {
    /// Its type: `string`, `integer`, `boolean` or `array` (of strings).
    #[serde(rename = "type")]
    pub kind: String,
    /// What it is for.
    pub description: String,
    /// Its value where none is given.
    pub default: Value,
    /// The values that it may have, if they are few.
    #[serde(default, rename = "enum")]
    pub one_of: Vec<Value>,
    /// The smallest value.
    #[serde(default)]
    pub minimum: Option<i64>,
    /// The largest value.
    #[serde(default)]
    pub maximum: Option<i64>,
    /// What the items of an array are.
    #[serde(default)]
    pub items: Option<Value>,
}

/// All entries, by name. The data is part of the program and read once; a test reads all of it.
#[must_use]
pub fn components() -> &'static BTreeMap<String, Component> {
    static ALL: OnceLock<BTreeMap<String, Component>> = OnceLock::new();
    ALL.get_or_init(|| {
        DATA.dirs()
            .filter_map(|folder| {
                let file = |name: &str| {
                    let path = folder.path().join(name);
                    DATA.get_file(path)?.contents_utf8()
                };
                let mut entry: Component = serde_saphyr::from_str(file("component.yaml")?).ok()?;
                file("manifests.yaml.j2")?.clone_into(&mut entry.template);
                Some((entry.name.clone(), entry))
            })
            .collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_folder_is_an_entry_that_reads() {
        for folder in DATA.dirs() {
            let name = folder.path().to_str().unwrap();
            let text = DATA.get_file(folder.path().join("component.yaml")).unwrap();
            let entry: Component = serde_saphyr::from_str(text.contents_utf8().unwrap())
                .unwrap_or_else(|error| panic!("{name}: {error}"));
            assert_eq!(entry.name, name);
            assert!(components().contains_key(name), "{name} has no manifests");
            for need in entry.needs.iter().filter(|need| *need != "cni") {
                assert!(components().contains_key(need), "{name} needs {need}");
            }
        }
    }
}
