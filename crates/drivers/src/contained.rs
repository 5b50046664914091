//! Programs that must not outlive us: builds, downloads, package installations.
//!
//! They run in a process and mount namespace of their own. When this process dies, even by
//! `kill -9`, the kernel ends the whole namespace and every mount in it is gone: nothing is left
//! that a later run would have to clean up or could run into.

use std::ffi::OsStr;
use std::io::{BufRead as _, BufReader, Read};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

/// A command that dies with the thread that starts it, together with all that it started.
/// `setpriv` and `unshare` are part of util-linux.
pub(crate) fn command<S: AsRef<OsStr>>(argv: &[S]) -> Command {
    let mut command = Command::new("setpriv");
    command
        .args(["--pdeathsig", "KILL", "--"])
        .args(["unshare", "--mount", "--pid", "--fork"])
        .args(["--kill-child=KILL", "--mount-proc", "--"])
        .args(argv)
        .stdin(Stdio::null());
    command
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
    mut command: Command,
    stop: &dyn Fn() -> bool,
    heard: &mut dyn FnMut(Heard<'_>),
) -> std::io::Result<Finished> {
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
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
