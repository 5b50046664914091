//! Patches as talhelper takes them: merge patches, JSON patches (RFC 6902), files with either.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::clean;
use super::environment::Environment;
use crate::draft::Draft;
use crate::fields::Fields;
use crate::{Files, ImportError, document};

/// Reads what stands beside fields, and remembers what is to be told.
pub(super) struct Reader<'a> {
    files: &'a Files,
    environment: &'a Environment,
    /// Lines for the report.
    pub(super) derived: Vec<String>,
    /// Fields that were not understood.
    pub(super) leftover: Vec<Fields>,
    unplaced: BTreeSet<(String, String)>,
}

impl<'a> Reader<'a> {
    pub(super) const fn new(files: &'a Files, environment: &'a Environment) -> Self {
        Self {
            files,
            environment,
            derived: Vec::new(),
            leftover: Vec::new(),
            unplaced: BTreeSet::new(),
        }
    }

    /// Tells what was remembered.
    pub(super) fn tell(self, draft: &mut Draft) {
        for line in self.derived {
            draft.derived(line);
        }
        for fields in self.leftover {
            draft.rest(fields);
        }
        for (place, text) in self.unplaced {
            draft.unplaced(&place, text);
        }
    }

    /// All patches among some fields, as merge patches.
    pub(super) fn patches(&mut self, fields: &mut Fields) -> Result<Vec<Value>, ImportError> {
        let mut all = Vec::new();
        for (position, patch) in fields.list("patches")?.into_iter().enumerate() {
            let place = format!("{}[{position}]", fields.place_of("patches"));
            all.extend(self.patch(&place, patch)?);
        }
        let inline = fields.fields("inlinePatch")?.rest();
        if !inline.is_empty() {
            all.push(Value::Object(inline));
        }
        let operations = fields.list("configPatches")?;
        if !operations.is_empty() {
            let place = fields.place_of("configPatches");
            all.extend(self.operations(&place, operations)?);
        }
        Ok(all)
    }

    fn patch(&mut self, place: &str, patch: Value) -> Result<Vec<Value>, ImportError> {
        let wrong = || ImportError::WrongType {
            place: place.to_owned(),
            wanted: "a patch: a text, or @ and a file",
        };
        let text = match patch {
            Value::String(text) => text,
            Value::Object(map) => return Ok(vec![Value::Object(map)]),
            _ => return Err(wrong()),
        };
        let Some(file) = text.strip_prefix('@') else {
            return self.documents(place, &text);
        };
        let file = clean(file);
        let files = self.files;
        if let Some(text) = files.get(&file) {
            let text = self.environment.text(text);
            self.documents(&file, &text)
        } else {
            let text =
                format!("the patch in {file}: the file was not there, or outside of the folder");
            self.unplaced.insert((place.to_owned(), text));
            Ok(Vec::new())
        }
    }

    fn documents(&mut self, place: &str, text: &str) -> Result<Vec<Value>, ImportError> {
        let mut all = Vec::new();
        for document in document::yaml(place, text)? {
            match document {
                Value::Object(map) if map.is_empty() => {}
                Value::Object(map) => all.push(Value::Object(map)),
                Value::Array(operations) => all.extend(self.operations(place, operations)?),
                _ => {
                    return Err(ImportError::WrongType {
                        place: place.to_owned(),
                        wanted: "a patch",
                    });
                }
            }
        }
        Ok(all)
    }

    /// JSON patches as merge patches, where the two mean the same.
    fn operations(
        &mut self,
        place: &str,
        operations: Vec<Value>,
    ) -> Result<Vec<Value>, ImportError> {
        let mut all = Vec::new();
        for (position, operation) in operations.into_iter().enumerate() {
            let mut fields = Fields::of(format!("{place}[{position}]"), operation)?;
            let word = fields.need("op")?;
            let path = fields.need("path")?;
            let value = fields.any("value").unwrap_or_default();
            match merge(&word, &path, &value) {
                Some(patch) => {
                    self.derived
                        .push(format!("a merge patch for the JSON patch of {path}"));
                    all.push(patch);
                }
                None => {
                    fields.put("op", word.into());
                    fields.put("path", path.into());
                    fields.put("value", value);
                    let whole = Value::Object(fields.rest());
                    let kept = Value::Array(vec![whole]);
                    let place = format!("{place}[{position}]");
                    let list = Map::from_iter([("a JSON patch".to_owned(), kept)]);
                    self.leftover.push(Fields::of(place, Value::Object(list))?);
                }
            }
        }
        Ok(all)
    }
}

/// The merge patch of a JSON patch; `None` where it removes, moves, or counts positions. Adding at
/// the end of a list is what Talos does with lists of merge patches.
fn merge(word: &str, path: &str, value: &Value) -> Option<Value> {
    if !matches!(word, "add" | "replace") || path.matches('/').count() > 16 {
        return None;
    }
    let parts: Vec<String> = path
        .strip_prefix('/')?
        .split('/')
        .map(|part| part.replace("~1", "/").replace("~0", "~"))
        .collect();
    let mut patch = value.clone();
    for (position, part) in parts.iter().enumerate().rev() {
        if part == "-" && position + 1 == parts.len() && word == "add" {
            patch = Value::Array(vec![patch]);
        } else if part == "-" || part.is_empty() || part.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        } else {
            patch = Value::Object(Map::from_iter([(part.clone(), patch)]));
        }
    }
    Some(patch)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn json_patches_that_merge_are_merged() {
        assert_eq!(
            merge("add", "/machine/sysctls/net.core~1x", &json!("1")),
            Some(json!({ "machine": { "sysctls": { "net.core/x": "1" } } }))
        );
        assert_eq!(
            merge("add", "/cluster/extraManifests/-", &json!("u")),
            Some(json!({ "cluster": { "extraManifests": ["u"] } }))
        );
        for (word, path) in [
            ("remove", "/a"),
            ("add", "/a/0/b"),
            ("replace", "/a/-"),
            ("add", "a"),
        ] {
            assert_eq!(merge(word, path, &json!(1)), None, "{word} {path}");
        }
    }
}
