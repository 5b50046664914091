//! The parts of a control plane that kubelet runs out of manifests on the node: etcd, the API server
//! and its two companions. They need no API server to be stopped and started.

use std::time::{Duration, Instant};

use driver::{DriverError, Poll, StepContext};
use model::resource::Member;

use super::inside::Inside;
use super::{endpoint, etcd};

/// Their processes; names of processes are cut off after fifteen letters.
const NAMES: [&str; 4] = [
    "etcd",
    "kube-apiserver",
    "kube-controller",
    "kube-scheduler",
];

/// Takes the manifests away from kubelet, which ends what it ran out of them.
const STOP: &str = r#"mkdir -p /etc/kubernetes/steading/stopped
for name in kube-apiserver kube-controller-manager kube-scheduler etcd; do
  file=/etc/kubernetes/manifests/$name.yaml
  [ ! -e "$file" ] || mv -f "$file" /etc/kubernetes/steading/stopped/
done"#;
/// Gives them back.
const START: &str = r#"for file in /etc/kubernetes/steading/stopped/*.yaml; do
  [ ! -e "$file" ] || mv -f "$file" /etc/kubernetes/manifests/
done"#;

const SHORT: Duration = Duration::from_secs(20);
/// How long they may take to end: kubelet gives them half a minute.
const END: Duration = Duration::from_secs(90);
/// How long they may take to end before they are killed: an API server waits a minute for those who
/// watch through it, and a node that says nothing for forty seconds is given up.
const GRACE: Duration = Duration::from_secs(15);
/// How long they may take to be back.
const BACK: Duration = Duration::from_secs(180);
const PAUSE: Duration = Duration::from_millis(300);

/// The ids of their processes, as the machine numbers them.
pub(super) fn running(inside: Inside<'_>) -> Result<Vec<String>, DriverError> {
    let output = inside.run(&["pgrep", "-x", &NAMES.join("|")], SHORT, &mut |_| {})?;
    let pids = String::from_utf8_lossy(&output.stdout);
    Ok(pids.split_whitespace().map(str::to_owned).collect())
}

/// Has kubelet end them; does not wait.
pub(super) fn stop(inside: Inside<'_>) -> Result<(), DriverError> {
    inside.must(&["sh", "-c", STOP], SHORT)
}

/// Waits until none of them runs.
pub(super) fn await_stopped(
    inside: Inside<'_>,
    context: &StepContext<'_>,
) -> Result<(), DriverError> {
    let what = format!("the control plane of {} to end", inside.node);
    context.wait(&what, END, PAUSE, || {
        let left = running(inside)?.len();
        Ok(match left {
            0 => Poll::Ready(()),
            left => Poll::Pending(format!("{left} of its processes run")),
        })
    })
}

/// Has kubelet run them again, if they were stopped.
pub(super) fn start(inside: Inside<'_>) -> Result<(), DriverError> {
    inside.must(&["sh", "-c", START], SHORT)
}

/// Ends them all at once, so that kubelet starts them anew, and waits until they are well.
pub(super) fn restart(
    inside: Inside<'_>,
    member: &Member,
    context: &StepContext<'_>,
) -> Result<(), DriverError> {
    let old = running(inside)?;
    for name in NAMES {
        // 1: it does not run now.
        inside.run(&["pkill", "-TERM", "-x", name], SHORT, &mut |_| {})?;
    }
    let start = Instant::now();
    let left = loop {
        let mut left = running(inside)?;
        left.retain(|pid| old.contains(pid));
        if left.is_empty() || start.elapsed() > GRACE {
            break left;
        }
        std::thread::sleep(PAUSE);
    };
    if !left.is_empty() {
        let mut argv = vec!["kill", "-KILL"];
        argv.extend(left.iter().map(String::as_str));
        // One may have ended by itself meanwhile.
        inside.run(&argv, SHORT, &mut |_| {})?;
    }
    await_well(inside, member, &old, context)
}

/// Waits until all of them run, none of them one of the `old`, and are well.
pub(super) fn await_well(
    inside: Inside<'_>,
    member: &Member,
    old: &[String],
    context: &StepContext<'_>,
) -> Result<(), DriverError> {
    let check = endpoint::check(endpoint::port(member));
    let what = format!("the control plane of {}", inside.node);
    context.wait(&what, BACK, PAUSE, || {
        let now = running(inside)?;
        if let Some(pid) = now.iter().find(|pid| old.contains(pid)) {
            return Ok(Poll::Pending(format!("process {pid} has not ended yet")));
        }
        if now.len() < NAMES.len() {
            let missing = NAMES.len() - now.len();
            let why = format!("{missing} of its parts are not back");
            let error = inside.kubelet_error().filter(|_| missing == NAMES.len());
            return Ok(Poll::Pending(error.unwrap_or(why)));
        }
        let output = inside.run(&["sh", "-c", &check], SHORT, &mut |_| {})?;
        Ok(match output.ok() {
            true => Poll::Ready(()),
            false => Poll::Pending("its API server does not answer".to_owned()),
        })
    })?;
    etcd::await_voting(inside, context)
}
