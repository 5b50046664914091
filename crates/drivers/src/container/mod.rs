//! Container machines, the networks among them, and the forwarders that lead to them.
//!
//! A machine is a process namespace whose process 1 is a supervisor out of the node image. All of
//! a machine lies in one folder; all of a lab lies below one control group; nothing else of this
//! host is touched. What exists is found by looking: at the folders' records and at the tags in
//! the environments of processes.

mod cgroup;
mod forward;
mod health;
mod inside;
mod launch;
mod mounts;
mod network;
mod preflight;
mod record;
mod seed;
mod shown;
mod store;
mod tags;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::Duration;

use driver::{Driver, DriverError, ErrorKind, Poll, Precheck, Refusal, Scope, StepContext};
use model::digest::Digest;
use model::inventory::{Observed, Presence, Remedy};
use model::name::Name;
use model::plan::{Action, Step};
use model::resource::{Address, Forwarder, Kind, NodeMachine, NodeNetwork, Resource, Spec};

pub use cgroup::node_cgroup;
pub use inside::Containers;
pub use seed::log_file;

use crate::{Forwards, HostPaths};
use record::{Found, Record};
use tags::Tagged;

/// The driver of networks, container machines and forwarders.
pub struct ContainerDriver {
    paths: HostPaths,
}

impl ContainerDriver {
    /// A driver that keeps machines in these places.
    #[must_use]
    pub const fn new(paths: HostPaths) -> Self {
        Self { paths }
    }

    fn folder(&self, scope: &Scope, node: &Name) -> std::path::PathBuf {
        record::folder(&self.paths.machines, scope, node)
    }

    /// Names of all machine folders of the lab.
    fn folders(&self, scope: &Scope) -> Vec<Name> {
        let lab = record::lab_folder(&self.paths.machines, scope);
        let Ok(entries) = fs::read_dir(lab) else {
            return Vec::new();
        };
        entries
            .flatten()
            .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
            .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
            .collect()
    }

    fn see_machine(&self, scope: &Scope, node: &Name, processes: &[Tagged]) -> Option<Observed> {
        let record = match record::look(&self.folder(scope, node), scope) {
            Found::Nothing => return None,
            Found::Foreign(found) => return Some(Observed::foreign(found)),
            Found::Ours(record) => *record,
        };
        let seen = Observed::ours(
            record.digest.clone(),
            Some(Spec::Machine(record.spec.clone())),
        );
        let Some(first) = processes.iter().find(|process| process.first) else {
            return Some(seen.fault("it does not run", None, Remedy::Repair));
        };
        let seen = seen
            .fact("pid", first.pid.to_string())
            .fact("address", record.spec.address.addr().to_string());
        Some(health::examine(seen, scope, node, &record.spec))
    }

    fn apply_network(
        &self,
        name: &Name,
        spec: &NodeNetwork,
        step: &Step,
        context: &StepContext<'_>,
    ) -> Result<(), DriverError> {
        let scope = context.scope;
        let processes = tags::find(scope);
        let held = processes.get(&step.address).map_or(&[][..], Vec::as_slice);
        let good = held.iter().any(|process| {
            process.digest().as_ref() == Some(&step.inputs)
                && network::fault(process.pid, spec).is_none()
        });
        if good {
            return Ok(());
        }
        end_all(scope, &step.address, held)?;
        self.wait_gone(context, &step.address)?;
        network::start(&self.paths, scope, name, spec, &step.inputs)
    }

    fn apply_machine(
        &self,
        node: &Name,
        spec: &NodeMachine,
        step: &Step,
        context: &StepContext<'_>,
    ) -> Result<(), DriverError> {
        let scope = context.scope;
        if step.action == Action::Replace {
            self.remove_machine(node, context)?;
        }
        let folder = self.folder(scope, node);
        let before = match record::look(&folder, scope) {
            Found::Foreign(found) => return Err(DriverError::new(found).kind(ErrorKind::Refused)),
            Found::Ours(record) => Some(record.spec),
            Found::Nothing => None,
        };
        if before.as_ref() != Some(spec) {
            // Sizes and names are read at the start only.
            context.doing("stopping its processes");
            self.stop_machine(node, context)?;
        }
        let mut record = Record {
            owner: scope.id,
            spec: spec.clone(),
            digest: None,
        };
        record::write(&folder, &record)?;
        context.doing("starting its supervisor");
        launch::start(&self.paths, scope, node, spec, &step.inputs)?;
        cgroup::resize(scope, node, launch::size(spec)).map_err(|e| {
            DriverError::new("setting the limits of its control groups").caused_by(e)
        })?;
        self.link(node, spec, context)?;
        health::start_services(scope, node)?;
        wait_for_runtime(node, context)?;
        record.digest = Some(step.inputs.clone());
        record::write(&folder, &record)
    }

    fn link(
        &self,
        node: &Name,
        spec: &NodeMachine,
        context: &StepContext<'_>,
    ) -> Result<(), DriverError> {
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

    /// Ends the processes of a machine; its disk stays.
    fn stop_machine(&self, node: &Name, context: &StepContext<'_>) -> Result<(), DriverError> {
        let address = Address::new(Kind::Machine, node.clone());
        let processes = tags::find(context.scope);
        let found = processes.get(&address).map_or(&[][..], Vec::as_slice);
        end_all(context.scope, &address, found)?;
        self.wait_gone(context, &address)
    }

    fn remove_machine(&self, node: &Name, context: &StepContext<'_>) -> Result<(), DriverError> {
        self.stop_machine(node, context)?;
        cgroup::remove_node(context.scope, node).map_err(|error| {
            DriverError::new(format!("removing the control groups of {node}")).caused_by(error)
        })?;
        context.doing("removing its disk");
        record::remove(&self.folder(context.scope, node), context.scope)
    }

    /// Waits until no process stands for the address any more.
    fn wait_gone(&self, context: &StepContext<'_>, address: &Address) -> Result<(), DriverError> {
        let limit = Duration::from_secs(20);
        context.wait(
            "its processes to end",
            limit,
            Duration::from_millis(20),
            || {
                let left = tags::find(context.scope)
                    .remove(address)
                    .unwrap_or_default();
                Ok(match left.first() {
                    None => Poll::Ready(()),
                    Some(process) => {
                        Poll::Pending(format!("{} (pid {})", process.name, process.pid))
                    }
                })
            },
        )
    }
}

/// Waits until the container runtime answers: what comes next needs it.
fn wait_for_runtime(node: &Name, context: &StepContext<'_>) -> Result<(), DriverError> {
    use driver::{MachineCommand, Machines as _};
    let limit = Duration::from_secs(60);
    let ask = MachineCommand::new(["ctr", "version"], Duration::from_secs(5));
    context.wait("containerd", limit, Duration::from_millis(100), || {
        let output = Containers.run(context.scope, node, &ask, &mut |_| {})?;
        Ok(if output.ok() {
            Poll::Ready(())
        } else {
            Poll::Pending("its socket does not answer yet".to_owned())
        })
    })
}

fn end_all(scope: &Scope, address: &Address, processes: &[Tagged]) -> Result<(), DriverError> {
    for process in processes {
        tags::end(scope, address, process).map_err(|errno| {
            DriverError::new(format!("ending {} (pid {})", process.name, process.pid))
                .caused_by(errno)
        })?;
    }
    Ok(())
}

fn see_network(processes: &[Tagged], wanted: Option<&NodeNetwork>) -> Option<Observed> {
    let holder = processes.first()?;
    if holder.name != "sleep" {
        return Some(Observed::ours(None, None));
    }
    let seen = Observed::ours(holder.digest(), None).fact("pid", holder.pid.to_string());
    Some(
        match wanted.and_then(|spec| network::fault(holder.pid, spec)) {
            Some(what) => seen.fault(what, None, Remedy::Repair),
            None => seen,
        },
    )
}

fn see_forward(processes: &[Tagged]) -> Option<Observed> {
    let forwarder = processes.first()?;
    let mut seen = Observed::ours(forwarder.digest(), None).fact("pid", forwarder.pid.to_string());
    match forwarder.port() {
        Some(port) if forward::listens(port) => {
            seen = seen
                .fact("port", port.to_string())
                .fact("url", format!("http://127.0.0.1:{port}"));
        }
        _ => seen = seen.fault("it does not listen", None, Remedy::Repair),
    }
    Some(seen)
}

impl Driver for ContainerDriver {
    fn kinds(&self) -> &'static [Kind] {
        &[Kind::Network, Kind::Machine, Kind::Forward]
    }

    fn observe(
        &self,
        scope: &Scope,
        wanted: &[&Resource],
    ) -> Result<BTreeMap<Address, Observed>, DriverError> {
        let processes = tags::find(scope);
        let of = |address: &Address| processes.get(address).map_or(&[][..], Vec::as_slice);
        let wanted: BTreeMap<&Address, &Spec> = wanted
            .iter()
            .map(|resource| (&resource.address, &resource.spec))
            .collect();
        let mut seen = BTreeMap::new();
        for address in processes
            .keys()
            .filter(|address| address.kind != Kind::Machine)
        {
            let network = match wanted.get(address) {
                Some(Spec::Network(spec)) => Some(spec),
                _ => None,
            };
            let found = match address.kind {
                Kind::Network => see_network(of(address), network),
                _ => see_forward(of(address)),
            };
            seen.extend(found.map(|found| (address.clone(), found)));
        }
        // Looking into a machine takes some milliseconds each: look into all at once.
        std::thread::scope(|threads| {
            let looks: Vec<_> = self
                .folders(scope)
                .into_iter()
                .map(|node| {
                    let address = Address::new(Kind::Machine, node.clone());
                    let processes = of(&address);
                    (
                        address,
                        threads.spawn(move || self.see_machine(scope, &node, processes)),
                    )
                })
                .collect();
            for (address, look) in looks {
                let found = look.join().unwrap_or_else(|_| {
                    Some(Observed::unseen("looking at it failed unexpectedly"))
                });
                seen.extend(found.map(|found| (address, found)));
            }
        });
        Ok(seen)
    }

    fn precheck(&self, step: &Step, context: &StepContext<'_>) -> Result<Precheck, DriverError> {
        let scope = context.scope;
        if step.address.kind == Kind::Machine {
            let folder = self.folder(scope, &step.address.name);
            if let Found::Foreign(found) = record::look(&folder, scope) {
                return Ok(Precheck::Refused(foreign(found, &folder)));
            }
        }
        if let (Action::Create, Some(refusal)) = (step.action, preflight::refusal(&self.paths)) {
            return Ok(Precheck::Refused(refusal));
        }
        if step.action == Action::Create {
            let seen = self.observe(scope, &[&step.resource])?;
            if let Some(found) = seen.get(&step.address) {
                if is_done(found, &step.inputs) {
                    return Ok(Precheck::Done);
                }
            }
        }
        Ok(Precheck::Ready)
    }

    fn apply(&self, step: &Step, context: &StepContext<'_>) -> Result<(), DriverError> {
        let name = &step.address.name;
        match &step.resource.spec {
            Spec::Network(spec) => self.apply_network(name, spec, step, context),
            Spec::Machine(spec) => self.apply_machine(name, spec, step, context),
            Spec::Forward(spec) => self.apply_forward(name, spec, step, context),
            _ => Err(DriverError::new(format!(
                "{} is not of this driver",
                step.address
            ))),
        }
    }

    fn teardown(&self, step: &Step, context: &StepContext<'_>) -> Result<(), DriverError> {
        let (scope, name) = (context.scope, &step.address.name);
        if step.address.kind == Kind::Machine {
            return self.remove_machine(name, context);
        }
        let processes = tags::find(scope);
        let found = processes.get(&step.address).map_or(&[][..], Vec::as_slice);
        end_all(scope, &step.address, found)?;
        self.wait_gone(context, &step.address)?;
        let lab = record::lab_folder(&self.paths.machines, scope);
        if step.address.kind == Kind::Network {
            // Both may be in use by others still: the last one takes them along.
            let _ = fs::remove_file(lab.join(format!("network-{name}.lock")));
            let _ = fs::remove_dir(&lab);
            let _ = fs::remove_dir(&self.paths.machines);
        }
        if tags::find(scope)
            .keys()
            .all(|address| address.kind == Kind::Machine)
        {
            cgroup::remove_lab(scope)
                .map_err(|e| DriverError::new("removing the lab's control group").caused_by(e))?;
        }
        Ok(())
    }
}

impl ContainerDriver {
    fn apply_forward(
        &self,
        name: &Name,
        spec: &Forwarder,
        step: &Step,
        context: &StepContext<'_>,
    ) -> Result<(), DriverError> {
        let scope = context.scope;
        let processes = tags::find(scope);
        let found = processes.get(&step.address).map_or(&[][..], Vec::as_slice);
        let good = see_forward(found).is_some_and(|seen| is_done(&seen, &step.inputs));
        if good && found.len() == 1 {
            return Ok(());
        }
        end_all(scope, &step.address, found)?;
        self.wait_gone(context, &step.address)?;
        forward::start(&self.paths, scope, name, spec, &step.inputs)
    }
}

fn is_done(seen: &Observed, inputs: &Digest) -> bool {
    let made =
        matches!(&seen.presence, Presence::Ours { made_from: Some(from), .. } if from == inputs);
    made && seen.faults.is_empty()
}

fn foreign(found: String, folder: &Path) -> Refusal {
    Refusal {
        found,
        hint: format!(
            "it is left as it is; give the node or the lab another name, or remove {} yourself",
            folder.display()
        ),
    }
}

impl Forwards for ContainerDriver {
    fn listening(&self, scope: &Scope) -> Result<BTreeMap<Name, u16>, DriverError> {
        Ok(tags::find(scope)
            .into_iter()
            .filter(|(address, _)| address.kind == Kind::Forward)
            .filter_map(|(address, found)| Some((address.name, found.first()?.port()?)))
            .filter(|(_, port)| forward::listens(*port))
            .collect())
    }
}

/// The work that this program is started again for, inside namespaces: `internal <verb> …`.
/// Answers the exit code; `None` for a verb that is not known here.
pub fn internal(arguments: &[String]) -> Option<Result<i32, String>> {
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    Some(match words.as_slice() {
        ["machine"] => launch::launcher(),
        ["machine-init", node, folder, image] => {
            Err(launch::init(node, Path::new(folder), Path::new(image)))
        }
        ["network"] => network::holder(),
        ["forward"] => forward::serve(),
        _ => return None,
    })
}
