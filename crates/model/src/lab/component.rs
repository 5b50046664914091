//! Cluster services out of the catalog.

use std::fmt;
use std::net::IpAddr;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::{self, Deserialize, Deserializer, MapAccess, Visitor};
use serde::ser::{Serialize, SerializeMap as _, Serializer};
use serde_json::Value;

use super::Settings;
use super::app::Requests;
use crate::name::Name;

/// A cluster service out of the catalog. Besides these fields it takes the settings that its
/// catalog entry names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Component {
    /// The catalog entry. Default: the one of the component's own name.
    pub catalog: Option<Name>,
    /// The cluster that it runs in. Default: the only one.
    pub cluster: Option<Name>,
    /// The namespace that it runs in. Default: what the catalog says.
    pub namespace: Option<Name>,
    /// Its version. Default: the catalog's.
    pub version: Option<String>,
    /// The Helm repository of its chart. Default: the catalog's.
    pub chart_repository: Option<String>,
    /// Whether it is there at all.
    pub enabled: bool,
    /// Its address for clients outside the cluster, out of a load balancer's pool.
    pub address: Option<IpAddr>,
    /// What each of its pods asks for.
    pub requests: Option<Requests>,
    /// Helm values: an escape hatch.
    pub values: Value,
    /// Its settings.
    pub settings: Settings,
}

impl Default for Component {
    fn default() -> Self {
        Self {
            catalog: None,
            cluster: None,
            namespace: None,
            version: None,
            chart_repository: None,
            enabled: true,
            address: None,
            requests: None,
            values: Value::Null,
            settings: Settings::new(),
        }
    }
}

impl Component {
    /// The fields that are no settings.
    pub const FIELDS: [&'static str; 9] = [
        "catalog",
        "cluster",
        "namespace",
        "version",
        "chart-repository",
        "enabled",
        "address",
        "requests",
        "values",
    ];

    /// The catalog entry of a component of that name.
    #[must_use]
    pub fn entry<'a>(&'a self, name: &'a Name) -> &'a Name {
        self.catalog.as_ref().unwrap_or(name)
    }

    /// The text of a setting.
    #[must_use]
    pub fn text(&self, setting: &str) -> Option<&str> {
        self.settings.get(setting)?.as_str()
    }

    /// The texts of a setting: one, or a list.
    #[must_use]
    pub fn texts(&self, setting: &str) -> Vec<&str> {
        match self.settings.get(setting) {
            Some(Value::String(text)) => vec![text],
            Some(Value::Array(list)) => list.iter().filter_map(Value::as_str).collect(),
            _ => Vec::new(),
        }
    }
}

impl Serialize for Component {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        macro_rules! given {
            ($($field:ident)*) => {$(
                if let Some(value) = &self.$field {
                    map.serialize_entry(stringify!($field), value)?;
                }
            )*};
        }
        given!(catalog cluster namespace version address requests);
        if let Some(repository) = &self.chart_repository {
            map.serialize_entry("chart-repository", repository)?;
        }
        if !self.enabled {
            map.serialize_entry("enabled", &false)?;
        }
        if !self.values.is_null() {
            map.serialize_entry("values", &self.values)?;
        }
        for (name, value) in &self.settings {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for Component {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Fields)
    }
}

struct Fields;

impl<'de> Visitor<'de> for Fields {
    type Value = Component;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the fields and settings of a component")
    }

    fn visit_unit<E: de::Error>(self) -> Result<Component, E> {
        Ok(Component::default())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Component, A::Error> {
        let mut component = Component::default();
        while let Some(key) = map.next_key::<String>()? {
            match key.as_str() {
                "catalog" => component.catalog = Some(map.next_value()?),
                "cluster" => component.cluster = Some(map.next_value()?),
                "namespace" => component.namespace = Some(map.next_value()?),
                "version" => component.version = Some(map.next_value()?),
                "chart-repository" => component.chart_repository = Some(map.next_value()?),
                "enabled" => component.enabled = map.next_value()?,
                "address" => component.address = Some(map.next_value()?),
                "requests" => component.requests = Some(map.next_value()?),
                "values" => component.values = map.next_value()?,
                _ => {
                    component.settings.insert(key, map.next_value()?);
                }
            }
        }
        Ok(component)
    }
}

/// The fields as the schema tells them; the settings beside them are the catalog's.
#[derive(JsonSchema)]
#[allow(dead_code, reason = "only its schema is used")]
struct Known {
    /// The catalog entry. Default: the one of the component's own name.
    #[schemars(example = "ingress-nginx")]
    catalog: Option<Name>,
    /// The cluster that it runs in. Default: the only one.
    #[schemars(example = &"main")]
    cluster: Option<Name>,
    /// The namespace that it runs in. Default: what the catalog says.
    #[schemars(example = &"ingress")]
    namespace: Option<Name>,
    /// Its version. Default: the catalog's.
    #[schemars(example = "4.12.2")]
    version: Option<String>,
    /// The Helm repository of its chart: `https://…` or `oci://…`. Default: the catalog's.
    #[schemars(rename = "chart-repository", example = "https://charts.example.net")]
    chart_repository: Option<String>,
    /// Whether it is there at all. What is declared with `false` is a plan for later.
    #[schemars(extend("default" = true))]
    enabled: Option<bool>,
    /// Its address for clients outside the cluster, out of a load balancer's pool.
    #[schemars(example = "10.0.0.101")]
    address: Option<IpAddr>,
    /// What each of its pods asks for.
    requests: Option<Requests>,
    /// Helm values: an escape hatch.
    #[schemars(example = serde_json::json!({ "controller": { "replicaCount": 2 } }))]
    values: Option<Value>,
}

impl JsonSchema for Component {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Component".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let mut schema = Known::json_schema(generator);
        schema.insert(
            "description".to_owned(),
            "A cluster service out of the catalog: these fields, and the settings of its entry."
                .into(),
        );
        schema
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_field_is_a_setting() {
        let json = serde_json::json!({
            "version": "4.12.2", "enabled": false, "address": "10.0.0.101", "pool": ["a", "b"]
        });
        let read: Component = serde_json::from_value(json.clone()).unwrap();
        assert_eq!(read.texts("pool"), ["a", "b"]);
        assert!(!read.enabled && read.settings.len() == 1);
        assert_eq!(serde_json::to_value(&read).unwrap(), json);
    }

    #[test]
    fn the_schema_tells_the_same_fields() {
        let schema = SchemaGenerator::default().into_root_schema_for::<Component>();
        let properties = schema.as_value()["properties"].as_object().unwrap();
        let mut told: Vec<&str> = properties.keys().map(String::as_str).collect();
        let mut fields = Component::FIELDS;
        told.sort_unstable();
        fields.sort_unstable();
        assert_eq!(told, fields);
    }
}
