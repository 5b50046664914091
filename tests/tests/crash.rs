//! kill -9 at any moment, run again: it converges.

use std::process::Stdio;
use std::time::Duration;

use e2e::{Lab, answer, wait_until};

/// Where `up` is killed: so long after a line of its progress that begins like this.
const MOMENTS: [(&str, u64); 14] = [
    ("network/nodes", 0),
    ("machine/control-plane-1", 0),
    ("machine/control-plane-1", 20),
    ("machine/worker-1", 60),
    ("machine/worker-2", 150),
    ("member/control-plane-1", 50),
    ("member/control-plane-1", 900),
    ("member/control-plane-1", 3000),
    ("member/worker-1", 200),
    ("member/worker-2", 1200),
    ("component/flannel", 300),
    ("component/coredns", 700),
    ("app/podinfo", 100),
    ("connectivity/main", 0),
];

#[test]
fn killed_at_many_moments_it_converges_to_the_same() {
    for (after, pause) in MOMENTS {
        let lab = Lab::new("e2e-crash");
        let came = lab.killed_up(after, Duration::from_millis(pause));
        assert!(came, "it never came to {after}");
        let ran = lab.run(&["up", "LAB", "--yes"]);
        assert_eq!(
            ran.code,
            Some(0),
            "killed {pause} ms after {after}:\n{}",
            ran.stderr
        );
        lab.assert_well();
        assert!(
            answer(lab.podinfo_port(), Duration::from_secs(10)).is_some(),
            "podinfo answers"
        );
        // Nothing twice.
        let addresses: Vec<String> = lab.processes().into_iter().map(|(at, _)| at).collect();
        let once = [
            "forward/main-api",
            "forward/podinfo",
            "machine/control-plane-1",
            "machine/worker-1",
            "machine/worker-2",
            "network/nodes",
        ];
        assert_eq!(addresses, once, "killed {pause} ms after {after}");
        // Nothing orphaned.
        lab.down_to_nothing();
    }
}

#[test]
fn half_a_lab_goes_down_to_nothing() {
    // Killed at its very first, a machine is no more than this, and cannot tell what it was to be.
    let lab = Lab::new("e2e-half");
    assert!(lab.killed_up("network/nodes", Duration::ZERO));
    let folder = lab.machines().join("worker-2");
    std::fs::create_dir_all(&folder).expect("its folder");
    std::fs::write(folder.join(".machine.json.7.tmp"), "{").expect("half a record");
    lab.down_to_nothing();
    for (after, pause) in [("machine/worker-1", 30), ("member/control-plane-1", 1500)] {
        let lab = Lab::new("e2e-half");
        assert!(lab.killed_up(after, Duration::from_millis(pause)));
        lab.down_to_nothing();
    }
}

#[test]
fn an_image_whose_building_was_killed_is_built_again() {
    let data = tempfile::tempdir_in("/var/tmp").expect("a folder for images");
    let lab = Lab::with_data("e2e-image", data.path());
    for after in [
        "image/kubeadm-1-36-3",
        "image/kubeadm-1-36-3       unpacking",
    ] {
        assert!(lab.killed_up(after, Duration::from_millis(1500)) || after.contains("unpacking"));
    }
    let _ = lab.up();
    lab.assert_well();
    let images = std::fs::read_dir(data.path().join("images")).expect("the images");
    let left: Vec<String> = images
        .flatten()
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .filter(|name| name.ends_with(".new"))
        .collect();
    assert_eq!(left, [""; 0], "nothing half built is left");
    lab.down_to_nothing();
}

#[test]
fn a_second_run_is_refused_and_the_lock_dies_with_its_holder() {
    let lab = Lab::new("e2e-lock");
    let mut first = lab
        .command(&["up", "LAB", "--yes"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("the first run");
    let pid = first.id().to_string();
    let lock = lab.path().join(".steading/lock.json");
    wait_until("the first run has the lab", Duration::from_secs(20), || {
        lock.exists()
    });
    let ran = lab.run(&["up", "LAB", "--yes"]).expect(1);
    assert!(
        ran.stderr.contains(&pid) && ran.stderr.contains("started"),
        "{}",
        ran.stderr
    );
    first.kill().expect("killing the first run");
    first.wait().expect("its end");
    let _ = lab.up();
    lab.down_to_nothing();
}

#[test]
fn interrupted_it_stops_where_it_can_be_resumed() {
    let lab = Lab::new("e2e-interrupt");
    let mut child = lab
        .command(&["up", "LAB", "--yes"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("steading up");
    std::thread::sleep(Duration::from_secs(3));
    e2e::must(&["kill", "-INT", &child.id().to_string()]);
    assert_eq!(child.wait().expect("its end").code(), Some(130));
    let _ = lab.up();
    lab.assert_well();
    lab.down_to_nothing();
}
