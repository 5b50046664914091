//! A lab in a simulated world, and what a user does with it.

use std::collections::BTreeMap;
use std::sync::{LazyLock, mpsc};

use driver::{Cancel, Registry, Scope};
use engine::{Engine, EngineError, Report};
use model::digest::Digest;
use model::event::{Event, Outcome};
use model::inventory::Inventory;
use model::plan::{LabId, Plan};
use model::resource::{Address, Kind, Resource, Spec};
use model::source::Source;
use sim::{Script, World};
use uuid::Uuid;

use crate::journal::{MemoryLog, assert_intents_before_effects};

/// The lab's own id.
pub const OWN: LabId = LabId(Uuid::from_u128(1));
/// The neighbour's.
pub const OTHER: LabId = LabId(Uuid::from_u128(2));
/// The id of a lab whose things stand in the way.
pub const STRANGER: LabId = LabId(Uuid::from_u128(3));

/// The resources of a lab file.
pub fn expand(text: &str) -> Vec<Resource> {
    let source = Source {
        name: "lab.yaml".to_owned(),
        text: text.to_owned(),
    };
    let reading = model::read::read(&[source]);
    let lab = reading
        .lab
        .unwrap_or_else(|| panic!("{:?}", reading.diagnostics));
    let mut resources = catalog::expand(&lab, &BTreeMap::new()).unwrap();
    for resource in &mut resources {
        if let Spec::Objects(objects) = &mut resource.spec {
            // Thousands of runs copy them; that they differ where they differed is enough.
            let digest = Digest::of(&objects.objects).to_string();
            objects.objects = vec![digest.into()];
        }
    }
    resources
}

/// The lab of the quickstart.
pub fn quickstart() -> String {
    include_str!("../../../../labs/quickstart/lab.yaml").to_owned()
}

pub fn at(address: &str) -> Address {
    address.parse().unwrap()
}

/// The network, machines and members of another lab on the same host.
static NEIGHBOUR: LazyLock<Vec<Resource>> = LazyLock::new(|| {
    let renamed = quickstart()
        .replace("main", "theirs")
        .replace("worker-", "other-")
        .replace("control-plane-1", "other-cp")
        .replace("nodes: { cidr", "their-nodes: { cidr");
    let kept = |one: &Resource| {
        matches!(
            one.address.kind,
            Kind::Network | Kind::Machine | Kind::Member
        )
    };
    expand(&renamed).into_iter().filter(kept).collect()
});

fn others(world: &World) -> Vec<String> {
    let (snapshot, other) = (world.snapshot(), OTHER.to_string());
    let theirs = |line: &&String| line.contains(&other);
    snapshot.lines().iter().filter(theirs).cloned().collect()
}

/// A lab beside another one, whose things must stay as they are whatever happens.
pub struct Lab {
    pub world: World,
    neighbour: Vec<String>,
    pub log: MemoryLog,
    pub scope: Scope,
    pub registry: Registry,
}

/// How a run ended, with all that it told.
pub struct Run {
    pub result: Result<Report, EngineError>,
    pub events: Vec<Event>,
}

impl Lab {
    pub fn new() -> Self {
        let world = World::new();
        for thing in &*NEIGHBOUR {
            world.put(OTHER, thing);
        }
        Self {
            neighbour: others(&world),
            log: MemoryLog::new(world.clone()),
            scope: Scope {
                lab: "quickstart".parse().unwrap(),
                id: OWN,
            },
            registry: world.registry(),
            world,
        }
    }

    /// A lab in which all of that stands.
    pub fn standing(resources: &[Resource]) -> Self {
        let lab = Self::new();
        for resource in resources {
            lab.world.put(OWN, resource);
        }
        lab
    }

    pub fn engine<'a>(&'a self, cancel: &'a Cancel) -> Engine<'a> {
        Engine {
            scope: self.scope.clone(),
            registry: &self.registry,
            cancel,
        }
    }

    pub fn observe(&self, resources: &[Resource]) -> Inventory {
        self.engine(&Cancel::default()).observe(resources).unwrap()
    }

    /// What there is to do.
    pub fn plan(&self, resources: &[Resource]) -> Plan {
        let inventory = self.observe(resources);
        let generation = engine::RunLog::generation(&self.log).unwrap();
        self.engine(&Cancel::default())
            .plan(generation, resources, &inventory)
    }

    /// Applies a plan as it is, whatever the world has become.
    pub fn apply(&self, plan: &Plan) -> Run {
        self.with(|engine, events| engine.apply(plan, &self.log, events))
    }

    /// Brings the world to these resources, while that goes wrong.
    pub fn up(&self, resources: &[Resource], script: Script) -> Run {
        self.world.run(script);
        self.with(|engine, events| {
            engine
                .heal(resources, &self.log, events)
                .map(|healing| healing.report)
        })
    }

    fn with(
        &self,
        call: impl FnOnce(&Engine<'_>, &mpsc::Sender<Event>) -> Result<Report, EngineError>,
    ) -> Run {
        let cancel = Cancel::default();
        let (sender, receiver) = mpsc::channel();
        let result = call(&self.engine(&cancel), &sender);
        drop(sender);
        assert_intents_before_effects(&self.world.trace());
        let events = receiver.into_iter().collect();
        Run { result, events }
    }

    /// Asserts that one undisturbed run brings the world to these resources, each thing once and
    /// nothing else of ours, and that nothing is left to do.
    pub fn converges(&self, resources: &[Resource], after: &str) {
        let run = self.up(resources, Script::default());
        let report = match run.result {
            Ok(report) => report,
            Err(error) => panic!("{after}: {error} ({error:?})"),
        };
        assert!(report.succeeded(), "{after}: {report:#?}");
        self.is_as_declared(resources, after);
    }

    /// Asserts that all is as declared, and nothing left to do.
    pub fn is_as_declared(&self, resources: &[Resource], after: &str) {
        let problems = self.world.problems(OWN, resources);
        assert_eq!(
            others(&self.world),
            self.neighbour,
            "{after}: touched what is not ours"
        );
        assert_eq!(problems, [], "{after}");
        let left = self.plan(resources);
        assert!(left.is_empty(), "{after}: {:#?}", left.steps);
        assert_eq!(left.notes, [], "{after}");
    }
}

impl Run {
    pub fn report(&self) -> &Report {
        self.result.as_ref().unwrap()
    }

    pub fn outcome(&self, address: &str) -> &Outcome {
        &self.report().outcomes[&at(address)]
    }
}
