//! The fields of a document, each of which is taken out as it is understood. What is left at the
//! end was not understood: so nothing can be forgotten.

use serde_json::{Map, Value};

use crate::ImportError;

/// Fields that nobody has taken yet.
#[derive(Debug, Clone, Default)]
pub(crate) struct Fields {
    /// Where they stand, for messages: `FILE: a.b`.
    place: String,
    map: Map<String, Value>,
}

impl Fields {
    /// The fields of a value, which must be a map or nothing.
    pub(crate) fn of(place: impl Into<String>, value: Value) -> Result<Self, ImportError> {
        let place = place.into();
        match value {
            Value::Object(map) => Ok(Self { place, map }),
            Value::Null => Ok(Self {
                place,
                map: Map::new(),
            }),
            Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
                Err(ImportError::WrongType {
                    place,
                    wanted: "a map of fields",
                })
            }
        }
    }

    /// Where they stand.
    pub(crate) fn place(&self) -> &str {
        &self.place
    }

    /// Where one of them stands.
    pub(crate) fn place_of(&self, field: &str) -> String {
        let field: String = field.chars().take(100).collect();
        if self.place.is_empty() || self.place.ends_with(": ") {
            format!("{}{field}", self.place)
        } else {
            format!("{}.{field}", self.place)
        }
    }

    fn wrong<T>(&self, field: &str, wanted: &'static str) -> Result<T, ImportError> {
        let place = self.place_of(field);
        Err(ImportError::WrongType { place, wanted })
    }

    /// Whether a field is there.
    pub(crate) fn has(&self, field: &str) -> bool {
        self.map.contains_key(field)
    }

    /// Whatever stands there.
    pub(crate) fn any(&mut self, field: &str) -> Option<Value> {
        self.map.remove(field).filter(|value| !value.is_null())
    }

    /// A text; numbers and truth values are taken as they are written.
    pub(crate) fn text(&mut self, field: &str) -> Result<Option<String>, ImportError> {
        match self.any(field) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text).filter(|text| !text.is_empty())),
            Some(value @ (Value::Number(_) | Value::Bool(_))) => Ok(Some(value.to_string())),
            Some(_) => self.wrong(field, "a text"),
        }
    }

    /// A text that must be there.
    pub(crate) fn need(&mut self, field: &str) -> Result<String, ImportError> {
        self.text(field)?.ok_or_else(|| ImportError::Missing {
            place: self.place_of(field),
        })
    }

    /// Yes or no.
    pub(crate) fn flag(&mut self, field: &str) -> Result<Option<bool>, ImportError> {
        match self.any(field) {
            None => Ok(None),
            Some(Value::Bool(yes)) => Ok(Some(yes)),
            Some(Value::String(text)) => match text.to_ascii_lowercase().as_str() {
                "true" | "yes" | "on" | "y" => Ok(Some(true)),
                "false" | "no" | "off" | "n" => Ok(Some(false)),
                _ => self.wrong(field, "true or false"),
            },
            Some(_) => self.wrong(field, "true or false"),
        }
    }

    /// A port, an MTU, a VLAN number.
    pub(crate) fn small(&mut self, field: &str) -> Result<Option<u16>, ImportError> {
        match self.text(field)? {
            None => Ok(None),
            Some(text) => match text.parse() {
                Ok(number) => Ok(Some(number)),
                Err(_) => self.wrong(field, "a number from 0 to 65535"),
            },
        }
    }

    /// What a text stands for; `wanted` says what belongs there. One with a variable that has no
    /// value stays, and is told with what nobody took.
    pub(crate) fn parsed<T: std::str::FromStr>(
        &mut self,
        field: &str,
        wanted: &'static str,
    ) -> Result<Option<T>, ImportError> {
        match self.text(field)? {
            None => Ok(None),
            Some(text) if text.contains("${") => {
                self.put(field, Value::String(text));
                Ok(None)
            }
            Some(text) => match text.trim().parse() {
                Ok(value) => Ok(Some(value)),
                Err(_) => self.wrong(field, wanted),
            },
        }
    }

    /// Items.
    pub(crate) fn list(&mut self, field: &str) -> Result<Vec<Value>, ImportError> {
        match self.any(field) {
            None => Ok(Vec::new()),
            Some(Value::Array(items)) => Ok(items),
            Some(_) => self.wrong(field, "a list"),
        }
    }

    /// Texts.
    pub(crate) fn texts(&mut self, field: &str) -> Result<Vec<String>, ImportError> {
        let mut texts = Vec::new();
        for item in self.list(field)? {
            match item {
                Value::String(text) => texts.push(text),
                value @ (Value::Number(_) | Value::Bool(_)) => texts.push(value.to_string()),
                _ => return self.wrong(field, "a list of texts"),
            }
        }
        Ok(texts)
    }

    /// A map of texts.
    pub(crate) fn words(&mut self, field: &str) -> Result<Vec<(String, String)>, ImportError> {
        let mut inner = self.fields(field)?;
        let keys: Vec<String> = inner.map.keys().cloned().collect();
        let mut words = Vec::new();
        for key in keys {
            let text = inner.text(&key)?.unwrap_or_default();
            words.push((key, text));
        }
        Ok(words)
    }

    /// The fields below a field; none where it is not there.
    pub(crate) fn fields(&mut self, field: &str) -> Result<Self, ImportError> {
        let place = self.place_of(field);
        Self::of(place, self.map.remove(field).unwrap_or_default())
    }

    /// The items of a list, each with fields.
    pub(crate) fn each(&mut self, field: &str) -> Result<Vec<Self>, ImportError> {
        let place = self.place_of(field);
        self.list(field)?
            .into_iter()
            .enumerate()
            .map(|(position, item)| Self::of(format!("{place}[{position}]"), item))
            .collect()
    }

    /// Puts fields back that were taken to look into: what is left of them was not understood.
    pub(crate) fn put_back(&mut self, field: &str, left: Self) {
        if !left.map.is_empty() {
            self.map.insert(field.to_owned(), Value::Object(left.map));
        }
    }

    /// Puts a value back.
    pub(crate) fn put(&mut self, field: &str, value: Value) {
        self.map.insert(field.to_owned(), value);
    }

    /// The names of those that nobody took yet.
    pub(crate) fn keys(&self) -> Vec<String> {
        self.map.keys().cloned().collect()
    }

    /// The names of those that nobody took yet and that hold something.
    pub(crate) fn filled(&self) -> Vec<&str> {
        let holds = |value: &Value| match value {
            Value::Null | Value::Bool(false) => false,
            Value::String(text) => !text.is_empty(),
            Value::Array(items) => !items.is_empty(),
            Value::Object(map) => !map.is_empty(),
            Value::Bool(true) | Value::Number(_) => true,
        };
        let filled = self.map.iter().filter(|(_, value)| holds(value));
        filled.map(|(key, _)| key.as_str()).collect()
    }

    /// What nobody took.
    pub(crate) fn rest(self) -> Map<String, Value> {
        self.map
    }
}
