//! What stands around the clusters: firewalls, users, image builds, things that are watched.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::secret::SecretRef;
use crate::name::Name;

/// A rule of a firewall between networks. The first that fits counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct FirewallRule {
    /// The host that enforces it.
    #[schemars(example = &"router")]
    pub on: Name,
    /// The network that packets come from. Default: any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"iot")]
    pub from: Option<Name>,
    /// The network that packets go to. Default: any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"lan")]
    pub to: Option<Name>,
    /// The ports, as `tcp/443`. Default: all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(example = serde_json::json!(["tcp/443"]))]
    pub ports: Vec<String>,
    /// What happens to them.
    pub action: FirewallAction,
}

/// What a firewall does with a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum FirewallAction {
    /// It lets it pass.
    Accept,
    /// It drops it.
    Drop,
    /// It refuses it and says so.
    Reject,
}

/// Somebody who uses the lab.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct User {
    /// Public SSH keys.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(example = serde_json::json!(["ssh-ed25519 AAAA… you@laptop"]))]
    pub ssh_keys: Vec<String>,
    /// What they may do in which cluster.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub clusters: BTreeMap<Name, ClusterAccess>,
    /// The hosts that they may log in to. Default: none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(example = serde_json::json!(["nas"]))]
    pub hosts: Vec<Name>,
    /// They may become root on those hosts.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub sudo: bool,
}

/// What somebody may do in a cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ClusterAccess {
    /// Everything.
    Admin,
    /// Change workloads, but no rights.
    Edit,
    /// Look.
    View,
}

/// A container image that the lab builds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct ImageBuild {
    /// The image that it begins with, by its digest. Default: an empty one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(example = "debian:13-slim")]
    pub from: Option<String>,
    /// Files and folders inside the lab's folder, each with its place in the image.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(example = serde_json::json!({ "images/agent": "/usr/bin/agent" }))]
    pub files: BTreeMap<String, String>,
    /// Debian packages that are installed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(example = serde_json::json!(["ca-certificates"]))]
    pub packages: Vec<String>,
    /// What it starts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(example = serde_json::json!(["/usr/bin/agent", "--verbose"]))]
    pub entrypoint: Vec<String>,
    /// Its environment.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(example = serde_json::json!({ "TZ": "Europe/Berlin" }))]
    pub environment: BTreeMap<String, String>,
    /// The user that it runs as, by number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(example = 1000)]
    pub user: Option<u32>,
    /// The registry that it is sent to. Default: only into the nodes' own stores.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(example = "registry.home.example.net")]
    pub push: Option<String>,
}

/// Something outside the clusters that is watched.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Watched {
    /// What it is.
    pub kind: WatchedKind,
    /// The host of the lab that it is on, or is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"router")]
    pub host: Option<Name>,
    /// Its address or URL, where it is on none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(example = "http://10.0.0.70:8123")]
    pub address: Option<String>,
    /// What is taken from it. Default: all that its kind has.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub signals: Vec<Signal>,
    /// The token or password for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<SecretRef>,
}

/// What something is that is watched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum WatchedKind {
    /// A host's operating system.
    Host,
    /// A firewall.
    Firewall,
    /// A DHCP server.
    Dhcp,
    /// Wireless access points.
    Wifi,
    /// A management controller (IPMI, Redfish).
    Ipmi,
    /// Home Assistant.
    HomeAssistant,
    /// A storage system.
    Storage,
    /// Anything with an address that answers.
    Endpoint,
}

/// What is taken from something that is watched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Signal {
    /// Numbers over time.
    Metrics,
    /// Lines of logs.
    Logs,
    /// Events.
    Events,
}
