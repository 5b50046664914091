//! The deserializer's way through maps, lists and variants.

use serde::de::value::StrDeserializer;
use serde::de::{
    self, DeserializeSeed, EnumAccess, IntoDeserializer, MapAccess, SeqAccess, VariantAccess,
    Visitor,
};

use super::deserializer::Decoder;
use super::refused::Refused;
use super::trail::Trail;
use crate::diagnostic::Fix;
use crate::read::certain;
use crate::read::tree::{Entry, Node};

/// Entries of a map, without those that are left out.
pub(super) struct Entries<'a, 'p> {
    pub(super) rest: std::vec::IntoIter<&'a Entry>,
    pub(super) value: Option<&'a Entry>,
    pub(super) above: Decoder<'a, 'p>,
}

impl<'a> MapAccess<'a> for Entries<'a, '_> {
    type Error = Refused;

    fn next_key_seed<K: DeserializeSeed<'a>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Refused> {
        let reader = self.above.reader;
        self.value = self.rest.find(|entry| !reader.skips(&entry.value));
        let Some(entry) = self.value else {
            return Ok(None);
        };
        let key: StrDeserializer<'_, Refused> = entry.key.as_str().into_deserializer();
        let trail = Trail::Field(&self.above.trail, &entry.key);
        seed.deserialize(key)
            .map(Some)
            .map_err(|error| error.at(entry.key_span, &trail).within(&entry.value))
    }

    fn next_value_seed<V: DeserializeSeed<'a>>(&mut self, seed: V) -> Result<V::Value, Refused> {
        let Some(entry) = self.value.take() else {
            return Err(de::Error::custom("a value without a name"));
        };
        let trail = Trail::Field(&self.above.trail, &entry.key);
        let below = Decoder {
            name: Some(entry.key_span),
            ..Decoder::new(&entry.value, trail, self.above.reader)
        };
        seed.deserialize(below)
            .map_err(|error| error.at(entry.value.span, &trail).within(&entry.value))
    }
}

/// Items of a list, without those that are left out.
pub(super) struct Items<'a, 'p> {
    pub(super) rest: std::iter::Enumerate<std::slice::Iter<'a, Node>>,
    pub(super) above: Decoder<'a, 'p>,
}

impl<'a> SeqAccess<'a> for Items<'a, '_> {
    type Error = Refused;

    fn next_element_seed<T: DeserializeSeed<'a>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Refused> {
        let reader = self.above.reader;
        let Some((position, node)) = self.rest.find(|(_, node)| !reader.skips(node)) else {
            return Ok(None);
        };
        let trail = Trail::Item(&self.above.trail, position);
        seed.deserialize(Decoder::new(node, trail, reader))
            .map(Some)
            .map_err(|error| error.at(node.span, &trail).within(node))
    }
}

/// One of several kinds of things, with what belongs to it.
pub(super) struct Variant<'a, 'p> {
    pub(super) name: &'a str,
    pub(super) known: &'static [&'static str],
    pub(super) content: Option<&'a Entry>,
    pub(super) above: Decoder<'a, 'p>,
}

impl<'a> EnumAccess<'a> for Variant<'a, '_> {
    type Error = Refused;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'a>>(self, seed: V) -> Result<(V::Value, Self), Refused> {
        let name: StrDeserializer<'_, Refused> = self.name.into_deserializer();
        let place = self
            .content
            .map_or(self.above.node.span, |entry| entry.key_span);
        match seed.deserialize(name) {
            Ok(kind) => Ok((kind, self)),
            Err(error) => {
                let path = self.above.trail.path();
                let meant = certain(self.name, self.known.iter().copied());
                let fix = meant.map(|meant| match self.content {
                    Some(_) => Fix::name(path.field(self.name), meant),
                    None => Fix::value(path, meant),
                });
                Err(error.at(place, &self.above.trail).mended_by(fix))
            }
        }
    }
}

impl<'a> Variant<'a, '_> {
    fn with_content<T>(
        &self,
        read: impl FnOnce(Decoder<'a, '_>) -> Result<T, Refused>,
    ) -> Result<T, Refused> {
        let trail = Trail::Field(&self.above.trail, self.name);
        match self.content {
            Some(entry) => read(Decoder {
                name: Some(entry.key_span),
                ..Decoder::new(&entry.value, trail, self.above.reader)
            }),
            None => Err(self.above.refuse(
                "F017",
                format!("`{}` needs its settings", self.name),
                &format!("write: {{ {}: {{ … }} }}", self.name),
            )),
        }
    }
}

impl<'a> VariantAccess<'a> for Variant<'a, '_> {
    type Error = Refused;

    fn unit_variant(self) -> Result<(), Refused> {
        match self.content {
            Some(entry) if !entry.value.is_null() => Err(self.above.refuse(
                "F017",
                format!("`{}` has no settings", self.name),
                &format!("write only: {}", self.name),
            )),
            _ => Ok(()),
        }
    }

    fn newtype_variant_seed<T: DeserializeSeed<'a>>(self, seed: T) -> Result<T::Value, Refused> {
        self.with_content(|content| seed.deserialize(content))
    }

    fn tuple_variant<V: Visitor<'a>>(self, _: usize, visitor: V) -> Result<V::Value, Refused> {
        self.with_content(|content| de::Deserializer::deserialize_seq(content, visitor))
    }

    fn struct_variant<V: Visitor<'a>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Refused> {
        self.with_content(|content| {
            de::Deserializer::deserialize_struct(content, "", fields, visitor)
        })
    }
}
