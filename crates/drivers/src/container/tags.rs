//! Owner tags of processes: written into their environment, read back from `/proc`.

use std::collections::BTreeMap;
use std::fs;
use std::process::Command;
use std::time::Duration;

use driver::{DriverError, Poll, Scope, StepContext};
use model::digest::Digest;
use model::plan::{Generation, Step};
use model::resource::{Address, Spec};
use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

const LAB: &str = "STEADING_LAB_ID";
const ADDRESS: &str = "STEADING_ADDRESS";
const DIGEST: &str = "STEADING_DIGEST";
const GENERATION: &str = "STEADING_GENERATION";
/// What a process stands for, so that a change can be explained; a spec holds no secret.
const SPEC: &str = "STEADING_SPEC";
/// The supervisor's name: process 1 of a machine that is put together.
pub(super) const SUPERVISOR: &str = "s6-svscan";
/// The control group that a machine is in.
pub(super) const GROUP: &str = "STEADING_GROUP";
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
    /// When it was started, in clock ticks since the kernel was: with `pid` it names one process.
    started: u64,
    variables: BTreeMap<String, String>,
}

impl Tagged {
    /// The digest of what it was made from.
    pub(super) fn digest(&self) -> Option<Digest> {
        // A digest only compares; a text that is none compares unequal to every other.
        serde_json::from_value(self.variables.get(DIGEST)?.clone().into()).ok()
    }

    /// What it was made from, if it carries that.
    pub(super) fn spec(&self) -> Option<Spec> {
        serde_json::from_str(self.variables.get(SPEC)?).ok()
    }

    /// The generation that started it.
    pub(super) fn generation(&self) -> Generation {
        let told = self.variables.get(GENERATION);
        Generation(told.and_then(|text| text.parse().ok()).unwrap_or_default())
    }

    /// Whether it is process 1 of a machine whose own file system it sees already. Until then it
    /// still sees the host's, and nobody may enter.
    pub(super) fn enterable(&self) -> bool {
        self.first && self.name == SUPERVISOR
    }

    /// Whether it is still there, other than as a result that nobody has fetched yet. Process 1 of
    /// a machine is gone only after all others of its machine are (pid_namespaces(7)).
    fn lives(&self) -> bool {
        stat(self.pid).is_some_and(|(state, started)| started == self.started && state != "Z")
    }

    /// The control group that it was told to enter.
    pub(super) fn group(&self) -> Option<&str> {
        self.variables.get(GROUP).map(String::as_str)
    }

    /// The port that it was told to listen on.
    pub(super) fn port(&self) -> Option<u16> {
        self.variables.get(PORT)?.parse().ok()
    }
}

/// Puts the tag into the environment of a process to be started.
pub(super) fn tag(command: &mut Command, step: &Step, context: &StepContext<'_>) {
    command
        .env(LAB, context.scope.id.to_string())
        .env(ADDRESS, step.address.to_string())
        .env(DIGEST, step.inputs.as_str())
        .env(GENERATION, context.generation.0.to_string());
}

/// Puts what it is made from into the environment of a process to be started.
pub(super) fn describe(command: &mut Command, spec: &Spec) {
    // Without it a change is only less well explained.
    if let Ok(json) = serde_json::to_string(spec) {
        command.env(SPEC, json);
    }
}

/// Whether a process that was started with a tag has become the program of that name, and can be
/// seen as that. A program has its name a moment before it has its environment.
pub(super) fn has_become(pid: u32, name: &str) -> bool {
    let read = |file: &str| fs::read(format!("/proc/{pid}/{file}")).unwrap_or_default();
    read("comm").trim_ascii() == name.as_bytes() && !read("environ").is_empty()
}

/// State and start time of a process. Source of the format: proc_pid_stat(5).
fn stat(pid: i32) -> Option<(String, u64)> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name stands in brackets and may itself hold spaces and brackets.
    let mut fields = text.rsplit_once(')')?.1.split_whitespace();
    let state = fields.next()?.to_owned();
    Some((state, fields.nth(18)?.parse().ok()?))
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
    let (state, started) = stat(pid)?;
    if state == "Z" {
        return None;
    }
    let spaces: Vec<&str> = field("NSpid:")?.split_whitespace().collect();
    let process = Tagged {
        pid,
        name: field("Name:")?.to_owned(),
        first: spaces.len() > 1 && spaces.last() == Some(&"1"),
        started,
        variables,
    };
    Some((address, process))
}

/// Kills a process of ours, after its tag was read back once more: its number may have gone to
/// somebody else's process since.
fn end(scope: &Scope, address: &Address, process: &Tagged) -> nix::Result<()> {
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

/// Ends all processes that stand for the address, and waits until they and all that they held
/// together are gone.
pub(super) fn end_all(address: &Address, context: &StepContext<'_>) -> Result<(), DriverError> {
    let limit = Duration::from_secs(20);
    let mut ended: BTreeMap<i32, Tagged> = BTreeMap::new();
    context.wait(
        "its processes to end",
        limit,
        Duration::from_millis(10),
        || {
            // One that was just being started by another shows up only later.
            for process in find(context.scope).remove(address).unwrap_or_default() {
                end(context.scope, address, &process).map_err(|errno| {
                    DriverError::new(format!("ending {} (pid {})", process.name, process.pid))
                        .caused_by(errno)
                })?;
                ended.insert(process.pid, process);
            }
            Ok(match ended.values().find(|process| process.lives()) {
                None => Poll::Ready(()),
                Some(process) => Poll::Pending(format!("{} (pid {})", process.name, process.pid)),
            })
        },
    )
}
