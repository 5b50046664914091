//! Lab files as a person would write them: known fields in their usual order, small maps on one
//! line, long texts as blocks. Everything that YAML could take for something else is quoted.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use model::read::SECTIONS;
use serde_json::{Map, Value};

/// Fields that come first, in this order, after the sections; the others follow by their names.
const ORDER: [&str; 26] = [
    "cluster",
    "role",
    "on",
    "name",
    "catalog",
    "chart",
    "repository",
    "version",
    "kubernetes",
    "site",
    "cidr",
    "gateway",
    "mtu",
    "model",
    "arch",
    "cpu",
    "memory",
    "nics",
    "disks",
    "distribution",
    "endpoint",
    "address",
    "pods",
    "services",
    "cni",
    "proxy",
];

/// A map on one line is at most so long.
const LINE: usize = 100;

/// Comments above fields, by the fields' paths: `clusters.main.pods`. Fields inside lists have none.
pub(crate) type Comments = BTreeMap<String, String>;

/// Comments as they are seen from a field.
struct Seen<'a> {
    all: &'a Comments,
    path: String,
}

impl Seen<'_> {
    fn from(&self, key: &str) -> Self {
        let dot = if self.path.is_empty() { "" } else { "." };
        Self {
            all: self.all,
            path: format!("{}{dot}{key}", self.path),
        }
    }

    /// Whether a field below has one, so that it needs a line of its own.
    fn are_below(&self) -> bool {
        let below = |path: &String| {
            let rest = path.strip_prefix(&self.path);
            rest.is_some_and(|rest| rest.starts_with('.'))
        };
        self.all.keys().any(below)
    }

    fn write(&self, out: &mut String, depth: usize) {
        let lines = self.all.get(&self.path).map(|text| text.lines());
        for line in lines.into_iter().flatten() {
            // What a comment holds must not end it.
            let line: String = line
                .chars()
                .map(|c| if is_printable(c) { c } else { ' ' })
                .collect();
            let _ = writeln!(out, "{}# {}", indent(depth), line.trim());
        }
    }
}

/// A value as YAML.
pub(crate) fn write(value: &Value) -> String {
    write_with(value, &Comments::new())
}

/// A value as YAML, with comments.
pub(crate) fn write_with(value: &Value, comments: &Comments) -> String {
    let mut out = String::new();
    let seen = Seen {
        all: comments,
        path: String::new(),
    };
    match value {
        Value::Object(map) if !map.is_empty() => block_map(&mut out, map, 0, &seen),
        Value::Array(items) if !items.is_empty() => block_list(&mut out, items, 0),
        value => {
            out.push_str(&flow(value));
            out.push('\n');
        }
    }
    out
}

fn block_map(out: &mut String, map: &Map<String, Value>, depth: usize, seen: &Seen<'_>) {
    for (key, value) in ordered(map) {
        let top = depth == 0 && map.contains_key("lab");
        if top && !out.is_empty() && value.is_object() {
            out.push('\n');
        }
        let seen = seen.from(key);
        seen.write(out, depth);
        let _ = write!(out, "{}{}:", indent(depth), name(key));
        after(out, value, depth, top, &seen);
    }
}

fn block_list(out: &mut String, items: &[Value], depth: usize) {
    let none = Comments::new();
    let seen = Seen {
        all: &none,
        path: String::new(),
    };
    for item in items {
        if let Value::Object(map) = item
            && !map.is_empty()
            && short(item, LINE.saturating_sub(2 * depth)).is_none()
        {
            // The first field stands behind the dash.
            let mut inner = String::new();
            block_map(&mut inner, map, depth + 1, &seen);
            let first = inner.trim_start();
            let _ = write!(out, "{}- {first}", indent(depth));
            continue;
        }
        let _ = write!(out, "{}-", indent(depth));
        after(out, item, depth, false, &seen);
    }
}

/// A value behind `key:` or `-`.
fn after(out: &mut String, value: &Value, depth: usize, section: bool, seen: &Seen<'_>) {
    let room = LINE.saturating_sub(2 * depth);
    match value {
        Value::String(text) if is_block(text) => block_text(out, text, depth + 1),
        Value::Object(map) if !map.is_empty() => match short(value, room) {
            Some(line) if !section && !seen.are_below() => {
                let _ = writeln!(out, " {line}");
            }
            _ => {
                out.push('\n');
                block_map(out, map, depth + 1, seen);
            }
        },
        Value::Array(items) if !items.is_empty() => match short(value, room) {
            Some(line) => {
                let _ = writeln!(out, " {line}");
            }
            None => {
                out.push('\n');
                block_list(out, items, depth + 1);
            }
        },
        value => {
            let _ = writeln!(out, " {}", flow(value));
        }
    }
}

fn block_text(out: &mut String, text: &str, depth: usize) {
    out.push_str(if text.ends_with('\n') {
        " |\n"
    } else {
        " |-\n"
    });
    for line in text.lines() {
        if line.is_empty() {
            out.push('\n');
        } else {
            let _ = writeln!(out, "{}{line}", indent(depth));
        }
    }
}

/// Whether a text can stand as a block and come back as it was.
fn is_block(text: &str) -> bool {
    let body = text.strip_suffix('\n').unwrap_or(text);
    body.contains('\n')
        && !body.ends_with('\n')
        && !body.starts_with([' ', '\n', '\t'])
        && body.chars().all(|c| c == '\n' || is_printable(c))
}

/// What needs no escape: letters of all languages, but nothing that moves lines or the cursor.
fn is_printable(c: char) -> bool {
    matches!(c, ' '..='~' | '\u{a1}'..='\u{2027}' | '\u{2030}'..='\u{d7ff}' | '\u{e000}'..='\u{fefe}')
}

/// A value on one line, where that is short and simple enough.
fn short(value: &Value, room: usize) -> Option<String> {
    fn simple(value: &Value, depth: usize) -> bool {
        match value {
            Value::Object(map) => {
                depth > 0 && map.len() < 9 && map.values().all(|v| simple(v, depth - 1))
            }
            Value::Array(items) => {
                depth > 0 && items.len() < 20 && items.iter().all(|v| simple(v, depth - 1))
            }
            Value::String(text) => text.len() < LINE && !text.contains('\n'),
            Value::Null | Value::Bool(_) | Value::Number(_) => true,
        }
    }
    if !simple(value, 3) {
        return None;
    }
    let line = flow(value);
    (line.len() <= room).then_some(line)
}

fn flow(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(yes) => yes.to_string(),
        Value::Number(number) => decimal(&number.to_string()),
        Value::String(text) => scalar(text),
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(flow).collect();
            format!("[{}]", items.join(", "))
        }
        Value::Object(map) if map.is_empty() => "{}".to_owned(),
        Value::Object(map) => {
            let entries: Vec<String> = ordered(map)
                .into_iter()
                .map(|(key, value)| format!("{}: {}", name(key), flow(value)))
                .collect();
            format!("{{ {} }}", entries.join(", "))
        }
    }
}

/// A fraction always has its point: 1e300 without one would be a text.
fn decimal(number: &str) -> String {
    match number.split_once(['e', 'E']) {
        Some((mantissa, exponent)) if !mantissa.contains('.') => format!("{mantissa}.0e{exponent}"),
        _ => number.to_owned(),
    }
}

/// The known fields in their usual order.
fn known() -> impl Iterator<Item = &'static str> {
    SECTIONS.into_iter().chain(ORDER)
}

fn ordered(map: &Map<String, Value>) -> Vec<(&String, &Value)> {
    let rank = |key: &str| known().position(|known| known == key).unwrap_or(usize::MAX);
    let mut entries: Vec<_> = map.iter().collect();
    entries.sort_by_key(|(key, _)| (rank(key), key.as_str()));
    entries
}

fn indent(depth: usize) -> String {
    "  ".repeat(depth)
}

/// A field's name: known ones stand without quotes, also `on`.
fn name(key: &str) -> String {
    if known().any(|known| known == key) {
        key.to_owned()
    } else {
        scalar(key)
    }
}

/// A text without quotes where nothing can take it for something else.
fn scalar(text: &str) -> String {
    if is_plain(text) {
        return text.to_owned();
    }
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\t' => quoted.push_str("\\t"),
            '\r' => quoted.push_str("\\r"),
            c if is_printable(c) => quoted.push(c),
            c if u32::from(c) <= 0xffff => {
                let _ = write!(quoted, "\\u{:04X}", u32::from(c));
            }
            c => {
                let _ = write!(quoted, "\\U{:08X}", u32::from(c));
            }
        }
    }
    quoted.push('"');
    quoted
}

fn is_plain(text: &str) -> bool {
    let first = |c: char| c.is_ascii_alphanumeric() || c == '/' || c == '_';
    let inner = |c: char| {
        first(c)
            || matches!(
                c,
                '.' | '-' | '+' | '=' | '@' | ' ' | ':' | '(' | ')' | '~' | '$'
            )
    };
    let words = ["true", "false", "null", "yes", "no", "on", "off", "y", "n"];
    text.starts_with(first)
        && text.chars().all(inner)
        && text.len() <= 400
        && !text.contains(": ")
        && !text.ends_with([':', ' '])
        && !words.contains(&text.to_ascii_lowercase().as_str())
        && !is_number(text)
}

/// Whether some reader of YAML could take it for a number or a time.
fn is_number(text: &str) -> bool {
    let sexagesimal = text
        .bytes()
        .all(|b| b.is_ascii_digit() || b == b':' || b == b'_');
    text.parse::<f64>().is_ok() || sexagesimal || text.starts_with("0x") || text.starts_with("0o")
}
