//! One value or two: IPv4 and IPv6.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;
use std::net::IpAddr;
use std::str::FromStr;

use ipnet::IpNet;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{self, Deserialize, Deserializer, SeqAccess, Visitor};
use serde::ser::{Serialize, SerializeSeq as _, Serializer};

/// What has an address family.
pub trait Family {
    /// Whether it is of IPv6.
    fn is_v6(&self) -> bool;
}

impl Family for IpAddr {
    fn is_v6(&self) -> bool {
        self.is_ipv6()
    }
}

impl Family for IpNet {
    fn is_v6(&self) -> bool {
        matches!(self, Self::V6(_))
    }
}

/// One address or range, or one of each family: written as a text, or as a list of two texts. The
/// first is the one that counts where only one can, as in Kubernetes' own dual-stack fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Dual<T> {
    first: T,
    second: Option<T>,
}

impl<T: Family + Copy> Dual<T> {
    /// Only one.
    #[must_use]
    pub const fn one(first: T) -> Self {
        Self {
            first,
            second: None,
        }
    }

    /// One of each family; `None` where both are of the same.
    #[must_use]
    pub fn two(first: T, second: T) -> Option<Self> {
        (first.is_v6() != second.is_v6()).then_some(Self {
            first,
            second: Some(second),
        })
    }

    /// The one that counts where only one can.
    #[must_use]
    pub const fn first(&self) -> T {
        self.first
    }

    /// All, the first one first.
    pub fn iter(&self) -> impl Iterator<Item = T> + use<T> {
        [Some(self.first), self.second].into_iter().flatten()
    }

    /// That of IPv4.
    #[must_use]
    pub fn v4(&self) -> Option<T> {
        self.iter().find(|one| !one.is_v6())
    }

    /// That of IPv6.
    #[must_use]
    pub fn v6(&self) -> Option<T> {
        self.iter().find(Family::is_v6)
    }
}

impl Dual<IpNet> {
    /// Whether the address lies in one of the ranges.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        self.iter().any(|range| range.contains(&address))
    }

    /// The range that the address lies in.
    #[must_use]
    pub fn around(&self, address: IpAddr) -> Option<IpNet> {
        self.iter().find(|range| range.contains(&address))
    }
}

impl<T: fmt::Display + Family + Copy> fmt::Display for Dual<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.first)?;
        self.second
            .map_or(Ok(()), |second| write!(f, " and {second}"))
    }
}

impl<T: Serialize> Serialize for Dual<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Some(second) = &self.second else {
            return self.first.serialize(serializer);
        };
        let mut list = serializer.serialize_seq(Some(2))?;
        list.serialize_element(&self.first)?;
        list.serialize_element(second)?;
        list.end()
    }
}

impl<'de, T> Deserialize<'de> for Dual<T>
where
    T: FromStr + Family + Copy,
{
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(OneOrTwo(PhantomData))
    }
}

struct OneOrTwo<T>(PhantomData<T>);

impl<T: FromStr> OneOrTwo<T> {
    fn read<E: de::Error>(text: &str) -> Result<T, E> {
        text.parse().map_err(|_| {
            let shown: String = text.chars().take(60).collect();
            let what = if std::any::type_name::<T>().ends_with("IpNet") {
                "an address range such as 10.0.0.0/24"
            } else {
                "an address such as 10.0.0.1"
            };
            E::custom(format!("{shown:?} is not {what}"))
        })
    }
}

impl<'de, T: FromStr + Family + Copy> Visitor<'de> for OneOrTwo<T> {
    type Value = Dual<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("one text, or a list of one for IPv4 and one for IPv6")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
        Self::read(text).map(Dual::one)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        let mut all = Vec::new();
        while let Some(text) = list.next_element::<String>()? {
            all.push(Self::read(&text)?);
        }
        match all.as_slice() {
            [one] => Ok(Dual::one(*one)),
            [one, other] => Dual::two(*one, *other).ok_or_else(|| {
                de::Error::custom("both are of one family; write one for IPv4 and one for IPv6")
            }),
            _ => Err(de::Error::custom(
                "write one, or one for IPv4 and one for IPv6",
            )),
        }
    }
}

impl<T> JsonSchema for Dual<T> {
    fn schema_name() -> Cow<'static, str> {
        if std::any::type_name::<T>().ends_with("IpNet") {
            "Ranges".into()
        } else {
            "Addresses".into()
        }
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let examples = if Self::schema_name() == "Ranges" {
            serde_json::json!(["10.0.0.0/24", ["10.0.0.0/24", "fd00:10::/64"]])
        } else {
            serde_json::json!(["10.0.0.21", ["10.0.0.21", "fd00:10::21"]])
        };
        json_schema!({
            "examples": examples,
            "description": "One for IPv4 or IPv6, or a list with one of each; the first counts \
                            where only one can.",
            "oneOf": [
                { "type": "string" },
                { "type": "array", "items": { "type": "string" }, "minItems": 1, "maxItems": 2 }
            ]
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Result<Dual<IpNet>, String> {
        serde_json::from_str(json).map_err(|error| error.to_string())
    }

    #[test]
    fn one_is_a_text_and_two_are_a_list() {
        let one = read(r#""10.0.0.0/8""#).unwrap();
        assert_eq!((one.v4().is_some(), one.v6()), (true, None));
        let both = read(r#"["fd00::/64","10.0.0.0/8"]"#).unwrap();
        assert!(both.first().is_v6() && both.v4().is_some());
        for value in [one, both] {
            let json = serde_json::to_string(&value).unwrap();
            assert_eq!(read(&json), Ok(value));
        }
    }

    #[test]
    fn what_is_neither_is_refused() {
        for bad in [
            r#""10.0.0.0""#,
            "[]",
            r#"["10.0.0.0/8","11.0.0.0/8"]"#,
            r#"["10.0.0.0/8","fd00::/64","fd01::/64"]"#,
            "7",
        ] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }
}
