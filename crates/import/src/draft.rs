//! A lab on its way, and what there is to tell about it.

use std::collections::BTreeMap;

use model::lab::{FORMAT, Lab, Secret};
use model::name::Name;
use serde_json::Value;

use crate::fields::Fields;
use crate::secrecy::Taken;
use crate::{Imported, Report, names, secrecy, yaml};

/// A place longer than this is cut: it is the name of a note.
const LONGEST_PLACE: usize = 160;

/// A lab on its way, and what there is to tell about it.
#[derive(Debug)]
pub(crate) struct Draft {
    pub(crate) lab: Lab,
    report: Report,
}

impl Draft {
    /// An empty lab.
    pub(crate) const fn new(name: Name) -> Self {
        let lab = Lab {
            format: FORMAT,
            lab: name,
            sites: BTreeMap::new(),
            networks: BTreeMap::new(),
            firewall: Vec::new(),
            hosts: BTreeMap::new(),
            clusters: BTreeMap::new(),
            nodes: BTreeMap::new(),
            storage: BTreeMap::new(),
            components: BTreeMap::new(),
            apps: BTreeMap::new(),
            images: BTreeMap::new(),
            secrets: BTreeMap::new(),
            users: BTreeMap::new(),
            observability: BTreeMap::new(),
            promises: Vec::new(),
            backups: BTreeMap::new(),
            accepts: Vec::new(),
            claims: None,
            replica: None,
            notes: BTreeMap::new(),
        };
        let report = Report {
            took: Vec::new(),
            derived: Vec::new(),
            unplaced: Vec::new(),
        };
        Self { lab, report }
    }

    /// Tells what was taken over.
    pub(crate) fn took(&mut self, what: impl Into<String>) {
        self.report.took.push(what.into());
    }

    /// Tells what was concluded.
    pub(crate) fn derived(&mut self, what: impl Into<String>) {
        let what = what.into();
        if !self.report.derived.contains(&what) {
            self.report.derived.push(what);
        }
    }

    /// Keeps what has no place as a note, and tells it. The text must be free of secrets.
    pub(crate) fn unplaced(&mut self, place: &str, text: impl Into<String>) {
        let text = text.into();
        let place: String = place.chars().take(LONGEST_PLACE).collect();
        let mut key = place.clone();
        let mut number = 2;
        while self.lab.notes.contains_key(&key) {
            key = format!("{place} ({number})");
            number += 1;
        }
        self.lab.notes.insert(key.clone(), text.clone());
        self.report.unplaced.push((key, text));
    }

    /// Tells that a secret was left out.
    pub(crate) fn left_out(&mut self, place: &str) {
        let place: String = place.chars().take(LONGEST_PLACE).collect();
        let text = "may be a secret: left out; keep it where secrets are kept".to_owned();
        self.report.unplaced.push((place, text));
    }

    /// A value without its secrets, which are told; `None` where nothing is left.
    pub(crate) fn without_secrets(&mut self, place: &str, value: Value) -> Option<Value> {
        self.strip(place, value, Taken::default())
    }

    /// The same for a value that is used as it is: items of lists that are no use without their
    /// secrets become notes.
    pub(crate) fn usable(&mut self, place: &str, value: Value) -> Option<Value> {
        let taken = Taken {
            halves: Some(Vec::new()),
            ..Taken::default()
        };
        self.strip(place, value, taken)
    }

    fn strip(&mut self, place: &str, value: Value, mut taken: Taken) -> Option<Value> {
        let kept = secrecy::strip(value, place, &mut taken).and_then(tidy);
        for place in &taken.secrets {
            self.left_out(place);
        }
        for (place, half) in taken.halves.into_iter().flatten() {
            self.unplaced(&place, yaml::write(&half).trim_end());
        }
        kept
    }

    /// Keeps all fields that nobody took.
    pub(crate) fn rest(&mut self, fields: Fields) {
        let places: Vec<String> = fields_of(&fields);
        for ((key, value), place) in fields.rest().into_iter().zip(places) {
            // The name of the field is part of what tells a secret.
            let above = place
                .strip_suffix(&key)
                .unwrap_or(&place)
                .trim_end_matches('.');
            let one = Value::Object([(key.clone(), value)].into_iter().collect());
            if let Some(Value::Object(mut map)) = self.without_secrets(above, one)
                && let Some(value) = map.remove(&key)
            {
                match value {
                    Value::String(text) => self.unplaced(&place, text),
                    value => self.unplaced(&place, yaml::write(&value).trim_end()),
                }
            }
        }
    }

    /// Refers to a secret; gives its name in the lab.
    pub(crate) fn secret(&mut self, wanted: &str, secret: Secret) -> Name {
        let wanted = names::name(wanted).unwrap_or_else(|| names::known("secret"));
        let same = |name: &Name| self.lab.secrets.get(name) == Some(&secret);
        let name = names::free(&wanted, |name| {
            self.lab.secrets.contains_key(name) && !same(name)
        });
        self.lab.secrets.insert(name.clone(), secret);
        name
    }

    /// The end.
    pub(crate) fn finish(self) -> Imported {
        Imported {
            lab: self.lab,
            report: self.report,
        }
    }
}

fn fields_of(fields: &Fields) -> Vec<String> {
    let keys = fields.keys();
    keys.iter().map(|key| fields.place_of(key)).collect()
}

/// A value without what became empty; `None` where nothing is left.
pub(crate) fn tidy(value: Value) -> Option<Value> {
    match value {
        Value::Null => None,
        Value::Object(map) if map.is_empty() => None,
        Value::Array(items) if items.is_empty() => None,
        Value::Object(map) => {
            let kept: serde_json::Map<String, Value> = map
                .into_iter()
                .filter_map(|(key, value)| match value {
                    // An empty map or list that somebody wrote means something.
                    Value::Object(inner) if !inner.is_empty() => {
                        Some((key, tidy(Value::Object(inner))?))
                    }
                    value => Some((key, value)),
                })
                .collect();
            (!kept.is_empty()).then_some(Value::Object(kept))
        }
        value => Some(value),
    }
}
