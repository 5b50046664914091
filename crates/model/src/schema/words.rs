//! What a piece of the schema says, in words.

use serde_json::{Map, Value};

use super::flow::flow;

/// The largest number of words that stand in a field's type; more stand in their own section.
const FEW: usize = 5;

/// The name at the end of a `$ref`.
pub(super) fn referred(schema: &Value) -> Option<&str> {
    schema.get("$ref")?.as_str()?.rsplit('/').next()
}

/// The alternatives of a schema without `null`, which only says that a field may be left out.
pub(super) fn alternatives(schema: &Value) -> Vec<&Value> {
    ["oneOf", "anyOf"]
        .iter()
        .filter_map(|key| schema.get(key)?.as_array())
        .flatten()
        .filter(|schema| schema.get("type").and_then(Value::as_str) != Some("null"))
        .collect()
}

/// The one field of a variant such as `{ ssh: … }`.
pub(super) fn variant(schema: &Value) -> Option<(&str, &Value)> {
    let fields = schema.get("properties")?.as_object()?;
    let (name, schema) = fields.iter().next()?;
    (fields.len() == 1).then_some((name.as_str(), schema))
}

/// The description as one line.
pub(super) fn description(schema: &Value) -> String {
    let text = schema.get("description").and_then(Value::as_str);
    text.unwrap_or_default()
        .split("\n\n")
        .map(|paragraph| paragraph.replace('\n', " "))
        .collect::<Vec<_>>()
        .join(" ")
}

/// The description without the sentence that tells the default, and what that sentence tells.
pub(super) fn told_default(description: &str) -> (String, Option<String>) {
    let Some(at) = description.find("Default: ") else {
        return (description.to_owned(), None);
    };
    let (before, rest) = description.split_at(at);
    let rest = rest.trim_start_matches("Default: ");
    let end = rest
        .match_indices(". ")
        .find(|(at, _)| {
            let next = rest.get(at + 2..).unwrap_or_default();
            next.starts_with(|c: char| c.is_uppercase() || c == '`')
        })
        .map_or(rest.len(), |(at, _)| at + 1);
    let (told, after) = rest.split_at(end);
    let text = format!("{}{after}", before.trim_end());
    (text, Some(told.trim_end_matches('.').to_owned()))
}

/// The first example of a schema, as it is written in a lab file.
pub(super) fn example(schema: &Value) -> Option<String> {
    let first = schema.get("examples")?.as_array()?.first()?;
    // A block of several lines has no place in one.
    Some(flow(first)).filter(|text| !text.contains('\n'))
}

/// Names of types in words: `ContainerMachine` is a container machine.
pub(super) fn title(name: &str, schema: &Value) -> String {
    if let Some(title) = schema.get("title").and_then(Value::as_str) {
        return title.to_owned();
    }
    let mut words = String::new();
    let mut before = None;
    for letter in name.chars() {
        let begins = letter.is_uppercase() && before.is_some_and(char::is_lowercase);
        if begins {
            words.push(' ');
        }
        before = Some(letter);
        words.extend(begins.then(|| letter.to_ascii_lowercase()).or(Some(letter)));
    }
    words
}

/// The anchor that a heading gets where markdown is shown.
pub(super) fn anchor(heading: &str) -> String {
    heading
        .chars()
        .filter_map(|c| match c {
            ' ' => Some('-'),
            c if c.is_alphanumeric() || c == '-' => Some(c.to_ascii_lowercase()),
            _ => None,
        })
        .collect()
}

/// What a value is: text, whole number, list of …, map of names to …, one of ….
pub(super) fn kind(schema: &Value, defs: &Map<String, Value>) -> String {
    if let Some(name) = referred(schema) {
        return reference(name, defs);
    }
    let choices = alternatives(schema);
    if !choices.is_empty() {
        let choices: Vec<String> = choices.iter().map(|choice| kind(choice, defs)).collect();
        return choices.join(" or ");
    }
    let types: Vec<&str> = match schema.get("type") {
        Some(Value::String(one)) => vec![one],
        Some(Value::Array(several)) => several.iter().filter_map(Value::as_str).collect(),
        _ => return "anything".to_owned(),
    };
    let words: Vec<String> = types
        .iter()
        .filter(|word| **word != "null")
        .map(|word| simple(word, schema, defs))
        .collect();
    words.join(" or ")
}

/// A type with a section of its own; where it is a choice of few words, these too.
fn reference(name: &str, defs: &Map<String, Value>) -> String {
    let Some(schema) = defs.get(name) else {
        return name.to_owned();
    };
    let title = title(name, schema);
    let link = format!("[{title}](#{})", anchor(&title));
    let choices = alternatives(schema);
    let words: Vec<String> = choices
        .iter()
        .filter_map(|choice| Some(format!("`{}`", choice.get("const")?.as_str()?)))
        .collect();
    if words.is_empty() || words.len() != choices.len() {
        link
    } else if words.len() > FEW {
        format!("one of {link}")
    } else {
        format!("one of {} ({link})", words.join(", "))
    }
}

fn simple(word: &str, schema: &Value, defs: &Map<String, Value>) -> String {
    match word {
        "string" if schema.get("format").is_some_and(|format| format == "ip") => {
            "IP address".to_owned()
        }
        "string" => "text".to_owned(),
        "boolean" => "`true` or `false`".to_owned(),
        "integer" => number("whole number", schema),
        "number" => number("number", schema),
        "array" => {
            let items = schema.get("items").map_or("anything".to_owned(), |items| {
                let items = kind(items, defs);
                // A list of "text" is a list of texts.
                if items == "text" {
                    "texts".to_owned()
                } else {
                    items
                }
            });
            format!("list of {items}")
        }
        "object" => map(schema, defs),
        other => other.to_owned(),
    }
}

fn number(word: &str, schema: &Value) -> String {
    let bound = |key: &str| schema.get(key).and_then(Value::as_i64);
    match (bound("minimum").unwrap_or(0), bound("maximum")) {
        (low, Some(high)) if low == high => format!("{word}, {low}"),
        (low, Some(high)) => format!("{word} from {low} to {high}"),
        (0, None) => word.to_owned(),
        (low, None) => format!("{word}, {low} or more"),
    }
}

fn map(schema: &Value, defs: &Map<String, Value>) -> String {
    if let Some(patterns) = schema.get("patternProperties").and_then(Value::as_object) {
        let of = patterns.values().next().map(|of| kind(of, defs));
        return format!("map of names to {}", of.unwrap_or_default());
    }
    match schema.get("additionalProperties") {
        Some(of @ Value::Object(_)) => format!("map of texts to {}", kind(of, defs)),
        _ => "map of texts to anything".to_owned(),
    }
}
