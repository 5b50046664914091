//! The journal: what was begun and what ended, each entry on disk before what it speaks of.
//!
//! A line is `crc32 json`. It is never needed to find out what exists (that is observed); it tells
//! what was under way when a run died, and how long steps took. What cannot be trusted is dropped:
//! reading stops at the first line that is cut off or changed.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use model::event::Outcome;
use model::plan::{Action, Generation};
use model::resource::Address;
use serde::{Deserialize, Serialize};

use crate::{StoreError, durable};

/// Beyond this size the journal starts anew with the durations only.
const LARGEST: u64 = 4 << 20;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Entry {
    Run {
        generation: Generation,
        steps: usize,
    },
    Begin {
        address: Address,
        action: Action,
    },
    End {
        address: Address,
        action: Action,
        done: bool,
        millis: u64,
    },
    RunEnd {
        done: usize,
        failed: usize,
    },
}

#[derive(Debug, Serialize, Deserialize)]
struct Line {
    at: Timestamp,
    #[serde(flatten)]
    entry: Entry,
}

/// The journal of a lab.
#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
    file: Option<Mutex<File>>,
    usual: BTreeMap<(Address, Action), Duration>,
    interrupted: Vec<Address>,
}

impl Journal {
    pub(crate) fn past(path: &Path) -> Self {
        let bytes = fs::read(path).unwrap_or_default();
        let (entries, _) = read(&bytes);
        Self {
            path: path.to_owned(),
            file: None,
            usual: usual(&entries),
            interrupted: interrupted(&entries),
        }
    }

    pub(crate) fn open(path: &Path) -> Result<Self, StoreError> {
        let mut journal = Self::past(path);
        let bytes = fs::read(path).unwrap_or_default();
        let (entries, good) = read(&bytes);
        if bytes.len() as u64 > LARGEST {
            durable::write(path, &shortened(&entries), 0o644)?;
        }
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(StoreError::io("creating", folder))?;
        }
        let wrong = || StoreError::io("opening", path);
        let mut file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(path)
            .map_err(wrong())?;
        if bytes.len() as u64 <= LARGEST {
            // What follows the last good line was cut off by a crash: the next line must not be
            // joined to it.
            file.set_len(good as u64).map_err(wrong())?;
        }
        file.seek(SeekFrom::End(0)).map_err(wrong())?;
        journal.file = Some(Mutex::new(file));
        Ok(journal)
    }

    /// How long that took the last time it succeeded.
    #[must_use]
    pub fn usual(&self, address: &Address, action: Action) -> Option<Duration> {
        self.usual.get(&(address.clone(), action)).copied()
    }

    /// Steps that had begun and not ended when the last run died.
    #[must_use]
    pub fn interrupted(&self) -> &[Address] {
        &self.interrupted
    }

    /// A run begins.
    ///
    /// # Errors
    /// Where it could not be written: then nothing must be done.
    pub fn begin_run(
        &self,
        at: Timestamp,
        generation: Generation,
        steps: usize,
    ) -> Result<(), StoreError> {
        self.append(at, Entry::Run { generation, steps })
    }

    /// A step begins. It must not have an effect before this returns.
    ///
    /// # Errors
    /// Where it could not be written: then the step must not run.
    pub fn begin(
        &self,
        at: Timestamp,
        address: &Address,
        action: Action,
    ) -> Result<(), StoreError> {
        let address = address.clone();
        self.append(at, Entry::Begin { address, action })
    }

    /// A step ended.
    ///
    /// # Errors
    /// Where it could not be written.
    pub fn end(
        &self,
        at: Timestamp,
        address: &Address,
        action: Action,
        outcome: &Outcome,
        took: Duration,
    ) -> Result<(), StoreError> {
        self.append(
            at,
            Entry::End {
                address: address.clone(),
                action,
                done: *outcome == Outcome::Done,
                millis: u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
            },
        )
    }

    /// A run ended.
    ///
    /// # Errors
    /// Where it could not be written.
    pub fn end_run(&self, at: Timestamp, done: usize, failed: usize) -> Result<(), StoreError> {
        self.append(at, Entry::RunEnd { done, failed })
    }

    fn append(&self, at: Timestamp, entry: Entry) -> Result<(), StoreError> {
        let Some(file) = &self.file else {
            return Err(StoreError::bad(&self.path, "opened for reading only"));
        };
        let line = encode(&Line { at, entry }).map_err(|why| StoreError::bad(&self.path, why))?;
        let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
        let start = file
            .stream_position()
            .map_err(StoreError::io("writing", &self.path))?;
        let written = file.write_all(&line).and_then(|()| file.sync_data());
        if written.is_err() {
            // A half line must not stand before the next one.
            let _ = file.set_len(start);
            let _ = file.seek(SeekFrom::Start(start));
        }
        written.map_err(StoreError::io("writing", &self.path))
    }
}

fn encode(line: &Line) -> Result<Vec<u8>, String> {
    let json = serde_json::to_string(line).map_err(|error| error.to_string())?;
    Ok(format!("{:08x} {json}\n", crc32fast::hash(json.as_bytes())).into_bytes())
}

/// The entries up to the first line that cannot be trusted, and how many bytes those are.
fn read(bytes: &[u8]) -> (Vec<Entry>, usize) {
    let mut entries = Vec::new();
    let mut good = 0;
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        let Some(entry) = decode(line) else {
            break;
        };
        entries.push(entry);
        good += line.len();
    }
    (entries, good)
}

fn decode(line: &[u8]) -> Option<Entry> {
    let text = std::str::from_utf8(line).ok()?.strip_suffix('\n')?;
    let (sum, json) = text.split_once(' ')?;
    if u32::from_str_radix(sum, 16).ok()? != crc32fast::hash(json.as_bytes()) {
        return None;
    }
    Some(serde_json::from_str::<Line>(json).ok()?.entry)
}

fn usual(entries: &[Entry]) -> BTreeMap<(Address, Action), Duration> {
    entries
        .iter()
        .filter_map(|entry| match entry {
            Entry::End {
                address,
                action,
                done: true,
                millis,
            } => Some(((address.clone(), *action), Duration::from_millis(*millis))),
            _ => None,
        })
        .collect()
}

fn interrupted(entries: &[Entry]) -> Vec<Address> {
    let mut open = Vec::new();
    for entry in entries {
        match entry {
            Entry::Run { .. } => open.clear(),
            Entry::Begin { address, .. } => open.push(address.clone()),
            Entry::End { address, .. } => open.retain(|begun| begun != address),
            Entry::RunEnd { .. } => {}
        }
    }
    open
}

fn shortened(entries: &[Entry]) -> Vec<u8> {
    usual(entries)
        .into_iter()
        .filter_map(|((address, action), took)| {
            let entry = Entry::End {
                address,
                action,
                done: true,
                millis: u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
            };
            let at = Timestamp::UNIX_EPOCH;
            encode(&Line { at, entry }).ok()
        })
        .flatten()
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn address(n: usize) -> Address {
        format!("machine/n{n}").parse().unwrap()
    }

    fn written(steps: usize) -> Vec<u8> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal");
        let journal = Journal::open(&path).unwrap();
        let at = Timestamp::UNIX_EPOCH;
        journal.begin_run(at, Generation(1), steps).unwrap();
        for n in 0..steps {
            journal.begin(at, &address(n), Action::Create).unwrap();
            let took = Duration::from_secs(n as u64 + 1);
            journal
                .end(at, &address(n), Action::Create, &Outcome::Done, took)
                .unwrap();
        }
        fs::read(path).unwrap()
    }

    #[test]
    fn durations_and_interrupted_steps_are_remembered() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal");
        let at = Timestamp::UNIX_EPOCH;
        {
            let journal = Journal::open(&path).unwrap();
            journal.begin_run(at, Generation(1), 2).unwrap();
            journal.begin(at, &address(1), Action::Create).unwrap();
            let took = Duration::from_secs(3);
            journal
                .end(at, &address(1), Action::Create, &Outcome::Done, took)
                .unwrap();
            journal.begin(at, &address(2), Action::Create).unwrap();
        }
        let journal = Journal::open(&path).unwrap();
        assert_eq!(
            journal.usual(&address(1), Action::Create),
            Some(Duration::from_secs(3))
        );
        assert_eq!(journal.interrupted(), [address(2)]);
        journal.begin_run(at, Generation(2), 0).unwrap();
        assert_eq!(Journal::past(&path).interrupted(), []);
    }

    proptest! {
        #[test]
        fn a_damaged_journal_gives_a_true_beginning(cut in 0usize..1200, flip in 0usize..1200, bit in 0u8..8) {
            let whole = written(4);
            let (all, _) = read(&whole);
            let mut damaged = whole;
            damaged.truncate(cut);
            if let Some(byte) = damaged.get_mut(flip) {
                *byte ^= 1 << bit;
            }
            let (some, good) = read(&damaged);
            prop_assert!(all.starts_with(&some), "nothing that was not written");
            prop_assert!(good <= damaged.len());
            // It goes on behind the last good line.
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("journal");
            fs::write(&path, &damaged).unwrap();
            let journal = Journal::open(&path).unwrap();
            journal.begin(Timestamp::UNIX_EPOCH, &address(9), Action::Delete).unwrap();
            let (after, _) = read(&fs::read(&path).unwrap());
            prop_assert_eq!(after.len(), some.len() + 1);
        }
    }
}
