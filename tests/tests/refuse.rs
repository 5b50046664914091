//! What must not be done is not done, and it is said why.

use std::fs;
use std::process::Command;

use e2e::{Lab, program};

#[test]
fn what_only_looks_like_ours_is_left_alone() {
    let lab = Lab::new("e2e-foreign");
    let plan = lab.path().join("plan").display().to_string();
    let _ = lab.run(&["plan", "LAB", "--out", &plan]).expect(0);
    let folder = lab.machines().join("worker-1");
    fs::create_dir_all(&folder).expect("a stranger's folder");
    let theirs = folder.join("theirs.txt");
    fs::write(&theirs, "precious").expect("a stranger's file");

    let ran = lab.run(&["up", "LAB", "--yes"]).expect(3);
    assert!(ran.stderr.contains("machine/worker-1"), "{}", ran.stderr);
    assert!(
        ran.stderr.contains(&folder.display().to_string()),
        "{}",
        ran.stderr
    );
    assert_eq!(lab.processes(), [], "nothing was begun");
    let _ = lab.run(&["down", "LAB", "--yes"]).expect(0);
    assert_eq!(
        fs::read_to_string(&theirs).expect("it is still there"),
        "precious"
    );

    fs::remove_dir_all(lab.machines()).expect("removing it ourselves");
    let _ = lab.up();

    // An object of the same name whose tag is another lab's.
    let other = "steading.dev/lab=11111111-2222-4333-8444-555555555555";
    let label = [
        "label",
        "--overwrite",
        "-n",
        "podinfo",
        "deployment/podinfo",
        other,
    ];
    let _ = lab.kubectl(&label).expect(0);
    lab.edit("replicas: 2", "replicas: 1");
    let ran = lab.run(&["up", "LAB", "--yes"]);
    assert_ne!(ran.code, Some(0), "{}", ran.stderr);
    assert!(ran.stderr.contains("podinfo"), "{}", ran.stderr);
    let get = [
        "get",
        "-n",
        "podinfo",
        "deployment/podinfo",
        "-o",
        "jsonpath={.spec.replicas}",
    ];
    assert_eq!(
        lab.kubectl(&get).expect(0).stdout,
        "2",
        "it was not changed"
    );
    lab.down_to_nothing();
}

#[test]
fn hostile_lab_files_are_refused_and_nothing_is_written() {
    let bomb = "a: &a [x,x]\nb: &b [*a,*a]\nlab: x\n".to_owned();
    let files: [(&str, Vec<u8>); 7] = [
        ("bomb", bomb.into_bytes()),
        ("deep", "[".repeat(100_000).into_bytes()),
        ("large", vec![b'x'; 3 << 20]),
        ("nul", b"lab: a\0b".to_vec()),
        ("latin-1", b"lab: caf\xe9".to_vec()),
        ("shell", b"lab: $(touch /tmp/steading-was-here)".to_vec()),
        ("outside", b"lab: a\nclusters: { c: { distribution: { kubeadm: { kubernetes: 1.36.3 } }, pods: 10.244.0.0/16, services: 10.96.0.0/16, cni: { flannel: {} } } }\napps: { x: { manifests: ../../etc } }".to_vec()),
    ];
    for (what, bytes) in files {
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join("lab.yaml"), bytes).expect("the file");
        for verb in ["check", "plan", "up"] {
            let output = Command::new(program())
                .arg(verb)
                .arg(folder.path())
                .output()
                .expect("running steading");
            let code = output.status.code();
            assert!(
                matches!(code, Some(1 | 3)),
                "{verb} of {what} ended with {code:?}"
            );
            assert!(
                output.stderr.len() + output.stdout.len() < 20_000,
                "{what}: too much is said"
            );
        }
        let left = fs::read_dir(folder.path()).expect("the folder").count();
        assert_eq!(left, 1, "{what}: only the lab file is there");
    }
    assert!(!std::path::Path::new("/tmp/steading-was-here").exists());
}

#[test]
fn a_full_disk_is_said_and_nothing_is_corrupt() {
    // A small file system of this test's own, in a mount namespace of its own.
    let folder = tempfile::tempdir().expect("a folder");
    let lab = Lab::with_data("e2e-full", folder.path());
    let script = r#"set -e
mount -t tmpfs -o size=150m tmpfs "$1"
if "$2" up "$3" --yes; then exit 11; fi
mount -o remount,size=4g "$1"
"$2" up "$3" --yes
"$2" down "$3" --yes"#;
    let output = Command::new("unshare")
        .args(["--mount", "sh", "-c", script, "full"])
        .arg(folder.path())
        .arg(program())
        .arg(lab.path())
        .env("XDG_CONFIG_HOME", lab.path().join(".config"))
        .env("STEADING_DATA", folder.path())
        .output()
        .expect("running it");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(said.contains("space"), "the full disk is named: {said}");
}

#[test]
fn a_full_disk_stops_a_run_that_cannot_be_journalled() {
    let lab = Lab::new("e2e-journal");
    let state = lab.path().join(".steading");
    fs::create_dir(&state).expect("the state folder");
    let script = r#"set -e
mount -t tmpfs -o size=16k tmpfs "$1"
head -c 100000 /dev/zero > "$1/filler" 2>/dev/null || true
if "$2" up "$3" --yes; then exit 11; fi
rm "$1/filler"
"$2" plan "$3""#;
    let output = Command::new("unshare")
        .args(["--mount", "sh", "-c", script, "full"])
        .arg(&state)
        .arg(program())
        .arg(lab.path())
        .env("XDG_CONFIG_HOME", lab.path().join(".config"))
        .output()
        .expect("running it");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(said.contains("space"), "{said}");
    assert_eq!(lab.processes_if_known(), [], "nothing was begun");
}

#[test]
fn without_root_it_says_for_what_it_needs_it() {
    let lab = Lab::new("e2e-user");
    // Readable and writable by everybody: only root itself is missing.
    e2e::must(&["chmod", "-R", "a+rwX", &lab.path().display().to_string()]);
    let output = Command::new("setpriv")
        .args(["--reuid", "65534", "--regid", "65534", "--clear-groups"])
        .arg(program())
        .args(["up", "--yes"])
        .arg(lab.path())
        .env("HOME", lab.path())
        .env("XDG_CONFIG_HOME", lab.path().join(".config"))
        .output()
        .expect("running it");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_ne!(output.status.code(), Some(0), "{said}");
    assert!(
        said.contains("root") && said.contains("namespaces"),
        "{said}"
    );
}
