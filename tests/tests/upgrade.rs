//! Kubernetes from one minor version to the next on a running cluster with three control planes.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use e2e::{Lab, answer};

const OLD: &str = "kubernetes: 1.35.4";
const NEW: &str = "kubernetes: 1.36.3";
/// How long one request may take.
const IN_TIME: Duration = Duration::from_secs(20);

#[test]
fn a_minor_version_comes_node_by_node_while_the_application_answers() {
    let lab = Lab::several("e2e-upgrade");
    lab.edit(NEW, OLD);
    let _ = lab.up();
    lab.assert_well();
    assert_eq!(versions(&lab), ["v1.35.4"]);

    let port = lab.podinfo_port();
    let (stop, lost) = (
        Arc::new(AtomicBool::new(false)),
        Arc::new(AtomicU32::new(0)),
    );
    let asker = {
        let (stop, lost) = (Arc::clone(&stop), Arc::clone(&lost));
        std::thread::spawn(move || {
            let mut asked = 0;
            while !stop.load(Ordering::SeqCst) {
                asked += 1;
                // One that is on its way when its pod ends can only be asked again.
                if answer(port, IN_TIME).is_none() && answer(port, IN_TIME).is_none() {
                    lost.fetch_add(1, Ordering::SeqCst);
                }
                std::thread::sleep(Duration::from_millis(200));
            }
            asked
        })
    };

    lab.edit(OLD, NEW);
    let plan = lab.run(&["plan", "LAB", "--exit-code"]).expect(4).stdout;
    assert!(plan.contains("kubernetes: 1.35.4 → 1.36.3"), "{plan}");
    // Killed in the midst of two of them, it goes on.
    for plane in ["member/control-plane-1", "member/control-plane-2"] {
        assert!(
            lab.killed_up(plane, Duration::from_secs(12)),
            "it never came to {plane}"
        );
    }
    let _ = lab.up();
    lab.assert_well();
    assert_eq!(versions(&lab), ["v1.36.3"]);
    let snapshots = lab
        .run(&["snapshot", "list", "--lab", "LAB"])
        .expect(0)
        .stdout;
    assert!(snapshots.contains("-upgrade "), "kept before: {snapshots}");
    let images = [
        "get",
        "pods",
        "-n",
        "kube-system",
        "-l",
        "tier=control-plane",
        "-o",
        "jsonpath={.items[*].spec.containers[*].image}",
    ];
    let images = lab.kubectl(&images).expect(0).stdout;
    assert!(
        !images.contains("1.35.4") && images.contains("v1.36.3"),
        "{images}"
    );
    stop.store(true, Ordering::SeqCst);
    let asked = asker.join().expect("the asker");
    let lost = lost.load(Ordering::SeqCst);
    assert_eq!(lost, 0, "of {asked} requests");

    // Not back, and not two steps at once.
    lab.edit(NEW, OLD);
    let ran = lab.run(&["up", "LAB", "--yes"]).expect(3);
    assert!(ran.stderr.contains("does not go back"), "{}", ran.stderr);
    lab.edit(OLD, NEW);
    lab.assert_well();
    lab.down_to_nothing();
}

/// The versions that kubelets tell, each once.
fn versions(lab: &Lab) -> Vec<String> {
    let path = "jsonpath={.items[*].status.nodeInfo.kubeletVersion}";
    let ran = lab.kubectl(&["get", "nodes", "-o", path]).expect(0);
    let mut all: Vec<String> = ran.stdout.split_whitespace().map(str::to_owned).collect();
    all.sort();
    all.dedup();
    all
}
