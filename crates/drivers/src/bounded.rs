//! Programs that get a fixed time and a fixed room for what they print, and are ended when they
//! take more: trials and questions whose answer may never come.

use std::io::{self, Read, Write as _};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

/// How often it is looked whether the program ended.
const LOOK: Duration = Duration::from_millis(20);
/// How long is waited for the rest of what an ended program printed: somebody whom it left behind
/// may hold its pipes open for ever.
const REST: Duration = Duration::from_secs(1);
/// What is kept of what it prints; the rest is read and dropped.
const KEPT: u64 = 1 << 20;

/// How a program ended, and what it printed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Ended {
    /// `None`: its time was over, and it was ended.
    pub(crate) status: Option<ExitStatus>,
    pub(crate) output: String,
    pub(crate) errors: String,
}

impl Ended {
    /// The last line that says something about an error.
    pub(crate) fn last_error(&self) -> Option<&str> {
        let mut lines = self.errors.lines().rev().map(str::trim);
        lines.find(|line| !line.is_empty())
    }
}

/// Runs a program with `input` for at most `wait`.
pub(crate) fn run(mut command: Command, input: &str, wait: Duration) -> io::Result<Ended> {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        // A group of its own: what it started ends with it.
        .process_group(0)
        .spawn()?;
    let until = Instant::now() + wait;
    if let Some(mut stdin) = child.stdin.take() {
        let input = input.to_owned();
        // It may not read; then the pipe breaks when it ends, and this with it.
        std::thread::spawn(move || stdin.write_all(input.as_bytes()));
    }
    let output = child.stdout.take().map(collect);
    let errors = child.stderr.take().map(collect);
    let status = await_end(&mut child, until)?;
    if status.is_none() {
        end(&mut child)?;
    }
    let text = |printed: Option<Receiver<String>>| {
        printed
            .and_then(|printed| printed.recv_timeout(REST).ok())
            .unwrap_or_default()
    };
    Ok(Ended {
        status,
        output: text(output),
        errors: text(errors),
    })
}

fn await_end(child: &mut Child, until: Instant) -> io::Result<Option<ExitStatus>> {
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if Instant::now() >= until {
            return Ok(None);
        }
        std::thread::sleep(LOOK);
    }
}

/// Ends a program and all of its group. It is not waited for yet, so its number is still its own.
fn end(child: &mut Child) -> io::Result<()> {
    if let Ok(id) = i32::try_from(child.id()) {
        // Whoever is gone already needs no end.
        let _ = killpg(Pid::from_raw(id), Signal::SIGKILL);
    }
    child.wait().map(drop)
}

fn collect(mut from: impl Read + Send + 'static) -> Receiver<String> {
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        // What was read before an error is told all the same.
        let _ = from.by_ref().take(KEPT).read_to_end(&mut bytes);
        let _ = io::copy(&mut from, &mut io::sink());
        let _ = sender.send(String::from_utf8_lossy(&bytes).into_owned());
    });
    receiver
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sh(script: &str, input: &str, wait: Duration) -> Ended {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        run(command, input, wait).unwrap()
    }

    #[test]
    fn what_goes_in_and_comes_out() {
        let long = Duration::from_secs(60);
        let ended = sh("cat; echo first >&2; echo last >&2; exit 7", "word", long);
        assert_eq!(ended.status.and_then(|status| status.code()), Some(7));
        assert_eq!(ended.output, "word");
        assert_eq!(ended.last_error(), Some("last"));
        // More than a pipe holds, into a program that reads nothing, and more than is kept out of it.
        let much = "x".repeat(1 << 20);
        assert!(sh("exit 0", &much, long).status.unwrap().success());
        let loud = sh("head -c 3000000 /dev/zero", "", long);
        assert_eq!(
            (loud.status.unwrap().code(), loud.output.len()),
            (Some(0), 1 << 20)
        );
    }

    #[test]
    fn what_takes_too_long_is_ended_with_what_it_started() {
        let ended = sh("sleep 1000 & echo $!; wait", "", Duration::from_millis(300));
        assert_eq!(ended.status, None);
        let left: i32 = ended.output.trim().parse().unwrap();
        // Nobody waits for it but process 1, so it may still be there, as a dead one.
        let state = || std::fs::read_to_string(format!("/proc/{left}/stat")).unwrap_or_default();
        while !(state().is_empty() || state().contains(") Z ")) {
            std::thread::sleep(LOOK);
        }
    }
}
