//! Which fields must be there.
//!
//! serde tells of one missing field and gives up; the schema, made from the same types, knows all.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use serde_json::Value;

type Required = BTreeMap<String, Vec<String>>;

/// The fields of a struct that have no default.
pub(super) fn required(name: &str) -> &'static [String] {
    static REQUIRED: OnceLock<Required> = OnceLock::new();
    REQUIRED
        .get_or_init(of_all_structs)
        .get(name)
        .map_or(&[], Vec::as_slice)
}

fn of_all_structs() -> Required {
    let schema = crate::schema::schema();
    let structs = schema.get("$defs").and_then(Value::as_object);
    structs
        .into_iter()
        .flatten()
        .map(|(name, schema)| {
            let fields = schema.get("required").and_then(Value::as_array);
            let fields = fields.into_iter().flatten().filter_map(Value::as_str);
            (name.clone(), fields.map(str::to_owned).collect())
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::required;

    #[test]
    fn fields_without_a_default_are_required() {
        assert_eq!(required("Node"), ["cluster", "role", "on"]);
        assert_eq!(required("ContainerMachine"), ["cpu", "memory"]);
        assert_eq!(required("Forward"), ["service", "port"]);
        assert_eq!(required("App"), [""; 0]);
    }
}
