//! Owner tags of processes: written into their environment, read back from `/proc`.

use std::collections::BTreeMap;
use std::fs;
use std::process::Command;

use driver::Scope;
use model::digest::Digest;
use model::resource::Address;
use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

const LAB: &str = "STEADING_LAB_ID";
const ADDRESS: &str = "STEADING_ADDRESS";
const DIGEST: &str = "STEADING_DIGEST";
/// The port that a forwarder listens on.
pub(super) const PORT: &str = "STEADING_PORT";

/// A process that carries a lab's tag.
#[derive(Debug, Clone)]
pub(super) struct Tagged {
    pub(super) pid: i32,
    /// Its name, as the kernel shows it.
    pub(super) name: String,
    /// Whether it is process 1 of a process namespace below ours.
    pub(super) first: bool,
    variables: BTreeMap<String, String>,
}

impl Tagged {
    /// The digest of what it was made from.
    pub(super) fn digest(&self) -> Option<Digest> {
        // A digest only compares; a text that is none compares unequal to every other.
        serde_json::from_value(self.variables.get(DIGEST)?.clone().into()).ok()
    }

    /// The port that it was told to listen on.
    pub(super) fn port(&self) -> Option<u16> {
        self.variables.get(PORT)?.parse().ok()
    }
}

/// Puts the tag into the environment of a process to be started.
pub(super) fn tag(command: &mut Command, scope: &Scope, address: &Address, digest: &Digest) {
    command
        .env(LAB, scope.id.to_string())
        .env(ADDRESS, address.to_string())
        .env(DIGEST, digest.as_str());
}

/// All processes that carry the lab's tag, by the address that they stand for.
pub(super) fn find(scope: &Scope) -> BTreeMap<Address, Vec<Tagged>> {
    let mut found: BTreeMap<Address, Vec<Tagged>> = BTreeMap::new();
    let Ok(entries) = fs::read_dir("/proc") else {
        return found;
    };
    let pids = entries
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    for pid in pids {
        if let Some((address, process)) = look_at(scope, pid) {
            found.entry(address).or_default().push(process);
        }
    }
    found
}

fn look_at(scope: &Scope, pid: i32) -> Option<(Address, Tagged)> {
    // Processes come and go while we read: what cannot be read is not there.
    let raw = fs::read(format!("/proc/{pid}/environ")).ok()?;
    let variables: BTreeMap<String, String> = raw
        .split(|byte| *byte == 0)
        .filter(|text| text.starts_with(b"STEADING_"))
        .filter_map(|text| std::str::from_utf8(text).ok()?.split_once('='))
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .collect();
    if *variables.get(LAB)? != scope.id.to_string() {
        return None;
    }
    let address = variables.get(ADDRESS)?.parse().ok()?;
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let field = |name: &str| {
        status
            .lines()
            .find_map(|line| line.strip_prefix(name))
            .map(str::trim)
    };
    if field("State:")?.starts_with('Z') {
        return None;
    }
    let spaces: Vec<&str> = field("NSpid:")?.split_whitespace().collect();
    let process = Tagged {
        pid,
        name: field("Name:")?.to_owned(),
        first: spaces.len() > 1 && spaces.last() == Some(&"1"),
        variables,
    };
    Some((address, process))
}

/// Kills a process of ours, after its tag was read back once more: its number may have gone to
/// somebody else's process since.
pub(super) fn end(scope: &Scope, address: &Address, process: &Tagged) -> nix::Result<()> {
    match look_at(scope, process.pid) {
        Some((found, _)) if found == *address => {
            match kill(Pid::from_raw(process.pid), Signal::SIGKILL) {
                Ok(()) | Err(Errno::ESRCH) => Ok(()),
                Err(errno) => Err(errno),
            }
        }
        _ => Ok(()),
    }
}
