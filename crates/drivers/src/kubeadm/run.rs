//! Running kubeadm inside a node, with its progress told while it works.

use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use driver::{DriverError, ErrorKind, StepContext};

use super::inside::Inside;

/// How long kubeadm may take. It has limits of its own, which end earlier.
const LIMIT: Duration = Duration::from_secs(900);
/// How often the time of a long phase is told anew.
const TELL: Duration = Duration::from_secs(1);
/// After how many seconds in one phase the reason is looked for in kubelet's log.
const SLOW: u64 = 8;

/// The phase that kubeadm is in.
struct Phase {
    name: String,
    since: Instant,
}

/// Runs `kubeadm VERB …` to its end.
///
/// # Errors
/// Where it fails, with its own error and kubelet's last one; where the run is interrupted twice.
pub(crate) fn kubeadm(
    inside: Inside<'_>,
    verb: &str,
    arguments: &[&str],
    context: &StepContext<'_>,
) -> Result<(), DriverError> {
    kubeadm_at("kubeadm", inside, verb, arguments, context)
}

/// Runs the kubeadm that lies there, as [`kubeadm`].
pub(crate) fn kubeadm_at(
    program: &str,
    inside: Inside<'_>,
    verb: &str,
    arguments: &[&str],
    context: &StepContext<'_>,
) -> Result<(), DriverError> {
    let mut argv = vec![program, verb];
    argv.extend(arguments);
    let phase = Mutex::new(Phase {
        name: "start".to_owned(),
        since: Instant::now(),
    });
    let over = AtomicBool::new(false);
    let result = std::thread::scope(|scope| {
        scope.spawn(|| tell(inside, verb, &phase, &over, context));
        let result = inside.run(&argv, LIMIT, &mut |line| {
            if let Some(name) = phase_of(line) {
                enter(&phase, name, verb, context);
            }
        });
        over.store(true, Ordering::SeqCst);
        result
    });
    let output = result?;
    if output.ok() {
        return Ok(());
    }
    if context.cancel.urgent() {
        return Err(DriverError::new("interrupted").kind(ErrorKind::Interrupted));
    }
    let why = reason(&String::from_utf8_lossy(&output.stderr));
    let kubelet = inside.kubelet_error();
    let why = match kubelet {
        Some(line) => format!("{why}; kubelet's last error: {line}"),
        None => why,
    };
    Err(DriverError::new(format!("kubeadm {verb} on {}", inside.node)).caused_by(why))
}

fn enter(phase: &Mutex<Phase>, name: &str, verb: &str, context: &StepContext<'_>) {
    let mut phase = phase.lock().unwrap_or_else(PoisonError::into_inner);
    if phase.name != name {
        name.clone_into(&mut phase.name);
        phase.since = Instant::now();
        context.doing(format!("kubeadm {verb}: {name}"));
    }
}

/// Tells how long the present phase lasts, and ends kubeadm where the user asked twice.
fn tell(
    inside: Inside<'_>,
    verb: &str,
    phase: &Mutex<Phase>,
    over: &AtomicBool,
    context: &StepContext<'_>,
) {
    let mut told = Instant::now();
    let mut killed = false;
    while !over.load(Ordering::SeqCst) {
        std::thread::sleep(Duration::from_millis(50));
        if context.cancel.urgent() && !killed {
            // It is begun anew by the next run.
            let _ = inside.end_kubeadm();
            killed = true;
        }
        if told.elapsed() < TELL {
            continue;
        }
        told = Instant::now();
        let (name, seconds) = {
            let phase = phase.lock().unwrap_or_else(PoisonError::into_inner);
            (phase.name.clone(), phase.since.elapsed().as_secs())
        };
        let why = if seconds >= SLOW {
            inside.kubelet_error()
        } else {
            None
        };
        let why = why.map_or_else(String::new, |line| format!(" (kubelet: {line})"));
        if seconds >= 1 {
            context.doing(format!("kubeadm {verb}: {name} {seconds} s{why}"));
        }
    }
}

/// The phase that a line of kubeadm's output belongs to: `[certs] Generating …`.
fn phase_of(line: &str) -> Option<&str> {
    let (name, _) = line.strip_prefix('[')?.split_once(']')?;
    let ok = |c: char| c.is_ascii_lowercase() || c == '-' || c == '/';
    (!name.is_empty() && name.chars().all(ok)).then_some(name)
}

/// kubeadm's own words for why it failed.
fn reason(errors: &str) -> String {
    let lines: Vec<&str> = errors
        .lines()
        .map(str::trim)
        .filter(|l| !l.is_empty())
        .collect();
    let wanted: Vec<&str> = lines
        .iter()
        .copied()
        .filter(|line| line.starts_with("[ERROR") || line.starts_with("error"))
        .take(4)
        .collect();
    let told = if wanted.is_empty() {
        lines
            .last()
            .copied()
            .unwrap_or("it failed without a word")
            .to_owned()
    } else {
        wanted.join("; ")
    };
    told.chars().take(600).collect()
}

#[cfg(test)]
mod tests {
    use super::{phase_of, reason};

    #[test]
    fn phases_are_read_from_the_output() {
        assert_eq!(phase_of("[certs] Generating \"ca\""), Some("certs"));
        assert_eq!(phase_of("[addons] Applied"), Some("addons"));
        assert_eq!(phase_of("[WARNING Hostname]: x"), None);
        assert_eq!(phase_of("\t[ERROR Port-6443]: in use"), None);
        assert_eq!(phase_of("done"), None);
    }

    #[test]
    fn the_reason_is_kubeadms_own() {
        let errors = "W1121 warning\nerror execution phase preflight: [preflight] Some fatal errors\n\t[ERROR Port-6443]: Port 6443 is in use\nTo see the stack trace, use --v=5\n";
        assert_eq!(
            reason(errors),
            "error execution phase preflight: [preflight] Some fatal errors; [ERROR Port-6443]: Port 6443 is in use"
        );
        assert_eq!(reason("a\nb\n"), "b");
        assert_eq!(reason(""), "it failed without a word");
    }
}
