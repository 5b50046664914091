//! Kubernetes objects: out of a catalog entry's template, or out of a folder of manifests.

use std::collections::BTreeMap;

use model::diagnostic::{Diagnostic, FieldPath, Place, Severity};
use serde::Deserialize as _;
use serde_json::{Value, json};

use crate::component::Component;

/// The objects of a template.
///
/// # Errors
/// The reason, where the template is wrong: a fault of the catalog, not of the lab.
pub(crate) fn render(entry: &Component, values: &Value) -> Result<Vec<Value>, String> {
    let mut environment = minijinja::Environment::new();
    environment.set_undefined_behavior(minijinja::UndefinedBehavior::Strict);
    let text = environment
        .render_str(
            &entry.template,
            minijinja::Value::from(minijinja::value::Serde(values)),
        )
        .map_err(|error| format!("{}: {error:#}", entry.name))?;
    objects(&text).map_err(|error| format!("{}: {error}", entry.name))
}

/// The documents of a YAML text, whatever they are; lists of Kubernetes objects one by one.
///
/// # Errors
/// Why it is no YAML.
pub fn documents(text: &str) -> Result<Vec<Value>, String> {
    let documents: Vec<Value> =
        serde_saphyr::from_multiple(text).map_err(|error| error.to_string())?;
    let mut objects = Vec::new();
    for document in documents {
        match document {
            Value::Null => {}
            Value::Object(mut list) if list.get("kind") == Some(&json!("List")) => {
                let items = list.remove("items").unwrap_or_default();
                objects.extend(Vec::<Value>::deserialize(items).map_err(|e| e.to_string())?);
            }
            object => objects.push(object),
        }
    }
    Ok(objects)
}

/// The Kubernetes objects of a text of one or several YAML documents.
fn objects(text: &str) -> Result<Vec<Value>, String> {
    let objects = documents(text)?;
    for object in &objects {
        let text = |key: &str| object.get(key).and_then(Value::as_str).unwrap_or_default();
        let name = object.pointer("/metadata/name").and_then(Value::as_str);
        if text("apiVersion").is_empty() || text("kind").is_empty() || name.is_none() {
            return Err("an object needs apiVersion, kind and metadata.name".to_owned());
        }
    }
    Ok(objects)
}

/// The objects of all manifests below a folder of the lab.
pub(crate) fn from_folder(
    folder: &str,
    files: &BTreeMap<String, Vec<u8>>,
    path: &FieldPath,
    findings: &mut Vec<Diagnostic>,
) -> Vec<Value> {
    let prefix = format!("{}/", folder.trim_start_matches("./").trim_end_matches('/'));
    let mut finding = |message: String, help: &str| {
        findings.push(Diagnostic {
            code: "S111".to_owned(),
            severity: Severity::Error,
            message,
            places: vec![Place {
                field: path.clone(),
                span: None,
                label: String::new(),
            }],
            help: Some(help.to_owned()),
            fix: None,
        });
    };
    let mut all = Vec::new();
    let mut count = 0;
    for (name, content) in files.iter().filter(|(name, _)| name.starts_with(&prefix)) {
        count += 1;
        if name
            .rsplit('/')
            .next()
            .is_some_and(|file| file.starts_with("kustomization."))
        {
            let help = "render it first: kubectl kustomize FOLDER > manifests.yaml";
            finding(format!("{name}: kustomizations are not read yet"), help);
            continue;
        }
        match std::str::from_utf8(content)
            .map_err(|e| e.to_string())
            .and_then(objects)
        {
            Ok(objects) => all.extend(objects),
            Err(why) => finding(format!("{name}: {why}"), "mend that manifest"),
        }
    }
    if count == 0 {
        let help = "put Kubernetes manifests (*.yaml) there, or name another folder";
        finding(format!("there are no manifests below {folder}"), help);
    }
    all
}
