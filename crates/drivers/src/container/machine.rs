//! Making, changing, mending and removing a machine.

use std::path::Path;
use std::time::Duration;

use driver::{DriverError, ErrorKind, MachineCommand, Machines as _, Poll, Scope, StepContext};
use model::name::Name;
use model::plan::{Action, Step};
use model::resource::{Address, Kind, NodeMachine};

use super::inside::Containers;
use super::record::{self, Found, Record};
use super::{cgroup, health, launch, network, seed, tags};
use crate::HostPaths;

/// How long a machine may take until its supervisor runs.
const START_LIMIT: Duration = Duration::from_secs(30);
/// How long the container runtime may take until it answers.
const RUNTIME_LIMIT: Duration = Duration::from_secs(60);

/// Makes the machine as declared, or mends it. What runs goes on running where it can.
pub(super) fn apply(
    paths: &HostPaths,
    spec: &NodeMachine,
    step: &Step,
    context: &StepContext<'_>,
) -> Result<(), DriverError> {
    let (scope, node) = (context.scope, &step.address.name);
    if step.action == Action::Replace {
        remove(paths, node, context)?;
    }
    let folder = record::folder(&paths.machines, scope, node);
    let before = match record::look(&folder, scope) {
        Found::Foreign(found) => return Err(DriverError::new(found).kind(ErrorKind::Refused)),
        Found::Ours(record) => Some(record.spec),
        Found::Nothing | Found::Empty => None,
    };
    if !before.is_some_and(|before| changes_in_place(&before, spec)) {
        context.doing("stopping its processes");
        tags::end_all(&step.address, context)?;
    }
    let mut record = Record {
        owner: scope.id,
        spec: spec.clone(),
        generation: context.generation,
        digest: None,
    };
    record::write(&folder, &record)?;
    context.check_interrupted()?;
    context.doing("starting its supervisor");
    let ran = Containers::first_process(scope, node).is_some();
    start(paths, spec, step, context)?;
    let linked = link(node, spec, context)?;
    tell_hosts(node, spec, scope)?;
    // What the link carried was lost with it, and programs that cannot do without have been put
    // off longer and longer. A kubelet started anew starts them at once, and touches no other.
    health::start_services(scope, node, ran && linked)?;
    wait_for_runtime(node, context)?;
    record.digest = Some(step.inputs.clone());
    record::write(&folder, &record)
}

/// Starts the machine unless it runs. A launcher that lost its `steading` goes on: it is awaited.
fn start(
    paths: &HostPaths,
    spec: &NodeMachine,
    step: &Step,
    context: &StepContext<'_>,
) -> Result<(), DriverError> {
    let (scope, node) = (context.scope, &step.address.name);
    let pause = Duration::from_millis(50);
    context.wait("its supervisor", START_LIMIT, pause, || {
        let started = launch::start(paths, spec, step, context)?;
        let runs = Containers::first_process(scope, node).is_some();
        Ok(if started == launch::Start::Done || runs {
            Poll::Ready(())
        } else {
            Poll::Pending("an earlier start has not come to its end".to_owned())
        })
    })
}

/// Whether a running machine becomes the other without being started anew. Sizes, addresses and
/// the container runtime's configuration are read at the start only; names of other nodes are not.
fn changes_in_place(before: &NodeMachine, after: &NodeMachine) -> bool {
    let mut before = before.clone();
    before.hosts.clone_from(&after.hosts);
    before == *after
}

/// Brings a running machine's list of nodes up to date.
fn tell_hosts(node: &Name, spec: &NodeMachine, scope: &Scope) -> Result<(), DriverError> {
    let (path, wanted) = (Path::new("/etc/hosts"), seed::hosts(spec));
    if Containers.read(scope, node, path)?.as_deref() == Some(wanted.as_bytes()) {
        return Ok(());
    }
    Containers.write(scope, node, path, wanted.as_bytes(), 0o644)
}

/// Links the machine to its network; answers whether the link had to be made.
fn link(node: &Name, spec: &NodeMachine, context: &StepContext<'_>) -> Result<bool, DriverError> {
    let scope = context.scope;
    let failed = |cause: String| {
        DriverError::new(format!("linking {node} to network {}", spec.network)).caused_by(cause)
    };
    let network = Address::new(Kind::Network, spec.network.clone());
    let processes = tags::find(scope);
    let holder = processes
        .get(&network)
        .and_then(|found| found.first())
        .ok_or_else(|| failed("the network does not exist".to_owned()))?;
    let machine = Containers::first_process(scope, node)
        .ok_or_else(|| failed("the machine has ended".to_owned()))?;
    context.doing("linking it to its network");
    network::attach(scope, node, spec, holder.pid, machine).map_err(failed)
}

/// Waits until the container runtime answers: what comes next needs it.
fn wait_for_runtime(node: &Name, context: &StepContext<'_>) -> Result<(), DriverError> {
    let ask = MachineCommand::new(["ctr", "version"], Duration::from_secs(5));
    let pause = Duration::from_millis(50);
    context.wait("containerd", RUNTIME_LIMIT, pause, || {
        match Containers.run(context.scope, node, &ask, &mut |_| {}) {
            Ok(output) if output.ok() => return Ok(Poll::Ready(())),
            // On a slow host the first answers take longer than one call may.
            Err(error) if error.kind != ErrorKind::TimedOut => return Err(error),
            Ok(_) | Err(_) => {}
        }
        let why = health::last_error(context.scope, node, "containerd");
        Ok(Poll::Pending(why.unwrap_or_else(|| {
            "its socket does not answer yet".to_owned()
        })))
    })
}

/// Removes a machine with all that belongs to it: processes, and with them its namespaces, mounts
/// and link; control groups; and its folder last, by which a later call finds what is left.
pub(super) fn remove(
    paths: &HostPaths,
    node: &Name,
    context: &StepContext<'_>,
) -> Result<(), DriverError> {
    let scope = context.scope;
    context.doing("stopping its processes");
    tags::end_all(&Address::new(Kind::Machine, node.clone()), context)?;
    let folder = record::folder(&paths.machines, scope, node);
    // Its control groups carry no tag: they are whose the folder is.
    if let Found::Foreign(found) = record::look(&folder, scope) {
        return Err(DriverError::new(found).kind(ErrorKind::Refused));
    }
    cgroup::remove_node(scope, node).map_err(|error| {
        DriverError::new(format!("removing the control groups of {node}")).caused_by(error)
    })?;
    context.doing("removing its disk");
    record::remove(&folder, scope)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_neighbour_restarts_nothing_and_a_new_size_does() {
        let before: NodeMachine = serde_json::from_value(serde_json::json!({
            "host": "h", "machine": { "container": { "cpu": 1, "memory": "1Gi" } },
            "image": "00", "network": "lab", "address": "10.0.0.2/24", "gateway": "10.0.0.1",
            "mtu": 1500, "pod_mtu": 1450, "pods": "10.244.0.0/16", "hosts": { "a": "10.0.0.2" }
        }))
        .unwrap();
        let mut neighbour = before.clone();
        neighbour
            .hosts
            .insert("b".parse().unwrap(), "10.0.0.3".parse().unwrap());
        assert!(changes_in_place(&before, &neighbour));
        let mut larger = before.clone();
        larger.machine = model::lab::Machine::Container(model::lab::ContainerMachine {
            cpu: 2,
            memory: model::quantity::Bytes::mebi(1024),
        });
        assert!(!changes_in_place(&before, &larger));
    }
}
