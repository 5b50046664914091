//! Times of a day.

use std::fmt;
use std::str::FromStr;

use crate::as_text::as_text;

/// A minute of the day, written `02:00`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TimeOfDay(
    /// Minutes since midnight.
    pub u16,
);

/// Why a text is no [`TimeOfDay`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is no time of a day: write two digits each, from 00:00 to 23:59")]
pub struct InvalidTime {
    text: String,
}

/// Minutes of a day as they are written, up to the end of the day, `24:00`.
pub(super) fn minutes(text: &str) -> Option<u16> {
    let (hour, minute) = text.split_once(':')?;
    let number = |part: &str| {
        let digits = part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_digit());
        digits.then(|| part.parse::<u16>().ok()).flatten()
    };
    let (hour, minute) = (number(hour)?, number(minute)?);
    let total = hour * 60 + minute;
    (minute < 60 && total <= 24 * 60).then_some(total)
}

impl FromStr for TimeOfDay {
    type Err = InvalidTime;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let minutes = minutes(text).filter(|minutes| *minutes < 24 * 60);
        minutes.map(Self).ok_or_else(|| InvalidTime {
            text: text.chars().take(40).collect(),
        })
    }
}

impl fmt::Display for TimeOfDay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}:{:02}", self.0 / 60, self.0 % 60)
    }
}

as_text!(
    TimeOfDay,
    {
        "type": "string",
        "pattern": "^[0-9]{2}:[0-9]{2}$",
        "description": "A time of the day, from 00:00 to 23:59.",
        "examples": ["02:00"]
    }
);

#[cfg(test)]
mod tests {
    use super::TimeOfDay;

    #[test]
    fn a_time_is_read_as_it_is_written() {
        for good in ["00:00", "02:30", "23:59"] {
            assert_eq!(good.parse::<TimeOfDay>().unwrap().to_string(), good);
        }
        for bad in ["24:00", "2:00", "02:60", "02", "night", "02:00:00", "-1:00"] {
            assert!(bad.parse::<TimeOfDay>().is_err(), "{bad}");
        }
    }
}
