//! A lab of one node and its control groups, on whichever version this host has. `./test` runs it
//! here, and in an emulated machine that has version 2 only (`scripts/guest.sh`).

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use e2e::{Lab, answer, wait_until};

const ROOT: &str = "/sys/fs/cgroup";
/// How long one request may take where everything is slow.
const LONG: Duration = Duration::from_secs(60);

#[test]
fn kubernetes_runs_in_the_groups_of_its_node() {
    let lab = Lab::new("e2e-groups");
    for worker in ["1", "2"] {
        lab.leave_out(&format!("worker-{worker}:"));
    }
    lab.edit("replicas: 2", "replicas: 1");
    // More processors than there are: kubelet wants to hand them all to its pods. On version 1 the
    // kernel refuses that, and only the node's own limit holds.
    if Path::new(ROOT).join("cgroup.controllers").exists() {
        lab.edit("cpu: 2", "cpu: 28");
    }
    // Where everything is slow, somebody wants to read along.
    let mut up = lab.command(&["up", "LAB", "--yes"]);
    let ended = up.stdout(Stdio::null()).status();
    assert!(ended.expect("running steading").success());
    lab.assert_well();
    let page = answer(lab.podinfo_port(), LONG).expect("podinfo answers");
    assert!(page.contains("\"version\": \"6.9.2\""), "{page}");
    lab.assert_grouped();

    // Every pod stands below the node's group, where its limits are.
    let node = memory_group(&lab);
    assert_eq!(limit(&node), Some(2 << 30));
    wait_until("kubelet has limited its pods", 2 * LONG, || {
        limit(&node.join("kubepods")).is_some_and(|bytes| bytes <= 2 << 30)
    });
    let limits = limits_below(&node.join("kubepods"));
    assert!(limits.contains(&(256 << 20)), "podinfo's: {limits:?}");

    let again = lab.up();
    assert!(again.stderr.contains("Nothing to do"), "{}", again.stderr);
    lab.down_to_nothing();
    assert!(!node.exists());
}

/// The node's group, where memory is limited.
fn memory_group(lab: &Lab) -> PathBuf {
    let pid = lab.process("machine/control-plane-1");
    let groups = fs::read_to_string(format!("/proc/{pid}/cgroup")).expect("its groups");
    let unified = Path::new(ROOT).join("cgroup.controllers").exists();
    let (start, root) = if unified {
        ("0::", PathBuf::from(ROOT))
    } else {
        (":memory:", Path::new(ROOT).join("memory"))
    };
    let path = groups
        .lines()
        .find_map(|line| Some(line.split_once(start)?.1))
        .expect("a memory group");
    // On version 2 a node's own processes stand in a leaf below.
    let path = path.strip_suffix("/system").unwrap_or(path);
    root.join(path.trim_start_matches('/'))
}

fn limit(group: &Path) -> Option<u64> {
    ["memory.max", "memory.limit_in_bytes"]
        .iter()
        .find_map(|file| fs::read_to_string(group.join(file)).ok())?
        .trim()
        .parse()
        .ok()
}

fn limits_below(group: &Path) -> BTreeSet<u64> {
    let mut found = BTreeSet::new();
    for entry in fs::read_dir(group).expect("groups of pods").flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            found.extend(limit(&entry.path()));
            found.extend(limits_below(&entry.path()));
        }
    }
    found
}
