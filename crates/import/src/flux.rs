//! A Flux repository: sources, releases, kustomizations.
//!
//! A release of a chart that serves a whole cluster becomes a component; any other becomes an app
//! with its chart. Folders of plain objects become apps with manifests, where they stand. A Flux
//! repository tells no hosts, so what comes out is a part of a lab, to be laid beside the rest.

mod release;
mod source;

use std::collections::{BTreeMap, BTreeSet};

use model::lab::{App, Secret};
use serde_json::Value;

use crate::draft::Draft;
use crate::fields::Fields;
use crate::{Files, ImportError, Imported, blank, document, names};
pub(crate) use release::{Found, Release, released};
use source::Sources;

/// Places Flux' objects, as a cluster has them: releases, sources, kustomizations.
pub(crate) fn place(draft: &mut Draft, objects: Vec<Fields>) -> Result<(), ImportError> {
    let mut sources = Sources::default();
    let mut rest = Vec::new();
    for fields in objects {
        rest.extend(sources.add(fields)?);
    }
    for mut fields in rest {
        match fields.text("kind")?.unwrap_or_default().as_str() {
            "HelmRelease" => {
                fields.any("apiVersion");
                release::place(draft, &sources, fields)?;
            }
            "Kustomization" => {
                fields.any("apiVersion");
                kustomization(draft, fields)?;
            }
            kind => {
                fields.put("kind", kind.into());
                fields.any("apiVersion");
                fields.any("metadata");
                draft.rest(fields);
            }
        }
    }
    sources.tell(draft);
    Ok(())
}

pub(crate) fn import(files: &Files) -> Result<Imported, ImportError> {
    let mut draft = Draft::new(names::known("imported"));
    let documents = objects(files)?;
    let mut sources = Sources::default();
    let mut rest = Vec::new();
    for (file, fields) in documents {
        if let Some(fields) = sources.add(fields)? {
            rest.push((file, fields));
        }
    }
    let mut plain: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut released = BTreeSet::new();
    let mut found = 0;
    for (file, mut fields) in rest {
        let kind = fields.text("kind")?.unwrap_or_default();
        let group = fields.text("apiVersion")?.unwrap_or_default();
        match (kind.as_str(), group.split('/').next().unwrap_or_default()) {
            ("HelmRelease", _) => {
                found += 1;
                released.insert(folder(file));
                release::place(&mut draft, &sources, fields)?;
            }
            ("Kustomization", "kustomize.toolkit.fluxcd.io") => {
                found += 1;
                kustomization(&mut draft, fields)?;
            }
            ("Kustomization" | "Component", "kustomize.config.k8s.io") => {}
            ("Secret", _) => secret(&mut draft, file, fields)?,
            _ => {
                let name = fields.fields("metadata")?.text("name")?.unwrap_or_default();
                plain
                    .entry(folder(file))
                    .or_default()
                    .insert(format!("{kind} {name}"));
            }
        }
    }
    if found == 0 && sources.is_empty() {
        return Err(ImportError::Nothing {
            what: "object of Flux (HelmRelease, HelmRepository, Kustomization)",
        });
    }
    for (folder, objects) in plain {
        manifests(&mut draft, &folder, &objects, released.contains(&folder));
    }
    sources.tell(&mut draft);
    draft.derived("the name imported: a Flux repository tells none; write the lab's own");
    draft.derived("no hosts and no clusters: a Flux repository tells none. Lay this file beside the one that declares them, without its line lab:");
    Ok(draft.finish())
}

/// All objects, each with its file.
fn objects(files: &Files) -> Result<Vec<(&String, Fields)>, ImportError> {
    let mut objects = Vec::new();
    for (file, text) in files {
        for (position, document) in document::yaml(file, text)?.into_iter().enumerate() {
            let place = if position == 0 {
                format!("{file}: ")
            } else {
                format!("{file} ({}): ", position + 1)
            };
            // A file that holds no objects is none of Flux': values, settings of other tools.
            if document.get("kind").is_some_and(Value::is_string) {
                objects.push((file, Fields::of(place, document)?));
            }
        }
    }
    Ok(objects)
}

fn folder(file: &str) -> String {
    file.rsplit_once('/')
        .map_or(String::new(), |(folder, _)| folder.to_owned())
}

/// Objects that are no release: an app of their folder, or a note where releases stand there too.
fn manifests(draft: &mut Draft, folder: &str, objects: &BTreeSet<String>, released: bool) {
    let all: Vec<&str> = objects.iter().map(String::as_str).collect();
    let all = all.join(", ");
    let name = folder
        .rsplit('/')
        .find(|part| !matches!(*part, "app" | "base" | "manifests" | "config"));
    match name
        .and_then(names::name)
        .filter(|_| !released && !folder.is_empty())
    {
        Some(wanted) => {
            let name = names::free(&wanted, |name| {
                draft.lab.apps.contains_key(name) || draft.lab.components.contains_key(name)
            });
            let app = App {
                manifests: Some(folder.to_owned()),
                enabled: true,
                ..App::default()
            };
            draft.took(format!("the app {name}, the manifests in {folder}: {all}"));
            draft.lab.apps.insert(name, app);
        }
        None => {
            let place = if folder.is_empty() {
                "the top folder"
            } else {
                folder
            };
            draft.unplaced(
                place,
                format!("objects beside releases, which stay where they are: {all}"),
            );
        }
    }
}

/// Flux' own kustomization only says which folder is applied; what it puts into texts is told.
fn kustomization(draft: &mut Draft, mut fields: Fields) -> Result<(), ImportError> {
    let name = fields.fields("metadata")?.text("name")?.unwrap_or_default();
    let mut spec = fields.fields("spec")?;
    let path = spec.text("path")?.unwrap_or_default();
    draft.took(format!("the kustomization {name}: what lies in {path}"));
    for usual in [
        "interval",
        "retryInterval",
        "timeout",
        "prune",
        "wait",
        "sourceRef",
        "targetNamespace",
        "commonMetadata",
        "force",
    ] {
        spec.any(usual);
    }
    draft.rest(spec);
    fields.any("status");
    draft.rest(fields);
    Ok(())
}

/// Of a secret only the names of its fields. An encrypted one is referred to.
fn secret(draft: &mut Draft, file: &str, mut fields: Fields) -> Result<(), ImportError> {
    let name = fields.fields("metadata")?.text("name")?.unwrap_or_default();
    let encrypted = fields.has("sops");
    for section in ["data", "stringData"] {
        for field in fields.fields(section)?.keys() {
            if encrypted {
                let reference = Secret {
                    sops: Some(file.to_owned()),
                    field: Some(format!("{section}.{field}")),
                    ..blank::secret()
                };
                let placed = draft.secret(&format!("{name}-{field}"), reference);
                draft.took(format!(
                    "the secret {placed}, which stays encrypted in {file}"
                ));
            } else {
                draft.left_out(&format!("{file}: {section}.{field}"));
            }
        }
    }
    Ok(())
}
