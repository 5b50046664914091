//! Making, changing, mending and removing a machine.

use std::path::Path;
use std::time::Duration;

use driver::{DriverError, ErrorKind, MachineCommand, Machines as _, Poll, Scope, StepContext};
use model::digest::Digest;
use model::name::Name;
use model::plan::{Action, Step};
use model::resource::{Address, Kind, NodeMachine};

use super::inside::Containers;
use super::record::{self, Found, Record};
use super::{cgroup, health, launch, network, power, seed, store, tags, trouble};
use crate::{HostPaths, durable, image};

/// How long a machine may take until its supervisor runs.
const START_LIMIT: Duration = Duration::from_secs(30);
/// How long container images may take to be unpacked.
const UNPACK_LIMIT: Duration = Duration::from_secs(300);
/// Names the image whose container images were unpacked last in a machine that runs.
const UNPACKED: &str = "unpacked";
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
        Found::Ours(record) => Some(*record),
        Found::Nothing | Found::Empty => None,
    };
    has_power(paths, spec, scope)?;
    let base = before.as_ref().map_or(&spec.image, Record::base).clone();
    if !before.is_some_and(|before| changes_in_place(&before.spec, spec)) {
        context.doing("stopping its processes");
        tags::end_all(&step.address, context)?;
    }
    let mut record = Record {
        owner: scope.id,
        spec: spec.clone(),
        base: Some(base.clone()),
        generation: context.generation,
        digest: None,
    };
    record::write(&folder, &record)?;
    context.check_interrupted()?;
    context.doing("starting its supervisor");
    let ran = Containers::first_process(scope, node).is_some();
    start(paths, (spec, &base), step, context)?;
    if let Err(off) = has_power(paths, spec, scope) {
        // It was switched off while this started, and may not have been seen by who did that.
        tags::end_all(&step.address, context)?;
        return Err(off);
    }
    let linked = link(node, spec, context)?;
    tell_hosts(node, spec, scope)?;
    // What the link carried was lost with it, and programs that cannot do without have been put
    // off longer and longer. A kubelet started anew starts them at once, and touches no other.
    health::start_services(scope, node, ran && linked)?;
    wait_for_runtime(node, context)?;
    if base != spec.image {
        stage(paths, &spec.image, &folder, node, context)?;
    }
    // Last: with a full disk nothing of the above could be done.
    let lab = record::lab_folder(&paths.machines, scope);
    trouble::settle_machine(&lab, scope, node, spec)?;
    record.digest = Some(step.inputs.clone());
    record::write(&folder, &record)
}

/// Refuses to start a machine inside of a host that is switched off.
fn has_power(paths: &HostPaths, spec: &NodeMachine, scope: &Scope) -> Result<(), DriverError> {
    let lab = record::lab_folder(&paths.machines, scope);
    if spec.inside_host && power::switched_off(&lab, scope, &spec.host).is_some() {
        return Err(
            DriverError::new(format!("host {} is switched off", spec.host))
                .kind(ErrorKind::Refused)
                .hint(format!("steading on {}", spec.host)),
        );
    }
    Ok(())
}

/// Starts the machine unless it runs. A launcher that lost its `steading` goes on: it is awaited.
/// So is the moment at which a supervisor that has just become one shows its tag.
fn start(
    paths: &HostPaths,
    made: (&NodeMachine, &Digest),
    step: &Step,
    context: &StepContext<'_>,
) -> Result<(), DriverError> {
    let (scope, node) = (context.scope, &step.address.name);
    let pause = Duration::from_millis(50);
    context.wait("its supervisor", START_LIMIT, pause, || {
        let started = launch::start(paths, made, step, context)?;
        let why = match started {
            _ if Containers::first_process(scope, node).is_some() => return Ok(Poll::Ready(())),
            launch::Start::Done => "it does not show itself yet",
            launch::Start::Held => "an earlier start has not come to its end",
        };
        Ok(Poll::Pending(why.to_owned()))
    })
}

/// Lays the programs and container images of a newer image into a machine that runs: for the
/// upgrade of its node, or for what has come to run in its cluster. Its file system stays on the
/// image that it was made from.
fn stage(
    paths: &HostPaths,
    image: &Digest,
    folder: &Path,
    node: &Name,
    context: &StepContext<'_>,
) -> Result<(), DriverError> {
    let failed = |error: std::io::Error| {
        DriverError::new(format!("bringing the newer image into {node}")).caused_by(error)
    };
    let source = image::image_folder(&paths.images, image);
    let version = image::kubernetes_in(&source).ok_or_else(|| {
        failed(std::io::Error::other(format!(
            "there is no image at {}",
            source.display()
        )))
    })?;
    // The one folder of a machine that is no overlay: links work, and it is seen at once.
    let inside = image::staged(&version);
    let place = folder.join(inside.trim_start_matches("/var/lib/"));
    context.doing(format!("bringing the programs of Kubernetes {version}"));
    store::share(&source.join("rootfs/usr/local/bin"), &place).map_err(failed)?;
    let unpacked = place.join(UNPACKED);
    let digest = image.to_string();
    if std::fs::read_to_string(&unpacked).is_ok_and(|of| of == digest) {
        return Ok(());
    }
    let archive = place.join(image::ARCHIVE);
    // One of another image of the same version.
    let _ = std::fs::remove_file(&archive);
    std::fs::hard_link(source.join(image::ARCHIVE), &archive).map_err(failed)?;
    context.doing(format!(
        "unpacking the container images of Kubernetes {version}"
    ));
    let archive = format!("{inside}/{}", image::ARCHIVE);
    let import = ["ctr", "--namespace", "k8s.io", "images", "import", &archive];
    let command = MachineCommand::new(import, UNPACK_LIMIT);
    let output = Containers.run(context.scope, node, &command, &mut |_| {})?;
    if output.ok() {
        return durable::write(&unpacked, digest.as_bytes(), 0o644).map_err(failed);
    }
    let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    Err(failed(std::io::Error::other(said)))
}

/// Whether a running machine becomes the other without being started anew. Sizes, addresses and
/// the container runtime's configuration are read at the start only; names of other nodes are not,
/// and a newer image is laid into it.
fn changes_in_place(before: &NodeMachine, after: &NodeMachine) -> bool {
    let mut before = before.clone();
    before.hosts.clone_from(&after.hosts);
    before.image.clone_from(&after.image);
    before.system.clone_from(&after.system);
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
    let processes = tags::find(scope);
    let holder = |address: &Address| Some(processes.get(address)?.first()?.pid);
    let socket = network::Socket::of(scope, spec, holder)
        .ok_or_else(|| failed("the network does not exist".to_owned()))?;
    let machine = Containers::first_process(scope, node)
        .ok_or_else(|| failed("the machine has ended".to_owned()))?;
    context.doing("linking it to its network");
    network::attach(scope, node, spec, &socket, machine).map_err(failed)
}

/// Whether the container runtime answers, with the service that kubelet needs; started anew where
/// it could not load that, for what it lacked may be there now. A constant; the folder of services
/// is a parameter.
const RUNTIME: &str = r#"ctr version > /dev/null || exit 1
ctr plugins ls | awk '$2 == "cri" && $NF != "ok" { exit 1 }' || { s6-svc -r "$1/containerd"; exit 1; }"#;

/// Waits until the container runtime answers: what comes next needs it.
fn wait_for_runtime(node: &Name, context: &StepContext<'_>) -> Result<(), DriverError> {
    let argv = ["sh", "-c", RUNTIME, "runtime", seed::SERVICES];
    let ask = MachineCommand::new(argv, Duration::from_secs(5));
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
    let address = Address::new(Kind::Machine, node.clone());
    let processes = tags::find(scope).remove(&address).unwrap_or_default();
    let told = processes
        .iter()
        .find_map(tags::Tagged::group)
        .map(str::to_owned);
    tags::end_all(&address, context)?;
    let folder = record::folder(&paths.machines, scope, node);
    // Its control groups carry no tag: they are whose the folder is.
    let group = match record::look(&folder, scope) {
        Found::Foreign(found) => return Err(DriverError::new(found).kind(ErrorKind::Refused)),
        Found::Ours(record) => Some(cgroup::node_cgroup(scope, node, &record.spec)),
        // What never ran has never entered any.
        Found::Nothing | Found::Empty => told,
    };
    if let Some(group) = group {
        cgroup::remove_node(&group).map_err(|error| {
            DriverError::new(format!("removing the control groups of {node}")).caused_by(error)
        })?;
    }
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
