//! Plans: immutable, complete, reviewable. What was reviewed is what runs.

mod saved;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::digest::Digest;
use crate::name::Name;
use crate::resource::{Address, Resource};

pub use saved::{InvalidPlan, MOST_BYTES};

/// A plan: a directed acyclic graph of steps, in an order in which they may run one by one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// The version of this format.
    pub format: u32,
    /// The lab that it is for.
    pub lab: Name,
    /// The lab's id: owner tag of everything that it makes.
    pub lab_id: LabId,
    /// The generation that the lab had when this was planned; applying it makes the next one.
    pub parent: Generation,
    /// [`Inventory::basis`](crate::inventory::Inventory::basis) of what was observed when this was
    /// planned. A saved plan is refused when the world has moved since.
    pub basis: Digest,
    /// What that was, so that a refusal can say what has moved:
    /// [`Inventory::states`](crate::inventory::Inventory::states).
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub seen: BTreeMap<Address, String>,
    /// The steps. Every step comes after all that it needs.
    pub steps: Vec<Step>,
    /// What was left as it is, and why that is worth saying.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<Note>,
}

impl Plan {
    /// The version of the format that this program writes.
    pub const FORMAT: u32 = 1;

    /// Whether there is nothing to do.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    /// The plan without some steps, and without those that need them.
    #[must_use]
    pub fn without(&self, left: &BTreeSet<Address>) -> Self {
        let mut plan = self.clone();
        let mut gone = left.clone();
        // Every step comes after all that it needs.
        plan.steps.retain(|step| {
            let kept = !gone.contains(&step.address) && step.needs.is_disjoint(&gone);
            if !kept {
                gone.insert(step.address.clone());
            }
            kept
        });
        plan
    }

    /// The heaviest impact among the steps.
    #[must_use]
    pub fn impact(&self) -> Impact {
        self.steps
            .iter()
            .map(|step| step.impact)
            .max()
            .unwrap_or(Impact::None)
    }
}

/// A lab's id, a UUID made once and kept in `lab.lock`. It is the owner tag that every object
/// carries in itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct LabId(pub Uuid);

impl LabId {
    /// The deterministic id of one of the lab's resources (UUID version 5 of lab and address).
    #[must_use]
    pub fn object(self, address: &Address) -> Uuid {
        Uuid::new_v5(&self.0, address.to_string().as_bytes())
    }

    /// The id of the lab's replica: the same every time, and never a lab's own.
    #[must_use]
    pub fn replica(self) -> Self {
        Self(Uuid::new_v5(&self.0, b"replica"))
    }

    /// The first eight digits, for names of folders, groups and links.
    #[must_use]
    pub fn short(self) -> String {
        let mut text = self.0.simple().to_string();
        text.truncate(8);
        text
    }
}

impl fmt::Display for LabId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The number of an applied plan. Targets refuse effects of an older one than they have seen.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Generation(pub u64);

impl Generation {
    /// The one after this.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

/// One step: one action on one resource.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// What it acts on. A plan has at most one step for an address.
    pub address: Address,
    /// What it does.
    pub action: Action,
    /// What that does to what runs now.
    pub impact: Impact,
    /// Why.
    pub reason: Reason,
    /// Addresses of steps of this plan that must have succeeded before.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub needs: BTreeSet<Address>,
    /// What the thing shall be; for a deletion, what is known of what it was.
    pub resource: Resource,
    /// The digest of `resource.spec`: the thing carries it afterwards.
    pub inputs: Digest,
}

/// What a step does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// Make what is not there.
    Create,
    /// Change or mend what is there.
    Update,
    /// Delete and make again.
    Replace,
    /// Delete.
    Delete,
}

impl Action {
    /// The sign in front of a step: `+ ~ ± -`.
    #[must_use]
    pub const fn symbol(self) -> char {
        match self {
            Self::Create => '+',
            Self::Update => '~',
            Self::Replace => '±',
            Self::Delete => '-',
        }
    }
}

/// What a step does to what runs now, from harmless to destructive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Impact {
    /// Nothing that runs is touched.
    None,
    /// Changed while it runs.
    InPlace,
    /// Its processes are started anew.
    Restart,
    /// Its machine is started anew.
    Reboot,
    /// It is deleted and made again; data that it shares with others stays.
    Recreate,
    /// Data that exists nowhere else is deleted.
    Wipe,
}

/// Why a step is in the plan. Text only in `Display`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// It is declared and not there.
    Missing,
    /// It was begun and not finished.
    Unfinished,
    /// The declaration changed.
    Changed {
        /// Which values, as `cpu: 2 → 4`; empty where the old spec is not known.
        fields: Vec<String>,
    },
    /// It is not well.
    Faulty {
        /// What is wrong.
        what: Vec<String>,
    },
    /// It is well, and would not be for long.
    Ending {
        /// What ends, and when.
        what: Vec<String>,
    },
    /// It cannot be seen until what it depends on stands; applying it again is harmless.
    Unseen {
        /// Why.
        why: String,
    },
    /// It is no longer declared.
    Undeclared,
    /// The whole lab is taken down.
    Down,
    /// A step needs it.
    NeededBy {
        /// That step's address.
        step: Address,
    },
    /// What it stands on is made again.
    Follows {
        /// The address of what it stands on.
        step: Address,
    },
    /// Something among what it proves has changed.
    Proof,
    /// The host that it is about is off for certain.
    HostOff {
        /// The host.
        host: Name,
    },
    /// The host that it is about is back.
    HostBack {
        /// The host.
        host: Name,
    },
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => f.write_str("not there yet"),
            Self::Unfinished => f.write_str("begun but not finished"),
            Self::Changed { fields } if fields.is_empty() => f.write_str("the declaration changed"),
            Self::Changed { fields } => f.write_str(&fields.join(", ")),
            Self::Faulty { what } => f.write_str(&what.join("; ")),
            Self::Ending { what } => f.write_str(&what.join("; ")),
            Self::Unseen { why } => write!(f, "not visible now: {why}"),
            Self::Undeclared => f.write_str("no longer declared"),
            Self::Down => f.write_str("taken down"),
            Self::NeededBy { step } => write!(f, "needed by {step}"),
            Self::Follows { step } => write!(f, "follows {step}"),
            Self::Proof => f.write_str("to be proved again after the changes"),
            Self::HostOff { host } => write!(f, "host {host} is off: what ran there may move"),
            Self::HostBack { host } => write!(f, "host {host} is back"),
        }
    }
}

/// Something that the plan leaves as it is, and says so.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Note {
    /// What it is about.
    pub address: Address,
    /// What is to be said.
    pub text: String,
    /// Whether the plan must not run because of it.
    pub refused: bool,
}
