//! The inventory: what was observed in the world, whatever anybody remembers.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::plan::Generation;
use crate::resource::{Address, Spec};

/// Everything observed of one lab, in the order of addresses.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Inventory {
    /// One entry for each thing found, and for each wanted thing that could not be looked at.
    pub things: BTreeMap<Address, Observed>,
}

impl Inventory {
    /// What planning depends on, in a few words for each thing: whose it is, what it was made from
    /// and whether it is well. Texts and details, which change by themselves, are left out.
    #[must_use]
    pub fn states(&self) -> BTreeMap<Address, String> {
        let state = |seen: &Observed| {
            let presence = match &seen.presence {
                Presence::Ours {
                    made_from: Some(digest),
                    ..
                } => format!("made from {}", digest.short()),
                Presence::Ours {
                    made_from: None, ..
                } => "half made".to_owned(),
                Presence::Off { .. } => "off".to_owned(),
                Presence::Foreign { .. } => "not ours".to_owned(),
                Presence::Unseen { .. } => "not visible".to_owned(),
            };
            match seen.faults.iter().map(|fault| fault.remedy).max() {
                None => presence,
                Some(_) => format!("{presence}, not well"),
            }
        };
        self.things
            .iter()
            .map(|(address, seen)| (address.clone(), state(seen)))
            .collect()
    }

    /// The digest of what planning depends on.
    #[must_use]
    pub fn basis(&self) -> Digest {
        Digest::of(&self.states())
    }

    /// What a thing of ours was made from, where it keeps that.
    #[must_use]
    pub fn spec(&self, address: &Address) -> Option<&Spec> {
        match &self.things.get(address)?.presence {
            Presence::Ours { spec, .. } => spec.as_deref(),
            Presence::Off { .. } | Presence::Foreign { .. } | Presence::Unseen { .. } => None,
        }
    }

    /// The highest generation that things tell of themselves (fact `generation`): where the state
    /// folder was lost, it goes on from here.
    #[must_use]
    pub fn generation(&self) -> Generation {
        self.things
            .values()
            .filter_map(|seen| seen.facts.get("generation")?.parse().ok())
            .map(Generation)
            .max()
            .unwrap_or_default()
    }
}

/// What was observed of one thing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Observed {
    /// Whether it is there, and whose it is.
    pub presence: Presence,
    /// What is wrong with it, each with its cause. Empty: it is well.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub faults: Vec<Fault>,
    /// Facts for people and later steps: `pid`, `address`, `version`, `port`, `generation` …
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub facts: BTreeMap<String, String>,
}

/// Whether a thing is there, and whose it is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Presence {
    /// It carries this lab's owner tag, read back from the thing itself.
    Ours {
        /// The digest of the spec that it was made from, if it was completed and the digest can
        /// be read. `None`: half made, or older than the digest; it must be made anew or finished.
        made_from: Option<Digest>,
        /// The spec itself where the thing keeps it, so that a change can be explained.
        spec: Option<Box<Spec>>,
    },
    /// A host that is ours and off for certain: whoever feeds it with power says so, and nothing
    /// of it runs. Silence alone is never this.
    Off {
        /// Since when, and how it was switched off, for people.
        how: String,
    },
    /// Something of that name is there but is not ours. It is never changed.
    Foreign {
        /// What was found, for the refusal.
        found: String,
    },
    /// It cannot be looked at now, for the reason given; whether it is there is not known.
    Unseen {
        /// Why not.
        why: String,
    },
}

/// Something wrong with a thing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// What is wrong, in one line: `kubelet is not running`.
    pub what: String,
    /// The cause, found at its source: a line of a log, a failed pull, a missing route.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
    /// What mends it.
    pub remedy: Remedy,
}

/// What mends a fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Remedy {
    /// It is expected to come right by itself once what it depends on is well; nothing is done.
    Wait,
    /// It is well for now: apply it again before it ends, which starts its processes anew.
    Renew,
    /// Apply the thing again as it is.
    Repair,
    /// Delete and make it again.
    Replace,
}

impl Observed {
    /// A thing of ours that is well.
    #[must_use]
    pub fn ours(made_from: Option<Digest>, spec: Option<Spec>) -> Self {
        Self {
            presence: Presence::Ours {
                made_from,
                spec: spec.map(Box::new),
            },
            faults: Vec::new(),
            facts: BTreeMap::new(),
        }
    }

    /// A host of ours that is off for certain.
    #[must_use]
    pub fn off(how: impl Into<String>) -> Self {
        Self {
            presence: Presence::Off { how: how.into() },
            faults: Vec::new(),
            facts: BTreeMap::new(),
        }
    }

    /// A thing that is there but not ours.
    #[must_use]
    pub fn foreign(found: impl Into<String>) -> Self {
        Self {
            presence: Presence::Foreign {
                found: found.into(),
            },
            faults: Vec::new(),
            facts: BTreeMap::new(),
        }
    }

    /// A thing that cannot be looked at now.
    #[must_use]
    pub fn unseen(why: impl Into<String>) -> Self {
        Self {
            presence: Presence::Unseen { why: why.into() },
            faults: Vec::new(),
            facts: BTreeMap::new(),
        }
    }

    /// With a fact added.
    #[must_use]
    pub fn fact(mut self, key: &str, value: impl Into<String>) -> Self {
        self.facts.insert(key.to_owned(), value.into());
        self
    }

    /// With a fault added.
    #[must_use]
    pub fn fault(mut self, what: impl Into<String>, cause: Option<String>, remedy: Remedy) -> Self {
        self.faults.push(Fault {
            what: what.into(),
            cause,
            remedy,
        });
        self
    }
}
