//! `docs/lab-file.md`: the schema as a page for people. Editors and readers get the same words.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use serde_json::{Map, Value};

use super::flow::flow;
use super::words::{
    alternatives, description, example, kind, referred, title, told_default, variant,
};

const HEAD: &str = "# The lab file

<!-- Generated from crates/model/src/lab/: change the words there, then run
     UPDATE_DOCS=1 cargo test -p model document -->

A lab file declares a whole homelab: where its machines stand, how they are wired, which clusters
run on them and what runs in those. It is YAML, either one file `lab.yaml` or a folder whose
`*.yaml` files are read as one. Say only what you want to decide: what is left out has the default
named below, and what follows from something else (certificate names, MTUs, addresses of
monitors) is derived. Every name is your own choice, and is what other parts of the file refer
to. `steading check` tells everything that is wrong with a file, each with its place and what to
write instead; `steading schema` prints the same words as a JSON Schema, with which editors complete
and explain the fields. A small lab that works:

```yaml
";

const QUICKSTART: &str = include_str!("../../../../labs/quickstart/lab.yaml");

/// The page about the lab file, as markdown.
#[must_use]
pub fn document() -> String {
    let schema = super::schema();
    let none = Map::new();
    let defs = schema
        .get("$defs")
        .and_then(Value::as_object)
        .unwrap_or(&none);
    let mut page = Page {
        defs,
        text: format!("{HEAD}{QUICKSTART}```\n"),
        written: BTreeSet::new(),
        values: Vec::new(),
    };
    page.sections(&schema);
    page.values();
    page.text
}

struct Page<'a> {
    defs: &'a Map<String, Value>,
    text: String,
    /// The types that have their section.
    written: BTreeSet<&'a str>,
    /// The types that are a single value: their sections stand at the end.
    values: Vec<&'a str>,
}

impl<'a> Page<'a> {
    /// The top of the file, then each of its fields with the types that it is the first to need.
    fn sections(&mut self, schema: &'a Value) {
        self.text.push_str("\n## The fields of a lab\n\n");
        self.table(schema);
        for (name, field) in fields(schema) {
            let mut needed = Vec::new();
            self.need(field, &mut needed);
            if needed.is_empty() {
                continue;
            }
            let (about, _) = told_default(&description(field));
            let kind = kind(field, self.defs);
            self.line(&format!("\n## Section `{name}`\n\n{about} It is a {kind}."));
            for name in needed {
                self.section(name);
            }
        }
    }

    /// The types that a schema refers to and that have no section yet, in the order in which a
    /// reader meets them.
    fn need(&mut self, schema: &'a Value, needed: &mut Vec<&'a str>) {
        if let Some(name) = referred(schema) {
            let Some((name, def)) = self.defs.get_key_value(name) else {
                return;
            };
            if !self.written.insert(name) {
                return;
            }
            if is_value(def) {
                self.values.push(name);
            } else {
                needed.push(name);
            }
            self.need(def, needed);
            return;
        }
        let single = ["items", "additionalProperties"]
            .iter()
            .filter_map(|key| schema.get(key));
        let several = ["properties", "patternProperties"]
            .iter()
            .filter_map(|key| schema.get(key)?.as_object())
            .flat_map(Map::values);
        for below in single.chain(alternatives(schema)).chain(several) {
            self.need(below, needed);
        }
    }

    fn section(&mut self, name: &'a str) {
        let Some(schema) = self.defs.get(name) else {
            return;
        };
        let about = description(schema);
        self.line(&format!("\n### {}\n\n{about}", title(name, schema)));
        let choices = alternatives(schema);
        if choices.is_empty() {
            self.text.push('\n');
            self.least(schema);
            self.table(schema);
        } else {
            self.line("\nOne of:\n");
            for choice in choices {
                self.choice(choice);
            }
        }
    }

    /// What must be said at least, as an example.
    fn least(&mut self, schema: &Value) {
        if let Some(Value::Object(least)) = smallest(schema, self.defs, 0)
            && !least.is_empty()
        {
            self.line(&format!("At least: `{}`\n", flow(&Value::Object(least))));
        }
    }

    fn choice(&mut self, choice: &Value) {
        let about = description(choice);
        let line = if let Some(word) = choice.get("const").and_then(Value::as_str) {
            format!("- `{word}`: {about}")
        } else if let Some((name, of)) = variant(choice) {
            let example = example(of).map(|text| format!(" Example: `{name}: {text}`"));
            let kind = kind(of, self.defs);
            format!("- `{name}:` {kind}. {about}{}", example.unwrap_or_default())
        } else {
            format!("- {}. {about}", kind(choice, self.defs))
        };
        self.line(line.trim_end());
    }

    fn table(&mut self, schema: &Value) {
        let fields = fields(schema);
        if fields.is_empty() {
            self.line("It has no fields: write `{}`.");
            return;
        }
        self.line("| field | type | default | what it says |\n|---|---|---|---|");
        for (name, field) in fields {
            let kind = kind(field, self.defs);
            let (mut about, told) = told_default(&description(field));
            if let Some(example) = example(field) {
                let _ = write!(about, " Example: `{example}`");
            }
            let default = if required(schema).any(|required| required == name) {
                "**required**".to_owned()
            } else {
                told.unwrap_or_else(|| default(field))
            };
            let cells = [format!("`{name}`"), kind, default, about];
            let cells = cells.map(|cell| cell.trim().replace('|', "\\|"));
            self.line(&format!("| {} |", cells.join(" | ")));
        }
    }

    /// The types that are a single value.
    fn values(&mut self) {
        self.text.push_str("\n## Values\n");
        let mut values = std::mem::take(&mut self.values);
        values.sort_unstable();
        for name in values {
            self.section_of_value(name);
        }
    }

    fn section_of_value(&mut self, name: &str) {
        let Some(schema) = self.defs.get(name) else {
            return;
        };
        let title = title(name, schema);
        let about = description(schema);
        self.line(&format!("\n### {title}\n\n{about}"));
        let examples: Vec<String> = schema
            .get("examples")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .map(|example| format!("`{}`", flow(example)))
            .collect();
        if !examples.is_empty() {
            self.line(&format!("\nExamples: {}", examples.join(", ")));
        }
    }

    fn line(&mut self, text: &str) {
        self.text.push_str(text);
        self.text.push('\n');
    }
}

/// The fields of a map, those that must be there first.
fn fields(schema: &Value) -> Vec<(&str, &Value)> {
    let mut fields: Vec<(&str, &Value)> = schema
        .get("properties")
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
        .map(|(name, field)| (name.as_str(), field))
        .collect();
    let needed: Vec<&str> = required(schema).collect();
    fields.sort_by_key(|(name, _)| !needed.contains(name));
    fields
}

fn required(schema: &Value) -> impl Iterator<Item = &str> {
    schema
        .get("required")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
}

/// Whether a type is a single value, with no fields and no words of its own to choose from.
fn is_value(schema: &Value) -> bool {
    let fields = schema.get("properties").is_some();
    let choice = alternatives(schema)
        .iter()
        .any(|choice| choice.get("const").is_some() || choice.get("properties").is_some());
    let described = alternatives(schema)
        .iter()
        .any(|choice| choice.get("description").is_some());
    !fields && !choice && !described
}

/// The default of a field whose description does not tell it.
fn default(field: &Value) -> String {
    if let Some(value) = field.get("default") {
        return format!("`{}`", flow(value));
    }
    // Fields that are `true` unless told otherwise carry their default in the schema.
    match field.get("type").and_then(Value::as_str) {
        Some("boolean") => "`false`".to_owned(),
        Some("array" | "object") => "empty".to_owned(),
        _ => "none".to_owned(),
    }
}

/// The smallest value that is an example of the schema: of a map, the fields that must be there.
pub(super) fn smallest(schema: &Value, defs: &Map<String, Value>, depth: usize) -> Option<Value> {
    if let Some(example) = schema.get("examples").and_then(|all| all.get(0)) {
        return Some(example.clone());
    }
    if let Some(value) = schema.get("const").or_else(|| schema.get("default")) {
        return Some(value.clone());
    }
    // A type that needs itself has no smallest value.
    if depth > 8 {
        return None;
    }
    if let Some(name) = referred(schema) {
        return smallest(defs.get(name)?, defs, depth + 1);
    }
    if let Some(first) = alternatives(schema).first() {
        return smallest(first, defs, depth + 1);
    }
    let word = schema.get("type")?;
    let word = word.as_str().or_else(|| word.get(0)?.as_str())?;
    match word {
        "boolean" => Some(true.into()),
        "array" => {
            let item = smallest(schema.get("items")?, defs, depth + 1)?;
            Some(vec![item].into())
        }
        "object" => required(schema)
            .map(|name| {
                let field = schema.get("properties")?.get(name)?;
                Some((name.to_owned(), smallest(field, defs, depth + 1)?))
            })
            .collect::<Option<Map<_, _>>>()
            .map(Value::Object),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
