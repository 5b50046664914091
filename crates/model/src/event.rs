//! Events: what a run tells its front ends, typed to the last.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::plan::{Action, Generation};
use crate::resource::Address;

/// Something that happened in a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Event {
    /// A run begins.
    RunStarted {
        /// The generation that it makes.
        generation: Generation,
        /// How many steps it has.
        steps: usize,
    },
    /// A step begins.
    StepStarted {
        /// Which.
        address: Address,
        /// What it does.
        action: Action,
        /// How long steps of this address took before, if that is known.
        usually: Option<Duration>,
    },
    /// A step works or waits.
    StepProgress {
        /// Which.
        address: Address,
        /// What it does or waits for, and why: `waiting for kubelet to register (containerd runs)`.
        doing: String,
    },
    /// A step ended.
    StepFinished {
        /// Which.
        address: Address,
        /// How.
        outcome: Outcome,
        /// How long it took.
        took: Duration,
    },
    /// A run ended.
    RunFinished {
        /// Steps that succeeded.
        done: usize,
        /// Steps that failed.
        failed: usize,
        /// Steps that did not run, because of a failure before them or an interruption.
        skipped: usize,
        /// Whether it was interrupted.
        interrupted: bool,
    },
}

/// How a step ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// It did what it should.
    Done,
    /// It found everything done already.
    AlreadyDone,
    /// It failed.
    Failed {
        /// The error with its causes, outermost first.
        causes: Vec<String>,
        /// What the user can do about it.
        hint: Option<String>,
    },
    /// It was not run.
    Skipped {
        /// The failed step that it needs; `None` after an interruption.
        because: Option<Address>,
    },
}
