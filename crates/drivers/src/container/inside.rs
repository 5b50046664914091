//! Access to the inside of container machines: programs run in all namespaces of process 1.

use std::io::{self, Read as _, Write as _};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use driver::{DriverError, ErrorKind, MachineCommand, MachineOutput, Machines, Scope};
use model::name::Name;
use model::resource::{Address, Kind};

use super::tags::Tagged;
use super::{cgroup, seed, tags};

/// The machines of this host.
#[derive(Debug, Clone, Copy, Default)]
pub struct Containers;

/// How long a file may take to be written or read.
const FILE_LIMIT: Duration = Duration::from_secs(20);
/// Exit code of the reading script where there is no such file.
const NO_FILE: i32 = 44;
/// What ends a program together with the one that started it: when `steading` is killed, nothing
/// that it ran goes on behind the back of the next one. One that died before this took hold is not
/// noticed by it: whoever is run so has to look whether its parent is still the same.
const WITH_PARENT: [&str; 4] = ["setpriv", "--pdeathsig", "KILL", "--"];
/// Enters the node's control groups and becomes the program, which can tell by `TIE` whether this is
/// still its parent. A constant; the parent, the files and the program are parameters. A group that
/// cannot be entered costs a limit, not the command.
const JOIN: &str = r#"[ "$PPID" = "$1" ] || exit 125
for file in $2; do echo 0 > "$file"; done 2> /dev/null
shift 2
export TIE=$$
exec "$@""#;
/// Becomes the program if its parent still lives. A constant; the program is its parameter. Run in
/// the process namespace of the machine, where its parent has no number, but before the host's own
/// /proc is out of sight.
const TIED: &str = r#"while read -r key value; do [ "$key" = PPid: ] && break; done < /proc/self/status
[ "$value" = "$TIE" ] || exit 125
unset TIE
exec "$@""#;
/// Whole or not at all: beside it, on disk, renamed. A constant; path, mode and size are parameters:
/// the end of the input may also be that of whoever wrote it.
const WRITE: &str = r#"set -e
umask 077
mkdir -p "$(dirname "$1")"
cat > "$1.new"
[ "$(stat -c %s "$1.new")" = "$3" ]
chmod "$2" "$1.new"
sync "$1.new"
mv -f "$1.new" "$1""#;
const READ: &str = r#"test -f "$1" || exit 44
exec cat "$1""#;

impl Containers {
    /// The process 1 of a machine of the lab, if it runs and may be entered.
    pub(super) fn first_process(scope: &Scope, machine: &Name) -> Option<i32> {
        Self::first(scope, machine).map(|process| process.pid)
    }

    fn first(scope: &Scope, machine: &Name) -> Option<Tagged> {
        let address = Address::new(Kind::Machine, machine.clone());
        let processes = tags::find(scope).remove(&address)?;
        processes.into_iter().find(Tagged::enterable)
    }

    /// The control group of a machine that runs, as it names it itself and kubelet takes it
    /// (`--cgroup-root`).
    #[must_use]
    pub fn control_group(&self, scope: &Scope, machine: &Name) -> Option<String> {
        let group = self.host_group(scope, machine)?;
        Some(cgroup::inside(&group).to_owned())
    }

    /// The same as the host names it.
    #[must_use]
    pub fn host_group(&self, scope: &Scope, machine: &Name) -> Option<String> {
        Self::first(scope, machine)?.group().map(str::to_owned)
    }

    /// A command that runs inside what is added to its arguments, as long as this process lives,
    /// which starts it.
    fn entered(scope: &Scope, machine: &Name) -> Result<Command, DriverError> {
        let first = Self::first(scope, machine).ok_or_else(|| {
            DriverError::new(format!("machine {machine} does not run"))
                .hint("run: steading heal, or steading status for the cause")
        })?;
        let groups: Vec<String> = cgroup::entries(first.group().unwrap_or_default())
            .iter()
            .map(|file| file.display().to_string())
            .collect();
        let [program, arguments @ ..] = WITH_PARENT;
        let mut command = Command::new(program);
        command.args(arguments).args(["sh", "-c", JOIN, "join"]);
        command.args([&std::process::id().to_string(), &groups.join(" ")]);
        command.env_clear().env("PATH", seed::PATH);
        // Between the namespaces stands a process that waits outside for the one inside.
        let pid = first.pid.to_string();
        command.args(["nsenter", "--target", &pid, "--pid", "--"]);
        command.args(WITH_PARENT);
        command.args(["sh", "-c", TIED, "tied"]);
        command.args(["nsenter", "--target", &pid]);
        command.args(["--mount", "--uts", "--ipc", "--net", "--cgroup"]);
        command.args(["--root", "--wd=/", "--"]);
        // nsenter opens its folder before it enters (only that of util-linux 2.38 can do otherwise):
        // nobody inside could tell where that is.
        command.args(["env", "--chdir=/"]);
        Ok(command)
    }

    /// A command that opens a shell inside, or runs a program there, at the user's terminal.
    ///
    /// # Errors
    /// Where the machine does not run.
    pub fn shell(
        &self,
        scope: &Scope,
        machine: &Name,
        argv: &[String],
    ) -> Result<Command, DriverError> {
        let mut command = Self::entered(scope, machine)?;
        command.env("HOME", "/root");
        if let Some(terminal) = std::env::var_os("TERM") {
            command.env("TERM", terminal);
        }
        if argv.is_empty() {
            command.args(["/bin/bash", "-l"]);
        } else {
            command.args(argv);
        }
        Ok(command)
    }
}

impl Machines for Containers {
    fn run(
        &self,
        scope: &Scope,
        machine: &Name,
        wanted: &MachineCommand,
        line: &mut dyn FnMut(&str),
    ) -> Result<MachineOutput, DriverError> {
        let program = wanted.argv.first().map_or("nothing", String::as_str);
        let what = format!("running {program} in machine {machine}");
        let failed = |error: io::Error| DriverError::new(what.clone()).caused_by(error);
        let mut command = Self::entered(scope, machine)?;
        let mut child = command
            .args(&wanted.argv)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .spawn()
            .map_err(failed)?;
        let mut streams = Streams::of(&mut child, &wanted.stdin);
        let start = Instant::now();
        while streams.next(line) {
            if start.elapsed() > wanted.limit {
                let _ = child.kill();
                let _ = child.wait();
                return Err(DriverError::new(what)
                    .kind(ErrorKind::TimedOut)
                    .caused_by(format!(
                        "it did not end within {} s",
                        wanted.limit.as_secs()
                    )));
            }
        }
        let status = child.wait().map_err(failed)?;
        Ok(MachineOutput {
            code: status.code(),
            stdout: streams.stdout,
            stderr: streams.stderr,
        })
    }

    fn write(
        &self,
        scope: &Scope,
        machine: &Name,
        path: &Path,
        content: &[u8],
        mode: u32,
    ) -> Result<(), DriverError> {
        let path = path.display().to_string();
        let mode = format!("{mode:o}");
        let size = content.len().to_string();
        let argv = ["sh", "-c", WRITE, "write", &path, &mode, &size];
        let mut command = MachineCommand::new(argv, FILE_LIMIT);
        command.stdin = content.to_vec();
        let output = self.run(scope, machine, &command, &mut |_| {})?;
        if output.ok() {
            return Ok(());
        }
        Err(
            DriverError::new(format!("writing {path} in machine {machine}"))
                .caused_by(String::from_utf8_lossy(&output.stderr).trim().to_owned()),
        )
    }

    fn read(
        &self,
        scope: &Scope,
        machine: &Name,
        path: &Path,
    ) -> Result<Option<Vec<u8>>, DriverError> {
        let path = path.display().to_string();
        let command = MachineCommand::new(["sh", "-c", READ, "read", &path], FILE_LIMIT);
        let output = self.run(scope, machine, &command, &mut |_| {})?;
        match output.code {
            Some(0) => Ok(Some(output.stdout)),
            Some(NO_FILE) => Ok(None),
            _ => Err(
                DriverError::new(format!("reading {path} in machine {machine}"))
                    .caused_by(String::from_utf8_lossy(&output.stderr).trim().to_owned()),
            ),
        }
    }
}

/// The standard streams of a running program: input fed, output and errors gathered.
struct Streams {
    pieces: mpsc::Receiver<(bool, Vec<u8>)>,
    stdout: Vec<u8>,
    stderr: Vec<u8>,
    told: [usize; 2],
}

impl Streams {
    fn of(child: &mut Child, input: &[u8]) -> Self {
        if let Some(mut stdin) = child.stdin.take() {
            let input = input.to_vec();
            // A program that does not read its input to the end is no failure of ours.
            std::thread::spawn(move || drop(stdin.write_all(&input)));
        }
        let (sender, pieces) = mpsc::channel();
        let streams: [(bool, Option<Box<dyn io::Read + Send>>); 2] = [
            (false, child.stdout.take().map(|s| Box::new(s) as _)),
            (true, child.stderr.take().map(|s| Box::new(s) as _)),
        ];
        for (errors, stream) in streams {
            let Some(mut stream) = stream else { continue };
            let sender = sender.clone();
            std::thread::spawn(move || {
                let mut buffer = [0; 8192];
                while let Ok(n @ 1..) = stream.read(&mut buffer) {
                    let piece = buffer.get(..n).unwrap_or_default().to_vec();
                    if sender.send((errors, piece)).is_err() {
                        return;
                    }
                }
            });
        }
        Self {
            pieces,
            stdout: Vec::new(),
            stderr: Vec::new(),
            told: [0, 0],
        }
    }

    /// Takes what came; `false` once both streams have ended.
    fn next(&mut self, line: &mut dyn FnMut(&str)) -> bool {
        match self.pieces.recv_timeout(Duration::from_millis(100)) {
            Ok((errors, piece)) => {
                let (all, told) = match (errors, &mut self.told) {
                    (false, [told, _]) => (&mut self.stdout, told),
                    (true, [_, told]) => (&mut self.stderr, told),
                };
                all.extend_from_slice(&piece);
                while let Some(rest) = all.get(*told..) {
                    let Some(end) = rest.iter().position(|byte| *byte == b'\n') else {
                        break;
                    };
                    line(&String::from_utf8_lossy(
                        rest.get(..end).unwrap_or_default(),
                    ));
                    *told += end + 1;
                }
                true
            }
            Err(mpsc::RecvTimeoutError::Timeout) => true,
            Err(mpsc::RecvTimeoutError::Disconnected) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sh(script: &str, arguments: &[&str], tie: &str, input: &[u8]) -> Option<i32> {
        let mut child = Command::new("sh")
            .args(["-c", script, "test"])
            .args(arguments)
            .env("TIE", tie)
            .stdin(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(input).unwrap();
        child.wait().unwrap().code()
    }

    #[test]
    fn nothing_runs_whose_parent_is_gone() {
        let own = std::process::id().to_string();
        assert_eq!(
            sh(JOIN, &[&own, "", "sh", "-c", "exit 7"], "", b""),
            Some(7)
        );
        assert_eq!(
            sh(JOIN, &["1", "", "sh", "-c", "exit 7"], "", b""),
            Some(125)
        );
        let tied = ["sh", "-c", "exit 7"];
        assert_eq!(sh(TIED, &tied, &own, b""), Some(7));
        assert_eq!(sh(TIED, &tied, "1", b""), Some(125));
    }

    #[test]
    fn a_file_is_written_whole_or_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new/file");
        let at = path.display().to_string();
        assert_eq!(sh(WRITE, &[&at, "600", "5"], "", b"whole"), Some(0));
        assert_ne!(sh(WRITE, &[&at, "600", "6"], "", b"cut o"), Some(0));
        assert_ne!(sh(WRITE, &[&at, "600", "6"], "", b""), Some(0));
        assert_eq!(std::fs::read(&path).unwrap(), b"whole");
    }
}
