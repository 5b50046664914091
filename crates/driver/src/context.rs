//! What a step is given besides its data: progress, interruption, bounded waiting.

use std::sync::atomic::{AtomicU8, Ordering};
use std::time::{Duration, Instant};

use model::plan::Generation;

use crate::Scope;
use crate::error::{DriverError, ErrorKind};

/// Where a step tells what it does.
pub trait Progress: Send + Sync {
    /// Tells what the step does or waits for, and why.
    fn doing(&self, what: &str);
}

/// The interruption of a run: asked for once, steps finish or stop where they can be resumed;
/// asked for twice, they stop at once.
#[derive(Debug, Default)]
pub struct Cancel(AtomicU8);

impl Cancel {
    /// Asks for an interruption.
    pub fn request(&self) {
        // Two is enough; more must not wrap around.
        let _ = self
            .0
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |n| {
                (n < 2).then(|| n + 1)
            });
    }

    /// Whether it was asked for at least once: start nothing new, stop where it can be resumed.
    #[must_use]
    pub fn requested(&self) -> bool {
        self.0.load(Ordering::SeqCst) >= 1
    }

    /// Whether it was asked for twice: stop at once.
    #[must_use]
    pub fn urgent(&self) -> bool {
        self.0.load(Ordering::SeqCst) >= 2
    }
}

/// What a look at something awaited finds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Poll<T> {
    /// It is there.
    Ready(T),
    /// Not yet, for this reason.
    Pending(String),
}

/// What a step is given besides its data.
pub struct StepContext<'a> {
    /// The lab.
    pub scope: &'a Scope,
    /// The generation that the run makes. Targets refuse it when they have seen a later one.
    pub generation: Generation,
    /// The run's interruption.
    pub cancel: &'a Cancel,
    /// Where the step tells what it does.
    pub progress: &'a dyn Progress,
}

impl StepContext<'_> {
    /// Tells what the step does.
    pub fn doing(&self, what: impl AsRef<str>) {
        self.progress.doing(what.as_ref());
    }

    /// Stops the step here if the run was interrupted. Call it between effects, where the step can
    /// be resumed.
    ///
    /// # Errors
    /// [`ErrorKind::Interrupted`] after an interruption.
    pub fn check_interrupted(&self) -> Result<(), DriverError> {
        if self.cancel.requested() {
            return Err(DriverError::new("interrupted").kind(ErrorKind::Interrupted));
        }
        Ok(())
    }

    /// Waits until `look` finds it, at most `limit`, looking again after every `pause`. Tells
    /// `what` it waits for, with the latest reason, whenever that reason changes.
    ///
    /// # Errors
    /// [`ErrorKind::TimedOut`] at the end of `limit`, with the latest reason as cause;
    /// [`ErrorKind::Interrupted`] after an interruption; and any error of `look`.
    pub fn wait<T>(
        &self,
        what: &str,
        limit: Duration,
        pause: Duration,
        mut look: impl FnMut() -> Result<Poll<T>, DriverError>,
    ) -> Result<T, DriverError> {
        let start = Instant::now();
        let mut told = String::new();
        loop {
            self.check_interrupted()?;
            let why = match look()? {
                Poll::Ready(found) => return Ok(found),
                Poll::Pending(why) => why,
            };
            if why != told || told.is_empty() {
                self.doing(format!("waiting for {what}: {why}"));
                told.clone_from(&why);
            }
            if start.elapsed() >= limit {
                return Err(DriverError::new(format!(
                    "{what} did not come within {} s",
                    limit.as_secs()
                ))
                .kind(ErrorKind::TimedOut)
                .caused_by(why));
            }
            std::thread::sleep(pause);
        }
    }
}
