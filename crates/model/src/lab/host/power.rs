//! When a host is on, and how it is switched.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::super::secret::SecretRef;
use super::Mac;
use crate::as_text::as_text;
use crate::lab::clock::minutes;

/// When a host is on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Availability {
    /// Always; when it is off, something is wrong.
    #[default]
    Always,
    /// It comes and goes; being off is no fault.
    Volatile,
    /// It comes and goes, and is on in these hours.
    On(Hours),
    /// It costs while it runs, so it is off unless it is needed.
    Metered,
}

impl Availability {
    /// Whether being off is a fault.
    #[must_use]
    pub const fn is_always(&self) -> bool {
        matches!(self, Self::Always)
    }

    /// Whether it may be off at some time, by declaration.
    #[must_use]
    pub const fn may_be_off(&self) -> bool {
        !self.is_always()
    }
}

/// Hours of a day in the lab's own time: `18:00-23:30`; over midnight: `22:00-02:00`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Hours {
    /// The first minute, counted from midnight.
    pub from: u16,
    /// The minute after the last, counted from midnight.
    pub to: u16,
}

/// Why a text is no [`Hours`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} are no hours: write FROM-TO, such as 18:00-23:30")]
pub struct InvalidHours {
    text: String,
}

impl Hours {
    /// Whether a minute of the day is in them.
    #[must_use]
    pub const fn contains(&self, minute: u16) -> bool {
        if self.from <= self.to {
            self.from <= minute && minute < self.to
        } else {
            self.from <= minute || minute < self.to
        }
    }
}

impl FromStr for Hours {
    type Err = InvalidHours;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let read = || {
            let (from, to) = text.split_once('-')?;
            let (from, to) = (minutes(from)?, minutes(to)?);
            (from != to).then_some(Self { from, to })
        };
        read().ok_or_else(|| InvalidHours {
            text: text.chars().take(40).collect(),
        })
    }
}

impl fmt::Display for Hours {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { from, to } = self;
        let (h, m) = (from / 60, from % 60);
        write!(f, "{h:02}:{m:02}-{:02}:{:02}", to / 60, to % 60)
    }
}

as_text!(
    Hours,
    {
        "type": "string",
        "pattern": "^[0-9]{2}:[0-9]{2}-[0-9]{2}:[0-9]{2}$",
        "description": "Hours of a day: FROM-TO; over midnight where TO is the earlier.",
        "examples": ["18:00-23:30"]
    }
);

/// How a host is switched on and off.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Power {
    /// By a wake-on-LAN packet to this hardware address; off only by its operating system.
    Wake(#[schemars(example = "aa:bb:cc:dd:ee:ff")] Mac),
    /// By its management controller, over IPMI.
    Ipmi(Management),
    /// By its management controller, over Redfish.
    Redfish(Management),
    /// By the plug that it hangs on.
    Plug(Plug),
    /// By its cloud provider.
    Provider,
    /// By hand only.
    Hand,
}

/// A management controller.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Management {
    /// Its address or name.
    #[schemars(example = "10.0.0.40")]
    pub address: String,
    /// Who logs in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"admin")]
    pub user: Option<String>,
    /// With which password.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<SecretRef>,
}

/// A plug that can be switched.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Plug {
    /// Whose protocol it speaks.
    pub kind: PlugKind,
    /// Its address or name.
    #[schemars(example = "10.0.0.60")]
    pub address: String,
    /// The password or token for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<SecretRef>,
}

/// Whose protocol a plug speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum PlugKind {
    /// Shelly's HTTP interface.
    Shelly,
    /// Tasmota's HTTP interface.
    Tasmota,
    /// Home Assistant's REST interface; the address names the entity.
    HomeAssistant,
}

#[cfg(test)]
mod tests {
    use super::Hours;

    #[test]
    fn hours_may_pass_midnight() {
        let evening: Hours = "22:00-02:00".parse().unwrap();
        assert!(evening.contains(23 * 60) && evening.contains(60) && !evening.contains(12 * 60));
        assert_eq!(evening.to_string(), "22:00-02:00");
        for bad in [
            "",
            "22-23",
            "22:00",
            "25:00-26:00",
            "10:60-11:00",
            "10:00-10:00",
            "1:00-2:00",
        ] {
            assert!(bad.parse::<Hours>().is_err(), "{bad:?}");
        }
    }
}
