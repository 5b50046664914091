//! The driver of the simulated world, for all kinds.

use std::collections::BTreeMap;

use ::driver::{Driver, DriverError, ErrorKind, Precheck, Refusal, Scope, StepContext};
use model::inventory::{Observed, Presence};
use model::plan::{Action, Step};
use model::resource::{Address, Kind, Resource, Spec};

use crate::World;
use crate::effect::Effect;
use crate::kind;
use crate::state::{Part, Record, part};

/// A driver of some kinds.
pub(crate) struct SimDriver {
    world: World,
    kinds: &'static [Kind],
}

impl SimDriver {
    pub(crate) const fn new(world: World, kinds: &'static [Kind]) -> Self {
        Self { world, kinds }
    }
}

impl Driver for SimDriver {
    fn kinds(&self) -> &'static [Kind] {
        self.kinds
    }

    fn observe(
        &self,
        scope: &Scope,
        wanted: &[&Resource],
    ) -> Result<BTreeMap<Address, Observed>, DriverError> {
        let first = self.kinds.first().map_or("nothing", |kind| kind.as_str());
        match self.world.pass(&format!("{first}: observe")) {
            Ok(true) => Ok(self
                .world
                .look(|state| kind::see(state, scope.id, self.kinds, wanted))),
            Ok(false) => {
                Err(DriverError::new("looking at the world").caused_by("too many open files"))
            }
            Err(_) => Err(DriverError::new("the run was killed")),
        }
    }

    fn precheck(&self, step: &Step, context: &StepContext<'_>) -> Result<Precheck, DriverError> {
        let work = self.work(step, context);
        if let Some(refusal) = work.refusal() {
            return Ok(Precheck::Refused(refusal));
        }
        if step.action != Action::Create {
            return Ok(Precheck::Ready);
        }
        let seen = self
            .world
            .look(|state| kind::see(state, context.scope.id, self.kinds, &[&step.resource]));
        let done = seen.get(&step.address).is_some_and(|seen| {
            seen.faults.is_empty()
                && matches!(&seen.presence,
                    Presence::Ours { made_from: Some(digest), .. } if *digest == step.inputs)
        });
        Ok(if done {
            Precheck::Done
        } else {
            Precheck::Ready
        })
    }

    fn apply(&self, step: &Step, context: &StepContext<'_>) -> Result<(), DriverError> {
        let work = self.work(step, context);
        work.guard()?;
        if step.action == Action::Replace {
            work.unmake()?;
        }
        work.make()
    }

    fn teardown(&self, step: &Step, context: &StepContext<'_>) -> Result<(), DriverError> {
        let work = self.work(step, context);
        work.guard()?;
        work.leave_cluster();
        work.unmake()
    }
}

impl SimDriver {
    const fn work<'a>(&'a self, step: &'a Step, context: &'a StepContext<'a>) -> Work<'a> {
        Work {
            world: &self.world,
            step,
            context,
        }
    }
}

/// The work on one thing.
struct Work<'a> {
    world: &'a World,
    step: &'a Step,
    context: &'a StepContext<'a>,
}

impl Work<'_> {
    /// What forbids the step, read from the thing itself.
    fn refusal(&self) -> Option<Refusal> {
        let address = &self.step.address;
        let record = self
            .world
            .look(|state| state.records.get(address).cloned())?;
        if matches!(address.kind, Kind::Artifact | Kind::Image) {
            // Caches are shared by all labs.
            return None;
        }
        if record.owner != self.context.scope.id {
            return Some(Refusal {
                found: format!("{address} belongs to lab {}", record.owner),
                hint: "it is left as it is".to_owned(),
            });
        }
        driver::superseded(record.generation, self.context)
    }

    fn guard(&self) -> Result<(), DriverError> {
        self.refusal().map_or(Ok(()), |refusal| {
            Err(DriverError::new(refusal.found)
                .kind(ErrorKind::Refused)
                .hint(refusal.hint))
        })
    }

    fn perform(&self, effect: Effect) -> Result<(), DriverError> {
        self.world
            .perform(&self.step.address, effect, self.context.cancel)
    }

    fn make(&self) -> Result<(), DriverError> {
        let (step, address) = (self.step, &self.step.address);
        let spec = &step.resource.spec;
        let before = self.world.look(|state| state.records.get(address).cloned());
        self.prepare()?;
        if let Some(before) = &before
            && before.spec != *spec
        {
            for name in kind::outdated(&before.spec, spec) {
                self.end(name)?;
            }
        }
        self.begin(before.as_ref())?;
        for (name, home) in kind::parts(address, spec) {
            self.context.check_interrupted()?;
            self.context.doing(format!("making its {name}"));
            if self.world.look(|state| state.has(address, name)) {
                continue;
            }
            self.end(name)?;
            self.ready(name)?;
            self.perform(Effect::Make(Part {
                owner: self.context.scope.id,
                address: address.clone(),
                name,
                whole: true,
                home,
                spec: spec.clone(),
            }))?;
        }
        self.ready("")?;
        self.perform(Effect::Complete {
            generation: self.context.generation,
            spec: spec.clone(),
            digest: step.inputs.clone(),
        })
    }

    /// Finds what the record itself needs: a member's lies on its machine's disk, an object's in
    /// its cluster.
    fn prepare(&self) -> Result<(), DriverError> {
        match &self.step.resource.spec {
            Spec::Member(member) => {
                self.ready(part::ETCD)?;
                let known = (self.context.scope.id, member.cluster.clone());
                self.world.note(|state| {
                    state.known.insert(known);
                });
                Ok(())
            }
            Spec::Objects(_) | Spec::Connectivity(_) | Spec::Fence(_) => self.ready(""),
            Spec::Artifact(_)
            | Spec::Image(_)
            | Spec::Network(_)
            | Spec::Router(_)
            | Spec::Host(_)
            | Spec::Machine(_)
            | Spec::Forward(_)
            | Spec::Remains => Ok(()),
        }
    }

    /// Lays down the record, so that whatever is made from now on is known to be ours.
    fn begin(&self, before: Option<&Record>) -> Result<(), DriverError> {
        let (address, spec) = (&self.step.address, &self.step.resource.spec);
        if before.is_some_and(|before| before.digest.is_none() && before.spec == *spec) {
            return Ok(());
        }
        self.perform(Effect::Begin(Record {
            owner: self.context.scope.id,
            generation: self.context.generation,
            spec: spec.clone(),
            digest: None,
            home: kind::home(address, spec),
        }))
    }

    fn ready(&self, name: &str) -> Result<(), DriverError> {
        let (step, lab) = (self.step, self.context.scope.id);
        self.world
            .look(|state| kind::ready(state, lab, &step.resource, name))
            .map_err(|why| DriverError::new(format!("making {}", step.address)).caused_by(why))
    }

    fn end(&self, name: &'static str) -> Result<(), DriverError> {
        let address = &self.step.address;
        if self.world.look(|state| state.part(address, name).is_some()) {
            self.perform(Effect::End(name))?;
        }
        Ok(())
    }

    /// Takes everything away, and what it is known by last.
    fn unmake(&self) -> Result<(), DriverError> {
        let address = &self.step.address;
        let names: Vec<&'static str> = self.world.look(|state| {
            let mine = state.parts.iter().filter(|part| part.address == *address);
            mine.map(|part| part.name).rev().collect()
        });
        for name in names {
            self.context.check_interrupted()?;
            self.end(name)?;
        }
        if self.world.look(|state| state.records.contains_key(address)) {
            self.perform(Effect::Forget)?;
        }
        Ok(())
    }

    /// Notes a member whose pods could not be moved away: that is not refused, but worth knowing.
    fn leave_cluster(&self) {
        let (address, lab) = (&self.step.address, self.context.scope.id);
        if let Spec::Member(member) = &self.step.resource.spec {
            let reached = self
                .world
                .look(|state| state.reachable(lab, &member.cluster).is_ok());
            if !reached {
                self.world.note(|state| {
                    state.undrained.insert(address.clone());
                });
            }
        }
    }
}
