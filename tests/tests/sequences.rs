//! Random sequences of what happens to a lab: power cuts, dying processes, lost machines, and
//! Steading itself killed in the midst of its work. Whatever came, the lab comes right again, nobody
//! who was well is touched, and what was acknowledged is never lost.
//!
//! `STEADING_SEED` repeats a run that failed; `STEADING_SEQUENCES` says how many sequences.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::process::Stdio;
use std::time::{Duration, Instant, SystemTime};

use e2e::counted::{Watched, count};
use e2e::counter::Counter;
use e2e::dice::Dice;
use e2e::{Lab, Ran, must, wait_until};

/// Three hosts with a control plane each, and one for the work.
const LAB: &str = "\
lab: e2e-sequences
networks:
  lan: { cidr: 10.78.0.0/24, gateway: 10.78.0.1 }
hosts:
  one: { cpu: 4, memory: 8Gi, hypervisor: { qemu: {} }, addresses: { lan: 10.78.0.2 } }
  two: { cpu: 4, memory: 8Gi, hypervisor: { qemu: {} }, addresses: { lan: 10.78.0.3 } }
  three: { cpu: 4, memory: 8Gi, hypervisor: { qemu: {} }, addresses: { lan: 10.78.0.4 } }
  four: { cpu: 4, memory: 8Gi, hypervisor: { qemu: {} }, addresses: { lan: 10.78.0.5 } }
clusters:
  main:
    distribution: { kubeadm: { kubernetes: 1.36.3 } }
    endpoint: { vip: 10.78.0.100 }
    pods: 10.79.0.0/16
    services: 10.96.0.0/16
    cni: { flannel: {} }
nodes:
  cp-one: { cluster: main, role: control-plane, on: one, container: { cpu: 2, memory: 2Gi }, address: 10.78.0.11 }
  cp-two: { cluster: main, role: control-plane, on: two, container: { cpu: 2, memory: 2Gi }, address: 10.78.0.12 }
  cp-three: { cluster: main, role: control-plane, on: three, container: { cpu: 2, memory: 2Gi }, address: 10.78.0.13 }
  worker: { cluster: main, role: worker, on: four, container: { cpu: 2, memory: 2Gi }, address: 10.78.0.21 }
storage:
  ceph: { external: { monitors: [one], classes: { block: { default: true } } } }
apps:
  podinfo: { catalog: podinfo, settings: { replicas: 2 }, expose: { forward: { service: podinfo, port: 9898 } } }
  counter: { catalog: counter, volumes: { data: { size: 1Gi } }, expose: { forward: { service: counter, port: 8080 } } }
";

/// Hosts with the nodes that are on them.
const HOSTS: [(&str, &str); 4] = [
    ("one", "cp-one"),
    ("two", "cp-two"),
    ("three", "cp-three"),
    ("four", "worker"),
];
/// What runs in a control plane and may die.
const PROGRAMS: [&str; 8] = [
    "etcd",
    "kube-apiserver",
    "kube-controller",
    "kube-scheduler",
    "kubelet",
    "containerd",
    "haproxy",
    "keepalived",
];
/// How many sequences there are where nobody says so.
const FEW: u64 = 5;
/// How often Steading may be run until all is as declared: a run ends at the first failure, and what
/// it waits for is bounded.
const RUNS: usize = 3;
/// How long what is as declared may take to be well.
const SETTLE: Duration = Duration::from_secs(180);

#[test]
fn whatever_happens_the_lab_comes_right_and_nothing_acknowledged_is_lost() {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse().ok());
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let seed: u64 =
        number("STEADING_SEED").unwrap_or_else(|| now.map_or(1, |now| now.as_secs() % 1_000_000));
    let sequences = number("STEADING_SEQUENCES").unwrap_or(FEW);
    println!("STEADING_SEED={seed} STEADING_SEQUENCES={sequences}");

    let lab = Lab::replica(LAB);
    let _ = lab.up();
    lab.assert_well();
    let counter = Counter::start(&lab);
    let application = Watched::start(lab.port("counter"));
    for n in 0..sequences {
        // Each has a seed of its own, so that one that failed can be repeated without the others.
        let own = seed.wrapping_add(n);
        println!("sequence {}, seed {own}", n + 1);
        let mut world = World::new(&lab, Dice::new(own));
        world.play();
        world.come_right(&counter);
    }
    let broken = counter.broken();
    assert!(broken.is_empty(), "{broken:#?}");
    drop(counter);
    let answers = application.end();
    println!("the application answered {answers} times, and never with less than before");
    lab.down_to_nothing();
}

/// The lab during one sequence.
struct World<'a> {
    lab: &'a Lab,
    dice: Dice,
    off: BTreeSet<&'static str>,
    /// Nodes that something was done to, since all was well.
    hurt: BTreeSet<&'static str>,
    /// Those whose data is gone.
    lost: BTreeSet<&'static str>,
    /// etcd's members by their names, as the sequence began.
    members: BTreeMap<String, String>,
}

impl<'a> World<'a> {
    fn new(lab: &'a Lab, dice: Dice) -> Self {
        let mut world = Self {
            lab,
            dice,
            off: BTreeSet::new(),
            hurt: BTreeSet::new(),
            lost: BTreeSet::new(),
            members: BTreeMap::new(),
        };
        world.members = world.members_now();
        assert_eq!(world.members.len(), 3, "{:?}", world.members);
        world
    }

    fn play(&mut self) {
        for _ in 0..3 + self.dice.below(4) {
            match self.dice.below(12) {
                0..=2 => self.cut(),
                3..=4 => self.bring_back(),
                5..=6 => self.heal(),
                7..=9 => self.kill_program(),
                10 => self.kill_node(),
                _ => self.lose_node(),
            }
            let pause = self.dice.below(3000);
            std::thread::sleep(Duration::from_millis(pause));
        }
    }

    /// Whether a node may be hurt: mostly such that the others still are a quorum.
    fn may(&mut self, node: &str) -> bool {
        let others = self.hurt.iter().filter(|one| **one != node);
        let planes = others.filter(|one| one.starts_with("cp-")).count();
        !node.starts_with("cp-") || planes == 0 || self.dice.once_in(6)
    }

    fn tell(&self, what: &str) {
        println!("  {what}");
    }

    fn cut(&mut self) {
        let (host, node) = *self.dice.one_of(&HOSTS);
        if self.off.contains(host) || !self.may(node) {
            return;
        }
        self.tell(&format!("off {host}"));
        self.off.insert(host);
        self.hurt.insert(node);
        let _ = self.lab.run(&["off", host, "--lab", "LAB"]).expect(0);
    }

    fn bring_back(&mut self) {
        let hosts: Vec<&str> = self.off.iter().copied().collect();
        if hosts.is_empty() {
            return;
        }
        let host = *self.dice.one_of(&hosts);
        self.off.remove(host);
        self.steading(&["on", host, "--lab", "LAB"]);
    }

    fn heal(&mut self) {
        self.steading(&["heal", "LAB", "--yes"]);
    }

    /// Runs Steading to its end, or kills it on its way.
    fn steading(&mut self, words: &[&str]) {
        if self.dice.once_in(3) {
            self.tell(&words.join(" "));
            // It may fail: something may be off that it waits for. The end must be right.
            let ran = self.lab.run(words);
            self.judge(&ran);
            return;
        }
        let after = Duration::from_millis(self.dice.below(9000));
        self.tell(&format!("{} for {} ms", words.join(" "), after.as_millis()));
        let mut child = self
            .lab
            .command(words)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("starting steading");
        std::thread::sleep(after);
        let _ = child.kill();
        let _ = child.wait();
    }

    fn node(&mut self) -> Option<&'static str> {
        let (host, node) = *self.dice.one_of(&HOSTS);
        (!self.off.contains(host) && self.may(node)).then_some(node)
    }

    fn kill_program(&mut self) {
        let Some(node) = self.node() else { return };
        let program = *self.dice.one_of(&PROGRAMS);
        self.tell(&format!("kill -9 {program} in {node}"));
        self.hurt.insert(node);
        // Names of processes are cut off after fifteen letters.
        let name: String = program.chars().take(15).collect();
        let words = [
            "ssh",
            "--replica",
            "--lab",
            "LAB",
            node,
            "--",
            "pkill",
            "-9",
            &name,
        ];
        // One that is dead already cannot be killed.
        let _ = self.lab.run(&words);
    }

    fn kill_node(&mut self) {
        let Some(node) = self.node() else { return };
        if let Some(pid) = self.first_process(node) {
            self.tell(&format!("kill -9 all of {node}"));
            self.hurt.insert(node);
            must(&["kill", "-9", &pid.to_string()]);
        }
    }

    /// A machine with its data: only where all others are well, or a person would have lost the
    /// cluster.
    fn lose_node(&mut self) {
        let Some(node) = self.node() else { return };
        let others = self.hurt.iter().any(|one| *one != node);
        let voting = PLANES.iter().filter(|plane| self.votes(plane)).count();
        if others || voting < 3 {
            return;
        }
        self.tell(&format!("lose {node} with its data"));
        self.hurt.insert(node);
        self.lost.insert(node);
        if let Some(pid) = self.first_process(node) {
            must(&["kill", "-9", &pid.to_string()]);
        }
        wait_until("it is dead", SETTLE, || self.first_process(node).is_none());
        let folder = self.lab.machines().join(node);
        wait_until("its folder is gone", SETTLE, || {
            fs::remove_dir_all(&folder).is_ok() || !folder.exists()
        });
    }

    fn first_process(&self, node: &str) -> Option<i32> {
        let address = format!("machine/{node}");
        let processes = self.lab.processes();
        processes
            .iter()
            .find(|(at, _)| *at == address)
            .map(|one| one.1)
    }

    fn votes(&self, plane: &str) -> bool {
        let status = self.lab.status();
        let part = &status["inventory"][format!("member/{plane}")]["facts"]["etcd"];
        matches!(part.as_str(), Some("leader" | "follower"))
    }

    /// No machine is touched that nothing was done to.
    fn judge(&self, ran: &Ran) {
        for (_, node) in HOSTS {
            let touched = ran.stderr.lines().find(|line| {
                let mut words = line.split_whitespace();
                let sign = words.next().unwrap_or_default();
                let address = words.next().unwrap_or_default();
                ["~", "±", "-", "+"].contains(&sign) && address == format!("machine/{node}")
            });
            assert!(
                touched.is_none() || self.hurt.contains(node),
                "nothing was done to {node}: {touched:?}\n{}",
                ran.stderr
            );
        }
    }

    /// Everything is switched on, and Steading run: all must be as declared.
    fn come_right(&mut self, counter: &Counter) {
        let began = Instant::now();
        for host in std::mem::take(&mut self.off) {
            self.tell(&format!("on {host}, for good"));
            let ran = self.lab.run(&["on", host, "--lab", "LAB"]);
            self.judge(&ran);
        }
        let mut runs = 0;
        loop {
            runs += 1;
            let ran = self.lab.run(&["heal", "LAB", "--yes"]);
            self.judge(&ran);
            if ran.code == Some(0) {
                break;
            }
            println!(
                "  run {runs} of heal did not do it:\n{}\n{}",
                ran.stdout, ran.stderr
            );
            assert!(runs < RUNS, "it does not come right");
        }
        let mut last = String::new();
        wait_until("all is well again", SETTLE, || {
            let status = self.lab.status();
            let now = format!("due: {}\nnotes: {}", status["due"], status["notes"]);
            if status["well"] != true && now != last {
                println!("  not well: {now}");
                last = now;
            }
            status["well"] == true
        });
        self.members_stayed();
        // It counts on, from where it was.
        let counted = counter.counted();
        wait_until("the counter counts", SETTLE, || {
            counter.counted() > counted + 3
        });
        let broken = counter.broken();
        assert!(broken.is_empty(), "{broken:#?}");
        let mut application = None;
        wait_until("the application answers", SETTLE, || {
            application = count(self.lab.port("counter"));
            application.is_some()
        });
        println!(
            "  right after {} s and {runs} runs, the application at {}, the counter at {}, it stood still for {} ms",
            began.elapsed().as_secs(),
            application.map_or(0, |now| now.count),
            counter.acknowledged(),
            counter.silence().as_millis()
        );
    }

    /// Nobody left etcd whose data was there: Steading takes out those only who lost it.
    fn members_stayed(&self) {
        let now = self.members_now();
        assert_eq!(now.len(), 3, "{now:?}");
        for (name, id) in &self.members {
            let lost = self.lost.contains(name.as_str());
            assert!(
                lost || now.get(name) == Some(id),
                "{name} was taken out of etcd: {:?}, {now:?}",
                self.members
            );
        }
    }

    fn members_now(&self) -> BTreeMap<String, String> {
        let pki = "/etc/kubernetes/pki/etcd";
        let told = self.lab.run(&[
            "ssh",
            "--replica",
            "--lab",
            "LAB",
            "cp-two",
            "--",
            "etcdctl",
            "--endpoints=https://127.0.0.1:2379",
            &format!("--cacert={pki}/ca.crt"),
            &format!("--cert={pki}/server.crt"),
            &format!("--key={pki}/server.key"),
            "member",
            "list",
        ]);
        let told = told.expect(0).stdout;
        let of = |line: &str| {
            let fields: Vec<&str> = line.split(", ").collect();
            Some(((*fields.get(2)?).to_owned(), (*fields.first()?).to_owned()))
        };
        told.lines().filter_map(of).collect()
    }
}

const PLANES: [&str; 3] = ["cp-one", "cp-two", "cp-three"];
