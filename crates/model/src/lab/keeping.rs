//! What must stay, what is kept, what is known and accepted: promises, backups, claims.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::clock::TimeOfDay;
use super::secret::SecretRef;
use crate::duration::Period;
use crate::name::Name;
use crate::quantity::Bytes;

/// Something that must stay when something else goes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Promise {
    /// What goes.
    pub when: Event,
    /// What must stay: `api`, `ingress`, `apps` (those that may run several times), `running-apps`
    /// (what ran before goes on), `dns`, `storage`, `vpn`, or names of apps, components and
    /// storages.
    #[schemars(example = serde_json::json!(["api", "ingress"]))]
    pub stays: Vec<String>,
    /// How long it may be away. Default: as long as Kubernetes takes by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub within: Option<Period>,
    /// Why it matters, in the owner's words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(example = "the family watches films in the evening")]
    pub because: Option<String>,
}

/// What goes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Event {
    /// These are switched off: `volatile`, `control-plane`, or names of hosts, nodes, sites,
    /// storages or networks; one, or a list.
    Off(#[schemars(example = &"volatile")] OneOrMany),
    /// Any this many hosts fail.
    Fails(#[schemars(example = 1)] u32),
    /// These are off, as they may be at any time, and any this many of the other hosts fail.
    OffAndFails(OffAndFails),
}

/// Something is off, and hosts fail.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct OffAndFails {
    /// What is off, as in `off`.
    #[schemars(example = &"volatile")]
    pub off: OneOrMany,
    /// How many of the other hosts fail.
    #[schemars(example = 1)]
    pub fails: u32,
}

/// One text, or a list of texts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum OneOrMany {
    /// One.
    One(String),
    /// Several at once.
    Many(Vec<String>),
}

impl OneOrMany {
    /// All of them.
    #[must_use]
    pub fn all(&self) -> Vec<&str> {
        match self {
            Self::One(one) => vec![one],
            Self::Many(many) => many.iter().map(String::as_str).collect(),
        }
    }
}

/// A backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Backup {
    /// What is backed up: `volumes`, `etcd`, or single ones as `APP.VOLUME`.
    #[schemars(example = serde_json::json!(["volumes", "etcd"]))]
    pub of: Vec<String>,
    /// Where to. `here`: beside the lab file, for snapshots of etcd.
    pub to: Target,
    /// With which program. Default: restic for volumes, etcd's own snapshots.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"restic")]
    pub by: Option<Name>,
    /// When it begins, as `02:00`. Default: some time at night that collides with no other.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = "^[0-2][0-9]:[0-5][0-9]$"))]
    #[schemars(example = "02:00")]
    pub at: Option<TimeOfDay>,
    /// How often. Default: `1d`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub every: Option<Period>,
    /// How long it is kept.
    pub keep: Period,
    /// When old ones are removed, as `03:00`. Default: after every backup.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = "^[0-2][0-9]:[0-5][0-9]$"))]
    #[schemars(example = "03:00")]
    pub prune_at: Option<TimeOfDay>,
    /// How often a backup is restored somewhere and compared: `daily`, `weekly`, `monthly`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restore_test: Option<Rhythm>,
    /// The password that the backup is encrypted with. Default: Steading makes one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<SecretRef>,
}

/// Where a backup goes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Target {
    /// Beside the lab file, in the state folder, encrypted to your age identity: for snapshots of
    /// etcd. Of these the newest stay, as many as `every` makes in the time of `keep`.
    Here,
    /// A storage of the lab.
    Storage(#[schemars(example = &"nas")] Name),
    /// Backblaze B2.
    B2(Bucket),
    /// Amazon S3, or what speaks the same.
    S3(Bucket),
}

/// A bucket of an object store.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Bucket {
    /// Its name.
    #[schemars(example = "home-backups")]
    pub bucket: String,
    /// Where it answers. Default: the provider's own address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(example = "s3.eu-central-003.backblazeb2.com")]
    pub endpoint: Option<String>,
    /// The key's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<SecretRef>,
    /// The key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_key: Option<SecretRef>,
}

/// How often.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Rhythm {
    /// Once a day.
    Daily,
    /// Once a week.
    Weekly,
    /// Once a month.
    Monthly,
}

/// A finding of `steading check` that is known and meant to be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Accepted {
    /// The rule's code, such as `S022`.
    #[schemars(regex(pattern = "^S[0-9]{3}$"), example = &"S022")]
    pub code: String,
    /// The field that it is found at, or one around it, such as `hosts.becquerel`.
    #[schemars(example = &"hosts.relay")]
    pub at: String,
    /// Why it is meant to be.
    #[schemars(example = &"one is enough for us")]
    pub because: String,
}

/// How the lab's replica stands on one machine (`steading up --replica`).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Replica {
    /// What its networks reach beyond each other: the internet, by this machine's own connections.
    /// Default: no packet leaves it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    #[schemars(example = true)]
    pub uplink: bool,
}

/// Totals that the lab's description tells. The check adds up.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Claims {
    /// How many hosts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(example = 8)]
    pub hosts: Option<u32>,
    /// How many nodes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(example = 11)]
    pub nodes: Option<u32>,
    /// How many processor threads all hosts have together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(example = 68)]
    pub cpu: Option<u32>,
    /// How much memory all hosts have together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory: Option<Bytes>,
}
