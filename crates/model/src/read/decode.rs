//! From the tree to the lab's types: a serde deserializer that knows the place of everything,
//! reports fields that do not exist and goes on, and gives up one entry at a time.

mod deserializer;

use std::cell::RefCell;
use std::collections::BTreeMap;

use serde::de::DeserializeOwned;

use super::tree::{Entry, Node, Value};
use super::{certain, form, nearest};
use crate::diagnostic::{Diagnostic, FieldPath, Fix};
use crate::lab::{FORMAT, Lab, Named};
use crate::name::Name;
use deserializer::Decoder;

/// The sections of a lab file.
const SECTIONS: [&str; 20] = [
    "format",
    "lab",
    "sites",
    "networks",
    "firewall",
    "hosts",
    "clusters",
    "nodes",
    "storage",
    "components",
    "apps",
    "images",
    "secrets",
    "users",
    "observability",
    "promises",
    "backups",
    "accepts",
    "claims",
    "notes",
];

/// Reads the lab from the tree. Everything wrong goes to `findings`.
pub(super) fn lab(tree: &Node, findings: &mut Vec<Diagnostic>) -> Option<Lab> {
    let Value::Map(entries) = &tree.value else {
        return None;
    };
    let sink = RefCell::new(Vec::new());
    for entry in entries
        .iter()
        .filter(|e| !SECTIONS.contains(&e.key.as_str()))
    {
        sink.borrow_mut()
            .push(unknown_field(&FieldPath::default(), entry, &SECTIONS));
    }
    let find = |key: &str| entries.iter().find(|entry| entry.key == key);
    let name = match find("lab") {
        Some(entry) => value::<Name>(&entry.value, "lab".into(), &sink),
        None => {
            let place = (FieldPath::default(), tree.span, String::new());
            let help = "write at the top: lab: NAME";
            sink.borrow_mut()
                .push(form("F010", "the lab has no name", Some(place), help));
            None
        }
    };
    let lab = name.map(|lab| Lab {
        format: format(find("format"), &sink),
        lab,
        sites: section(find("sites"), &sink),
        networks: section(find("networks"), &sink),
        firewall: list(find("firewall"), &sink),
        hosts: section(find("hosts"), &sink),
        clusters: section(find("clusters"), &sink),
        nodes: section(find("nodes"), &sink),
        storage: section(find("storage"), &sink),
        components: section(find("components"), &sink),
        apps: section(find("apps"), &sink),
        images: section(find("images"), &sink),
        secrets: section(find("secrets"), &sink),
        users: section(find("users"), &sink),
        observability: section(find("observability"), &sink),
        promises: list(find("promises"), &sink),
        backups: section(find("backups"), &sink),
        accepts: list(find("accepts"), &sink),
        claims: find("claims").and_then(|entry| value(&entry.value, "claims".into(), &sink)),
        notes: notes(find("notes"), &sink),
    });
    findings.append(&mut sink.into_inner());
    lab
}

/// The version of the format. Another one than the newest is a finding of its own: nothing else in
/// the file can be trusted to mean what it seems to.
fn format(entry: Option<&Entry>, sink: &RefCell<Vec<Diagnostic>>) -> u32 {
    let Some(entry) = entry else {
        return FORMAT;
    };
    let found = value::<u32>(&entry.value, "format".into(), sink);
    if let Some(found) = found.filter(|found| *found != FORMAT) {
        let place = ("format".into(), entry.value.span, String::new());
        let help = if found > FORMAT {
            "a newer version of Steading reads it".to_owned()
        } else {
            format!("write {FORMAT}")
        };
        let message = format!("format {found} is not known; this version reads format {FORMAT}");
        sink.borrow_mut()
            .push(form("F021", message, Some(place), help));
    }
    FORMAT
}

/// What an import could not place, word for word.
fn notes(entry: Option<&Entry>, sink: &RefCell<Vec<Diagnostic>>) -> BTreeMap<String, String> {
    entry
        .and_then(|entry| value(&entry.value, "notes".into(), sink))
        .unwrap_or_default()
}

/// A section that is a list: its items are read one by one.
fn list<T: DeserializeOwned>(entry: Option<&Entry>, sink: &RefCell<Vec<Diagnostic>>) -> Vec<T> {
    let Some(section) = entry.filter(|entry| !entry.value.is_null()) else {
        return Vec::new();
    };
    let path = FieldPath::default().field(&section.key);
    let Value::List(items) = &section.value.value else {
        let message = format!("{path} must be a list");
        let place = (path, section.value.span, String::new());
        let help = format!("write for example: {}: [ {{ … }} ]", section.key);
        sink.borrow_mut()
            .push(form("F011", message, Some(place), help));
        return Vec::new();
    };
    items
        .iter()
        .enumerate()
        .filter_map(|(position, item)| value(item, path.item(position), sink))
        .collect()
}

/// A section: entries by name, each read by itself so that one mistake does not hide the next.
fn section<T: DeserializeOwned>(
    entry: Option<&Entry>,
    sink: &RefCell<Vec<Diagnostic>>,
) -> Named<T> {
    let Some(section) = entry.filter(|entry| !entry.value.is_null()) else {
        return Named::new();
    };
    let path = FieldPath::default().field(&section.key);
    let Value::Map(entries) = &section.value.value else {
        let message = format!("{path} must be a map of names");
        let place = (path, section.value.span, String::new());
        let help = format!("write for example: {}: {{ a-name: {{ … }} }}", section.key);
        sink.borrow_mut()
            .push(form("F011", message, Some(place), help));
        return Named::new();
    };
    let mut named = Named::new();
    for entry in entries {
        let below = path.field(&entry.key);
        match entry.key.parse::<Name>() {
            Ok(name) => {
                if let Some(value) = value(&entry.value, below, sink) {
                    named.insert(name, value);
                }
            }
            Err(error) => {
                let place = (below, entry.key_span, String::new());
                sink.borrow_mut()
                    .push(form("F012", error.to_string(), Some(place), ""));
            }
        }
    }
    named
}

fn value<T: DeserializeOwned>(
    node: &Node,
    path: FieldPath,
    sink: &RefCell<Vec<Diagnostic>>,
) -> Option<T> {
    let before = sink.borrow().len();
    match T::deserialize(Decoder::new(node, path, sink)) {
        Ok(value) => Some(value),
        Err(error) => {
            // A misspelt field is told once: not again as the one that is then missing.
            let told = sink.borrow().len() > before;
            if !(told && error.is_missing_field()) {
                let finding = error.into_finding();
                sink.borrow_mut().push(finding);
            }
            None
        }
    }
}

/// The finding about a field that does not exist.
fn unknown_field(path: &FieldPath, entry: &Entry, known: &[&str]) -> Diagnostic {
    let key: String = entry.key.chars().take(80).collect();
    let field = path.field(&key);
    let fix = certain(&key, known.iter().copied()).map(|near| Fix::name(field.clone(), near));
    let place = Some((field, entry.key_span, String::new()));
    let message = format!("there is no field `{key}` here");
    let help = match nearest(&key, known.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None if known.is_empty() => "there are no fields here".to_owned(),
        None => format!("the fields here are: {}", known.join(", ")),
    };
    Diagnostic {
        fix,
        ..form("F013", message, place, help)
    }
}
