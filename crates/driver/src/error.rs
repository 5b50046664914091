//! The one error type of the boundary between engine and drivers.

use std::error::Error;

/// An error of a driver: what it was doing with what, the cause, and what to do about it.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct DriverError {
    /// What kind of failure it is, for the engine.
    pub kind: ErrorKind,
    message: String,
    /// What the user can do.
    pub hint: Option<String>,
    #[source]
    source: Option<Box<dyn Error + Send + Sync>>,
}

/// What the engine needs to know about a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// It failed.
    Failed,
    /// A bounded wait came to its end.
    TimedOut,
    /// The run was interrupted; the step can be resumed.
    Interrupted,
    /// Something not owned, or newer than this run, stands in the way.
    Refused,
}

impl DriverError {
    /// Operation and subject: `starting machine worker-1`.
    #[must_use]
    pub fn new(message: impl Into<String>) -> Self {
        Self {
            kind: ErrorKind::Failed,
            message: message.into(),
            hint: None,
            source: None,
        }
    }

    /// With the cause.
    #[must_use]
    pub fn caused_by(mut self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// With what the user can do.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Of another kind.
    #[must_use]
    pub const fn kind(mut self, kind: ErrorKind) -> Self {
        self.kind = kind;
        self
    }

    /// The messages of the error and its causes, outermost first.
    #[must_use]
    pub fn chain(&self) -> Vec<String> {
        let mut texts = Vec::new();
        let mut next: Option<&(dyn Error + 'static)> = Some(self);
        while let Some(error) = next {
            texts.push(error.to_string());
            next = error.source();
        }
        texts
    }
}
