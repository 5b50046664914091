//! Control groups: limits that hold, on either version, and nothing changed outside of ours.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use model::lab::{ContainerMachine, Machine};
use model::plan::Step;
use model::resource::Spec;

use crate::lab::{Image, Lab};
use crate::life::{kill, teardown};

const ROOT: &str = "/sys/fs/cgroup";
/// Where version 2 says which controllers are handed down.
const HANDED: &str = "cgroup.subtree_control";

/// Whether this host has control groups of version 2 only.
pub fn unified() -> bool {
    Path::new(ROOT).join("cgroup.controllers").exists()
}

pub fn groups_hold(image: &Image) {
    let lab = Lab::new(image, 7);
    let before = handed_down();
    let (network, machine) = (lab.network(), sized(lab.machine(1, 1, 1), "256Mi"));
    lab.apply(&network);
    lab.apply(&machine);
    lab.assert_well(&machine);
    println!(
        "control groups are of version {}",
        if unified() { "2" } else { "1" }
    );

    memory(&lab);
    processor(&lab);
    only_its_own(&lab);
    what_pods_left(&lab, &machine);

    // The root has to hand down what is to be limited below it; nobody else's group is touched.
    let mut after = handed_down();
    let root =
        |groups: &mut BTreeMap<PathBuf, String>| groups.remove(Path::new(ROOT)).unwrap_or_default();
    let mut rest = before;
    let (had, has) = (root(&mut rest), root(&mut after));
    assert_eq!(after, rest);
    for controller in had.split_whitespace() {
        assert!(has.contains(controller), "{controller} of {had} is gone");
    }
    teardown(&lab, &[&machine, &network]);
}

fn sized(mut machine: Step, memory: &str) -> Step {
    if let Spec::Machine(spec) = &mut machine.resource.spec {
        spec.machine = Machine::Container(ContainerMachine {
            cpu: 1,
            memory: memory.parse().unwrap(),
        });
    }
    machine.inputs = machine.resource.digest();
    machine
}

/// The group of the machine, in the hierarchy of that controller.
fn group(lab: &Lab, controller: &str) -> PathBuf {
    let group = drivers::container::Containers
        .host_group(&lab.scope, &"n1".parse().unwrap())
        .unwrap();
    let root = Path::new(ROOT);
    let root = if unified() {
        root.to_owned()
    } else {
        root.join(controller)
    };
    root.join(group.trim_start_matches('/'))
}

/// A number of a file: the file itself on its own, else the one after `key`.
fn number(file: &Path, key: &str) -> u64 {
    let text = fs::read_to_string(file).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
    let number = text
        .lines()
        .find_map(|line| line.trim().strip_prefix(key))
        .unwrap_or_default();
    number.trim().parse().unwrap_or(0)
}

/// It wants more than it may have, and never gets it.
fn memory(lab: &Lab) {
    let group = group(lab, "memory");
    let (limit, events, event) = if unified() {
        ("memory.max", "memory.events", "max ")
    } else {
        ("memory.limit_in_bytes", "memory.failcnt", "")
    };
    assert_eq!(number(&group.join(limit), ""), 256 << 20);
    // Killed, or swapped out where the host does that.
    lab.inside("n1", "dd if=/dev/zero of=/dev/null bs=300M count=1; :");
    assert!(number(&group.join(events), event) > 0, "no limit was hit");
}

/// It wants two processors where it may have one.
fn processor(lab: &Lab) {
    let file = group(lab, "cpu").join("cpu.stat");
    let throttled = || number(&file, "nr_throttled ");
    let (before, start) = (throttled(), Instant::now());
    lab.inside(
        "n1",
        "for n in 1 2; do timeout 60 sh -c 'while :; do :; done' > /dev/null 2>&1 & done",
    );
    while throttled() == before {
        let waited = start.elapsed();
        assert!(waited < Duration::from_secs(60), "it was never throttled");
        std::thread::sleep(Duration::from_millis(50));
    }
    lab.inside(
        "n1",
        "pkill -x timeout; while pgrep -x timeout; do sleep 0.1; done",
    );
}

/// What it sees of the groups, and what it can write.
fn only_its_own(lab: &Lab) {
    if unified() {
        assert_eq!(lab.inside("n1", "cat /proc/self/cgroup"), "0::/system\n");
        assert_eq!(
            lab.inside("n1", "cd /sys/fs/cgroup && echo */"),
            "kubepods/ system/\n"
        );
        // Also what pods may be limited by is handed down to the groups that kubelet makes.
        let all = fs::read_to_string(Path::new(ROOT).join("cgroup.controllers")).unwrap();
        let here = lab.inside("n1", "cat /sys/fs/cgroup/kubepods/cgroup.controllers");
        for controller in ["cpu", "cpuset", "hugetlb", "memory", "pids"] {
            let has = |list: &str| list.split_whitespace().any(|word| word == controller);
            assert_eq!(has(&here), has(&all), "{controller}: {here}");
        }
    } else {
        let own = drivers::container::Containers
            .host_group(&lab.scope, &"n1".parse().unwrap())
            .unwrap();
        let seen = lab.inside("n1", "cat /proc/self/cgroup");
        assert!(seen.contains(&format!("memory:{own}\n")), "{seen}");
        lab.inside("n1", "! mkdir /sys/fs/cgroup/memory/steading/trial");
    }
}

/// Groups of pods that a killed machine left are gone when it runs again.
fn what_pods_left(lab: &Lab, machine: &Step) {
    let pods = group(lab, "memory").join("kubepods");
    fs::create_dir_all(pods.join("burstable/pod1")).unwrap();
    if unified() {
        for part in [&pods, &pods.join("burstable")] {
            fs::write(part.join(HANDED), "+memory +pids").unwrap();
        }
    }
    kill(&lab.pid("machine/n1"));
    lab.apply(machine);
    lab.assert_well(machine);
    assert!(!pods.join("burstable").exists());
}

/// On version 2: what each group that is not a lab's hands down to those below it.
fn handed_down() -> BTreeMap<PathBuf, String> {
    let mut found = BTreeMap::new();
    let mut folders = vec![PathBuf::from(ROOT)];
    while let Some(folder) = folders.pop() {
        if let Ok(text) = fs::read_to_string(folder.join(HANDED)) {
            found.insert(folder.clone(), text);
        }
        let below = fs::read_dir(&folder).into_iter().flatten().flatten();
        folders.extend(
            below
                .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
                .map(|entry| entry.path())
                .filter(|path| !path.ends_with("steading")),
        );
    }
    if unified() { found } else { BTreeMap::new() }
}
