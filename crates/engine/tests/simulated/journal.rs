//! A journal in memory, which a kill of the run cuts off as it does the effects.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use engine::RunLog;
use model::event::Outcome;
use model::plan::{Action, Generation};
use model::resource::Address;
use sim::World;
use store::StoreError;

/// What is kept between runs.
#[derive(Default)]
struct Kept {
    generation: Generation,
    usual: BTreeMap<(Address, Action), Duration>,
    runs_ended: usize,
}

pub struct MemoryLog {
    world: World,
    kept: Mutex<Kept>,
}

impl MemoryLog {
    pub fn new(world: World) -> Self {
        Self {
            world,
            kept: Mutex::default(),
        }
    }

    /// Somebody deletes the state folder.
    pub fn forget(&self) {
        *self.kept() = Kept::default();
    }

    pub fn runs_ended(&self) -> usize {
        self.kept().runs_ended
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap()
    }

    fn write(&self, point: &str) -> Result<(), StoreError> {
        let kind = match self.world.pass(point) {
            Ok(true) => return Ok(()),
            Ok(false) => io::ErrorKind::StorageFull,
            Err(sim::Killed) => io::ErrorKind::Interrupted,
        };
        Err(StoreError::Io {
            doing: "writing",
            path: "journal".into(),
            source: kind.into(),
        })
    }
}

impl RunLog for MemoryLog {
    fn generation(&self) -> Result<Generation, StoreError> {
        Ok(self.kept().generation)
    }

    fn begin_run(&self, generation: Generation, _: usize) -> Result<(), StoreError> {
        self.write("journal: generation")?;
        self.kept().generation = generation;
        self.write("journal: begin run")
    }

    fn begin(&self, address: &Address, _: Action) -> Result<(), StoreError> {
        self.write(&format!("journal: begin {address}"))
    }

    fn end(
        &self,
        address: &Address,
        action: Action,
        outcome: &Outcome,
        took: Duration,
    ) -> Result<(), StoreError> {
        self.write(&format!("journal: end {address}"))?;
        if *outcome == Outcome::Done {
            self.kept().usual.insert((address.clone(), action), took);
        }
        Ok(())
    }

    fn end_run(&self, _: usize, _: usize) -> Result<(), StoreError> {
        self.write("journal: end run")?;
        self.kept().runs_ended += 1;
        Ok(())
    }

    fn usual(&self, address: &Address, action: Action) -> Option<Duration> {
        self.kept().usual.get(&(address.clone(), action)).copied()
    }
}

/// Asserts that every effect lies between the durable begin and the end of its step.
pub fn assert_intents_before_effects(trace: &[String]) {
    let mut open = Vec::new();
    for point in trace {
        if let Some(address) = point.strip_prefix("journal: begin ") {
            open.push(address.to_owned());
        } else if let Some(address) = point.strip_prefix("journal: end ") {
            open.retain(|begun| begun != address);
        } else if let Some((address, what)) = point.split_once(": ")
            && address != "journal"
            && what != "observe"
        {
            assert!(
                open.iter().any(|begun| begun == address),
                "{point} without a begin in the journal: {trace:#?}"
            );
        }
    }
}
