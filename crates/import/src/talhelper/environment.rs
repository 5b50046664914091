//! `${NAME}` in a `talconfig.yaml`, and the files that give names their values.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use model::lab::Secret;
use serde_json::Value;

use crate::draft::Draft;
use crate::{Files, ImportError, blank, document, secrecy};

/// The files that talhelper looks for beside its own.
pub(super) const FILES: [&str; 8] = [
    "talenv.yaml",
    "talenv.yml",
    "talenv.sops.yaml",
    "talenv.sops.yml",
    "talsecret.yaml",
    "talsecret.yml",
    "talsecret.sops.yaml",
    "talsecret.sops.yml",
];

/// What names stand for.
#[derive(Debug, Default)]
pub(super) struct Environment {
    values: BTreeMap<String, String>,
    /// Secrets by the names of their variables or fields: the file, whether it is encrypted.
    secrets: Vec<(String, String, bool)>,
    used: RefCell<BTreeSet<String>>,
    unknown: RefCell<BTreeSet<String>>,
}

impl Environment {
    /// Reads the files. Of encrypted ones, and of secrets, only the names.
    pub(super) fn read(files: &Files) -> Result<Self, ImportError> {
        let mut environment = Self::default();
        for (file, text) in files {
            let name = file.rsplit('/').next().unwrap_or_default();
            if !FILES.contains(&name) {
                continue;
            }
            // What is named as encrypted and is not holds secrets all the same.
            let secret_file = name.starts_with("talsecret") || name.contains(".sops.");
            for document in document::yaml(file, text)? {
                let encrypted = document.get("sops").is_some();
                let mut leaves = Vec::new();
                collect(&document, "", &mut leaves);
                for (field, text) in leaves {
                    if field.starts_with("sops.") || field == "sops" {
                        continue;
                    }
                    let hidden = encrypted
                        || secret_file
                        || secrecy::is_secret_word(&field)
                        || secrecy::looks_secret(&text);
                    if hidden {
                        environment.secrets.push((field, file.clone(), encrypted));
                    } else {
                        environment.values.insert(field, text);
                    }
                }
            }
        }
        Ok(environment)
    }

    /// Puts values in place of names, everywhere in a value. Names of secrets stay.
    pub(super) fn fill(&self, value: &mut Value) {
        match value {
            Value::String(text) => *text = self.text(text),
            Value::Array(items) => items.iter_mut().for_each(|item| self.fill(item)),
            Value::Object(map) => map.values_mut().for_each(|value| self.fill(value)),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    /// A text with values in place of names.
    pub(super) fn text(&self, text: &str) -> String {
        let mut out = String::new();
        let mut rest = text;
        while let Some((before, behind)) = rest.split_once("${") {
            out.push_str(before);
            let Some((inner, after)) = behind.split_once('}') else {
                out.push_str("${");
                rest = behind;
                continue;
            };
            let (name, default) = inner
                .split_once(":-")
                .map_or((inner, None), |(n, d)| (n, Some(d)));
            match (self.values.get(name), default) {
                (Some(value), _) => {
                    self.used.borrow_mut().insert(name.to_owned());
                    out.push_str(value);
                }
                (None, Some(default)) if !self.is_secret(name) => out.push_str(default),
                (None, _) => {
                    self.unknown.borrow_mut().insert(name.to_owned());
                    out.push_str("${");
                    out.push_str(name);
                    out.push('}');
                }
            }
            rest = after;
        }
        out.push_str(rest);
        out
    }

    fn is_secret(&self, name: &str) -> bool {
        self.secrets.iter().any(|(known, ..)| known == name)
    }

    /// Refers to the secrets, and tells what was put in place of names.
    pub(super) fn refer(&self, draft: &mut Draft) {
        for (field, file, encrypted) in &self.secrets {
            if *encrypted {
                let secret = reference(file, field);
                let name = draft.secret(field, secret);
                draft.took(format!(
                    "the secret {name}, which stays encrypted in {file}"
                ));
            } else {
                draft.left_out(&format!("{file}: {field}"));
            }
        }
        for name in self
            .unknown
            .borrow()
            .iter()
            .filter(|name| !self.is_secret(name))
        {
            let secret = Secret {
                env: Some(name.clone()),
                ..blank::secret()
            };
            let placed = draft.secret(name, secret);
            draft.derived(format!(
                "the secret {placed}: the variable {name} has no value in any file"
            ));
        }
        let used = self.used.borrow();
        if !used.is_empty() {
            let names: Vec<&str> = used.iter().map(String::as_str).collect();
            draft.took(format!("the values of {}", names.join(", ")));
        }
    }
}

fn reference(file: &str, field: &str) -> Secret {
    Secret {
        sops: Some(file.to_owned()),
        field: Some(field.to_owned()),
        ..blank::secret()
    }
}

/// All single values, by their paths.
pub(crate) fn collect(value: &Value, path: &str, into: &mut Vec<(String, String)>) {
    let below = |key: &str| {
        if path.is_empty() {
            key.to_owned()
        } else {
            format!("{path}.{key}")
        }
    };
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                collect(value, &below(key), into);
            }
        }
        Value::Array(items) => {
            for (position, item) in items.iter().enumerate() {
                collect(item, &format!("{path}[{position}]"), into);
            }
        }
        Value::Null => {}
        Value::String(text) => into.push((path.to_owned(), text.clone())),
        Value::Bool(_) | Value::Number(_) => into.push((path.to_owned(), value.to_string())),
    }
}
