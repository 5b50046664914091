//! The JSON Schema of the lab file, for editors; the same as a page, for people.

mod document;
mod flow;
mod words;

pub use document::document;

use schemars::generate::SchemaSettings;
use serde_json::Value;

use crate::lab::Lab;

/// The schema (draft 2020-12), made from the same types that read the file.
#[must_use]
pub fn schema() -> Value {
    let schema = SchemaSettings::draft2020_12()
        .into_generator()
        .into_root_schema_for::<Lab>();
    let mut schema = schema.to_value();
    // ipnet tells IPv4 and IPv6 apart by patterns that both fit a range of IPv4: exactly one of
    // them would never hold.
    if let Some(either) = schema
        .pointer_mut("/$defs/IpNet")
        .and_then(Value::as_object_mut)
        && let Some(families) = either.remove("oneOf")
    {
        either.insert("anyOf".to_owned(), families);
    }
    schema
}

#[cfg(test)]
mod tests {
    use super::*;

    fn undescribed(path: &str, schema: &Value, found: &mut Vec<String>) {
        if let Some(properties) = schema.get("properties").and_then(Value::as_object) {
            for (name, property) in properties {
                let below = format!("{path}.{name}");
                if property.get("description").is_none() && property.get("$ref").is_none() {
                    found.push(below);
                }
            }
        }
        for (name, definition) in schema
            .get("$defs")
            .and_then(Value::as_object)
            .into_iter()
            .flatten()
        {
            undescribed(name, definition, found);
        }
    }

    #[test]
    fn every_field_is_described_and_none_else_is_allowed() {
        let schema = schema();
        let mut found = Vec::new();
        undescribed("", &schema, &mut found);
        assert_eq!(found, [""; 0]);
        assert_eq!(schema["additionalProperties"], false);
    }

    #[test]
    fn the_quickstart_lab_is_valid() {
        let text = include_str!("../../../labs/quickstart/lab.yaml");
        let lab: Value = serde_saphyr::from_str(text).unwrap();
        let validator = jsonschema::validator_for(&schema()).unwrap();
        let errors: Vec<String> = validator.iter_errors(&lab).map(|e| e.to_string()).collect();
        assert_eq!(errors, [""; 0]);
        let wrong: Value =
            serde_saphyr::from_str(&text.replace("role: worker", "role: wurker")).unwrap();
        assert!(!validator.is_valid(&wrong));
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "the labs lie in files")]
    fn every_lab_of_this_repository_is_valid() {
        let validator = jsonschema::validator_for(&schema()).unwrap();
        let labs = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../labs");
        let folders = labs.read_dir().unwrap();
        let files = folders.flat_map(|folder| folder.unwrap().path().read_dir().unwrap());
        for file in files.map(|file| file.unwrap().path()) {
            if file.extension().is_none_or(|ending| ending != "yaml") {
                continue;
            }
            let text = std::fs::read_to_string(&file).unwrap();
            let lab: Value = serde_saphyr::from_str(&text).unwrap();
            let errors: Vec<String> = validator
                .iter_errors(&lab)
                .map(|error| format!("{}: {error}", error.instance_path()))
                .collect();
            assert_eq!(errors, [""; 0], "{}", file.display());
        }
    }
}
