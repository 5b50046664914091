//! The serde deserializer over the tree.

use serde::de::{self, Expected, Visitor};
use serde::forward_to_deserialize_any;

use super::access::{Entries, Items, Variant};
use super::reader::{Fields, Reader};
use super::refused::Refused;
use super::trail::Trail;
use crate::diagnostic::Span;
use crate::read::tree::{Entry, Node, Value};

/// What a value without quotes is.
enum Plain {
    Nothing,
    Truth(bool),
    Whole(i64),
    Number(f64),
    Text,
}

/// Reads one value of the tree.
pub(super) struct Decoder<'a, 'p> {
    pub(super) node: &'a Node,
    pub(super) trail: Trail<'p>,
    /// Where the name stands that it has.
    pub(super) name: Option<Span>,
    pub(super) reader: &'p Reader<'p>,
}

impl<'a, 'p> Decoder<'a, 'p> {
    pub(super) fn new(node: &'a Node, trail: Trail<'p>, reader: &'p Reader<'p>) -> Self {
        reader.values.set(reader.values.get() + 1);
        Self {
            node,
            trail,
            name: None,
            reader,
        }
    }

    pub(super) fn refuse(
        &self,
        code: &'static str,
        message: impl Into<String>,
        help: &str,
    ) -> Refused {
        Refused::new(code, message, help).at(self.node.span, &self.trail)
    }

    fn scalar(&self, wanted: &str) -> Result<&'a str, Refused> {
        match &self.node.value {
            Value::Scalar { text, .. } if !self.node.is_null() => Ok(text),
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
        let text = self.scalar(wanted)?;
        let shown: String = text.chars().take(40).collect();
        text.parse()
            .map_err(|_| self.refuse("F018", format!("{shown:?} is not {wanted}"), ""))
    }

    /// YAML 1.2, core schema: what a value without quotes may be where nothing is wanted of it.
    fn plain(&self, text: &str) -> Result<Plain, Refused> {
        match text {
            _ if self.node.is_null() => return Ok(Plain::Nothing),
            "true" => return Ok(Plain::Truth(true)),
            "false" => return Ok(Plain::Truth(false)),
            _ => {}
        }
        let digits = text.strip_prefix('-').unwrap_or(text);
        let whole = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        // With a nought in front it is a telephone number or the like: text.
        if whole && (digits == "0" || !digits.starts_with('0')) {
            return text.parse().map(Plain::Whole).map_err(|_| {
                let help = "put it into quotes if it is meant as text";
                self.refuse("F018", "this number is too large", help)
            });
        }
        let fraction = digits.starts_with(|c: char| c.is_ascii_digit()) && text.contains('.');
        Ok(match text.parse::<f64>() {
            Ok(number) if fraction && number.is_finite() => Plain::Number(number),
            _ => Plain::Text,
        })
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
        name: &str,
        visitor: V,
    ) -> Result<V::Value, Refused> {
        let (span, trail) = (self.node.span, self.trail);
        let access = Entries {
            rest: entries.into_iter(),
            value: None,
            above: self,
        };
        visitor
            .visit_map(access)
            .map_err(|error| error.in_struct(name).at(span, &trail))
    }
}

macro_rules! numbers {
    ($($method:ident $visit:ident $type:ty, $wanted:literal;)*) => {$(
        fn $method<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Refused> {
            visitor
                .$visit(self.number::<$type>($wanted)?)
                .map_err(|error: Refused| error.at(self.node.span, &self.trail))
        }
    )*};
}

impl<'a> de::Deserializer<'a> for Decoder<'a, '_> {
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
            Value::Scalar { text, plain: true } => match self.plain(text)? {
                Plain::Nothing => visitor.visit_unit(),
                Plain::Truth(value) => visitor.visit_bool(value),
                Plain::Whole(number) => visitor.visit_i64(number),
                Plain::Number(number) => visitor.visit_f64(number),
                Plain::Text => visitor.visit_borrowed_str(text),
            },
            Value::Scalar { text, plain: false } => visitor.visit_borrowed_str(text),
        }
    }

    fn deserialize_bool<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Refused> {
        match self.scalar("true or false")? {
            "true" => visitor.visit_bool(true),
            "false" => visitor.visit_bool(false),
            other => {
                let shown: String = other.chars().take(40).collect();
                Err(self.refuse("F018", format!("{shown:?} is not true or false"), ""))
            }
        }
    }

    fn deserialize_str<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Refused> {
        let text = self.scalar("a value")?;
        // What the type calls itself: its own error rarely says it.
        let wanted = (&visitor as &dyn Expected).to_string();
        visitor.visit_borrowed_str(text).map_err(|error: Refused| {
            error
                .instead_of(text, &wanted)
                .at(self.node.span, &self.trail)
        })
    }

    fn deserialize_string<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Refused> {
        self.deserialize_str(visitor)
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
        self.visit_entries(entries, "", visitor)
    }

    fn deserialize_struct<V: Visitor<'a>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Refused> {
        let entries = self.entries()?;
        self.reader.examine(&Fields {
            name,
            known: fields,
            entries,
            node: self.node,
            trail: &self.trail,
            place: self.name.unwrap_or(self.node.span),
        });
        let known = entries
            .iter()
            .filter(|entry| fields.contains(&entry.key.as_str()))
            .collect();
        self.visit_entries(known, name, visitor)
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
                [entry] => (entry.key.as_str(), Some(entry)),
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
        visitor.visit_enum(Variant {
            name,
            known: variants,
            content,
            above: self,
        })
    }

    fn deserialize_ignored_any<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Refused> {
        visitor.visit_unit()
    }

    forward_to_deserialize_any! {
        <W: Visitor<'a>>
        i8 i16 i32 i128 u128 f32 char bytes byte_buf unit unit_struct tuple tuple_struct identifier
    }
}
