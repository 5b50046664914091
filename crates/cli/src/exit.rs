//! Exit codes, one place for all of them.

use std::process::ExitCode;

/// How a command ended, as the shell sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Done.
    Done,
    /// It failed.
    Failed,
    /// Wrong usage.
    Usage,
    /// The lab is refused: findings of severity error, or something that is not ours in the way.
    Refused,
    /// Changes are due.
    ChangesDue,
    /// Interrupted, resumable.
    Interrupted,
    /// The exit code of a program that was run on the user's behalf.
    Of(u8),
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Done => 0,
            Exit::Failed => 1,
            Exit::Usage => 2,
            Exit::Refused => 3,
            Exit::ChangesDue => 4,
            Exit::Interrupted => 130,
            Exit::Of(code) => code,
        })
    }
}
