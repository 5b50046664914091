//! The hosts of a replica: a network namespace each, held by a sleeping process, with a bridge for
//! every network that the host's nodes are attached to.
//!
//! ```text
//!  network (namespace) ─ bridge ─ veth ─┐            ┌─ veth ─ eth0 of node 1
//!                                       └─ bridge ───┤
//!                          host (namespace)          └─ veth ─ eth0 of node 2
//! ```
//! A host that is switched off loses its processes and its links at one stroke: the namespace goes
//! with its holder, and no dead machine answers ARP. That it is off stands in a file beside the
//! machines' folders: the replica's power switch. What the switch says is believed only while
//! nothing of the host runs.

use std::fs;
use std::io::{self, Read as _};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use driver::{DriverError, Scope, StepContext};
use model::inventory::{Observed, Remedy};
use model::name::Name;
use model::plan::Step;
use model::resource::{Address, HostSpace, Kind, Spec};
use nix::sched::{CloneFlags, unshare};
use serde::{Deserialize, Serialize};

use super::host_link::{self, Ends, bridge};
use super::network::{HOLDER, ip};
use super::tags::Tagged;
use super::{cgroup, launch, power, record, see, tags, trouble};
use crate::HostPaths;

/// Exit code of the holder where the host is held already.
const HELD: i32 = 75;

#[derive(Debug, Serialize, Deserialize)]
struct Order {
    lab: Name,
    id: model::plan::LabId,
    lock: PathBuf,
    host: Name,
    spec: HostSpace,
}

/// Makes the host of a step, unless it is held already, and links it to its networks.
pub(super) fn apply(
    paths: &HostPaths,
    spec: &HostSpace,
    step: &Step,
    context: &StepContext<'_>,
) -> Result<(), DriverError> {
    let (scope, host) = (context.scope, &step.address.name);
    let failed = |cause: String| DriverError::new(format!("making host {host}")).caused_by(cause);
    if power::switched_off(&record::lab_folder(&paths.machines, scope), scope, host).is_some() {
        // Somebody was killed while switching it off.
        return power::end(paths, host, context);
    }
    let processes = tags::find(scope);
    let held = processes.get(&step.address).map_or(&[][..], Vec::as_slice);
    let same = held
        .iter()
        .any(|process| process.digest().as_ref() == Some(&step.inputs));
    if !same {
        tags::end_all(&step.address, context)?;
        start(paths, spec, step, context)?;
    }
    let processes = tags::find(scope);
    let pid_of = |address: &Address| {
        let found = processes.get(address).and_then(|found| found.first());
        found
            .map(|process| process.pid)
            .ok_or_else(|| failed(format!("{address} does not run")))
    };
    let own = pid_of(&step.address)?;
    let troubles = trouble::all(&record::lab_folder(&paths.machines, scope), scope);
    for (network, link) in &spec.links {
        let holder = pid_of(&Address::new(Kind::Network, network.clone()))?;
        let ends = Ends {
            scope,
            host,
            network,
            own,
            holder,
        };
        let cut = trouble::cut(&troubles, host, network);
        ends.plug(link, cut).map_err(failed)?;
    }
    Ok(())
}

fn start(
    paths: &HostPaths,
    spec: &HostSpace,
    step: &Step,
    context: &StepContext<'_>,
) -> Result<(), DriverError> {
    let (scope, host) = (context.scope, &step.address.name);
    let failed = |cause: String| DriverError::new(format!("making host {host}")).caused_by(cause);
    let folder = record::lab_folder(&paths.machines, scope);
    fs::create_dir_all(&folder).map_err(|error| failed(error.to_string()))?;
    let order = Order {
        lab: scope.lab.clone(),
        id: scope.id,
        lock: record::mark(&folder, scope, Kind::Host, host),
        host: host.clone(),
        spec: spec.clone(),
    };
    let mut command = Command::new(&paths.program);
    command
        .args(["internal", "host"])
        .env_clear()
        .env("PATH", super::seed::PATH);
    tags::tag(&mut command, step, context);
    tags::describe(&mut command, &step.resource.spec);
    match launch::spawn_and_wait_for_name(command, &order, HOLDER) {
        Ok(()) => Ok(()),
        Err(said) if said.contains(&format!("exit status: {HELD}")) => Ok(()),
        Err(said) => Err(failed(said)),
    }
}

/// `internal host`: makes the namespace with its bridges and becomes the process that holds it.
pub(super) fn holder() -> Result<i32, String> {
    let mut text = Vec::new();
    io::stdin()
        .read_to_end(&mut text)
        .map_err(|error| format!("reading the order: {error}"))?;
    let order: Order =
        serde_json::from_slice(&text).map_err(|error| format!("reading the order: {error}"))?;
    let Some(lock) = launch::lock(&order.lock)? else {
        return Ok(HELD);
    };
    let scope = Scope {
        lab: order.lab.clone(),
        id: order.id,
    };
    cgroup::enter_lab(&scope).map_err(|error| format!("entering control groups: {error}"))?;
    let _ = nix::unistd::setsid();
    unshare(CloneFlags::CLONE_NEWNET).map_err(|error| format!("leaving the network: {error}"))?;
    ip(&["link", "set", "lo", "up"])?;
    for (name, link) in &order.spec.links {
        let (bridge, mtu) = (bridge(&scope, &order.host, name), link.mtu.to_string());
        let kind = ["type", "bridge", "forward_delay", "0"];
        ip(&[&["link", "add", &bridge, "mtu", &mtu], &kind[..]].concat())?;
        ip(&["link", "set", &bridge, "up"])?;
    }
    // The lock lives on in the process that this one becomes.
    std::mem::forget(lock);
    let error = Command::new(HOLDER)
        .arg("infinity")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .exec();
    Err(format!("becoming the holder: {error}"))
}

/// What is known of a host by the processes that stand for it, by a look inside, and by its power
/// switch. `alive`: whether any of its machines runs.
pub(super) fn look(
    lab: &Path,
    scope: &Scope,
    host: &Name,
    processes: &[Tagged],
    alive: bool,
    holders: &see::Holders,
) -> Option<Observed> {
    let off = power::switched_off(lab, scope, host);
    let Some(holder) = processes.first() else {
        return Some(match off {
            // Only where nothing of it runs any more is it known to be off.
            Some(off) if !alive => Observed::off(off.how()),
            _ if record::mark(lab, scope, Kind::Host, host).exists() || alive => {
                let seen = Observed::ours(None, None);
                seen.fault("nothing holds it", None, Remedy::Repair)
            }
            _ => return None,
        });
    };
    if holder.name != HOLDER {
        return Some(Observed::ours(None, None));
    }
    let spec = holder.spec();
    let mut seen = see::started(holder, spec.clone());
    if off.is_some() {
        let what = "it is switched off, but still runs";
        return Some(seen.fault(what, None, Remedy::Repair));
    }
    let Some(Spec::Host(spec)) = &spec else {
        return Some(seen);
    };
    let troubles = trouble::all(lab, scope);
    for (network, link) in &spec.links {
        let outer = holders.get(&Address::new(Kind::Network, network.clone()));
        let ends = outer.map(|outer| Ends {
            scope,
            host,
            network,
            own: holder.pid,
            holder: *outer,
        });
        let cut = trouble::cut(&troubles, host, network);
        let fault = match ends {
            Some(ends) => ends.fault(link, cut),
            None => Some(host_link::leads_nowhere(network)),
        };
        if let Some(what) = fault {
            seen = seen.fault(what, None, Remedy::Repair);
        }
    }
    Some(seen)
}
