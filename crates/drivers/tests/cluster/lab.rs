//! The lab of these tests: one control plane, one worker, and drivers over them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use driver::{
    Cancel, Driver, DriverError, MachineCommand, Machines as _, Precheck, Progress, Scope,
    StepContext,
};
use drivers::HostPaths;
use drivers::container::{ContainerDriver, Containers, cgroup_inside};
use drivers::kube::{Clusters, Kubernetes};
use drivers::kubeadm::Kubeadm;
use drivers::kubeadm::pki::{SecretStore, SecretText};
use model::inventory::Observed;
use model::plan::{Action, Generation, Impact, LabId, Reason, Step};
use model::resource::{Address, Kind, Objects, Resource, Spec};
use model::source::Source;
use serde_json::Value;

const LAB: &str = "
lab: cluster-test
networks:
  nodes: { cidr: 10.88.0.0/24 }
hosts:
  this-machine: { access: local }
clusters:
  main:
    distribution: { kubeadm: { kubernetes: 1.36.3 } }
    pods: 10.244.0.0/16
    services: 10.96.0.0/16
    cni: { flannel: {} }
nodes:
  cp: { cluster: main, role: control-plane, on: this-machine, container: { cpu: 2, memory: 2Gi }, address: 10.88.0.11 }
  w1: { cluster: main, role: worker, on: this-machine, container: { cpu: 2, memory: 2Gi }, address: 10.88.0.21, labels: { disk: ssd } }
apps:
  podinfo: { catalog: podinfo, settings: { replicas: 2 } }
";

/// Secrets in memory.
#[derive(Default)]
struct Memory(Mutex<BTreeMap<String, BTreeMap<String, SecretText>>>);

impl SecretStore for Memory {
    fn load(&self, name: &str) -> Result<Option<BTreeMap<String, SecretText>>, DriverError> {
        Ok(self.0.lock().unwrap().get(name).cloned())
    }

    fn create(
        &self,
        name: &str,
        secrets: &BTreeMap<String, SecretText>,
    ) -> Result<(), DriverError> {
        self.0
            .lock()
            .unwrap()
            .insert(name.to_owned(), secrets.clone());
        Ok(())
    }
}

/// What steps told.
#[derive(Default)]
struct Told(Mutex<Vec<String>>);

impl Progress for Told {
    fn doing(&self, what: &str) {
        self.0.lock().unwrap().push(what.to_owned());
    }
}

/// A lab with a machines folder of its own.
pub struct Lab {
    pub scope: Scope,
    pub kubeadm: Settled,
    pub kubernetes: Settled,
    container: ContainerDriver,
    resources: Vec<Resource>,
    folder: PathBuf,
}

/// A driver that gives what it made the seconds that it needs to become well by itself, such as
/// a node for its first report of readiness.
pub struct Settled(Box<dyn Driver>);

impl Driver for Settled {
    fn kinds(&self) -> &'static [Kind] {
        self.0.kinds()
    }

    fn observe(
        &self,
        scope: &Scope,
        wanted: &[&Resource],
    ) -> Result<BTreeMap<Address, Observed>, DriverError> {
        self.0.observe(scope, wanted)
    }

    fn precheck(&self, step: &Step, context: &StepContext<'_>) -> Result<Precheck, DriverError> {
        self.0.precheck(step, context)
    }

    fn apply(&self, step: &Step, context: &StepContext<'_>) -> Result<(), DriverError> {
        self.0.apply(step, context)?;
        let start = Instant::now();
        while start.elapsed() < Duration::from_secs(40) {
            let seen = self.0.observe(context.scope, &[&step.resource])?;
            if seen
                .get(&step.address)
                .is_some_and(|one| one.faults.is_empty())
            {
                break;
            }
            std::thread::sleep(Duration::from_millis(300));
        }
        Ok(())
    }

    fn teardown(&self, step: &Step, context: &StepContext<'_>) -> Result<(), DriverError> {
        self.0.teardown(step, context)
    }
}

impl Lab {
    /// The lab with its machines running and nothing of Kubernetes on them.
    pub fn new(folder: &Path) -> Result<Self, String> {
        if !nix::unistd::geteuid().is_root() {
            return Err("they need root".to_owned());
        }
        let images = images();
        let resources = resources();
        image_is_there(&images, &resources)?;
        let paths = HostPaths {
            cache: "/nonexistent".into(),
            images,
            machines: folder.to_owned(),
            artifacts: None,
            program: std::env::current_exe().unwrap(),
        };
        let secrets: Arc<dyn SecretStore> = Arc::new(Memory::default());
        let forwards = Arc::new(ContainerDriver::new(paths.clone()));
        let clusters = Arc::new(Clusters::new(forwards, Arc::clone(&secrets)).unwrap());
        let kubeadm = Kubeadm::new(
            Arc::new(Containers),
            secrets,
            Arc::clone(&clusters),
            |scope, node| Some(cgroup_inside(scope, node)),
        );
        let lab = Self {
            scope: Scope {
                lab: "cluster-test".parse().unwrap(),
                id: LabId(uuid::Uuid::new_v4()),
            },
            kubeadm: Settled(Box::new(kubeadm)),
            kubernetes: Settled(Box::new(Kubernetes::new(clusters))),
            container: ContainerDriver::new(paths),
            resources,
            folder: folder.to_owned(),
        };
        for address in [
            "network/nodes",
            "machine/cp",
            "machine/w1",
            "forward/main-api",
        ] {
            lab.apply(&lab.step(address));
        }
        Ok(lab)
    }

    /// A resource of the lab.
    pub fn resource(&self, address: &str) -> Resource {
        let address: Address = address.parse().unwrap();
        let found = self.resources.iter().find(|one| one.address == address);
        let mut resource = found.unwrap_or_else(|| panic!("no {address}")).clone();
        resource.needs = BTreeSet::new();
        resource
    }

    /// The step that makes a resource of the lab.
    pub fn step(&self, address: &str) -> Step {
        step(self.resource(address))
    }

    /// An app of these objects.
    pub fn app(&self, name: &str, objects: Vec<Value>) -> Step {
        step(Resource {
            address: format!("app/{name}").parse().unwrap(),
            spec: Spec::Objects(Objects {
                cluster: "main".parse().unwrap(),
                source: format!("apps/{name}"),
                namespace: name.parse().unwrap(),
                objects,
            }),
            needs: BTreeSet::new(),
        })
    }

    fn driver(&self, kind: Kind) -> &dyn Driver {
        match kind {
            Kind::Member => &self.kubeadm,
            Kind::Component | Kind::App | Kind::Connectivity => &self.kubernetes,
            _ => &self.container,
        }
    }

    fn with<T>(
        &self,
        cancel: &Cancel,
        call: impl FnOnce(&StepContext<'_>) -> T,
    ) -> (T, Vec<String>) {
        let told = Told::default();
        let result = call(&StepContext {
            scope: &self.scope,
            generation: Generation(1),
            cancel,
            progress: &told,
        });
        (result, told.0.into_inner().unwrap())
    }

    pub fn precheck(&self, step: &Step) -> Precheck {
        let driver = self.driver(step.address.kind);
        self.with(&Cancel::default(), |context| driver.precheck(step, context))
            .0
            .unwrap_or_else(|error| panic!("{}: {:?}", step.address, error.chain()))
    }

    /// Applies the step and answers what it told.
    pub fn apply(&self, step: &Step) -> Vec<String> {
        let (result, told) = self.try_apply(step, &Cancel::default());
        result.unwrap_or_else(|error| panic!("{}: {:?}\n{told:#?}", step.address, error.chain()));
        told
    }

    pub fn try_apply(
        &self,
        step: &Step,
        cancel: &Cancel,
    ) -> (Result<(), DriverError>, Vec<String>) {
        let driver = self.driver(step.address.kind);
        self.with(cancel, |context| driver.apply(step, context))
    }

    pub fn teardown(&self, step: &Step) {
        let driver = self.driver(step.address.kind);
        self.with(&Cancel::default(), |context| driver.teardown(step, context))
            .0
            .unwrap_or_else(|error| panic!("{}: {:?}", step.address, error.chain()));
    }

    /// How a thing is seen where it is wanted.
    pub fn see(&self, step: &Step) -> Option<Observed> {
        let driver = self.driver(step.address.kind);
        let mut seen = driver.observe(&self.scope, &[&step.resource]).unwrap();
        seen.remove(&step.address)
    }

    /// Runs a program on the control plane; it must succeed. Answers what it printed.
    pub fn on(&self, node: &str, argv: &[&str], stdin: &str) -> String {
        let mut command = MachineCommand::new(argv.iter().copied(), Duration::from_secs(60));
        command.stdin = stdin.as_bytes().to_vec();
        let node = node.parse().unwrap();
        let output = Containers
            .run(&self.scope, &node, &command, &mut |_| {})
            .unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.ok(), "{argv:?}: {errors}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// Runs kubectl as the cluster's administrator: somebody else than Steading.
    pub fn kubectl(&self, arguments: &str, stdin: &str) -> String {
        let mut argv = vec!["kubectl", "--kubeconfig=/etc/kubernetes/admin.conf"];
        argv.extend(arguments.split_whitespace());
        self.on("cp", &argv, stdin)
    }
}

impl Drop for Lab {
    /// Takes everything away, also after a failed test.
    fn drop(&mut self) {
        for address in [
            "forward/main-api",
            "machine/w1",
            "machine/cp",
            "network/nodes",
        ] {
            let step = self.step(address);
            let (result, _) = self.with(&Cancel::default(), |context| {
                self.container.teardown(&step, context)
            });
            if let Err(error) = result {
                eprintln!("left behind: {address}: {:?}", error.chain());
            }
        }
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

fn images() -> PathBuf {
    std::env::var_os("STEADING_TEST_IMAGES")
        .map_or_else(|| PathBuf::from("/var/lib/steading/images"), PathBuf::from)
}

/// Where the machines of these tests lie: beside the images, on one file system.
pub fn folder() -> PathBuf {
    images().with_file_name(format!("test-cluster-{}", std::process::id()))
}

/// The step that makes a resource.
pub fn step(resource: Resource) -> Step {
    Step {
        address: resource.address.clone(),
        action: Action::Create,
        impact: Impact::None,
        reason: Reason::Missing,
        needs: BTreeSet::new(),
        inputs: resource.digest(),
        resource,
    }
}

fn resources() -> Vec<Resource> {
    let reading = model::read::read(&[Source {
        name: "lab.yaml".to_owned(),
        text: LAB.to_owned(),
    }]);
    assert_eq!(reading.diagnostics, []);
    catalog::expand(&reading.lab.unwrap(), &BTreeMap::new()).unwrap()
}

fn image_is_there(images: &Path, resources: &[Resource]) -> Result<(), String> {
    let machine = resources.iter().find_map(|one| match &one.spec {
        Spec::Machine(machine) => Some(machine),
        _ => None,
    });
    let image = images.join(machine.unwrap().image.short());
    if image.join("image.json").exists() {
        return Ok(());
    }
    Err(format!(
        "there is no node image {}: make it with `steading up labs/quickstart`, or name another \
         folder in STEADING_TEST_IMAGES",
        image.display()
    ))
}
