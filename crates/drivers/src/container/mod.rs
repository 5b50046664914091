//! Container machines, the networks among them, and the forwarders that lead to them.
//!
//! A machine is a process namespace whose process 1 is a supervisor out of the node image. All of
//! a machine lies in one folder; all of a lab lies below one control group; nothing else of this
//! host is touched. What exists is found by looking: at the folders' records and at the tags in
//! the environments of processes.

mod cgroup;
mod disk;
mod forward;
mod health;
mod host;
mod host_link;
mod inside;
mod launch;
mod machine;
mod mounts;
mod network;
mod power;
mod preflight;
mod record;
mod router;
mod see;
mod seed;
mod shown;
mod store;
mod tags;
mod trouble;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use driver::{Driver, DriverError, Precheck, Refusal, Scope, StepContext};
use model::inventory::Observed;
use model::name::Name;
use model::plan::{Action, Generation, Step};
use model::resource::{Address, Kind, NodeMachine, Resource, Spec};
use model::trouble::Trouble;

pub use inside::Containers;
pub use power::How;
pub use seed::log_file;
pub use trouble::InForce;

use crate::{Forwards, HostPaths};
use record::Found;

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

    /// What keeps these machines, all of them together, from being made on this host, if anything.
    /// Changes nothing. A run asks for all of its new ones before it makes anything, and says how
    /// many of them are to be control planes; `precheck` asks the same for one machine, which does
    /// not know that.
    #[must_use]
    pub fn preflight(&self, machines: &[&NodeMachine], planes: u64) -> Option<Refusal> {
        preflight::refusal(&self.paths, machines, planes)
    }

    /// Switches a host of a replica off: its machines and links are gone at once, or after its pods
    /// were ended. It stays off until [`Self::switch_on`], whatever runs in between.
    ///
    /// # Errors
    /// Where the replica has no such host, or its processes do not end.
    pub fn switch_off(
        &self,
        host: &Name,
        how: How,
        now: jiff::Timestamp,
        context: &StepContext<'_>,
    ) -> Result<(), DriverError> {
        power::off(&self.paths, host, how, now, context)
    }

    /// The hosts of a replica whose switches are off: a look that costs nothing.
    #[must_use]
    pub fn switched_off(&self, scope: &Scope) -> BTreeSet<Name> {
        let lab = record::lab_folder(&self.paths.machines, scope);
        power::all_off(&lab, scope).into_iter().collect()
    }

    /// Switches a host of a replica on: the next run starts it. Answers whether it was off.
    ///
    /// # Errors
    /// Where its switch cannot be turned.
    pub fn switch_on(&self, host: &Name, scope: &Scope) -> Result<bool, DriverError> {
        power::on(&self.paths, host, scope)
    }

    /// Makes something go wrong in a replica, until [`Self::end_trouble`], whatever runs in between.
    ///
    /// # Errors
    /// Where the replica is not up, or something cannot be changed.
    pub fn begin_trouble(
        &self,
        trouble: &Trouble,
        now: jiff::Timestamp,
        context: &StepContext<'_>,
    ) -> Result<(), DriverError> {
        trouble::begin(&self.paths, trouble, now, context)
    }

    /// Ends a trouble; answers whether it was in force.
    ///
    /// # Errors
    /// Where something cannot be changed.
    pub fn end_trouble(
        &self,
        trouble: &Trouble,
        context: &StepContext<'_>,
    ) -> Result<bool, DriverError> {
        trouble::end(&self.paths, trouble, context)
    }

    /// Ends all troubles of a replica.
    ///
    /// # Errors
    /// Where something cannot be changed.
    pub fn end_troubles(&self, context: &StepContext<'_>) -> Result<(), DriverError> {
        trouble::end_all(&self.paths, context)
    }

    /// The troubles of a replica that are in force: a look that costs nothing.
    #[must_use]
    pub fn troubles(&self, scope: &Scope) -> Vec<InForce> {
        let lab = record::lab_folder(&self.paths.machines, scope);
        trouble::all(&lab, scope)
    }

    fn folder(&self, scope: &Scope, node: &Name) -> std::path::PathBuf {
        record::folder(&self.paths.machines, scope, node)
    }

    fn apply_network(&self, step: &Step, context: &StepContext<'_>) -> Result<(), DriverError> {
        let scope = context.scope;
        let processes = tags::find(scope);
        let held = processes.get(&step.address).map_or(&[][..], Vec::as_slice);
        if see::network(held).is_some_and(|seen| see::is_done(&seen, &step.inputs)) {
            return Ok(());
        }
        tags::end_all(&step.address, context)?;
        network::start(&self.paths, step, context)
    }

    fn apply_forward(&self, step: &Step, context: &StepContext<'_>) -> Result<(), DriverError> {
        let scope = context.scope;
        let processes = tags::find(scope);
        let found = processes.get(&step.address).map_or(&[][..], Vec::as_slice);
        let good = see::forward(found).is_some_and(|seen| see::is_done(&seen, &step.inputs));
        if good && found.len() == 1 {
            return Ok(());
        }
        tags::end_all(&step.address, context)?;
        forward::start(&self.paths, step, context)
    }

    /// The latest generation that wrote what stands at that address.
    fn written_by(&self, address: &Address, scope: &Scope) -> Generation {
        let processes = tags::find(scope).remove(address).unwrap_or_default();
        let started = processes.iter().map(tags::Tagged::generation).max();
        let recorded = match record::look(&self.folder(scope, &address.name), scope) {
            Found::Ours(record) if address.kind == Kind::Machine => Some(record.generation),
            _ => None,
        };
        started.max(recorded).unwrap_or_default()
    }

    /// Takes away what the lab's processes share, once the last of them is gone.
    fn let_go(&self, scope: &Scope) -> Result<(), DriverError> {
        let in_use = tags::find(scope)
            .keys()
            .any(|address| address.kind != Kind::Machine);
        if in_use {
            return Ok(());
        }
        cgroup::remove_lab(scope)
            .map_err(|e| DriverError::new("removing the lab's control group").caused_by(e))
    }
}

impl Driver for ContainerDriver {
    fn kinds(&self) -> &'static [Kind] {
        &[
            Kind::Network,
            Kind::Router,
            Kind::Host,
            Kind::Machine,
            Kind::Forward,
        ]
    }

    fn observe(
        &self,
        scope: &Scope,
        wanted: &[&Resource],
    ) -> Result<BTreeMap<Address, Observed>, DriverError> {
        Ok(see::all(&self.paths.machines, scope, wanted))
    }

    fn precheck(&self, step: &Step, context: &StepContext<'_>) -> Result<Precheck, DriverError> {
        if let Some(refusal) = preflight::not_root() {
            return Ok(Precheck::Refused(refusal));
        }
        let scope = context.scope;
        if step.address.kind == Kind::Machine {
            let folder = self.folder(scope, &step.address.name);
            if let Found::Foreign(found) = record::look(&folder, scope) {
                return Ok(Precheck::Refused(foreign(found, &folder)));
            }
        }
        let wrote = self.written_by(&step.address, scope);
        if let Some(refusal) = driver::superseded(wrote, context) {
            return Ok(Precheck::Refused(refusal));
        }
        let runs = || Containers::first_process(scope, &step.address.name).is_some();
        if step.action != Action::Create && (step.address.kind != Kind::Machine || runs()) {
            return Ok(Precheck::Ready);
        }
        let seen = self.observe(scope, &[&step.resource])?;
        if let Some(found) = seen.get(&step.address)
            && see::is_done(found, &step.inputs)
        {
            return Ok(Precheck::Done);
        }
        let refusal = match &step.resource.spec {
            Spec::Machine(spec) => self.preflight(&[spec], 0),
            _ => self.preflight(&[], 0),
        };
        Ok(refusal.map_or(Precheck::Ready, Precheck::Refused))
    }

    fn apply(&self, step: &Step, context: &StepContext<'_>) -> Result<(), DriverError> {
        match &step.resource.spec {
            Spec::Network(_) => self.apply_network(step, context),
            Spec::Router(spec) => router::apply(&self.paths, spec, step, context),
            Spec::Host(spec) => host::apply(&self.paths, spec, step, context),
            Spec::Machine(spec) => machine::apply(&self.paths, spec, step, context),
            Spec::Forward(_) => self.apply_forward(step, context),
            _ => Err(DriverError::new(format!(
                "{} is not of this driver",
                step.address
            ))),
        }
    }

    fn teardown(&self, step: &Step, context: &StepContext<'_>) -> Result<(), DriverError> {
        let (scope, name) = (context.scope, &step.address.name);
        if step.address.kind == Kind::Machine {
            return machine::remove(&self.paths, name, context);
        }
        tags::end_all(&step.address, context)?;
        // Before the last trace by which a later call would know that there is something left.
        self.let_go(scope)?;
        let lab = record::lab_folder(&self.paths.machines, scope);
        if step.address.kind == Kind::Host {
            // The switch before the mark: a host that is seen no more has none.
            power::on(&self.paths, name, scope)?;
            let _ = fs::remove_file(record::mark(&lab, scope, Kind::Host, name));
        }
        trouble::forget_of(&lab, scope, &step.address)?;
        if step.address.kind == Kind::Router {
            let _ = fs::remove_file(record::mark(&lab, scope, Kind::Router, name));
        }
        if step.address.kind == Kind::Network {
            // Before the mark, by which a later call knows that something is left.
            record::remove_shared(&lab, scope).map_err(|error| {
                DriverError::new("removing what the machines shared").caused_by(error)
            })?;
            let _ = fs::remove_file(record::mark(&lab, scope, Kind::Network, name));
            record::remove_unfinished(&lab, scope);
            // Both may be in use by others still: the last one takes them along.
            let _ = fs::remove_dir(&lab);
            let _ = fs::remove_dir(&self.paths.machines);
        }
        Ok(())
    }
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
        ["machine-init", node, folder, image, group, shared @ ..] => {
            let place = mounts::Place {
                folder: Path::new(folder),
                image: Path::new(image),
                group,
                shared: shared.first().map(Path::new),
            };
            Err(launch::init(node, &place))
        }
        ["network"] => network::holder(),
        ["host"] => host::holder(),
        ["router"] => router::launcher(),
        ["router-init"] => Err(router::init()),
        ["router-uplink", first] => Err(router::uplink(first)),
        ["forward"] => forward::serve(),
        _ => return None,
    })
}
