//! Access to the inside of a node's machine, whatever kind it is.

use std::path::Path;
use std::time::Duration;

use model::name::Name;

use crate::{DriverError, Scope};

/// A program to run inside a machine. Arguments are passed as they are, never through a shell;
/// they are visible to others, so secrets go through `stdin` or [`Machines::write`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MachineCommand {
    /// The program and its arguments.
    pub argv: Vec<String>,
    /// What it reads from its standard input.
    pub stdin: Vec<u8>,
    /// When it is ended.
    pub limit: Duration,
}

impl MachineCommand {
    /// A program with arguments, no input, ended after `limit`.
    #[must_use]
    pub fn new<S: Into<String>>(argv: impl IntoIterator<Item = S>, limit: Duration) -> Self {
        Self {
            argv: argv.into_iter().map(Into::into).collect(),
            stdin: Vec::new(),
            limit,
        }
    }
}

/// What a program inside a machine left behind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MachineOutput {
    /// Its exit code; `None` where a signal ended it.
    pub code: Option<i32>,
    /// Its standard output.
    pub stdout: Vec<u8>,
    /// Its standard error.
    pub stderr: Vec<u8>,
}

impl MachineOutput {
    /// Whether it exited with 0.
    #[must_use]
    pub fn ok(&self) -> bool {
        self.code == Some(0)
    }
}

/// Access to the inside of the machines of a lab. Only machines that carry the lab's tag are
/// entered.
pub trait Machines: Send + Sync {
    /// Runs a program inside. `line` is told every line that it prints, as it comes.
    ///
    /// # Errors
    /// Where the machine does not run or the program cannot be started, or at its limit. A program
    /// that exits with another code than 0 is no error.
    fn run(
        &self,
        scope: &Scope,
        machine: &Name,
        command: &MachineCommand,
        line: &mut dyn FnMut(&str),
    ) -> Result<MachineOutput, DriverError>;

    /// Writes a file inside, whole or not at all, with its folders.
    ///
    /// # Errors
    /// Where it could not be written.
    fn write(
        &self,
        scope: &Scope,
        machine: &Name,
        path: &Path,
        content: &[u8],
        mode: u32,
    ) -> Result<(), DriverError>;

    /// Reads a file inside; `None` if there is none.
    ///
    /// # Errors
    /// Where it could not be read.
    fn read(
        &self,
        scope: &Scope,
        machine: &Name,
        path: &Path,
    ) -> Result<Option<Vec<u8>>, DriverError>;
}
