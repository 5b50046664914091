//! Why a run could not begin or go on.

use driver::{DriverError, Refusal};
use model::name::Name;
use model::plan::{Generation, Note};
use model::resource::Address;
use store::StoreError;

/// An error of the engine.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EngineError {
    /// A driver could not look at the world.
    #[error("observing {kind}")]
    Observe {
        /// Of what kind.
        kind: &'static str,
        /// Why not.
        #[source]
        source: DriverError,
    },
    /// What must be kept could not be.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A saved plan has a format that this program does not know.
    #[error("the plan has format {0}, which this program does not know")]
    PlanFormat(u32),
    /// A saved plan is for another lab.
    #[error("the plan is for another lab ({0})")]
    OtherLab(Name),
    /// Another plan was applied since.
    #[error(
        "the plan was made at generation {}, the lab is at {} now", planned.0, now.0
    )]
    Outdated {
        /// When it was made.
        planned: Generation,
        /// Now.
        now: Generation,
    },
    /// The world is not as it was when the plan was made.
    #[error("the world has moved since the plan was made: {}", .0.join("; "))]
    Moved(Vec<String>),
    /// A plan is not one that this program can have made.
    #[error("the plan is damaged: {address}: {why}")]
    Malformed {
        /// At which step.
        address: Address,
        /// What is wrong with it.
        why: &'static str,
    },
    /// A step cannot begin here.
    #[error("{address}: {}", refusal.found)]
    Preflight {
        /// Which.
        address: Address,
        /// Why, and what to do.
        refusal: Refusal,
    },
    /// The plan has a note that forbids it.
    #[error("{}: {}", .0.address, .0.text)]
    Refused(Note),
}

impl EngineError {
    /// What the user can do.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Store(error) => error.hint(),
            Self::Observe { source, .. } => source.hint.clone(),
            Self::Preflight { refusal, .. } => Some(refusal.hint.clone()),
            Self::Outdated { .. } | Self::Moved(_) | Self::Malformed { .. } => {
                Some("make a new plan: steading plan --out FILE".to_owned())
            }
            Self::PlanFormat(_) | Self::OtherLab(_) | Self::Refused(_) => None,
        }
    }

    /// Whether the lab is refused, rather than something having failed.
    #[must_use]
    pub const fn is_refusal(&self) -> bool {
        matches!(
            self,
            Self::OtherLab(_)
                | Self::Outdated { .. }
                | Self::Moved(_)
                | Self::Malformed { .. }
                | Self::Preflight { .. }
                | Self::Refused(_)
        )
    }
}
