//! The world itself: shared by all drivers, changed by effects only.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ::driver::{Cancel, DriverError, Registry};
use model::plan::{Generation, LabId};
use model::resource::{Address, Resource, Spec};

use crate::driver::SimDriver;
use crate::effect::Effect;
use crate::kind;
use crate::script::{Fault, Script};
use crate::state::{Part, Record, Snapshot, State};

/// A simulated world. Clones are the same world.
#[derive(Clone, Default)]
pub struct World(Arc<Mutex<Inner>>);

#[derive(Default)]
struct Inner {
    state: State,
    script: Script,
    /// How often each point was reached since the script was set.
    visits: BTreeMap<String, u64>,
    /// The points in the order in which they were passed.
    trace: Vec<String>,
    /// The run was killed: nothing of it has an effect any more.
    killed: bool,
}

/// The run was killed: what asked is a ghost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Killed;

impl World {
    /// An empty world.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Drivers of all kinds in this world, divided as the real ones are.
    #[must_use]
    pub fn registry(&self) -> Registry {
        Registry::new(
            kind::DRIVERS
                .iter()
                .map(|kinds| Arc::new(SimDriver::new(self.clone(), kinds)) as _)
                .collect(),
        )
    }

    /// Sets what goes wrong from now on, for a new run.
    pub fn run(&self, script: Script) {
        let mut inner = self.lock();
        inner.script = script;
        inner.killed = false;
        inner.visits.clear();
        inner.trace.clear();
    }

    /// Whether the run was killed.
    #[must_use]
    pub fn killed(&self) -> bool {
        self.lock().killed
    }

    /// The points that the run has passed, in order.
    #[must_use]
    pub fn trace(&self) -> Vec<String> {
        self.lock().trace.clone()
    }

    /// Passes a point that is no effect on the world, such as a line of a journal. Answers whether
    /// it was passed whole, or failed.
    ///
    /// # Errors
    /// Where the run is killed there or was before.
    pub fn pass(&self, point: &str) -> Result<bool, Killed> {
        let mut inner = self.lock();
        let fault = inner.reach(point)?;
        match fault {
            Some(Fault::KillBefore | Fault::KillDuring) => {
                inner.killed = true;
                Err(Killed)
            }
            Some(Fault::KillAfter) => {
                inner.trace.push(point.to_owned());
                inner.killed = true;
                Err(Killed)
            }
            Some(Fault::Fail | Fault::LostReply | Fault::Panic) => Ok(false),
            Some(Fault::Interrupt) | None => {
                inner.trace.push(point.to_owned());
                Ok(true)
            }
        }
    }

    /// Everything there is.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        self.lock().state.snapshot()
    }

    /// The parts that stand, as address and name, in order.
    #[must_use]
    pub fn parts(&self) -> Vec<(Address, &'static str)> {
        let inner = self.lock();
        let mut parts: Vec<_> = inner
            .state
            .parts
            .iter()
            .map(|part| (part.address.clone(), part.name))
            .collect();
        parts.sort();
        parts
    }

    /// Ends a part from outside, and all that cannot be without it: a process is killed, a disk
    /// fails, an object is deleted by somebody.
    pub fn end(&self, address: &Address, part: &str) {
        self.lock().state.end(address, part);
    }

    /// Puts a whole thing of that lab into the world, as if somebody else had made it.
    pub fn put(&self, lab: LabId, resource: &Resource) {
        let mut inner = self.lock();
        let address = &resource.address;
        let home = kind::home(address, &resource.spec);
        if let Spec::Member(member) = &resource.spec {
            inner.state.known.insert((lab, member.cluster.clone()));
        }
        for (name, home) in kind::parts(address, &resource.spec) {
            inner.state.parts.push(Part {
                owner: lab,
                address: address.clone(),
                name,
                whole: true,
                home,
                spec: resource.spec.clone(),
            });
        }
        inner.state.records.insert(
            address.clone(),
            Record {
                owner: lab,
                generation: Generation(0),
                spec: resource.spec.clone(),
                digest: Some(resource.digest()),
                home,
            },
        );
    }

    /// Deletes a whole thing, whoever's it is.
    pub fn vanish(&self, address: &Address) {
        let mut inner = self.lock();
        let names: Vec<&str> = inner
            .state
            .parts
            .iter()
            .filter(|part| part.address == *address)
            .map(|part| part.name)
            .collect();
        for name in names {
            inner.state.end(address, name);
        }
        inner.state.records.remove(address);
    }

    /// Members that left their cluster without their pods having been moved away.
    #[must_use]
    pub fn undrained(&self) -> Vec<Address> {
        self.lock().state.undrained.iter().cloned().collect()
    }

    /// Looks at the state.
    pub(crate) fn look<T>(&self, look: impl FnOnce(&State) -> T) -> T {
        look(&self.lock().state)
    }

    /// Notes what is no effect on anything that stands.
    pub(crate) fn note(&self, note: impl FnOnce(&mut State)) {
        let mut inner = self.lock();
        if !inner.killed {
            note(&mut inner.state);
        }
    }

    /// Has an effect, unless the script has something else in mind.
    pub(crate) fn perform(
        &self,
        address: &Address,
        effect: Effect,
        cancel: &Cancel,
    ) -> Result<(), DriverError> {
        let point = effect.point(address);
        let mut inner = self.lock();
        let ghost = |_| DriverError::new("the run was killed");
        let fault = inner.reach(&point).map_err(ghost)?;
        inner.trace.push(point.clone());
        match fault {
            None => effect.whole(address, &mut inner.state),
            Some(Fault::Interrupt) => {
                effect.whole(address, &mut inner.state);
                cancel.request();
            }
            Some(Fault::KillBefore) => return inner.kill(),
            Some(Fault::KillDuring) => {
                effect.half(address, &mut inner.state);
                return inner.kill();
            }
            Some(Fault::KillAfter) => {
                effect.whole(address, &mut inner.state);
                return inner.kill();
            }
            Some(Fault::Fail) => return Err(failed(&point, "no space left on device")),
            Some(Fault::LostReply) => {
                effect.whole(address, &mut inner.state);
                return Err(failed(&point, "connection reset by peer"));
            }
            Some(Fault::Panic) => {
                drop(inner);
                // `resume_unwind` and not `panic!`: nothing is printed.
                std::panic::resume_unwind(Box::new(format!("a mistake at {point}")));
            }
        }
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn failed(point: &str, cause: &str) -> DriverError {
    DriverError::new(point).caused_by(cause)
}

impl Inner {
    fn reach(&mut self, point: &str) -> Result<Option<Fault>, Killed> {
        if self.killed {
            return Err(Killed);
        }
        let visit = self.visits.entry(point.to_owned()).or_default();
        *visit += 1;
        Ok(self.script.decide(point, *visit))
    }

    fn kill(&mut self) -> Result<(), DriverError> {
        self.killed = true;
        Err(DriverError::new("the run was killed"))
    }
}
