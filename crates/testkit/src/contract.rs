//! The driver contract as a test: what [`driver::Driver`] promises, tried on a driver and one
//! thing that it can make. It runs against the real drivers and their simulated twins.
//!
//! ```no_run
//! # fn example(driver: &dyn driver::Driver, scope: driver::Scope, resource: model::resource::Resource) {
//! testkit::contract::Case::new(driver, scope, resource).run();
//! # }
//! ```

use std::sync::Mutex;

use driver::{Cancel, Driver, DriverError, ErrorKind, Precheck, Progress, Scope, StepContext};
use model::inventory::{Observed, Presence};
use model::plan::{Action, Generation, Impact, LabId, Reason, Step};
use model::resource::{Kind, Resource, Spec};
use uuid::Uuid;

/// The generation that makes the thing.
const GENERATION: Generation = Generation(2);

/// One thing to try a driver with.
pub struct Case<'a> {
    driver: &'a dyn Driver,
    scope: Scope,
    resource: Resource,
    changed: Option<Spec>,
    shared: bool,
    ungated: bool,
}

struct Ears(Mutex<Vec<String>>);

impl Progress for Ears {
    fn doing(&self, what: &str) {
        if let Ok(mut told) = self.0.lock() {
            told.push(what.to_owned());
        }
    }
}

impl<'a> Case<'a> {
    /// That driver, making that thing. It must not exist, and all that it needs must stand.
    #[must_use]
    pub fn new(driver: &'a dyn Driver, scope: Scope, resource: Resource) -> Self {
        // Caches are shared by all labs of a machine and outlive them.
        let shared = matches!(resource.address.kind, Kind::Artifact | Kind::Image);
        Self {
            driver,
            scope,
            resource,
            changed: None,
            shared,
            ungated: false,
        }
    }

    /// Also changes the thing to this spec while it stands.
    #[must_use]
    pub fn change(mut self, spec: Spec) -> Self {
        self.changed = Some(spec);
        self
    }

    /// `precheck` may answer that the step is ready although the thing is as wanted, because
    /// applying it is how that is found out.
    #[must_use]
    pub const fn proves_by_applying(mut self) -> Self {
        self.ungated = true;
        self
    }

    /// Tries everything; at the end the thing is gone again, unless it is a cached one.
    ///
    /// # Panics
    /// At the first promise that the driver does not keep.
    pub fn run(&self) {
        self.is_absent();
        self.stops_where_it_can_be_resumed();
        self.is_made();
        self.is_made_once();
        self.is_left_by_others();
        self.is_never_taken_back();
        if let Some(spec) = &self.changed {
            self.becomes(spec);
        }
        if !self.shared {
            self.is_removed();
        }
    }

    /// For a thing that stands and is another lab's: it is seen as foreign where it is wanted,
    /// refused, and neither changed nor deleted.
    ///
    /// # Panics
    /// Where the driver touches it or does not refuse.
    pub fn run_foreign(&self) {
        let before = self.see();
        let at = &self.resource.address;
        assert!(
            matches!(&before, Some(Observed { presence: Presence::Foreign { found }, .. }) if !found.is_empty()),
            "{at}: another's thing in its place is seen as {before:?}"
        );
        for action in [Action::Create, Action::Update, Action::Replace] {
            let step = self.step(&self.resource.spec, action);
            self.refuses(&step);
            assert!(
                self.apply(&step, &Cancel::default()).is_err(),
                "{at}: {action:?} of another's thing succeeded"
            );
        }
        let step = self.step(&self.resource.spec, Action::Delete);
        let _ = self.context(&Cancel::default(), |context| {
            self.driver.teardown(&step, context)
        });
        assert_eq!(self.see(), before, "{at}: another's thing was touched");
    }

    fn is_absent(&self) {
        let at = &self.resource.address;
        let seen = self.see();
        assert!(
            !matches!(
                seen,
                Some(Observed {
                    presence: Presence::Ours { .. } | Presence::Foreign { .. },
                    ..
                })
            ),
            "{at} is not absent before it is made: {seen:?}"
        );
        assert_eq!(self.listed(), None, "{at} is listed before it is made");
        let create = self.step(&self.resource.spec, Action::Create);
        assert_eq!(
            self.precheck(&create),
            Precheck::Ready,
            "{at}: precheck before it is made"
        );
        assert_eq!(self.see(), seen, "{at}: precheck changed something");
    }

    /// An interrupted step is as if it had not run, or half made, or whole: never an error of
    /// another kind, and never called whole where it is not.
    fn stops_where_it_can_be_resumed(&self) {
        let at = &self.resource.address;
        let cancel = Cancel::default();
        cancel.request();
        let create = self.step(&self.resource.spec, Action::Create);
        let result = self.apply(&create, &cancel);
        let whole = matches!(
            self.see().map(|seen| seen.presence),
            Some(Presence::Ours {
                made_from: Some(_),
                ..
            })
        );
        match result {
            Ok(()) => assert!(whole, "{at}: interrupted, reported done, and is not"),
            Err(error) => {
                assert_eq!(
                    error.kind,
                    ErrorKind::Interrupted,
                    "{at}: interrupted, it fails with {:?}",
                    error.chain()
                );
                assert!(!whole, "{at}: interrupted, but seen as whole");
            }
        }
    }

    fn is_made(&self) {
        let create = self.step(&self.resource.spec, Action::Create);
        self.apply_well(&create);
        self.is_well(&self.resource.spec);
        if !self.shared {
            let listed = self.listed().map(|seen| seen.presence);
            assert!(
                matches!(listed, Some(Presence::Ours { spec: Some(_), .. })),
                "{}: without being wanted, it is seen as {listed:?}; so it could not be removed",
                self.resource.address
            );
        }
    }

    fn is_made_once(&self) {
        let create = self.step(&self.resource.spec, Action::Create);
        if !self.ungated {
            assert_eq!(
                self.precheck(&create),
                Precheck::Done,
                "{}: precheck after it was made",
                create.address
            );
        }
        let before = self.see();
        self.apply_well(&create);
        assert_eq!(
            self.see(),
            before,
            "{}: applying it again changed it",
            create.address
        );
        self.apply_well(&self.step(&self.resource.spec, Action::Update));
        self.is_well(&self.resource.spec);
    }

    /// It tells the generation that wrote it, and refuses every step of an earlier one.
    fn is_never_taken_back(&self) {
        if self.shared {
            return;
        }
        let told = self
            .see()
            .and_then(|seen| seen.facts.get("generation").cloned());
        assert_eq!(told.as_deref(), Some("2"), "the generation that wrote it");
        for action in [Action::Create, Action::Update, Action::Delete] {
            let step = self.step(&self.resource.spec, action);
            let earlier = Generation(GENERATION.0 - 1);
            match self.precheck_by(&step, earlier) {
                Precheck::Refused(refusal) => assert!(refusal.found.contains("generation 2")),
                other => panic!("{} by an earlier generation: {other:?}", step.address),
            }
        }
    }

    /// To another lab it is either not there or foreign.
    fn is_left_by_others(&self) {
        if self.shared {
            return;
        }
        let at = &self.resource.address;
        let other = Case {
            driver: self.driver,
            scope: Scope {
                lab: self.scope.lab.clone(),
                id: LabId(Uuid::from_u128(self.scope.id.0.as_u128() ^ 1)),
            },
            resource: self.resource.clone(),
            changed: None,
            shared: false,
            ungated: true,
        };
        let seen = other.see().map(|seen| seen.presence);
        assert!(
            !matches!(seen, Some(Presence::Ours { .. })),
            "{at}: another lab takes it for its own"
        );
        assert_eq!(other.listed(), None, "{at}: another lab lists it");
        let before = self.see();
        if matches!(seen, Some(Presence::Foreign { .. })) {
            other.run_foreign();
        }
        let delete = other.step(&self.resource.spec, Action::Delete);
        let _ = other.context(&Cancel::default(), |context| {
            self.driver.teardown(&delete, context)
        });
        assert_eq!(
            self.see(),
            before,
            "{at}: another lab's teardown touched it"
        );
    }

    fn becomes(&self, spec: &Spec) {
        let changed = self.step(spec, Action::Update);
        self.apply_well(&changed);
        self.is_well(spec);
        self.apply_well(&changed);
        self.is_well(spec);
    }

    fn is_removed(&self) {
        let at = &self.resource.address;
        let step = self.step(&self.resource.spec, Action::Delete);
        for time in ["", " the second time"] {
            let result = self.context(&Cancel::default(), |context| {
                self.driver.teardown(&step, context)
            });
            if let Err(error) = result {
                panic!("{at}: teardown{time}: {}", error.chain().join(": "));
            }
            assert_eq!(self.listed(), None, "{at} is listed after teardown{time}");
            let seen = self.see().map(|seen| seen.presence);
            assert!(
                !matches!(seen, Some(Presence::Ours { .. } | Presence::Foreign { .. })),
                "{at} is seen after teardown{time}: {seen:?}"
            );
        }
    }

    fn is_well(&self, spec: &Spec) {
        let at = &self.resource.address;
        let resource = Resource {
            spec: spec.clone(),
            ..self.resource.clone()
        };
        let Some(seen) = self.see_as(&resource) else {
            panic!("{at}: applied, but not seen");
        };
        let Presence::Ours {
            made_from,
            spec: kept,
        } = &seen.presence
        else {
            panic!("{at}: applied, but seen as {:?}", seen.presence);
        };
        assert_eq!(
            made_from.as_ref(),
            Some(&resource.digest()),
            "{at}: carries another digest"
        );
        assert_eq!(seen.faults, [], "{at}: applied, but not well");
        if let Some(kept) = kept {
            assert_eq!(&**kept, spec, "{at}: keeps another spec");
        }
    }

    fn refuses(&self, step: &Step) {
        match self.precheck(step) {
            Precheck::Refused(refusal) => {
                assert!(!refusal.found.is_empty(), "it says what it found");
                assert!(!refusal.hint.is_empty(), "it says what to do");
            }
            other => panic!("{} of another lab: precheck {other:?}", step.address),
        }
    }

    fn apply_well(&self, step: &Step) {
        if let Err(error) = self.apply(step, &Cancel::default()) {
            panic!("applying {}: {}", step.address, error.chain().join(": "));
        }
    }

    fn apply(&self, step: &Step, cancel: &Cancel) -> Result<(), DriverError> {
        self.context(cancel, |context| self.driver.apply(step, context))
    }

    fn precheck(&self, step: &Step) -> Precheck {
        self.precheck_by(step, GENERATION)
    }

    fn precheck_by(&self, step: &Step, generation: Generation) -> Precheck {
        let precheck = |context: &StepContext<'_>| self.driver.precheck(step, context);
        match self.context_of(generation, &Cancel::default(), precheck) {
            Ok(found) => found,
            Err(error) => panic!("prechecking {}: {}", step.address, error.chain().join(": ")),
        }
    }

    /// How the thing is seen as a wanted one.
    fn see(&self) -> Option<Observed> {
        self.see_as(&self.resource)
    }

    fn see_as(&self, resource: &Resource) -> Option<Observed> {
        self.observe(&[resource])
    }

    /// How the thing is seen as one that nobody declares.
    fn listed(&self) -> Option<Observed> {
        self.observe(&[])
    }

    fn observe(&self, wanted: &[&Resource]) -> Option<Observed> {
        match self.driver.observe(&self.scope, wanted) {
            Ok(mut seen) => seen.remove(&self.resource.address),
            Err(error) => panic!("observing: {}", error.chain().join(": ")),
        }
    }

    fn context<T>(&self, cancel: &Cancel, call: impl FnOnce(&StepContext<'_>) -> T) -> T {
        self.context_of(GENERATION, cancel, call)
    }

    fn context_of<T>(
        &self,
        generation: Generation,
        cancel: &Cancel,
        call: impl FnOnce(&StepContext<'_>) -> T,
    ) -> T {
        let ears = Ears(Mutex::default());
        let result = call(&StepContext {
            scope: &self.scope,
            generation,
            cancel,
            progress: &ears,
        });
        for line in ears.0.into_inner().unwrap_or_default() {
            assert!(!line.trim().is_empty(), "an empty line of progress");
            assert!(!line.contains("PRIVATE KEY"), "a secret in progress");
        }
        result
    }

    fn step(&self, spec: &Spec, action: Action) -> Step {
        let resource = Resource {
            spec: spec.clone(),
            ..self.resource.clone()
        };
        Step {
            address: resource.address.clone(),
            action,
            impact: Impact::None,
            reason: Reason::Missing,
            needs: resource.needs.clone(),
            inputs: resource.digest(),
            resource,
        }
    }
}
