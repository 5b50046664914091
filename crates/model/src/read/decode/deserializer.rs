//! The serde deserializer over the tree.

use std::cell::RefCell;
use std::fmt;

use serde::de::value::StrDeserializer;
use serde::de::{
    self, DeserializeSeed, EnumAccess, IntoDeserializer, MapAccess, SeqAccess, VariantAccess,
    Visitor,
};
use serde::forward_to_deserialize_any;

use super::unknown_field;
use crate::diagnostic::{Diagnostic, FieldPath, Fix, Span};
use crate::read::tree::{Entry, Node, Value};
use crate::read::{certain, form, nearest};

/// Why a value could not be read, and where.
#[derive(Debug)]
pub(super) struct Refused {
    code: &'static str,
    message: String,
    help: String,
    place: Option<(FieldPath, Span)>,
    fix: Option<Box<Fix>>,
}

impl Refused {
    fn new(code: &'static str, message: impl Into<String>, help: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            help: help.into(),
            place: None,
            fix: None,
        }
    }

    /// At that place, unless a deeper one is known.
    fn at(mut self, node: &Node, path: &FieldPath) -> Self {
        self.place.get_or_insert_with(|| (path.clone(), node.span));
        self
    }

    pub(super) fn is_missing_field(&self) -> bool {
        self.code == "F015"
    }

    pub(super) fn into_finding(self) -> Diagnostic {
        let place = self.place.map(|(path, span)| (path, span, String::new()));
        Diagnostic {
            fix: self.fix.map(|fix| *fix),
            ..form(self.code, self.message, place, self.help)
        }
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Refused {}

impl de::Error for Refused {
    fn custom<T: fmt::Display>(message: T) -> Self {
        let text: String = message.to_string().chars().take(300).collect();
        Self::new("F016", text, "")
    }

    fn missing_field(field: &'static str) -> Self {
        Self::new(
            "F015",
            format!("the field `{field}` is missing"),
            format!("add: {field}: …"),
        )
    }

    fn unknown_variant(variant: &str, expected: &'static [&'static str]) -> Self {
        let variant: String = variant.chars().take(80).collect();
        let help = match nearest(&variant, expected.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("write one of: {}", expected.join(", ")),
        };
        Self::new("F017", format!("`{variant}` is not known here"), help)
    }
}

/// Reads one value of the tree.
pub(super) struct Decoder<'a> {
    node: &'a Node,
    path: FieldPath,
    sink: &'a RefCell<Vec<Diagnostic>>,
}

impl<'a> Decoder<'a> {
    pub(super) const fn new(
        node: &'a Node,
        path: FieldPath,
        sink: &'a RefCell<Vec<Diagnostic>>,
    ) -> Self {
        Self { node, path, sink }
    }

    fn refuse(&self, code: &'static str, message: impl Into<String>, help: &str) -> Refused {
        Refused::new(code, message, help).at(self.node, &self.path)
    }

    fn scalar(&self, wanted: &str) -> Result<(&'a str, bool), Refused> {
        match &self.node.value {
            Value::Scalar { text, plain } if !self.node.is_null() => Ok((text, *plain)),
            Value::Scalar { .. } => {
                Err(self.refuse("F018", format!("{wanted} is missing here"), ""))
            }
            Value::List(_) => {
                Err(self.refuse("F018", format!("a list stands where {wanted} belongs"), ""))
            }
            Value::Map(_) => {
                Err(self.refuse("F018", format!("a map stands where {wanted} belongs"), ""))
            }
        }
    }

    fn number<T: std::str::FromStr>(&self, wanted: &str) -> Result<T, Refused> {
        let (text, _) = self.scalar(wanted)?;
        let shown: String = text.chars().take(40).collect();
        text.parse()
            .map_err(|_| self.refuse("F018", format!("{shown:?} is not {wanted}"), ""))
    }

    fn entries(&self) -> Result<&'a [Entry], Refused> {
        match &self.node.value {
            Value::Map(entries) => Ok(entries),
            Value::Scalar { .. } if self.node.is_null() => Ok(&[]),
            Value::Scalar { .. } | Value::List(_) => {
                Err(self.refuse("F018", "fields belong here", "write { field: value, … }"))
            }
        }
    }

    fn visit_entries<V: Visitor<'a>>(
        self,
        entries: Vec<&'a Entry>,
        visitor: V,
    ) -> Result<V::Value, Refused> {
        let (node, path) = (self.node, self.path.clone());
        let access = Entries {
            rest: entries.into_iter(),
            value: None,
            above: self,
        };
        visitor
            .visit_map(access)
            .map_err(|error| error.at(node, &path))
    }
}

macro_rules! numbers {
    ($($method:ident $visit:ident $type:ty, $wanted:literal;)*) => {$(
        fn $method<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Refused> {
            let (node, path) = (self.node, self.path.clone());
            visitor
                .$visit(self.number::<$type>($wanted)?)
                .map_err(|error: Refused| error.at(node, &path))
        }
    )*};
}

impl<'a> de::Deserializer<'a> for Decoder<'a> {
    type Error = Refused;

    numbers! {
        deserialize_u8 visit_u8 u8, "a number from 0 to 255";
        deserialize_u16 visit_u16 u16, "a number from 0 to 65535";
        deserialize_u32 visit_u32 u32, "a whole number, 0 or more";
        deserialize_u64 visit_u64 u64, "a whole number, 0 or more";
        deserialize_i64 visit_i64 i64, "a whole number";
        deserialize_f64 visit_f64 f64, "a number";
    }

    fn deserialize_any<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Refused> {
        match &self.node.value {
            Value::List(_) => self.deserialize_seq(visitor),
            Value::Map(_) => self.deserialize_map(visitor),
            Value::Scalar { text, plain } => {
                if self.node.is_null() {
                    return visitor.visit_unit();
                }
                if *plain {
                    // YAML 1.2, core schema: what a value without quotes may be.
                    match text.as_str() {
                        "true" => return visitor.visit_bool(true),
                        "false" => return visitor.visit_bool(false),
                        _ => {}
                    }
                    let decimal = text.len() == 1 || !text.trim_start_matches('-').starts_with('0');
                    if let (true, Ok(number)) = (decimal, text.parse::<i64>()) {
                        return visitor.visit_i64(number);
                    }
                    let digits = text.starts_with(|c: char| c.is_ascii_digit() || c == '-');
                    if let (true, true, Ok(number)) =
                        (digits, text.contains('.'), text.parse::<f64>())
                    {
                        return visitor.visit_f64(number);
                    }
                }
                visitor.visit_borrowed_str(text)
            }
        }
    }

    fn deserialize_bool<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Refused> {
        match self.scalar("true or false")?.0 {
            "true" => visitor.visit_bool(true),
            "false" => visitor.visit_bool(false),
            other => {
                let shown: String = other.chars().take(40).collect();
                Err(self.refuse("F018", format!("{shown:?} is not true or false"), ""))
            }
        }
    }

    fn deserialize_str<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Refused> {
        let (text, _) = self.scalar("a value")?;
        visitor
            .visit_borrowed_str(text)
            .map_err(|mut error: Refused| {
                if !error.message.contains(text) {
                    let shown: String = text.chars().take(40).collect();
                    error.message = format!("{shown:?}: {}", error.message);
                }
                error.at(self.node, &self.path)
            })
    }

    fn deserialize_string<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Refused> {
        let (node, path) = (self.node, self.path.clone());
        self.deserialize_str(visitor)
            .map_err(|error| error.at(node, &path))
    }

    fn deserialize_option<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Refused> {
        if self.node.is_null() {
            visitor.visit_none()
        } else {
            visitor.visit_some(self)
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'a>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Refused> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Refused> {
        let Value::List(items) = &self.node.value else {
            return Err(self.refuse("F018", "a list belongs here", "write [value, …]"));
        };
        visitor.visit_seq(Items {
            rest: items.iter().enumerate(),
            above: self,
        })
    }

    fn deserialize_map<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Refused> {
        let entries = self.entries()?.iter().collect();
        self.visit_entries(entries, visitor)
    }

    fn deserialize_struct<V: Visitor<'a>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Refused> {
        let mut known = Vec::new();
        for entry in self.entries()? {
            if fields.contains(&entry.key.as_str()) {
                known.push(entry);
            } else {
                let finding = unknown_field(&self.path, entry, fields);
                self.sink.borrow_mut().push(finding);
            }
        }
        self.visit_entries(known, visitor)
    }

    fn deserialize_enum<V: Visitor<'a>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Refused> {
        let (name, content) = match &self.node.value {
            Value::Scalar { text, .. } if !self.node.is_null() => (text.as_str(), None),
            Value::Map(entries) => match entries.as_slice() {
                [entry] => (entry.key.as_str(), Some(&entry.value)),
                _ => {
                    let message =
                        format!("exactly one of these belongs here: {}", variants.join(", "));
                    return Err(self.refuse("F017", message, ""));
                }
            },
            Value::Scalar { .. } | Value::List(_) => {
                let message = format!("one of these belongs here: {}", variants.join(", "));
                return Err(self.refuse("F017", message, ""));
            }
        };
        let (node, path) = (self.node, self.path.clone());
        visitor
            .visit_enum(Variant {
                name,
                known: variants,
                content,
                above: self,
            })
            .map_err(|error: Refused| error.at(node, &path))
    }

    fn deserialize_ignored_any<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Refused> {
        visitor.visit_unit()
    }

    forward_to_deserialize_any! {
        <W: Visitor<'a>>
        i8 i16 i32 i128 u128 f32 char bytes byte_buf unit unit_struct tuple tuple_struct identifier
    }
}

struct Entries<'a> {
    rest: std::vec::IntoIter<&'a Entry>,
    value: Option<&'a Entry>,
    above: Decoder<'a>,
}

impl<'a> MapAccess<'a> for Entries<'a> {
    type Error = Refused;

    fn next_key_seed<K: DeserializeSeed<'a>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Refused> {
        self.value = self.rest.next();
        let Some(entry) = self.value else {
            return Ok(None);
        };
        let key: StrDeserializer<'_, Refused> = entry.key.as_str().into_deserializer();
        let path = self.above.path.field(&entry.key);
        seed.deserialize(key).map(Some).map_err(|mut error| {
            error.place.get_or_insert((path, entry.key_span));
            error
        })
    }

    fn next_value_seed<V: DeserializeSeed<'a>>(&mut self, seed: V) -> Result<V::Value, Refused> {
        let Some(entry) = self.value.take() else {
            return Err(de::Error::custom("a value without a name"));
        };
        let path = self.above.path.field(&entry.key);
        seed.deserialize(Decoder::new(&entry.value, path.clone(), self.above.sink))
            .map_err(|error| error.at(&entry.value, &path))
    }
}

struct Items<'a> {
    rest: std::iter::Enumerate<std::slice::Iter<'a, Node>>,
    above: Decoder<'a>,
}

impl<'a> SeqAccess<'a> for Items<'a> {
    type Error = Refused;

    fn next_element_seed<T: DeserializeSeed<'a>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Refused> {
        let Some((position, node)) = self.rest.next() else {
            return Ok(None);
        };
        let path = self.above.path.item(position);
        seed.deserialize(Decoder::new(node, path.clone(), self.above.sink))
            .map(Some)
            .map_err(|error| error.at(node, &path))
    }
}

struct Variant<'a> {
    name: &'a str,
    known: &'static [&'static str],
    content: Option<&'a Node>,
    above: Decoder<'a>,
}

impl<'a> EnumAccess<'a> for Variant<'a> {
    type Error = Refused;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'a>>(self, seed: V) -> Result<(V::Value, Self), Refused> {
        let name: StrDeserializer<'_, Refused> = self.name.into_deserializer();
        match seed.deserialize(name) {
            Ok(variant) => Ok((variant, self)),
            Err(mut error) => {
                let path = &self.above.path;
                let meant = certain(self.name, self.known.iter().copied());
                error.fix = meant.map(|meant| {
                    Box::new(match self.content {
                        Some(_) => Fix::name(path.field(self.name), meant),
                        None => Fix::value(path.clone(), meant),
                    })
                });
                Err(error)
            }
        }
    }
}

impl<'a> Variant<'a> {
    fn content(&self) -> Result<Decoder<'a>, Refused> {
        let path = self.above.path.field(self.name);
        match self.content {
            Some(node) => Ok(Decoder::new(node, path, self.above.sink)),
            None => Err(self.above.refuse(
                "F017",
                format!("`{}` needs its settings", self.name),
                &format!("write: {{ {}: {{ … }} }}", self.name),
            )),
        }
    }
}

impl<'a> VariantAccess<'a> for Variant<'a> {
    type Error = Refused;

    fn unit_variant(self) -> Result<(), Refused> {
        match self.content {
            Some(node) if !node.is_null() => Err(self.above.refuse(
                "F017",
                format!("`{}` has no settings", self.name),
                &format!("write only: {}", self.name),
            )),
            _ => Ok(()),
        }
    }

    fn newtype_variant_seed<T: DeserializeSeed<'a>>(self, seed: T) -> Result<T::Value, Refused> {
        seed.deserialize(self.content()?)
    }

    fn tuple_variant<V: Visitor<'a>>(self, _: usize, visitor: V) -> Result<V::Value, Refused> {
        de::Deserializer::deserialize_seq(self.content()?, visitor)
    }

    fn struct_variant<V: Visitor<'a>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Refused> {
        de::Deserializer::deserialize_struct(self.content()?, "", fields, visitor)
    }
}
