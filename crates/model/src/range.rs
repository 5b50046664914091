//! Ranges of addresses that need not be a prefix.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use crate::as_text::as_text;
use ipnet::IpNet;

/// Addresses from a first to a last one, both of it: `10.0.0.101-10.0.0.120`, one address, or a
/// prefix such as `10.0.0.96/28`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct AddressRange {
    first: IpAddr,
    last: IpAddr,
    /// As it was written: a prefix stays one.
    prefix: Option<IpNet>,
}

/// Why a text is no [`AddressRange`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{text:?} is not a range of addresses: write FIRST-LAST, such as 10.0.0.101-10.0.0.120, one address, or a prefix"
)]
pub struct InvalidRange {
    text: String,
}

impl AddressRange {
    /// The first address.
    #[must_use]
    pub const fn first(&self) -> IpAddr {
        self.first
    }

    /// The last address.
    #[must_use]
    pub const fn last(&self) -> IpAddr {
        self.last
    }

    /// Whether an address is one of it.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        address.is_ipv6() == self.first.is_ipv6() && self.first <= address && address <= self.last
    }

    /// Whether the two have an address in common.
    #[must_use]
    pub fn overlaps(&self, other: &Self) -> bool {
        self.contains(other.first) || other.contains(self.first)
    }

    /// Whether all of it lies in a prefix.
    #[must_use]
    pub fn inside(&self, prefix: &IpNet) -> bool {
        prefix.contains(&self.first) && prefix.contains(&self.last)
    }
}

impl From<IpAddr> for AddressRange {
    fn from(address: IpAddr) -> Self {
        Self {
            first: address,
            last: address,
            prefix: None,
        }
    }
}

impl From<IpNet> for AddressRange {
    fn from(prefix: IpNet) -> Self {
        Self {
            first: prefix.network(),
            last: prefix.broadcast(),
            prefix: Some(prefix),
        }
    }
}

impl FromStr for AddressRange {
    type Err = InvalidRange;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let invalid = || InvalidRange {
            text: text.chars().take(80).collect(),
        };
        if let Ok(prefix) = text.parse::<IpNet>() {
            return Ok(prefix.into());
        }
        let (first, last) = text.split_once('-').unwrap_or((text, text));
        let first: IpAddr = first.trim().parse().map_err(|_| invalid())?;
        let last: IpAddr = last.trim().parse().map_err(|_| invalid())?;
        if first.is_ipv6() != last.is_ipv6() || last < first {
            return Err(invalid());
        }
        Ok(Self {
            first,
            last,
            prefix: None,
        })
    }
}

impl fmt::Display for AddressRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.prefix {
            Some(prefix) => write!(f, "{prefix}"),
            None if self.first == self.last => write!(f, "{}", self.first),
            None => write!(f, "{}-{}", self.first, self.last),
        }
    }
}

as_text!(
    AddressRange,
    {
        "type": "string",
        "description": "FIRST-LAST, one address, or a prefix.",
        "examples": ["10.0.0.101-10.0.0.120"]
    }
);

#[cfg(test)]
mod tests {
    use super::AddressRange;

    #[test]
    fn all_three_notations_read_back() {
        for text in ["10.0.0.1-10.0.0.9", "10.0.0.7", "10.0.0.0/28", "fd00::/120"] {
            let range: AddressRange = text.parse().unwrap();
            assert_eq!(range.to_string(), text);
        }
        for bad in [
            "",
            "10.0.0.9-10.0.0.1",
            "10.0.0.1-fd00::1",
            "a-b",
            "10.0.0.0/33",
        ] {
            assert!(bad.parse::<AddressRange>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn overlap_has_no_direction() {
        let (a, b): (AddressRange, AddressRange) = (
            "10.0.0.0/24".parse().unwrap(),
            "10.0.0.101-10.0.0.120".parse().unwrap(),
        );
        assert!(a.overlaps(&b) && b.overlaps(&a));
        assert!(b.inside(&"10.0.0.0/24".parse().unwrap()));
        assert!(!b.overlaps(&"10.0.0.121".parse().unwrap()));
    }
}
