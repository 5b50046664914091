//! Lengths of time, as a person writes them.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use crate::as_text::as_text;

/// A length of time in whole seconds: a number with `s`, `m`, `h`, `d`, `w` or `y` (365 days).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Period(pub Duration);

/// Why a text is no [`Period`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{text:?} is not a length of time: write a whole number with s, m, h, d, w or y, such as 30d"
)]
pub struct InvalidPeriod {
    text: String,
}

/// Largest first, so that the first one that divides without rest is the shortest notation.
const UNITS: [(char, u64); 6] = [
    ('y', 31_536_000),
    ('w', 604_800),
    ('d', 86_400),
    ('h', 3600),
    ('m', 60),
    ('s', 1),
];

impl FromStr for Period {
    type Err = InvalidPeriod;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let invalid = || InvalidPeriod {
            text: text.chars().take(80).collect(),
        };
        let (digits, unit) = UNITS
            .iter()
            .find_map(|(suffix, unit)| Some((text.strip_suffix(*suffix)?, unit)))
            .ok_or_else(invalid)?;
        if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(invalid());
        }
        let number: u64 = digits.parse().map_err(|_| invalid())?;
        let seconds = number.checked_mul(*unit).ok_or_else(invalid)?;
        Ok(Self(Duration::from_secs(seconds)))
    }
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.as_secs();
        let (suffix, unit) = UNITS
            .iter()
            .find(|(_, unit)| seconds != 0 && seconds.is_multiple_of(*unit))
            .unwrap_or(&('s', 1));
        write!(f, "{}{suffix}", seconds / unit)
    }
}

as_text!(
    Period,
    {
        "type": "string",
        "pattern": "^[0-9]+[smhdwy]$",
        "description": "A length of time: a whole number with s, m, h, d, w or y.",
        "examples": ["30d"]
    }
);

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn only_whole_numbers_with_a_unit_are_read() {
        assert_eq!("30d".parse(), Ok(Period(Duration::from_secs(2_592_000))));
        for bad in [
            "",
            "d",
            "30",
            "1.5h",
            "-1d",
            "30 d",
            "99999999999999999999y",
        ] {
            assert!(bad.parse::<Period>().is_err(), "{bad:?}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(seconds: u64) {
            let period = Period(Duration::from_secs(seconds));
            prop_assert_eq!(period.to_string().parse(), Ok(period));
        }
    }
}
