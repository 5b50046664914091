//! Texts as values, within fixed bounds.

use serde_json::Value;

use crate::{Files, ImportError};

/// No file is larger.
const LARGEST: usize = 4 << 20;
/// Nor all of them together.
const LARGEST_ALL: usize = 32 << 20;
/// Helm keeps whole charts in a cluster, one object each.
pub(crate) const LARGEST_CLUSTER: usize = 256 << 20;
/// No value is nested deeper: it must fit into a lab file, which may be 64 deep.
pub(crate) const DEEPEST: usize = 40;

/// Refuses texts that are larger than any real ones.
pub(crate) fn bounded(files: &Files) -> Result<(), ImportError> {
    bounded_by(files, LARGEST_ALL)
}

/// The same with a bound of its own for all files together.
pub(crate) fn bounded_by(files: &Files, largest_all: usize) -> Result<(), ImportError> {
    let refuse = |file: &str, bytes, most| {
        Err(ImportError::TooLarge {
            file: file.to_owned(),
            bytes,
            most,
        })
    };
    let mut all = 0_usize;
    for (file, text) in files {
        if text.len() > LARGEST {
            return refuse(file, text.len(), LARGEST);
        }
        all = all.saturating_add(text.len());
    }
    if all > largest_all {
        return refuse("all files together", all, largest_all);
    }
    Ok(())
}

/// The documents of a YAML text.
pub(crate) fn yaml(file: &str, text: &str) -> Result<Vec<Value>, ImportError> {
    let options = serde_saphyr::options! {
        budget: serde_saphyr::budget! { max_depth: DEEPEST },
        with_snippet: false,
        // As Go's YAML reads it, which all of these tools use: a host may be called n, and 0600
        // are permissions.
        strict_booleans: true,
        legacy_octal_numbers: true,
    };
    serde_saphyr::from_multiple_with_options(text, options).map_err(|error| {
        // The library's own words may quote the text.
        ImportError::Unreadable {
            file: file.to_owned(),
            line: error.location().map_or(0, |location| location.line()),
            language: "YAML",
            deepest: DEEPEST,
        }
    })
}

/// The value of a JSON text.
pub(crate) fn json(file: &str, text: &str) -> Result<Value, ImportError> {
    let refuse = |line| ImportError::Unreadable {
        file: file.to_owned(),
        line,
        language: "JSON",
        deepest: DEEPEST,
    };
    let value: Value = serde_json::from_str(text).map_err(|error| refuse(error.line() as u64))?;
    if depth(&value) > DEEPEST {
        return Err(refuse(0));
    }
    Ok(value)
}

/// How deep a value is nested. serde_json itself stops at 128, so recursion is safe.
fn depth(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
        Value::Object(map) => 1 + map.values().map(depth).max().unwrap_or(0),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::yaml;

    #[test]
    fn words_stay_words_and_permissions_are_octal() {
        let read = yaml("f", "a: n\nb: true\nc: 0600\nd: on\ne: 0o600\n").unwrap();
        let wanted = serde_json::json!([{ "a": "n", "b": true, "c": 384, "d": "on", "e": 384 }]);
        assert_eq!(serde_json::Value::from(read), wanted);
    }
}
