//! What kubeadm finds and leaves inside a node's machine.

use std::path::Path;
use std::time::Duration;

use driver::{DriverError, MachineCommand, MachineOutput, Machines, Scope};
use jiff::SignedDuration;
use jiff::civil::DateTime;
use model::digest::Digest;
use model::name::Name;
use model::plan::{Generation, LabId};
use model::resource::Member;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::ranges;

/// Says that this node is a complete member, of what and made from what. Written last.
const MARKER: &str = "/var/lib/steading/member.json";
/// Where the supervisor keeps kubelet.
const KUBELET_SERVICE: &str = "/run/service/kubelet";
/// Where kubelet's log is.
const KUBELET_LOG: &str = "/var/log/kubelet/current";

/// How long small programs inside may take.
const SHORT: Duration = Duration::from_secs(20);

/// Prints those of its parameters that exist and are not empty, and whether kubeadm runs.
const LOOK: &str = r#"for path; do
  if [ -d "$path" ]; then [ -n "$(ls -A "$path")" ] && echo "$path"
  elif [ -s "$path" ]; then echo "$path"; fi
done
pgrep -x kubeadm >/dev/null && echo kubeadm
exit 0"#;

const KUBELET_CONF: &str = "/etc/kubernetes/kubelet.conf";
const BOOTSTRAP_CONF: &str = "/etc/kubernetes/bootstrap-kubelet.conf";
const ADMIN_CONF: &str = "/etc/kubernetes/admin.conf";
const MANIFESTS: &str = "/etc/kubernetes/manifests";
const ETCD: &str = "/var/lib/etcd";

/// The marker of a complete member.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Marker {
    pub(crate) lab: LabId,
    pub(crate) digest: Digest,
    /// The generation that completed it.
    #[serde(default)]
    pub(crate) generation: Generation,
    pub(crate) member: Member,
}

/// How far kubeadm has come inside.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Remains {
    /// A kubeadm runs, left by a killed run of ours.
    pub(crate) kubeadm: bool,
    /// kubelet has an identity in the cluster.
    pub(crate) kubelet: bool,
    /// Anything at all was begun.
    pub(crate) begun: bool,
    /// The files of a control plane are there.
    pub(crate) control_plane: bool,
}

/// The inside of one node's machine.
#[derive(Clone, Copy)]
pub(crate) struct Inside<'a> {
    pub(crate) machines: &'a dyn Machines,
    pub(crate) scope: &'a Scope,
    pub(crate) node: &'a Name,
}

impl Inside<'_> {
    /// The marker, if the node was completed.
    pub(crate) fn marker(&self) -> Result<Option<Marker>, DriverError> {
        let content = self.read(MARKER)?;
        // A marker that cannot be read is none: it is written whole or not at all.
        Ok(content.and_then(|bytes| serde_json::from_slice(&bytes).ok()))
    }

    pub(crate) fn write_marker(&self, marker: &Marker) -> Result<(), DriverError> {
        let json = serde_json::to_vec_pretty(marker).map_err(|error| {
            DriverError::new(format!("recording {}", self.node)).caused_by(error)
        })?;
        self.write(MARKER, &json, 0o644)
    }

    pub(crate) fn remove_marker(&self) -> Result<(), DriverError> {
        self.must(&["rm", "-f", MARKER], SHORT)
    }

    /// Reads a file; `None` if there is none.
    pub(crate) fn read(&self, path: &str) -> Result<Option<Vec<u8>>, DriverError> {
        self.machines.read(self.scope, self.node, Path::new(path))
    }

    /// Writes a file.
    pub(crate) fn write(&self, path: &str, content: &[u8], mode: u32) -> Result<(), DriverError> {
        self.machines
            .write(self.scope, self.node, Path::new(path), content, mode)
    }

    /// Runs a program to its end.
    pub(crate) fn run(
        &self,
        argv: &[&str],
        limit: Duration,
        line: &mut dyn FnMut(&str),
    ) -> Result<MachineOutput, DriverError> {
        let command = MachineCommand::new(argv.iter().copied(), limit);
        self.machines.run(self.scope, self.node, &command, line)
    }

    /// Runs a program that must succeed, and answers what it printed.
    pub(crate) fn output(&self, argv: &[&str], limit: Duration) -> Result<Vec<u8>, DriverError> {
        let output = self.run(argv, limit, &mut |_| {})?;
        if output.ok() {
            return Ok(output.stdout);
        }
        let program = argv.first().copied().unwrap_or("nothing");
        let errors = String::from_utf8_lossy(&output.stderr);
        let last = errors.lines().rfind(|line| !line.trim().is_empty());
        Err(
            DriverError::new(format!("running {program} in {}", self.node))
                .caused_by(last.unwrap_or("it failed without a word").to_owned()),
        )
    }

    /// Runs a program that must succeed.
    pub(crate) fn must(&self, argv: &[&str], limit: Duration) -> Result<(), DriverError> {
        self.output(argv, limit).map(|_| ())
    }

    /// What kubeadm has left.
    pub(crate) fn remains(&self) -> Result<Remains, DriverError> {
        let paths = [KUBELET_CONF, BOOTSTRAP_CONF, ADMIN_CONF, MANIFESTS, ETCD];
        let mut argv = vec!["sh", "-c", LOOK, "look"];
        argv.extend(paths);
        let output = self.run(&argv, SHORT, &mut |_| {})?;
        let found = String::from_utf8_lossy(&output.stdout).into_owned();
        let has = |what: &str| found.lines().any(|line| line == what);
        Ok(Remains {
            kubeadm: has("kubeadm"),
            kubelet: has(KUBELET_CONF),
            begun: paths.iter().any(|path| has(path)),
            control_plane: has(ADMIN_CONF) && has(MANIFESTS),
        })
    }

    /// Ends a kubeadm that a killed run left behind: two at once would spoil each other's work.
    pub(crate) fn end_kubeadm(&self) -> Result<(), DriverError> {
        // 1: there was none. The machine has process ids of its own: nobody else's is hit.
        self.run(&["pkill", "-KILL", "-x", "kubeadm"], SHORT, &mut |_| {})
            .map(|_| ())
    }

    /// Takes back all that kubeadm did on this node.
    pub(crate) fn reset(&self, control_plane: bool) -> Result<(), DriverError> {
        // kubeadm knows no supervisor here and would pull the files from under a running kubelet.
        self.kubelet("-d")?;
        if !control_plane {
            // With it, kubeadm would first look for a cluster that is not there.
            self.must(&["rm", "-f", ADMIN_CONF], SHORT)?;
        }
        let limit = Duration::from_secs(120);
        self.must(&["kubeadm", "reset", "--force"], limit)?;
        let etcd = ["find", ETCD, "-mindepth", "1", "-delete"];
        self.run(&etcd, SHORT, &mut |_| {})?;
        let gone = [ranges::WRITTEN, BOOTSTRAP_CONF, KUBELET_CONF];
        self.must(&[&["rm", "-f"], &gone[..]].concat(), SHORT)?;
        self.kubelet("-u")
    }

    /// Tells the supervisor about kubelet: `-u` up, `-d` down, `-r` again.
    pub(crate) fn kubelet(&self, order: &str) -> Result<(), DriverError> {
        let wait = if order == "-d" { "-wD" } else { "-wu" };
        let argv = ["s6-svc", wait, "-T", "15000", order, KUBELET_SERVICE];
        self.must(&argv, SHORT)?;
        if order == "-u" {
            return Ok(());
        }
        // An end that was asked for is no crash: the supervisor keeps a tally of those.
        self.must(&["s6-svdt-clear", KUBELET_SERVICE], SHORT)
    }

    /// The last error in kubelet's log, without its time and place.
    pub(crate) fn kubelet_error(&self) -> Option<String> {
        let output = self
            .run(&["tail", "-n", "200", KUBELET_LOG], SHORT, &mut |_| {})
            .ok()?;
        let log = Zeroizing::new(String::from_utf8_lossy(&output.stdout).into_owned());
        last_error(&log)
    }
}

/// Errors older than this beside the last line of a log are over.
const RECENT: SignedDuration = SignedDuration::from_secs(30);

/// The last recent error or fatal line of a klog log, with the supervisor's time in front of each
/// line or without.
pub(crate) fn last_error(log: &str) -> Option<String> {
    let is_error = |word: &str| {
        let mut bytes = word.bytes();
        matches!(bytes.next(), Some(b'E' | b'F'))
            && word.len() == 5
            && bytes.all(|b| b.is_ascii_digit())
    };
    let end = log.lines().last().and_then(time_of);
    let line = log
        .lines()
        .rfind(|line| line.split_whitespace().take(4).any(is_error))?;
    if let (Some(end), Some(then)) = (end, time_of(line))
        && end.duration_since(then) > RECENT
    {
        return None;
    }
    let message = line.split_once("] ").map_or(line, |(_, message)| message);
    Some(message.trim().chars().take(300).collect())
}

/// The time in front of a line: `2026-11-21 03:00:00.123456789`, as s6-log writes it.
fn time_of(line: &str) -> Option<DateTime> {
    line.get(..19)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::last_error;

    #[test]
    fn finds_the_last_error_line() {
        let log = "\
2026-11-21 03:00:00.1  I1121 03:00:00.1  12 server.go:1] starting
2026-11-21 03:00:01.1  E1121 03:00:01.1  12 kubelet.go:2] \"Failed\" err=\"first\"
2026-11-21 03:00:02.1  E1121 03:00:02.1  12 kubelet.go:3] \"Failed\" err=\"second\"
2026-11-21 03:00:03.1  I1121 03:00:03.1  12 kubelet.go:4] going on";
        assert_eq!(last_error(log).unwrap(), "\"Failed\" err=\"second\"");
        let later = format!("{log}\n2026-11-21 03:00:40.0  I1121 03:00:40.0  12 a.go:1] well");
        assert_eq!(last_error(&later), None, "what is over is not told");
        assert_eq!(last_error("I1121 x] fine\nError: no\n"), None);
        assert_eq!(
            last_error("F1121 03:00:00.0 1 a.go:1] dead").unwrap(),
            "dead"
        );
    }
}
