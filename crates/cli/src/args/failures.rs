//! Arguments of the commands about failures.

use clap::{Args, ValueEnum};
use model::duration::Period;

use std::path::PathBuf;

use super::LabArg;

/// A running cluster instead of a lab file.
#[derive(Debug, Args)]
pub(crate) struct LiveArgs {
    /// Not a lab file: a running cluster as it is, by your kubeconfig. It is only read
    #[arg(long)]
    pub(crate) live: bool,
    /// The kubeconfig. Default: what KUBECONFIG names, else ~/.kube/config
    #[arg(long, value_name = "FILE", requires = "live")]
    pub(crate) kubeconfig: Option<PathBuf>,
    /// The context in it. Default: its current one
    #[arg(long, value_name = "NAME", requires = "live")]
    pub(crate) context: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct WhatifArgs {
    #[command(flatten)]
    pub(crate) lab: LabArg,
    #[command(flatten)]
    pub(crate) live: LiveArgs,
    /// What is switched off: hosts, nodes, sites, storages, volatile, control-plane, everything,
    /// availability=volatile; several with commas
    #[arg(long, value_name = "WHAT")]
    pub(crate) off: Vec<String>,
    /// What fails: the same, HOST.DISK, link:NETWORK, link:SITE-uplink
    #[arg(long, value_name = "WHAT")]
    pub(crate) fail: Vec<String>,
    /// At which time of the day: hosts with hours are off outside of them
    #[arg(long, value_name = "HH:MM", value_parser = minute)]
    pub(crate) at: Option<u16>,
    /// What is switched off is shut down in order, instead of losing its power
    #[arg(long)]
    pub(crate) graceful: bool,
    /// Nodes that go are drained first: their pods are asked to leave, as disruption budgets let them
    #[arg(long)]
    pub(crate) drain: bool,
    /// Nodes that go are marked out-of-service at once, as `steading heal` does with hosts that
    /// are off for certain
    #[arg(long)]
    pub(crate) fenced: bool,
    /// What happens then: what was switched off comes on again
    #[arg(long, value_enum)]
    pub(crate) then: Option<Then>,
    /// After which time
    #[arg(long, value_name = "TIME", default_value = "1h", requires = "then")]
    pub(crate) after: Period,
    /// Show also what nothing happens to
    #[arg(long)]
    pub(crate) all: bool,
    /// Write the answer as a page, too: the lab with a slider over time. It needs nothing but a
    /// browser
    #[arg(long, value_name = "FILE")]
    pub(crate) html: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct ProveArgs {
    #[command(flatten)]
    pub(crate) lab: LabArg,
    /// Write the proof as a page, too: each promise, and the lab with what breaks it. It needs
    /// nothing but a browser
    #[arg(long, value_name = "FILE")]
    pub(crate) html: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct GraphArgs {
    #[command(flatten)]
    pub(crate) lab: LabArg,
    #[command(flatten)]
    pub(crate) live: LiveArgs,
    /// Write it as a drawing (SVG) instead
    #[arg(long, value_name = "FILE")]
    pub(crate) svg: Option<PathBuf>,
}

/// What happens then.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Then {
    /// It is switched on again.
    On,
}

/// A minute of the day.
fn minute(text: &str) -> Result<u16, String> {
    let wrong = || "write hours and minutes, such as 22:00".to_owned();
    let (hours, minutes) = text.split_once(':').ok_or_else(wrong)?;
    let number = |part: &str| part.parse::<u16>().ok().filter(|_| part.len() == 2);
    match (number(hours), number(minutes)) {
        (Some(hours @ 0..=23), Some(minutes @ 0..=59)) => Ok(hours * 60 + minutes),
        _ => Err(wrong()),
    }
}
