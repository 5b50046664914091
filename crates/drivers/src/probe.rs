//! Asking machines what they are: a script on the standard input of a shell, here or over SSH.

use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::str::FromStr;
use std::time::Duration;

use crate::bounded::{self, Ended};

/// How long a machine has for its answer once it is reached; and how long it may take to reach it.
const ANSWER: Duration = Duration::from_secs(20);
const CONNECT: u64 = 10;

/// A machine that is reached over SSH: `USER@HOST` or `USER@HOST:PORT`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SshAddress {
    user: String,
    host: String,
    port: Option<u16>,
}

/// Why a text is no [`SshAddress`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not an address for SSH: write USER@HOST or USER@HOST:PORT")]
pub struct InvalidSshAddress {
    text: String,
}

impl FromStr for SshAddress {
    type Err = InvalidSshAddress;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parsed = || {
            let (user, rest) = text.split_once('@')?;
            let (host, port) = host_and_port(rest)?;
            // Neither may be taken for an option, nor hold what a shell or ssh's own expansions
            // would read.
            let harmless = |word: &str, more: &[char]| {
                let known = |c: char| c.is_ascii_alphanumeric() || more.contains(&c);
                !word.is_empty()
                    && !word.starts_with('-')
                    && word.len() < 256
                    && word.chars().all(known)
            };
            let good = harmless(user, &['-', '_', '.']) && harmless(host, &['-', '_', '.', ':']);
            good.then(|| Self {
                user: user.to_owned(),
                host: host.to_owned(),
                port,
            })
        };
        parsed().ok_or_else(|| InvalidSshAddress {
            text: text.chars().take(80).collect(),
        })
    }
}

/// `HOST`, `HOST:PORT` or `[HOST]:PORT`, the last for addresses of IPv6.
fn host_and_port(text: &str) -> Option<(&str, Option<u16>)> {
    let port = |text: &str| text.parse().ok().filter(|port: &u16| *port > 0);
    if let Some((host, rest)) = text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        return match rest.strip_prefix(':') {
            Some(digits) => Some((host, Some(port(digits)?))),
            None => rest.is_empty().then_some((host, None)),
        };
    }
    match text.split_once(':') {
        // More than one: an address of IPv6 as it is.
        Some((_, rest)) if rest.contains(':') => Some((text, None)),
        Some((host, digits)) => Some((host, Some(port(digits)?))),
        None => Some((text, None)),
    }
}

/// Why a machine did not answer.
#[derive(Debug, thiserror::Error)]
pub enum Unanswered {
    /// The program that asks could not be started.
    #[error("starting {program}")]
    Start {
        /// The program.
        program: &'static str,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// It took too long.
    #[error("no answer within {seconds} s")]
    Late {
        /// How long was waited.
        seconds: u64,
    },
    /// The program that asks failed.
    #[error("{0}")]
    Failed(String),
}

/// Runs a script in a shell of this machine; what it prints.
///
/// # Errors
/// [`Unanswered`].
pub fn here(script: &str) -> Result<String, Unanswered> {
    let mut command = Command::new("sh");
    command.arg("-s");
    answer("sh", command, script)
}

/// Runs a script in a shell of another machine; what it prints. Who it is, and which key opens it,
/// is the matter of the user's own configuration of SSH: nothing is asked, nothing is added to what
/// is known of hosts unless that configuration says so. `config`: another file of configuration.
///
/// # Errors
/// [`Unanswered`].
pub fn over_ssh(
    address: &SshAddress,
    config: Option<&Path>,
    script: &str,
) -> Result<String, Unanswered> {
    answer("ssh", ssh(address, config), script)
}

fn ssh(address: &SshAddress, config: Option<&Path>) -> Command {
    let mut command = Command::new("ssh");
    if let Some(config) = config {
        // A path that begins with - is still a path.
        let plain: PathBuf = Path::new(".").join(config);
        command.arg("-F").arg(plain);
    }
    command
        .args(["-T", "-x", "-a"])
        .args(["-o", "BatchMode=yes", "-o", "ClearAllForwardings=yes"])
        .args(["-o", &format!("ConnectTimeout={CONNECT}")])
        .args(["-l", &address.user]);
    if let Some(port) = address.port {
        command.args(["-p", &port.to_string()]);
    }
    command.args(["--", &address.host, "sh -s"]);
    command
}

fn answer(program: &'static str, command: Command, script: &str) -> Result<String, Unanswered> {
    let ended = bounded::run(command, script, ANSWER)
        .map_err(|source| Unanswered::Start { program, source })?;
    let Ended { status, output, .. } = &ended;
    match status {
        None => Err(Unanswered::Late {
            seconds: ANSWER.as_secs(),
        }),
        // What ssh itself says when it fails; the script's own failures show in what it printed.
        Some(status) if output.is_empty() && !status.success() => {
            let why = ended.last_error();
            Err(Unanswered::Failed(why.map_or_else(
                || format!("{program}: {status}"),
                str::to_owned,
            )))
        }
        Some(_) => Ok(ended.output),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_taken_apart_and_options_are_none() {
        for (text, user, host, port) in [
            ("root@10.0.0.2", "root", "10.0.0.2", None),
            ("me@nas.home:2222", "me", "nas.home", Some(2222)),
            ("me@[fd00::2]:22", "me", "fd00::2", Some(22)),
            ("me@fd00::2", "me", "fd00::2", None),
        ] {
            let wanted = SshAddress {
                user: user.to_owned(),
                host: host.to_owned(),
                port,
            };
            assert_eq!(text.parse(), Ok(wanted));
        }
        for bad in [
            "",
            "@",
            "nas",
            "root@",
            "@nas",
            "root@-oProxyCommand=x",
            "-oProxyCommand=x@nas",
            "root@a b",
            "root@a;b",
            "root@nas:0",
            "root@nas:70000",
            "root@nas:x",
            "root@%h",
            "r$(x)@nas",
            "root@[fd00::2",
            "root@[fd00::2]x",
            "root@nas\n",
        ] {
            assert!(bad.parse::<SshAddress>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn ssh_asks_nothing_and_knows_where_its_options_end() {
        let address = "me@nas:2222".parse().unwrap();
        let command = ssh(&address, Some(Path::new("-F")));
        let arguments: Vec<&str> = command.get_args().filter_map(|one| one.to_str()).collect();
        assert_eq!(
            arguments.join(" "),
            "-F ./-F -T -x -a -o BatchMode=yes -o ClearAllForwardings=yes -o ConnectTimeout=10 -l me -p 2222 -- nas sh -s"
        );
    }

    #[test]
    fn a_script_is_answered_and_a_failure_told() {
        assert_eq!(here("echo $((6 * 7))").unwrap(), "42\n");
        let error = here("echo no >&2; exit 3").unwrap_err();
        assert_eq!(error.to_string(), "no");
    }
}
