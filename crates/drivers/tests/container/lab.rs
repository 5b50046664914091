//! A small lab of a test, and the host around it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use driver::{
    Cancel, Driver, MachineCommand, Machines as _, Precheck, Progress, Scope, StepContext,
};
use drivers::HostPaths;
use drivers::container::{ContainerDriver, Containers};
use model::digest::Digest;
use model::inventory::{Observed, Presence};
use model::lab::{ContainerMachine, Machine};
use model::plan::{Action, Generation, Impact, LabId, Reason, Step};
use model::resource::{
    Address, ForwardTarget, Forwarder, HostLink, HostSpace, NodeImage, NodeMachine, NodeNetwork,
    Resource, Spec,
};
use model::trouble::Trouble;
use testkit::host_snapshot::HostSnapshot;

/// A node image that is there.
pub struct Image {
    pub images: PathBuf,
    pub digest: Digest,
}

/// The newest complete node image of this host.
pub fn image() -> Result<Image, String> {
    if !nix::unistd::geteuid().is_root() {
        return Err("they need root".to_owned());
    }
    let images = std::env::var_os("STEADING_TEST_IMAGES")
        .map_or_else(|| PathBuf::from("/var/lib/steading/images"), PathBuf::from);
    let found = std::fs::read_dir(&images)
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| {
            let record = entry.path().join("image.json");
            let made = std::fs::metadata(&record).ok()?.modified().ok()?;
            let json: serde_json::Value =
                serde_json::from_slice(&std::fs::read(&record).ok()?).ok()?;
            let image: NodeImage = serde_json::from_value(json.get("image")?.clone()).ok()?;
            // Older ones have no router in them.
            let whole = image.packages.contains("slirp4netns");
            whole.then(|| (made, Digest::of(&image)))
        })
        .max_by_key(|(made, _)| *made);
    match found {
        Some((_, digest)) => Ok(Image { images, digest }),
        None => Err(format!(
            "there is no node image in {}: make one with `steading up`, or name another folder \
             in STEADING_TEST_IMAGES",
            images.display()
        )),
    }
}

struct Quiet;

impl Progress for Quiet {
    fn doing(&self, _: &str) {}
}

/// A lab with a machines folder of its own.
pub struct Lab {
    pub driver: ContainerDriver,
    pub scope: Scope,
    pub machines: PathBuf,
    image: Digest,
    before: HostSnapshot,
}

impl Lab {
    /// The lab of that number. Each test has one of its own.
    pub fn new(image: &Image, number: u8) -> Self {
        let machines = image
            .images
            .with_file_name(format!("test-{}-{number}", std::process::id()));
        Self::at(image, &machines, number)
    }

    /// The lab of that number in that folder.
    pub fn at(image: &Image, machines: &Path, number: u8) -> Self {
        let paths = HostPaths {
            cache: "/nonexistent".into(),
            images: image.images.clone(),
            machines: machines.to_owned(),
            artifacts: None,
            program: std::env::current_exe().unwrap(),
        };
        // The machines folder may not exist yet: its parent is looked at.
        Self {
            driver: ContainerDriver::new(paths),
            scope: Scope {
                lab: "contest".parse().unwrap(),
                id: LabId(uuid::Uuid::from_u128(
                    (0xc0de_0000 + u128::from(number)) << 96,
                )),
            },
            machines: machines.to_owned(),
            image: image.digest.clone(),
            before: snapshot(machines),
        }
    }

    /// What changed on the host since the lab was named, without what other labs do.
    pub fn changes(&self) -> Vec<String> {
        self.before.changes(&snapshot(&self.machines))
    }

    pub fn network(&self) -> Step {
        step(
            "network/lab",
            Spec::Network(NodeNetwork {
                host: "h".parse().unwrap(),
                cidr: "10.88.0.0/24".parse().unwrap(),
                gateway: "10.88.0.1".parse().unwrap(),
                routed: false,
                mtu: 1500,
            }),
        )
    }

    /// A network `10.<second>.0.0/24` whose gateway the router has.
    pub fn routed(&self, name: &str, second: u8) -> Step {
        step(
            &format!("network/{name}"),
            Spec::Network(NodeNetwork {
                host: "h".parse().unwrap(),
                cidr: format!("10.{second}.0.0/24").parse().unwrap(),
                gateway: format!("10.{second}.0.1").parse().unwrap(),
                routed: true,
                mtu: 1500,
            }),
        )
    }

    /// A router, as JSON without its image.
    pub fn router(&self, mut spec: serde_json::Value) -> Step {
        spec["image"] = serde_json::to_value(&self.image).unwrap();
        step(
            "router/replica",
            Spec::Router(serde_json::from_value(spec).unwrap()),
        )
    }

    /// Machine `<name>` with the address `10.<second>.0.11` in that network.
    pub fn machine_in(&self, name: &str, network: &str, second: u8) -> Step {
        let mut machine = self.machine(1, 1, 1).resource.spec;
        if let Spec::Machine(spec) = &mut machine {
            spec.network = network.parse().unwrap();
            spec.address = format!("10.{second}.0.11/24").parse().unwrap();
            spec.gateway = format!("10.{second}.0.1").parse().unwrap();
        }
        step(&format!("machine/{name}"), machine)
    }

    /// Begins or ends a trouble.
    pub fn trouble(&self, trouble: &Trouble, begins: bool) {
        let now = jiff::Timestamp::now();
        self.with(|context| match begins {
            true => self.driver.begin_trouble(trouble, now, context),
            false => self
                .driver
                .end_trouble(trouble, context)
                .map(|was| assert!(was)),
        })
        .unwrap_or_else(|error| panic!("{trouble}: {:?}", error.chain()));
    }

    /// Machine `n<number>` of that many processors.
    pub fn machine(&self, number: u8, cpu: u32, neighbours: u8) -> Step {
        let address = |n: u8| format!("10.88.0.{}", 10 + n);
        let hosts = (1..=neighbours)
            .map(|n| {
                (
                    format!("n{n}").parse().unwrap(),
                    address(n).parse().unwrap(),
                )
            })
            .collect();
        step(
            &format!("machine/n{number}"),
            Spec::Machine(NodeMachine {
                host: "h".parse().unwrap(),
                inside_host: false,
                shared_folder: false,
                machine: Machine::Container(ContainerMachine {
                    cpu,
                    memory: "1Gi".parse().unwrap(),
                }),
                image: self.image.clone(),
                system: None,
                network: "lab".parse().unwrap(),
                address: format!("{}/24", address(number)).parse().unwrap(),
                gateway: "10.88.0.1".parse().unwrap(),
                mtu: 1500,
                pod_mtu: 1450,
                pods: "10.244.0.0/16".parse().unwrap(),
                hosts,
            }),
        )
    }

    /// A host of a replica, linked to the network.
    pub fn host(&self, name: &str) -> Step {
        let link = HostLink {
            mtu: 1500,
            speed: Some("100M".parse().unwrap()),
        };
        step(
            &format!("host/{name}"),
            Spec::Host(HostSpace {
                links: [("lab".parse().unwrap(), link)].into(),
            }),
        )
    }

    /// The same machine inside of a host.
    pub fn machine_on(&self, host: &str, number: u8) -> Step {
        let mut machine = self.machine(number, 1, 2).resource.spec;
        if let Spec::Machine(spec) = &mut machine {
            spec.host = host.parse().unwrap();
            spec.inside_host = true;
        }
        step(&format!("machine/n{number}"), machine)
    }

    /// Switches a host off.
    pub fn switch_off(&self, host: &str, how: drivers::container::How) {
        let (host, now) = (host.parse().unwrap(), jiff::Timestamp::now());
        self.with(|context| self.driver.switch_off(&host, how, now, context))
            .unwrap();
    }

    /// A forward to port 6443 inside of these machines.
    pub fn forward(&self, nodes: &[&str]) -> Step {
        let control_planes: BTreeSet<_> = nodes.iter().map(|name| name.parse().unwrap()).collect();
        step(
            "forward/main-api",
            Spec::Forward(Forwarder {
                host: "h".parse().unwrap(),
                listen: None,
                target: ForwardTarget::Api {
                    cluster: "main".parse().unwrap(),
                    control_planes,
                    shared: None,
                    port: 6443,
                },
            }),
        )
    }

    fn with<T>(&self, call: impl FnOnce(&StepContext<'_>) -> T) -> T {
        call(&StepContext {
            scope: &self.scope,
            generation: Generation(1),
            cancel: &Cancel::default(),
            progress: &Quiet,
        })
    }

    pub fn precheck(&self, step: &Step) -> Precheck {
        self.with(|context| self.driver.precheck(step, context))
            .unwrap()
    }

    pub fn try_apply(&self, step: &Step) -> Result<(), driver::DriverError> {
        self.with(|context| self.driver.apply(step, context))
    }

    pub fn apply(&self, step: &Step) {
        self.try_apply(step)
            .unwrap_or_else(|error| panic!("{}: {:?}", step.address, error.chain()));
    }

    pub fn teardown(&self, step: &Step) {
        self.with(|context| self.driver.teardown(step, context))
            .unwrap_or_else(|error| panic!("{}: {:?}", step.address, error.chain()));
    }

    pub fn observe(&self) -> BTreeMap<Address, Observed> {
        self.driver.observe(&self.scope, &[]).unwrap()
    }

    pub fn see(&self, address: &str) -> Observed {
        let mut seen = self.observe();
        seen.remove(&address.parse().unwrap())
            .unwrap_or_else(|| panic!("{address} is not seen among {:?}", seen.keys()))
    }

    /// What is wrong with the thing.
    pub fn faults(&self, address: &str) -> Vec<String> {
        let seen = self.see(address);
        seen.faults.into_iter().map(|fault| fault.what).collect()
    }

    /// Asserts that the thing is whole and well.
    pub fn assert_well(&self, step: &Step) {
        let seen = self.see(&step.address.to_string());
        assert!(
            matches!(&seen.presence, Presence::Ours { made_from: Some(from), .. } if *from == step.inputs),
            "{seen:?}"
        );
        assert_eq!(seen.faults, [], "{}", step.address);
        assert_eq!(self.precheck(step), Precheck::Done);
    }

    pub fn pid(&self, machine: &str) -> String {
        self.see(machine).facts["pid"].clone()
    }

    /// Runs a shell script inside, which must succeed; answers what it printed.
    pub fn inside(&self, machine: &str, script: &str) -> String {
        let command = MachineCommand::new(["sh", "-c", script], Duration::from_secs(120));
        let output = Containers
            .run(
                &self.scope,
                &machine.parse().unwrap(),
                &command,
                &mut |_| {},
            )
            .unwrap_or_else(|error| panic!("{script}: {:?}", error.chain()));
        assert!(
            output.ok(),
            "{script}: {:?} {}",
            output.code,
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8(output.stdout).unwrap()
    }
}

impl Drop for Lab {
    /// Takes away what a failed test left.
    fn drop(&mut self) {
        for address in self.observe().into_keys().rev() {
            let mut step = self.network();
            step.address = address;
            let _ = self.with(|context| self.driver.teardown(&step, context));
        }
    }
}

/// The step that makes this.
fn step(address: &str, spec: Spec) -> Step {
    let resource = Resource {
        address: address.parse().unwrap(),
        spec,
        needs: BTreeSet::new(),
    };
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

/// The host as it is now. Other labs, and other programs' listeners, may come and go meanwhile.
fn snapshot(machines: &Path) -> HostSnapshot {
    HostSnapshot::take(&[machines])
}
