//! Programs that must not outlive us: builds, downloads, package installations.
//!
//! They run in a process and mount namespace of their own. When this process dies, even by
//! `kill -9`, the kernel ends the whole namespace and every mount in it is gone: nothing is left
//! that a later run would have to clean up or could run into.
//!
//! ```text
//!  us ──fork──► setpriv (dies with us) ──► unshare ──fork──► sh (dies with unshare) ──► program
//!   ◄───────────────────────── "ready" ──────────────────────┤
//!   ─────────────────────────── "go" ────────────────────────►
//! ```
//! Between a fork and the call that ties a process to its parent's life, the parent may die
//! unnoticed. So the program does not start before all ties are known to hold: whoever asks for
//! "go" and reads the end of the file instead is alone, and ends.

use std::ffi::OsStr;
use std::io::{self, BufRead as _, BufReader, Read, Write as _};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

/// Waits for the word that all ties hold, then becomes the program. A constant: the program and its
/// arguments arrive as parameters.
const GATE: &str =
    r#"echo ready; read -r word && [ "$word" = go ] || exit 125; exec "$@" </dev/null"#;

/// A command that dies with the thread that starts it, together with all that it started. To be
/// started by [`start`] or [`run`]. `setpriv` and `unshare` are part of util-linux.
pub(crate) fn command<S: AsRef<OsStr>>(argv: &[S]) -> Command {
    let mut command = Command::new("setpriv");
    command
        .args(["--pdeathsig", "KILL", "--"])
        .args(["unshare", "--mount", "--pid", "--fork"])
        .args(["--kill-child=KILL", "--mount-proc", "--"])
        .args(["sh", "-c", GATE, "contained"])
        .args(argv)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// Starts a command that [`command`] made. Its output and errors are pipes.
pub(crate) fn start(mut command: Command) -> io::Result<Child> {
    let mut child = command.spawn()?;
    let (Some(mut stdin), Some(stdout)) = (child.stdin.take(), child.stdout.as_mut()) else {
        return Err(io::Error::other("a contained program needs its pipes"));
    };
    if says_ready(stdout) {
        // It may have been killed meanwhile; its status tells.
        let _ = stdin.write_all(b"go\n");
    }
    Ok(child)
}

/// Reads the first line. Byte by byte: what follows belongs to the program.
fn says_ready(stdout: &mut impl Read) -> bool {
    let mut byte = [0];
    loop {
        match stdout.read(&mut byte) {
            Ok(1) if byte == *b"\n" => return true,
            Ok(1) => {}
            // The gate was not reached: the status and the errors tell why.
            Ok(_) | Err(_) => return false,
        }
    }
}

/// How a program ended that was run to its end.
pub(crate) struct Finished {
    pub(crate) status: ExitStatus,
    /// The last lines of its output and errors, for messages.
    pub(crate) last: Vec<String>,
}

/// What is heard of a running program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Heard<'a> {
    /// It printed a line.
    Line(&'a str),
    /// It has printed nothing for so long. Told every four seconds, so that nobody who watches
    /// waits longer than five for a sign of life.
    Quiet(Duration),
}

/// How many of the last lines are kept.
const KEPT: usize = 12;
/// How often the silence of a program is told.
pub(crate) const QUIET: Duration = Duration::from_secs(4);

/// Runs a command to its end, telling `heard` every line that it prints, and its silence. `stop`
/// is asked every quarter of a second; once it says so, the command is killed and the status tells
/// of it.
pub(crate) fn run(
    command: Command,
    stop: &dyn Fn() -> bool,
    heard: &mut dyn FnMut(Heard<'_>),
) -> io::Result<Finished> {
    let mut child = start(command)?;
    let lines = read_lines(&mut child);
    let mut last = Vec::new();
    let (mut since, mut told) = (Instant::now(), Instant::now());
    loop {
        match lines.recv_timeout(Duration::from_millis(250)) {
            Ok(text) => {
                heard(Heard::Line(&text));
                (since, told) = (Instant::now(), Instant::now());
                if last.len() == KEPT {
                    last.remove(0);
                }
                last.push(text);
            }
            Err(mpsc::RecvTimeoutError::Timeout) if told.elapsed() >= QUIET => {
                heard(Heard::Quiet(since.elapsed()));
                told = Instant::now();
            }
            Err(mpsc::RecvTimeoutError::Timeout) => {}
            Err(mpsc::RecvTimeoutError::Disconnected) => break,
        }
        if stop() {
            child.kill()?;
        }
    }
    Ok(Finished {
        status: child.wait()?,
        last,
    })
}

fn read_lines(child: &mut Child) -> mpsc::Receiver<String> {
    let (sender, receiver) = mpsc::channel();
    let streams: [Option<Box<dyn Read + Send>>; 2] = [
        child
            .stdout
            .take()
            .map(|s| Box::new(s) as Box<dyn Read + Send>),
        child
            .stderr
            .take()
            .map(|s| Box::new(s) as Box<dyn Read + Send>),
    ];
    for stream in streams.into_iter().flatten() {
        let sender = sender.clone();
        std::thread::spawn(move || {
            let mut reader = BufReader::new(stream);
            let mut raw = Vec::new();
            while reader.read_until(b'\n', &mut raw).is_ok_and(|n| n > 0) {
                let text = String::from_utf8_lossy(&raw).trim_end().to_owned();
                raw.clear();
                if !text.is_empty() && sender.send(text).is_err() {
                    return;
                }
            }
        });
    }
    receiver
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_heard_and_its_end_known() {
        if !nix::unistd::geteuid().is_root() {
            return;
        }
        let mut lines = Vec::new();
        let script = "echo out; echo err >&2; cat; exit 7";
        let finished = run(command(&["sh", "-c", script]), &|| false, &mut |heard| {
            if let Heard::Line(line) = heard {
                lines.push(line.to_owned());
            }
        })
        .unwrap();
        lines.sort();
        assert_eq!(lines, ["err", "out"]);
        assert_eq!(finished.status.code(), Some(7));
    }

    #[test]
    fn nothing_starts_when_nobody_says_go() {
        if !nix::unistd::geteuid().is_root() {
            return;
        }
        let folder = tempfile::tempdir().unwrap();
        let trace = folder.path().join("trace").display().to_string();
        let mut child = command(&["touch", &trace]).spawn().unwrap();
        // As if we had died before the answer.
        drop(child.stdin.take());
        assert_eq!(child.wait().unwrap().code(), Some(125));
        assert!(!folder.path().join("trace").exists());
    }
}
