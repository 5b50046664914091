//! Snapshots of etcd: taken by a schedule, before what cannot be taken back and when asked; put
//! back into a cluster that stands, and into one of which every control plane is lost.

use std::fs;
use std::process::Stdio;
use std::time::Duration;

use e2e::{Lab, answer, must, wait_until};
use serde_json::Value;

const LONG: Duration = Duration::from_secs(180);
const PLANES: [&str; 3] = ["control-plane-1", "control-plane-2", "control-plane-3"];

/// A lab of three control planes, and the name of a snapshot that was taken of it.
fn taken(name: &str) -> (Lab, String) {
    let lab = Lab::several(name);
    let _ = lab.up();
    lab.assert_well();
    assert!(answer(lab.podinfo_port(), LONG).is_some());
    keep(&lab, "before");
    let taken = lab
        .run(&["snapshot", "take", "--lab", "LAB"])
        .expect(0)
        .stdout
        .trim()
        .to_owned();
    assert!(taken.ends_with("-asked"), "{taken}");
    (lab, taken)
}

#[test]
fn a_cluster_goes_back_to_a_snapshot() {
    let (lab, taken) = taken("e2e-snapshots");
    nothing_is_in_clear(&lab);

    // What came later is gone, what was there is there; nobody was asked who said no.
    keep(&lab, "after");
    let refused = lab.run(&["restore", &taken, "--lab", "LAB"]);
    assert_eq!(refused.code, Some(1), "{}", refused.stderr);
    assert!(refused.stderr.contains("LOST"), "{}", refused.stderr);
    assert!(kept(&lab, "after"));
    let _ = lab
        .run(&["restore", &taken, "--lab", "LAB", "--yes"])
        .expect(0);
    assert!(kept(&lab, "before") && !kept(&lab, "after"));
    wait_until("all is well", LONG, || lab.status()["well"] == true);
    answers(&lab);

    killed_in_the_midst(&lab, &taken);
    whoever_watches_is_told(&lab);
    by_a_schedule(&lab);
    lab.down_to_nothing();
}

#[test]
fn a_cluster_comes_back_after_the_loss_of_all_control_planes() {
    let (lab, taken) = taken("e2e-lost-planes");
    keep(&lab, "after");
    let before = pods(&lab);
    for plane in PLANES {
        must(&[
            "kill",
            "-9",
            &lab.process(&format!("machine/{plane}")).to_string(),
        ]);
    }
    for plane in PLANES {
        let folder = lab.machines().join(plane);
        wait_until("its folder is gone", LONG, || {
            fs::remove_dir_all(&folder).is_ok() || !folder.exists()
        });
    }
    killed(&lab, &taken, Duration::from_secs(5));
    let _ = lab.run(&["heal", "LAB", "--yes"]).expect(0);
    assert!(kept(&lab, "before") && !kept(&lab, "after"));
    wait_until("all is well", LONG, || lab.status()["well"] == true);
    answers(&lab);
    assert_eq!(pods(&lab), before, "what runs on the worker was left alone");
    lab.down_to_nothing();
}

/// Pods that were begun anew take their time until the way to them is laid.
fn answers(lab: &Lab) {
    wait_until("podinfo answers", LONG, || {
        answer(lab.podinfo_port(), Duration::from_secs(5)).is_some()
    });
}

/// What runs on the worker with an address of its own: addresses and containers.
fn pods(lab: &Lab) -> Vec<String> {
    let path = "jsonpath={range .items[*]}{.spec.hostNetwork}/{.status.podIP}/\
                {.status.containerStatuses[*].containerID}{\"\\n\"}{end}";
    let of = "spec.nodeName=worker-1,status.phase=Running";
    let words = ["get", "pods", "-A", "--field-selector", of, "-o", path];
    let told = lab.kubectl(&words).expect(0).stdout;
    let own = told.lines().filter(|line| line.starts_with('/'));
    let mut all: Vec<String> = own.map(str::to_owned).collect();
    all.sort();
    assert!(all.len() >= 3, "{told}");
    all
}

/// A node that joined anew after the snapshot had another range meanwhile.
#[test]
fn a_node_that_joined_anew_gets_its_old_range_back() {
    let (lab, taken) = taken("e2e-ranges");
    let (lab, taken) = (&lab, taken.as_str());
    let range = |node: &str| {
        let path = "jsonpath={.spec.podCIDR}";
        lab.kubectl(&["get", "node", node, "-o", path]).stdout
    };
    let before = range("worker-1");
    let _ = lab.kubectl(&["delete", "node", "worker-1"]).expect(0);
    // The range that it gave back, or that would be the next, is taken before it registers again.
    let other = r#"{"apiVersion":"v1","kind":"Node","metadata":{"name":"other"}}"#;
    let file = lab.path().join("other.json");
    std::fs::write(&file, other).expect("a file");
    let create = ["create", "-f", &file.display().to_string()];
    let _ = lab.kubectl(&create).expect(0);
    wait_until("another node has a range", LONG, || {
        !range("other").is_empty()
    });
    let kubelet = [
        "ssh", "--lab", "LAB", "worker-1", "--", "pkill", "-9", "kubelet",
    ];
    let _ = lab.run(&kubelet).expect(0);
    wait_until("it has registered again", LONG, || {
        let now = range("worker-1");
        !now.is_empty() && now != before
    });
    let _ = lab.kubectl(&["delete", "node", "other"]).expect(0);
    let _ = lab.run(&["heal", "LAB", "--yes"]).expect(0);
    let range = || range("worker-1");
    assert_ne!(range(), before);
    let _ = lab
        .run(&["restore", taken, "--lab", "LAB", "--yes"])
        .expect(0);
    assert_eq!(range(), before);
    wait_until("all is well", LONG, || lab.status()["well"] == true);
    // The container runtime gives addresses out of it again.
    let file = "/etc/cni/net.d/10-containerd-net.conflist";
    let words = ["ssh", "--lab", "LAB", "worker-1", "--", "cat", file];
    let written = lab.run(&words).expect(0).stdout;
    assert!(written.contains(&before), "{written}");
    let begins = before.trim_end_matches("0/24");
    for pod in pods(lab) {
        assert!(pod.starts_with(&format!("/{begins}")), "{pod}, {before}");
    }
    answers(lab);
    lab.down_to_nothing();
}

/// Killed while it restores, whatever runs next carries it to its end.
fn killed_in_the_midst(lab: &Lab, taken: &str) {
    keep(lab, "after");
    killed(lab, taken, Duration::from_millis(2500));
    let mark = lab.home().join(".steading/snapshots/main/restoring");
    let _ = lab.run(&["heal", "LAB", "--yes"]).expect(0);
    assert!(!mark.exists(), "it was carried to its end");
    assert!(kept(lab, "before") && !kept(lab, "after"));
    wait_until("all is well", LONG, || lab.status()["well"] == true);
}

/// A cluster that went back to the same snapshot twice: who watched it since the first time hears
/// of what changes after the second.
fn whoever_watches_is_told(lab: &Lab) {
    let before = pods(lab);
    let words = [
        "delete",
        "pods",
        "-n",
        "podinfo",
        "--all",
        "--grace-period=1",
    ];
    let _ = lab.kubectl(&words).expect(0);
    answers(lab);
    assert_ne!(pods(lab), before);
}

/// A restore that is killed some time after it was begun.
fn killed(lab: &Lab, taken: &str, after: Duration) {
    let mut child = lab
        .command(&["restore", taken, "--lab", "LAB", "--yes"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("starting steading");
    let mark = lab.home().join(".steading/snapshots/main/restoring");
    wait_until("it has begun", LONG, || mark.exists());
    std::thread::sleep(after);
    let _ = child.kill();
    let _ = child.wait();
    println!("killed while restoring: {}", mark.exists());
}

fn by_a_schedule(lab: &Lab) {
    lab.edit(
        "accepts:",
        "backups:\n  often: { of: [etcd], to: here, every: 2s, keep: 6s }\naccepts:",
    );
    let before = list(lab);
    let mut watch = lab
        .command(&["heal", "LAB", "--watch", "--every", "1"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("starting steading");
    wait_until("the newest three are kept", LONG, || {
        let now = list(lab);
        let scheduled = now.iter().filter(|id| id.ends_with("-schedule")).count();
        now.len() == 3 && scheduled == 3 && now.iter().all(|id| !before.contains(id))
    });
    let _ = watch.kill();
    let _ = watch.wait();
}

fn list(lab: &Lab) -> Vec<String> {
    let ran = lab.run(&["snapshot", "list", "--lab", "LAB", "--format", "json"]);
    let all: Value = serde_json::from_str(&ran.expect(0).stdout).expect("snapshots as JSON");
    let ids = all.as_array().expect("a list").iter();
    ids.map(|one| one["snapshot"].as_str().expect("a name").to_owned())
        .collect()
}

/// Neither what etcd holds nor a part of a Secret lies open in the lab's folder.
fn nothing_is_in_clear(lab: &Lab) {
    let folder = lab.home().join(".steading/snapshots/main");
    for entry in fs::read_dir(folder).expect("the snapshots").flatten() {
        let content = fs::read(entry.path()).expect("a snapshot");
        assert!(content.starts_with(b"age-encryption.org/v1"));
        assert!(!content.windows(10).any(|part| part == b"/registry/"));
    }
}

fn keep(lab: &Lab, name: &str) {
    let words = ["create", "configmap", name];
    wait_until("it is written", LONG, || {
        let ran = lab.kubectl(&words);
        ran.code == Some(0) || ran.stderr.contains("already exists")
    });
}

fn kept(lab: &Lab, name: &str) -> bool {
    let words = ["get", "configmap", name];
    let mut found = None;
    wait_until("the API answers", LONG, || {
        let ran = lab.kubectl(&words);
        found = match ran.code {
            Some(0) => Some(true),
            _ if ran.stderr.contains("not found") => Some(false),
            _ => None,
        };
        found.is_some()
    });
    found.unwrap_or_default()
}
