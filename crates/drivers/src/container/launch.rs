//! Starting a machine.
//!
//! ```text
//!  steading (driver) ── spawns ──► internal machine        takes the folder's lock, enters the
//!                                        │                 node's control groups, leaves the
//!                                        │                 host's namespaces
//!                                        └─ spawns ──► internal machine-init
//!                                                          process 1: puts the file system
//!                                                          together, becomes s6-svscan
//! ```
//! The lock is held by process 1 as long as it lives (the open file is inherited), so a machine
//! can never run twice, whoever was killed when.

use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use driver::{DriverError, Scope, StepContext};
use model::digest::Digest;
use model::lab::ContainerMachine;
use model::name::Name;
use model::plan::Step;
use model::resource::{Address, Kind, NodeMachine};
use nix::fcntl::{FcntlArg, FdFlag, Flock, FlockArg, fcntl};
use nix::sched::{CloneFlags, unshare};
use serde::{Deserialize, Serialize};

use super::{cgroup, mounts, record, seed, shown, store, tags};
use crate::HostPaths;

/// How long a machine may take until its supervisor runs.
const LIMIT: Duration = Duration::from_secs(20);
/// Exit code of the launcher where the machine is held already.
const HELD: i32 = 75;

/// What the launcher is told, on its standard input.
#[derive(Debug, Serialize, Deserialize)]
struct Order {
    lab: Name,
    id: model::plan::LabId,
    node: Name,
    spec: NodeMachine,
    folder: PathBuf,
    image: PathBuf,
    /// The folder that it shares with others, if it does.
    shared: Option<PathBuf>,
}

/// The size of a machine.
pub(super) fn size(spec: &NodeMachine) -> ContainerMachine {
    let (cpu, memory) = spec.machine.size();
    ContainerMachine { cpu, memory }
}

/// What came of a start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Start {
    /// The supervisor runs.
    Done,
    /// Somebody holds the machine already: it runs, or an earlier start is still under way.
    Held,
}

/// Prepares the disk of a machine and starts it. A machine that runs is left as it is.
pub(super) fn start(
    paths: &HostPaths,
    (spec, base): (&NodeMachine, &Digest),
    step: &Step,
    context: &StepContext<'_>,
) -> Result<Start, DriverError> {
    let (scope, node) = (context.scope, &step.address.name);
    let order = Order {
        lab: scope.lab.clone(),
        id: scope.id,
        node: node.clone(),
        spec: spec.clone(),
        folder: record::folder(&paths.machines, scope, node),
        image: crate::image::image_folder(&paths.images, base),
        shared: spec.shared_folder.then(|| {
            let lab = record::lab_folder(&paths.machines, scope);
            record::shared(&lab, scope)
        }),
    };
    let mut command = Command::new(&paths.program);
    command
        .args(["internal", "machine"])
        .env_clear()
        .env(tags::GROUP, cgroup::node_cgroup(scope, node, spec))
        .env("PATH", seed::PATH);
    tags::tag(&mut command, step, context);
    let failed =
        |cause: String| DriverError::new(format!("starting machine {node}")).caused_by(cause);
    let (code, said) = run(command, &order).map_err(failed)?;
    match code {
        Some(0) => Ok(Start::Done),
        Some(HELD) => Ok(Start::Held),
        _ => Err(failed(said)),
    }
}

/// Runs an internal verb with its order on standard input, to its end.
pub(super) fn run<T: Serialize>(
    command: Command,
    order: &T,
) -> Result<(Option<i32>, String), String> {
    let mut child = give(command, order).map_err(|error| error.to_string())?;
    let start = Instant::now();
    // Longer than it allows itself: it knows better what it waited for.
    while start.elapsed() < 3 * LIMIT {
        if let Some(status) = child.try_wait().map_err(|error| error.to_string())? {
            return Ok((status.code(), said(&mut child)));
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    let _ = child.kill();
    Err(format!("it did not end within {} s", 3 * LIMIT.as_secs()))
}

/// Starts an internal verb that becomes a lasting process, and waits until it has become that:
/// until its name is `name`.
pub(super) fn spawn_and_wait_for_name<T: Serialize>(
    command: Command,
    order: &T,
    name: &str,
) -> Result<(), String> {
    let mut child = give(command, order).map_err(|error| error.to_string())?;
    let start = Instant::now();
    while start.elapsed() < LIMIT {
        if let Some(status) = child.try_wait().map_err(|error| error.to_string())? {
            return Err(format!("{status}: {}", said(&mut child)));
        }
        if tags::has_become(child.id(), name) {
            return Ok(());
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    let _ = child.kill();
    Err(format!(
        "it did not become ready within {} s",
        LIMIT.as_secs()
    ))
}

/// Starts an internal verb with its order on standard input. It gets a process group of its own,
/// so that an interruption at the terminal does not reach it.
fn give<T: Serialize>(mut command: Command, order: &T) -> io::Result<Child> {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .process_group(0)
        .spawn()?;
    if let Some(mut stdin) = child.stdin.take() {
        stdin.write_all(&serde_json::to_vec(order)?)?;
    }
    Ok(child)
}

/// What an ended verb said. What it started may still hold the stream open: only what is there
/// is taken.
fn said(child: &mut Child) -> String {
    let mut buffer = [0; 4096];
    let n = child
        .stderr
        .as_mut()
        .map_or(Ok(0), |stream| stream.read(&mut buffer));
    let text = buffer.get(..n.unwrap_or(0)).unwrap_or_default();
    String::from_utf8_lossy(text).trim().to_owned()
}

/// Whether this process may lower OOM scores (CAP_SYS_RESOURCE, capability 24).
fn may_lower_oom_scores() -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    status
        .lines()
        .find_map(|line| line.strip_prefix("CapEff:"))
        .and_then(|hex| u64::from_str_radix(hex.trim(), 16).ok())
        .is_some_and(|set| set & (1 << 24) != 0)
}

/// `internal machine`: the launcher.
pub(super) fn launcher() -> Result<i32, String> {
    let mut text = Vec::new();
    io::stdin()
        .read_to_end(&mut text)
        .map_err(|error| format!("reading the order: {error}"))?;
    let order: Order =
        serde_json::from_slice(&text).map_err(|error| format!("reading the order: {error}"))?;
    let Some(lock) = lock(&order.folder.join("lock"))? else {
        return Ok(HELD);
    };
    let scope = Scope {
        lab: order.lab.clone(),
        id: order.id,
    };
    prepare(&order).map_err(|error| format!("preparing its disk: {error}"))?;
    let group = cgroup::node_cgroup(&scope, &order.node, &order.spec);
    cgroup::enter_node(&group, &size(&order.spec))
        .map_err(|error| format!("entering control groups: {error}"))?;
    // A failure only means that the shell's signals reach the machine, too.
    let _ = nix::unistd::setsid();
    unshare(
        CloneFlags::CLONE_NEWNET
            | CloneFlags::CLONE_NEWUTS
            | CloneFlags::CLONE_NEWIPC
            | CloneFlags::CLONE_NEWPID,
    )
    .map_err(|error| format!("leaving the host's namespaces: {error}"))?;
    let log = order.folder.join("start.log");
    let file =
        File::create(&log).map_err(|error| format!("creating {}: {error}", log.display()))?;
    let mut init = Command::new("/proc/self/exe")
        .args(["internal", "machine-init", order.node.as_str()])
        .arg(&order.folder)
        .arg(&order.image)
        .arg(group)
        .args(order.shared.as_ref())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(file)
        .spawn()
        .map_err(|error| format!("starting process 1: {error}"))?;
    // Dropping would unlock it for process 1 as well; the file closes when we end.
    std::mem::forget(lock);
    let start = Instant::now();
    loop {
        if let Ok(Some(status)) = init.try_wait() {
            let said = fs::read_to_string(&log).unwrap_or_default();
            return Err(format!("process 1 ended ({status}): {}", said.trim()));
        }
        if tags::has_become(init.id(), tags::SUPERVISOR) {
            return Ok(0);
        }
        if start.elapsed() > LIMIT {
            let _ = init.kill();
            return Err("the supervisor did not start in time".to_owned());
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Writes everything that the machine starts from. Called while its lock is held, so never below
/// a machine that runs.
fn prepare(order: &Order) -> io::Result<()> {
    if !order.image.join("image.json").is_file() {
        let image = order.image.display();
        return Err(io::Error::other(format!("there is no image at {image}")));
    }
    if let Some(shared) = &order.shared {
        fs::create_dir_all(shared)?;
    }
    let folder = &order.folder;
    store::share(&order.image.join("containerd"), &folder.join("containerd"))?;
    shown::write(&folder.join("shown"), &size(&order.spec))?;
    let id = order
        .id
        .object(&Address::new(Kind::Machine, order.node.clone()));
    seed::write_files(
        &folder.join("upper"),
        &order.node,
        &order.spec,
        id,
        !may_lower_oom_scores(),
    )
}

/// Takes a lock that the processes started from here inherit; `None` if somebody holds it.
pub(super) fn lock(path: &Path) -> Result<Option<Flock<File>>, String> {
    // Not emptied: it may be another's.
    let file = File::options()
        .write(true)
        .create(true)
        .truncate(false)
        .open(path)
        .map_err(|error| format!("creating {}: {error}", path.display()))?;
    fcntl(&file, FcntlArg::F_SETFD(FdFlag::empty()))
        .map_err(|error| format!("keeping {}: {error}", path.display()))?;
    match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
        Ok(lock) => Ok(Some(lock)),
        Err((_, nix::errno::Errno::EWOULDBLOCK)) => Ok(None),
        Err((_, errno)) => Err(format!("locking {}: {errno}", path.display())),
    }
}

/// `internal machine-init NODE FOLDER IMAGE GROUP [SHARED]`: process 1, until it becomes the
/// supervisor.
pub(super) fn init(node: &str, place: &mounts::Place<'_>) -> String {
    if let Err(error) = mounts::enter(place) {
        return format!("putting the file system together: {error}");
    }
    if let Err(error) = nix::unistd::sethostname(node) {
        return format!("setting the host name: {error}");
    }
    // A node routes between its pods and its network: in its own network namespace only.
    if let Err(error) = std::fs::write("/proc/sys/net/ipv4/ip_forward", "1") {
        return format!("turning on forwarding: {error}");
    }
    if let Err(error) = seed::write_services() {
        return format!("writing the services: {error}");
    }
    let error = Command::new("/usr/bin/s6-svscan")
        .arg(seed::SERVICES)
        .exec();
    format!("starting the supervisor: {error}")
}
