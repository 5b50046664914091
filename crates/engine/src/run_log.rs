//! Where a run is written down, owned by the engine so that it can be tested without a disk.

use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Duration;

use jiff::Timestamp;
use model::event::Outcome;
use model::plan::{Action, Generation};
use model::resource::Address;
use store::{Journal, Lock, Store, StoreError};

/// Where a run is written down. Every call returns only when it is durable.
pub trait RunLog: Sync {
    /// The generation that the lab has.
    ///
    /// # Errors
    /// Where it cannot be read.
    fn generation(&self) -> Result<Generation, StoreError>;

    /// A run begins, which makes that generation.
    ///
    /// # Errors
    /// Where it could not be written: nothing must be done.
    fn begin_run(&self, generation: Generation, steps: usize) -> Result<(), StoreError>;

    /// A step begins.
    ///
    /// # Errors
    /// Where it could not be written: the step must not run.
    fn begin(&self, address: &Address, action: Action) -> Result<(), StoreError>;

    /// A step ended.
    ///
    /// # Errors
    /// Where it could not be written.
    fn end(
        &self,
        address: &Address,
        action: Action,
        outcome: &Outcome,
        took: Duration,
    ) -> Result<(), StoreError>;

    /// A run ended.
    ///
    /// # Errors
    /// Where it could not be written.
    fn end_run(&self, done: usize, failed: usize) -> Result<(), StoreError>;

    /// How long that took the last time.
    fn usual(&self, address: &Address, action: Action) -> Option<Duration>;
}

/// The log in a lab's state folder. Only who holds the lab's lock has one.
pub struct StoredLog<'a> {
    store: &'a Store,
    lock: &'a Lock,
    journal: Journal,
    /// Appending is serialized by the journal; the generation is not its business.
    generation: Mutex<()>,
}

impl<'a> StoredLog<'a> {
    /// Opens the log.
    ///
    /// # Errors
    /// Where the journal cannot be opened.
    pub fn open(store: &'a Store, lock: &'a Lock) -> Result<Self, StoreError> {
        Ok(Self {
            store,
            lock,
            journal: store.journal(lock)?,
            generation: Mutex::new(()),
        })
    }
}

impl RunLog for StoredLog<'_> {
    fn generation(&self) -> Result<Generation, StoreError> {
        self.store.generation()
    }

    fn begin_run(&self, generation: Generation, steps: usize) -> Result<(), StoreError> {
        let _turn = self
            .generation
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        self.store.set_generation(self.lock, generation)?;
        self.journal.begin_run(Timestamp::now(), generation, steps)
    }

    fn begin(&self, address: &Address, action: Action) -> Result<(), StoreError> {
        self.journal.begin(Timestamp::now(), address, action)
    }

    fn end(
        &self,
        address: &Address,
        action: Action,
        outcome: &Outcome,
        took: Duration,
    ) -> Result<(), StoreError> {
        self.journal
            .end(Timestamp::now(), address, action, outcome, took)
    }

    fn end_run(&self, done: usize, failed: usize) -> Result<(), StoreError> {
        self.journal.end_run(Timestamp::now(), done, failed)
    }

    fn usual(&self, address: &Address, action: Action) -> Option<Duration> {
        self.journal.usual(address, action)
    }
}
