//! The failure model against replicas: what it says of an event stands beside what is measured when
//! hosts really go off. A statement that is not as it was said is a miss, and fails the test.
//!
//! A replica comes up once and plays one event after the other. The tables go to standard output:
//! `cargo test --release -p e2e --test rehearse -- --nocapture --test-threads=1`.

use std::time::{Duration, Instant};

use e2e::asked::asked_while;
use e2e::{Lab, wait_until};
use serde_json::Value;

const LONG: Duration = Duration::from_secs(120);

/// Three control planes, a desktop that comes and goes, and a box: with apps whose pods keep apart,
/// whose volumes follow or do not, and that only one node takes.
const LAB: &str = "\
lab: e2e-rehearse
networks:
  lan: { cidr: 10.83.0.0/24, gateway: 10.83.0.1 }
hosts:
  one: { cpu: 4, memory: 8Gi, hypervisor: { qemu: {} }, addresses: { lan: 10.83.0.2 } }
  two: { cpu: 4, memory: 8Gi, hypervisor: { qemu: {} }, addresses: { lan: 10.83.0.3 } }
  three: { cpu: 4, memory: 8Gi, hypervisor: { qemu: {} }, addresses: { lan: 10.83.0.4 } }
  desk: { cpu: 8, memory: 16Gi, availability: volatile, hypervisor: { qemu: {} }, addresses: { lan: 10.83.0.5 } }
  box: { cpu: 4, memory: 8Gi, hypervisor: { qemu: {} }, addresses: { lan: 10.83.0.6 } }
clusters:
  main:
    distribution: { kubeadm: { kubernetes: 1.36.3 } }
    endpoint: { vip: 10.83.0.100 }
    pods: 10.69.0.0/16
    services: 10.96.0.0/16
    cni: { flannel: {} }
nodes:
  cp-one: { cluster: main, role: control-plane, on: one, vm: { cpu: 2, memory: 2Gi, disk: 20Gi }, address: 10.83.0.11 }
  cp-two: { cluster: main, role: control-plane, on: two, vm: { cpu: 2, memory: 2Gi, disk: 20Gi }, address: 10.83.0.12 }
  cp-three: { cluster: main, role: control-plane, on: three, vm: { cpu: 2, memory: 2Gi, disk: 20Gi }, address: 10.83.0.13, taints: [] }
  on-desk: { cluster: main, role: worker, on: desk, vm: { cpu: 4, memory: 4Gi, disk: 20Gi }, address: 10.83.0.21, taints: [ { key: volatile, effect: NoSchedule } ], labels: { disk: fast } }
  on-box: { cluster: main, role: worker, on: box, vm: { cpu: 2, memory: 2Gi, disk: 20Gi }, address: 10.83.0.22, labels: { disk: fast } }
storage:
  ceph: { external: { monitors: [one], classes: { block: { default: true } } } }
  disks: { local: { classes: { local: {} } } }
apps:
  # Two pods, never on one host.
  web: { catalog: podinfo, replicas: 2, placement: { volatile: true, apart: host } }
  # A volume that one node has at a time, and a choice of two nodes.
  photos: { catalog: podinfo, replicas: 1, volumes: { originals: { size: 1Gi } }, placement: { volatile: true, labels: { disk: fast } } }
  # A StatefulSet without volumes, and one with: its pods' own.
  queue: { catalog: podinfo, replicas: 1, settings: { controller: StatefulSet }, placement: { volatile: true, labels: { disk: fast } } }
  db: { catalog: podinfo, replicas: 2, volumes: { data: { size: 1Gi } }, placement: { volatile: true } }
  # On the disk of the desktop's node: it stays down.
  cache: { catalog: podinfo, replicas: 1, volumes: { files: { class: disks.local, on: on-desk } }, placement: { volatile: true } }
  # Nothing but the box takes it: it does not bear the desktop's taint.
  plain: { catalog: podinfo, replicas: 1, placement: { labels: { disk: fast } } }
";

const PLANES: [(&str, &str); 3] = [("one", "cp-one"), ("two", "cp-two"), ("three", "cp-three")];
const SHARED: &str = "10.83.0.100";

#[test]
fn everything_measured_lies_in_what_was_said() {
    let lab = Lab::replica(LAB);
    let _ = lab.up();
    let mut table = Table::new("e2e-rehearse");
    table.play(&lab, &["desk"]);
    table.play(&lab, &["box"]);
    table.play(&lab, &["desk,box"]);
    table.play(&lab, &["desk", "--graceful"]);
    // What plain Kubernetes does is watched until it misses the node.
    table.play(&lab, &["desk", "--without-heal", "--for", "60"]);
    let (holder, _) = holding(&lab);
    table.play(&lab, &[&holder]);
    let (_, followers) = holding(&lab);
    table.play(&lab, &[&followers[0]]);
    let (_, followers) = holding(&lab);
    table.play(&lab, &[&format!("{},box", followers[1])]);
    let (_, followers) = holding(&lab);
    table.play(&lab, &[&followers[0], "--graceful"]);
    // No quorum is left: nothing is answered, and nothing moves.
    let (holder, followers) = holding(&lab);
    table.play(&lab, &[&format!("{holder},{}", followers[0])]);
    table.end(10);
    lab.assert_well();
    nobody_notices(&lab);
    lab.down_to_nothing();
}

#[test]
fn of_the_lab_volatile_talos_everything_lies_in_what_was_said() {
    of_the_lab(
        "volatile-talos",
        &[
            &["gamer"],
            &["nixos"],
            &["gamer,nixos"],
            &["nuc1"],
            &["nuc2"],
            &["nuc3"],
            &["rpi4-1"],
            &["nuc1,gamer"],
            &["gamer", "--graceful"],
            &["nuc2,nuc3"],
        ],
    );
}

#[test]
fn of_the_lab_skaia_everything_lies_in_what_was_said() {
    of_the_lab(
        "skaia",
        &[
            &["vantas"],
            &["pyrope"],
            &["serket"],
            &["vantas", "--graceful"],
            &["serket", "--without-heal", "--for", "75"],
            &["pyrope,serket"],
        ],
    );
}

#[test]
fn of_the_lab_jlh_everything_lies_in_what_was_said() {
    of_the_lab(
        "jlh",
        &[
            &["pi-worker"],
            &["x86"],
            &["pi-control"],
            &["x86,pi-worker"],
            &["pi-worker,pi-control"],
            &["x86", "--graceful"],
            &["pi-worker", "--without-heal", "--for", "60"],
        ],
    );
}

#[test]
fn of_the_lab_ducksnest_everything_lies_in_what_was_said() {
    of_the_lab(
        "ducksnest",
        &[
            &["firebat"],
            &["ultra"],
            &["ec2"],
            &["firebat,ultra"],
            &["ec2,ultra"],
            &["firebat", "--graceful"],
            // As long as plain Kubernetes needs.
            &["firebat", "--without-heal"],
        ],
    );
}

/// Plays events on the replica of a lab of this repository.
fn of_the_lab(name: &'static str, events: &[&[&str]]) {
    let lab = Lab::replica_of(name);
    let _ = lab.up();
    let mut table = Table::new(name);
    for event in events {
        table.play(&lab, event);
    }
    table.end(events.len());
    lab.down_to_nothing();
}

/// The power of a control plane goes that neither holds the address nor leads etcd: no request fails
/// that comes afterwards, and of those before only the one that it was just answering.
fn nobody_notices(lab: &Lab) {
    let (holder, _) = holding(lab);
    let status = lab.status();
    let follows = |plane: &str| {
        let member = &status["inventory"][format!("member/{plane}")];
        member["facts"]["etcd"] == "follower"
    };
    let mut others = PLANES.iter().filter(|(host, _)| *host != holder);
    let (host, _) = others.find(|(_, plane)| follows(plane)).expect("one");
    let (began, mut gone) = (Instant::now(), Duration::ZERO);
    let asked = asked_while(lab, || {
        std::thread::sleep(Duration::from_secs(1));
        let _ = lab.run(&["off", host, "--lab", "LAB"]).expect(0);
        gone = began.elapsed();
        // Until its API server counts as down, and what is open to it is ended.
        std::thread::sleep(Duration::from_secs(12));
    });
    let after = asked.failed.iter().filter(|(at, _)| *at > gone).count();
    assert!(asked.count > 100 && after == 0, "{gone:?}: {asked:?}");
    assert!(asked.failed.len() <= 1, "{gone:?}: {asked:?}");
    let _ = lab.run(&["on", host, "--lab", "LAB"]).expect(0);
}

/// The host whose control plane holds the API's address, and the other two.
fn holding(lab: &Lab) -> (String, Vec<String>) {
    let holds = |plane: &str| {
        let words = ["ssh", "--replica", "--lab", "LAB", plane, "--"];
        let asked = ["ip", "-o", "address", "show"];
        let ran = lab.run(&[&words[..], &asked[..]].concat());
        ran.stdout.contains(&format!(" {SHARED}/"))
    };
    let mut found = None;
    wait_until("one control plane holds the address", LONG, || {
        let (holders, others): (Vec<_>, Vec<_>) =
            PLANES.into_iter().partition(|(_, plane)| holds(plane));
        let host = |(host, _): &(&str, &str)| (*host).to_owned();
        if let [holder] = holders.as_slice() {
            found = Some((host(holder), others.iter().map(host).collect()));
        }
        found.is_some()
    });
    found.expect("one")
}

/// What was said and measured, event by event.
struct Table {
    lab: &'static str,
    events: usize,
    statements: usize,
    misses: Vec<String>,
}

impl Table {
    fn new(lab: &'static str) -> Self {
        println!("| lab | off | of | said | measured | rule | fits |");
        println!("|---|---|---|---|---|---|---|");
        Self {
            lab,
            events: 0,
            statements: 0,
            misses: Vec::new(),
        }
    }

    /// Plays an event, and once more where something was not as it was said: on a machine that
    /// others use too, a single late answer tells of them.
    fn play(&mut self, lab: &Lab, event: &[&str]) {
        let mut misses = self.try_out(lab, event);
        if !misses.is_empty() {
            println!("(once more)");
            misses = self.try_out(lab, event);
        }
        self.misses.extend(misses);
        self.events += 1;
    }

    /// Plays an event; answers what was not as it was said.
    fn try_out(&mut self, lab: &Lab, event: &[&str]) -> Vec<String> {
        let began = Instant::now();
        let words = ["rehearse", "LAB", "--format", "json", "--off"];
        let ran = lab.run(&[&words[..], event].concat());
        assert!(
            matches!(ran.code, Some(0 | 3)),
            "{event:?}: {}\n{}",
            ran.stdout,
            ran.stderr
        );
        // One document, and nothing beside it.
        let told: Value = serde_json::from_str(&ran.stdout)
            .unwrap_or_else(|error| panic!("{event:?}: {error}: {}", ran.stdout));
        let compared = told["compared"].as_array().expect("what was compared");
        assert!(!compared.is_empty(), "{event:?}: nothing was compared");
        let event = event.join(" ");
        let mut misses = Vec::new();
        for one in compared {
            let text = |key: &str| one[key].as_str().unwrap_or_default();
            let mark = if one["fits"] == true { "yes" } else { "**no**" };
            let row = format!(
                "| {} | {event} | {} | {} | {} | {} | {mark} |",
                self.lab,
                text("thing"),
                text("predicted"),
                text("measured"),
                text("rule"),
            );
            println!("{row}");
            if one["fits"] != true {
                misses.push(row);
            }
        }
        self.statements += compared.len();
        let seconds = began.elapsed().as_secs();
        println!("({event}: {} statements, {seconds} s)", compared.len());
        if told["fits"] != true {
            println!("{}", ran.stderr);
        }
        misses
    }

    fn end(self, events: usize) {
        let Self {
            lab,
            statements,
            misses,
            ..
        } = &self;
        println!(
            "{lab}: {} events, {statements} statements, {} misses",
            self.events,
            misses.len()
        );
        assert!(self.events >= events, "{} events", self.events);
        assert!(misses.is_empty(), "{}", misses.join("\n"));
    }
}
