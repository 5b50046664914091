//! The state of a lab, for people and programs.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use drivers::kube::ClusterStatus;
use model::inventory::{Inventory, Observed, Presence};
use model::name::Name;
use model::plan::{Note, Step};
use model::resource::{Address, Kind};
use serde::Serialize;

use super::style::Style;

/// The state of a lab.
#[derive(Debug, Serialize)]
pub(crate) struct LabStatus {
    pub(crate) lab: Name,
    /// Whether everything is as declared.
    pub(crate) well: bool,
    pub(crate) clusters: BTreeMap<Name, ClusterStatus>,
    /// Hosts that are off.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) off: BTreeMap<Name, OffHost>,
    /// What is made to go wrong.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) troubles: Vec<TroubleShown>,
    pub(crate) inventory: Inventory,
    /// What `up` would do: the drift.
    pub(crate) due: Vec<Step>,
    pub(crate) notes: Vec<Note>,
    /// What was under way when the last run died.
    pub(crate) interrupted: Vec<Address>,
}

/// Something that is made to go wrong.
#[derive(Debug, Serialize)]
pub(crate) struct TroubleShown {
    /// As the command line names it: `cpu:gamer=20%`.
    pub(crate) what: String,
    pub(crate) since: jiff::Timestamp,
    /// In words.
    pub(crate) does: String,
    /// What ends it.
    pub(crate) end: String,
}

/// A host that is off.
#[derive(Debug, Serialize)]
pub(crate) struct OffHost {
    /// Since when and how.
    pub(crate) how: String,
    /// Whether that is as declared, and until when.
    pub(crate) expected: String,
    /// The nodes that are off with it.
    pub(crate) nodes: BTreeSet<Name>,
}

impl LabStatus {
    /// Whether a thing is off with its host: that is told once, of the host.
    fn with_its_host(&self, address: &Address) -> bool {
        matches!(address.kind, Kind::Machine | Kind::Member)
            && self
                .off
                .values()
                .any(|host| host.nodes.contains(&address.name))
    }
}

/// The state as text.
pub(crate) fn text(status: &LabStatus, style: Style) -> String {
    let mut text = String::new();
    // Writing to a String cannot fail, here and below.
    let _ = match (
        status.well,
        status
            .inventory
            .things
            .keys()
            .any(|a| a.kind == Kind::Machine),
    ) {
        (true, _) => writeln!(
            text,
            "{}: {}",
            status.lab,
            style.good("everything is as declared")
        ),
        (false, true) => writeln!(text, "{}: {}", status.lab, style.warn("not as declared")),
        (false, false) => writeln!(text, "{}: {}", status.lab, style.dim("not up")),
    };
    for (name, cluster) in &status.clusters {
        nodes(&mut text, name, cluster, style);
    }
    troubles(&mut text, status, style);
    things(&mut text, status, style);
    for cluster in status.clusters.values() {
        for pod in &cluster.pods {
            let node = pod.node.as_deref().unwrap_or("no node");
            let _ = writeln!(
                text,
                "  {} pod {}/{} on {node}: {}",
                style.bad("✗"),
                pod.namespace,
                pod.name,
                pod.why
            );
        }
    }
    if !status.interrupted.is_empty() {
        let names: Vec<String> = status.interrupted.iter().map(ToString::to_string).collect();
        let _ = writeln!(text, "the last run was cut off during {}", names.join(", "));
    }
    drift(&mut text, status, style);
    text
}

fn nodes(text: &mut String, name: &Name, cluster: &ClusterStatus, style: Style) {
    let _ = writeln!(text, "\n{}", style.bold(&format!("cluster {name}")));
    for node in &cluster.nodes {
        let (sign, state) = match (&node.why, node.ready) {
            (_, true) => (style.good("✓"), "ready".to_owned()),
            (Some(why), false) => (style.bad("✗"), why.clone()),
            (None, false) => (style.bad("✗"), "not ready".to_owned()),
        };
        let _ = writeln!(
            text,
            "  {sign} {:<20} {:<14} {:<9} {:>3} cpu {:>10}  {state}",
            node.name,
            node.roles.join(","),
            node.version,
            node.cpu,
            node.memory
        );
    }
}

fn troubles(text: &mut String, status: &LabStatus, style: Style) {
    if status.troubles.is_empty() {
        return;
    }
    let _ = writeln!(text, "\n{}", style.bold("made to go wrong"));
    for trouble in &status.troubles {
        let since = trouble.since.round(jiff::Unit::Second);
        let _ = writeln!(
            text,
            "  {} {:<28} {} since {}; {}",
            style.dim("○"),
            trouble.what,
            trouble.does,
            since.unwrap_or(trouble.since),
            trouble.end
        );
    }
}

fn things(text: &mut String, status: &LabStatus, style: Style) {
    let shown = [
        Kind::Network,
        Kind::Router,
        Kind::Host,
        Kind::Fence,
        Kind::Machine,
        Kind::Member,
        Kind::Forward,
        Kind::Component,
        Kind::App,
        Kind::Connectivity,
    ];
    let _ = writeln!(text, "\n{}", style.bold("things"));
    for (address, seen) in status
        .inventory
        .things
        .iter()
        .filter(|(a, _)| shown.contains(&a.kind) && !status.with_its_host(a))
    {
        match status.off.get(&address.name) {
            Some(host) if address.kind == Kind::Host => off(text, address, host, style),
            _ => thing(text, address, seen, style),
        }
    }
}

fn off(text: &mut String, address: &Address, host: &OffHost, style: Style) {
    let nodes: Vec<&str> = host.nodes.iter().map(Name::as_str).collect();
    let _ = writeln!(
        text,
        "  {} {:<28} off, {}: {}; with it {}",
        style.dim("○"),
        address.to_string(),
        host.expected,
        host.how,
        nodes.join(", ")
    );
}

fn thing(text: &mut String, address: &Address, seen: &Observed, style: Style) {
    let facts: Vec<String> = ["address", "pid", "url", "etcd", "certificates-until"]
        .iter()
        .filter_map(|key| Some(format!("{key} {}", seen.facts.get(*key)?)))
        .collect();
    let facts = style.dim(&facts.join(", "));
    match &seen.presence {
        Presence::Ours { .. } if seen.faults.is_empty() => {
            let _ = writeln!(
                text,
                "  {} {:<28} {facts}",
                style.good("✓"),
                address.to_string()
            );
        }
        Presence::Ours { .. } => {
            for fault in &seen.faults {
                let cause = fault.cause.as_ref().map(|cause| format!(": {cause}"));
                let _ = writeln!(
                    text,
                    "  {} {:<28} {}{}",
                    style.bad("✗"),
                    address.to_string(),
                    fault.what,
                    cause.unwrap_or_default()
                );
            }
        }
        Presence::Off { how, .. } => {
            let _ = writeln!(
                text,
                "  {} {:<28} off: {how}",
                style.dim("○"),
                address.to_string()
            );
        }
        Presence::Foreign { found } => {
            let _ = writeln!(
                text,
                "  {} {:<28} not ours: {found}",
                style.bad("✗"),
                address.to_string()
            );
        }
        Presence::Unseen { why } => {
            let _ = writeln!(
                text,
                "  {} {:<28} cannot be seen: {why}",
                style.warn("?"),
                address.to_string()
            );
        }
    }
}

fn drift(text: &mut String, status: &LabStatus, style: Style) {
    if status.due.is_empty() {
        return;
    }
    let _ = writeln!(text, "\n{}", style.bold("steading up would"));
    for step in &status.due {
        let symbol = style.action(step.action, &step.action.symbol().to_string());
        let _ = writeln!(
            text,
            "  {symbol} {:<28} {}",
            step.address.to_string(),
            step.reason
        );
    }
}
