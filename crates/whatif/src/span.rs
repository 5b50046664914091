//! Times as intervals: what is known of a moment is its earliest and its latest.

use std::fmt;

use serde::{Serialize, Serializer};

/// A time in milliseconds after the event.
pub type Ms = u64;

/// Seconds as milliseconds.
#[must_use]
pub const fn s(seconds: u64) -> Ms {
    seconds * 1000
}

/// A moment that lies somewhere between two times.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    /// Not before.
    pub earliest: Ms,
    /// Not after.
    pub latest: Ms,
}

impl Span {
    /// At once.
    pub const NOW: Self = Self::new(0, 0);

    /// Between two times.
    #[must_use]
    pub const fn new(earliest: Ms, latest: Ms) -> Self {
        Self { earliest, latest }
    }

    /// Between two times in seconds.
    #[must_use]
    pub const fn seconds(earliest: u64, latest: u64) -> Self {
        Self::new(s(earliest), s(latest))
    }

    /// This long after another moment.
    #[must_use]
    pub const fn after(self, other: Self) -> Self {
        Self::new(
            self.earliest.saturating_add(other.earliest),
            self.latest.saturating_add(other.latest),
        )
    }

    /// How much later this is than another moment.
    #[must_use]
    pub const fn since(self, other: Self) -> Self {
        Self::new(
            self.earliest.saturating_sub(other.earliest),
            self.latest.saturating_sub(other.latest),
        )
    }

    /// When both have happened.
    #[must_use]
    pub fn both(self, other: Self) -> Self {
        Self::new(
            self.earliest.max(other.earliest),
            self.latest.max(other.latest),
        )
    }

    /// One of them, and nobody knows which.
    #[must_use]
    pub fn either(self, other: Self) -> Self {
        Self::new(
            self.earliest.min(other.earliest),
            self.latest.max(other.latest),
        )
    }

    /// Whether it is certain.
    #[must_use]
    pub const fn is_exact(self) -> bool {
        self.earliest == self.latest
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (from, to) = (self.earliest.div_euclid(1000), self.latest.div_ceil(1000));
        let text = if from == to && from < 600 {
            format!("{from} s")
        } else if to < 600 {
            format!("{from}–{to} s")
        } else if from / 60 == to / 60 {
            format!("{} min", from / 60)
        } else {
            format!("{}–{} min", from / 60, to.div_ceil(60))
        };
        f.pad(&text)
    }
}

impl Serialize for Span {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        [self.earliest, self.latest].serialize(serializer)
    }
}
