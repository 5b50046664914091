//! From the tree to the lab's types: a serde deserializer that knows the place of everything,
//! reports fields that do not exist and goes on, and gives up one entry at a time.

mod access;
mod deserializer;
mod reader;
mod refused;
mod required;

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;

use super::sink::Sink;
use super::trail;
use super::tree::{Entry, Node, Value};
use super::{certain, form, formats, nearest};
use crate::diagnostic::{Diagnostic, FieldPath, Fix, Span};
use crate::lab::{FORMAT, Lab, Named};
use crate::name::Name;
use deserializer::Decoder;
use reader::Reader;
use trail::Trail;

/// The sections of a lab file, in the order in which a person reads them.
pub const SECTIONS: [&str; 21] = [
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
    "replica",
    "notes",
];

/// A section does not have more entries in one file, and so a hostile file ends soon, whatever
/// follows from it.
const MOST_ENTRIES: usize = 500;
/// Nor in all files of the folder. A lab of 10,000 resources has a quarter of them as apps.
const MOST_ENTRIES_TOGETHER: usize = 2_500;
/// So many values are read again to find further mistakes.
const MOST_AGAIN: usize = 200_000;

/// Reads the lab from the tree. Everything wrong, and what the lab therefore lacks, goes to `sink`.
pub(super) fn lab(tree: &Node, sink: &Sink) -> Option<Lab> {
    let Value::Map(entries) = &tree.value else {
        return None;
    };
    for entry in entries
        .iter()
        .filter(|e| !SECTIONS.contains(&e.key.as_str()))
    {
        if sink.is_full() {
            break;
        }
        sink.push(unknown_field(&FieldPath::default(), entry, &SECTIONS));
        if let Some(meant) = nearest(&entry.key, SECTIONS) {
            sink.unread(meant.into());
        }
    }
    let find = |key: &str| entries.iter().find(|entry| entry.key == key);
    let name = match find("lab") {
        Some(entry) => value::<Name>(&entry.value, &"lab".into(), entry.key_span, sink),
        None => {
            // A misspelt field is told once: not again as the one that is then missing.
            if !sink.is_unread("lab") {
                let place = (FieldPath::default(), tree.span, String::new());
                let help = "write at the top: lab: NAME";
                sink.push(form("F010", "the lab has no name", Some(place), help));
            }
            None
        }
    };
    Some(Lab {
        format: format(find("format"), sink),
        // Without a name it is refused; until it has one, the rest is still checked.
        lab: name.or_else(|| "unnamed".parse().ok())?,
        sites: section(find("sites"), sink),
        networks: section(find("networks"), sink),
        firewall: list(find("firewall"), sink),
        hosts: section(find("hosts"), sink),
        clusters: section(find("clusters"), sink),
        nodes: section(find("nodes"), sink),
        storage: section(find("storage"), sink),
        components: section(find("components"), sink),
        apps: section(find("apps"), sink),
        images: section(find("images"), sink),
        secrets: section(find("secrets"), sink),
        users: section(find("users"), sink),
        observability: section(find("observability"), sink),
        promises: list(find("promises"), sink),
        backups: section(find("backups"), sink),
        accepts: list(find("accepts"), sink),
        claims: find("claims")
            .and_then(|entry| value(&entry.value, &"claims".into(), entry.key_span, sink)),
        replica: find("replica")
            .and_then(|entry| value(&entry.value, &"replica".into(), entry.key_span, sink)),
        notes: notes(find("notes"), sink),
    })
}

/// The version of the format: the newest, by now. One that is not known is a finding of its own:
/// nothing else in the file can be trusted to mean what it seems to.
fn format(entry: Option<&Entry>, sink: &Sink) -> u32 {
    let Some(entry) = entry else {
        return FORMAT;
    };
    let found = value::<u32>(&entry.value, &"format".into(), entry.key_span, sink);
    if let Some(found) = found.filter(|found| !formats::KNOWN.contains(found)) {
        let place = ("format".into(), entry.value.span, String::new());
        let help = if found > FORMAT {
            "a newer version of Steading reads it".to_owned()
        } else {
            format!("write {FORMAT}")
        };
        let message = format!("format {found} is not known; this version reads format {FORMAT}");
        sink.push(form("F021", message, Some(place), help));
    }
    FORMAT
}

/// What an import could not place, word for word.
fn notes(entry: Option<&Entry>, sink: &Sink) -> BTreeMap<String, String> {
    entry
        .and_then(|entry| value(&entry.value, &"notes".into(), entry.key_span, sink))
        .unwrap_or_default()
}

/// A section that is a list: its items are read one by one.
fn list<T: DeserializeOwned>(entry: Option<&Entry>, sink: &Sink) -> Vec<T> {
    let Some(section) = entry.filter(|entry| !entry.value.is_null()) else {
        return Vec::new();
    };
    let path = FieldPath::default().field(&section.key);
    let Value::List(items) = &section.value.value else {
        let message = format!("{path} must be a list");
        let place = (path, section.value.span, String::new());
        let help = format!("write for example: {}: [ {{ … }} ]", section.key);
        sink.push(form("F011", message, Some(place), help));
        return Vec::new();
    };
    items
        .iter()
        .enumerate()
        .filter_map(|(position, item)| value(item, &path.item(position), item.span, sink))
        .collect()
}

/// A section: entries by name, each read by itself so that one mistake does not hide the next.
fn section<T: DeserializeOwned>(entry: Option<&Entry>, sink: &Sink) -> Named<T> {
    let mut named = Named::new();
    let Some(section) = entry.filter(|entry| !entry.value.is_null()) else {
        return named;
    };
    let path = FieldPath::default().field(&section.key);
    let Value::Map(entries) = &section.value.value else {
        let message = format!("{path} must be a map of names");
        let place = (path.clone(), section.value.span, String::new());
        let help = format!("write for example: {}: {{ a-name: {{ … }} }}", section.key);
        sink.push(form("F011", message, Some(place), help));
        sink.unread(path);
        return named;
    };
    let within = within_bounds(entries);
    if let Some(beyond) = entries.get(within) {
        let (most, help) = if within < MOST_ENTRIES_TOGETHER {
            let help = "put some of them into another file of the folder";
            (format!("{MOST_ENTRIES} {path} in one file"), help)
        } else {
            let help = "make several labs of it, each in a folder of its own";
            (format!("{MOST_ENTRIES_TOGETHER} {path}"), help)
        };
        let label = "the first too many".to_owned();
        let place = (path.clone(), beyond.key_span, label);
        let message = format!("more than {most}");
        sink.push(form("F020", message, Some(place), help));
        sink.unread(path.clone());
    }
    for entry in entries.iter().take(within) {
        let below = path.field(&entry.key);
        match entry.key.parse::<Name>() {
            Ok(name) => match value(&entry.value, &below, entry.key_span, sink) {
                Some(value) => {
                    named.insert(name, value);
                }
                None => sink.unread(below),
            },
            Err(error) => {
                let place = (below, entry.key_span, String::new());
                sink.push(form("F012", error.to_string(), Some(place), ""));
                // Not by its name, which may hold dots: an entry is missing, nobody refers to it.
                sink.unread(path.field("?"));
            }
        }
    }
    named
}

/// How many entries come before the first one too many.
fn within_bounds(entries: &[Entry]) -> usize {
    let mut in_file: BTreeMap<usize, usize> = BTreeMap::new();
    let mut bounded = entries.iter().take(MOST_ENTRIES_TOGETHER);
    let beyond = bounded.position(|entry| {
        let count = in_file.entry(entry.key_span.file).or_default();
        *count += 1;
        *count > MOST_ENTRIES
    });
    beyond.unwrap_or_else(|| entries.len().min(MOST_ENTRIES_TOGETHER))
}

/// Reads a value. After a mistake it is read again without what holds it, so that the next mistake
/// is found too.
fn value<T: DeserializeOwned>(node: &Node, path: &FieldPath, name: Span, sink: &Sink) -> Option<T> {
    let reader = Reader::new(sink);
    loop {
        let decoder = Decoder {
            name: Some(name),
            ..Decoder::new(node, Trail::Start(path), &reader)
        };
        let error = match T::deserialize(decoder) {
            Ok(value) => return reader.is_whole().then_some(value),
            Err(error) => error.at(node.span, &Trail::Start(path)),
        };
        let holder = error.value();
        if !error.is_told() {
            sink.push(error.into_finding());
        }
        let goes_on = holder.is_some_and(|holder| reader.skip(holder));
        if !goes_on || sink.is_full() || !sink.may_spend(reader.values.take(), MOST_AGAIN) {
            return None;
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
