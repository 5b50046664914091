//! A lab as the text of a lab file.

use model::lab::Lab;
use model::source::Source;
use serde_json::Value;

use crate::ImportError;
use crate::yaml::{self, Comments};

/// How a lab file looks beyond what it says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Style {
    /// Comments above fields, by the fields' paths.
    pub(crate) comments: Comments,
    /// Fields that are left out because they say what goes without saying, by their paths.
    pub(crate) omitted: Vec<String>,
}

/// A lab as the text of a lab file, below a header of comments.
pub(crate) fn of(lab: &Lab, header: &str, style: &Style) -> Result<String, ImportError> {
    let lab = serde_json::to_value(lab).map_err(|_| ImportError::TooMuch)?;
    let mut lab = visible(lab);
    let meant: Lab = serde_json::from_value(lab.clone()).map_err(|_| ImportError::TooMuch)?;
    for path in &style.omitted {
        omit(&mut lab, path);
    }
    let source = Source {
        name: "lab.yaml".to_owned(),
        text: header.to_owned() + &yaml::write_with(&lab, &style.comments),
    };
    let reading = model::read::read(std::slice::from_ref(&source));
    // What was written must be what is read: a lab file that says something else is worse
    // than none.
    if reading.diagnostics.is_empty() && reading.lab.as_ref() == Some(&meant) {
        Ok(source.text)
    } else {
        Err(ImportError::TooMuch)
    }
}

/// Removes the field at a path, if it is there.
fn omit(value: &mut Value, path: &str) {
    let (above, last) = path.rsplit_once('.').unwrap_or(("", path));
    let mut at = Some(value);
    for key in above.split('.').filter(|key| !key.is_empty()) {
        at = at.and_then(|value| value.get_mut(key));
    }
    if let Some(Value::Object(map)) = at {
        map.remove(last);
    }
}

/// The same with every character that a lab file does not hold written out, as `\u{7}`.
fn visible(value: Value) -> Value {
    let text = |text: String| {
        let held = |c: char| {
            !c.is_control() && c != char::REPLACEMENT_CHARACTER || matches!(c, '\n' | '\t')
        };
        if text.chars().all(held) {
            return text;
        }
        let escaped = |c: char| {
            if held(c) {
                c.to_string()
            } else {
                c.escape_unicode().to_string()
            }
        };
        text.chars().map(escaped).collect()
    };
    match value {
        Value::String(found) => Value::String(text(found)),
        Value::Array(items) => items.into_iter().map(visible).collect(),
        Value::Object(fields) => fields
            .into_iter()
            .map(|(name, value)| (text(name), visible(value)))
            .collect(),
        other => other,
    }
}
