//! `steading check` as it is called.

use std::fs;
use std::path::Path;
use std::process::Command;

/// A lab with four slips and a mistake that nobody can mend for certain, in two files.
const LAB: &str = "# my lab\nlab: home\n\nnetworks:\n  lan: { cidr: 10.0.0.0/24 } # at home\n\n\
    hosts:\n  nasty: { access: lcoal, model: 'x' }\n\n\
    clusters:\n  main:\n    distribution: { kubeadm: { kubernets: 1.36.3 } }\n    \
    pods: 10.1.0.0/16\n    services: 10.2.0.0/16\n    cni: { flannel: { mtu: 9000 } } # jumbo\n";
const NODES: &str = "nodes:\n  # the only one\n  cp-1: { cluster: main, role: control-plane, on: nastly, container: { cpu: 1, memory: 2Gi }, address: 10.0.0.11 }\n";

/// Calls it; its exit code, what it answers, what it tells.
fn steading(arguments: &[&str], lab: &Path) -> (i32, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_steading"))
        .args(arguments)
        .arg(lab)
        .output()
        .unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (
        output.status.code().unwrap(),
        text(output.stdout),
        text(output.stderr),
    )
}

#[test]
fn fix_writes_what_is_certain_and_nothing_else_and_only_once() {
    let folder = tempfile::tempdir().unwrap();
    let (lab, nodes) = (
        folder.path().join("lab.yaml"),
        folder.path().join("nodes.yaml"),
    );
    fs::write(&lab, LAB).unwrap();
    fs::write(&nodes, NODES).unwrap();
    let (code, answer, told) = steading(&["check", "--fix"], folder.path());
    let wanted = LAB
        .replace("lcoal", "local")
        .replace("kubernets", "kubernetes")
        .replace("9000", "1450");
    assert_eq!(fs::read_to_string(&lab).unwrap(), wanted, "{told}");
    assert_eq!(
        fs::read_to_string(&nodes).unwrap(),
        NODES.replace("nastly", "nasty")
    );
    let told: Vec<&str> = told
        .lines()
        .filter_map(|line| line.split('/').next_back())
        .collect();
    assert_eq!(
        told,
        [
            "lab.yaml:8:20: hosts.nasty.access: lcoal → local",
            "lab.yaml:12:32: clusters.main.distribution.kubeadm.kubernets: kubernets → kubernetes",
            "lab.yaml:15:28: clusters.main.cni.flannel.mtu: 9000 → 1450",
            "nodes.yaml:3:51: nodes.cp-1.on: nastly → nasty",
        ]
    );
    // A control plane with one processor: what to write is for a person to decide.
    assert_eq!(code, 3, "{answer}");
    assert!(
        answer.contains("S017") && answer.contains("1 error,"),
        "{answer}"
    );

    let (_, _, told) = steading(&["check", "--fix"], folder.path());
    assert!(told.starts_with("Nothing is changed"), "{told}");
    assert_eq!(fs::read_to_string(&lab).unwrap(), wanted);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
}

#[test]
fn without_fix_nothing_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let lab = folder.path().join("lab.yaml");
    fs::write(&lab, LAB).unwrap();
    let (code, _, _) = steading(&["check"], folder.path());
    assert_eq!(
        (code, fs::read_to_string(&lab).unwrap()),
        (3, LAB.to_owned())
    );
}

#[test]
fn sarif_names_files_from_the_folder_of_the_lab_and_only_check_has_it() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("lab.yaml"), LAB).unwrap();
    let (code, answer, _) = steading(&["check", "--format", "sarif"], folder.path());
    let log: serde_json::Value = serde_json::from_str(&answer).unwrap();
    let first = &log["runs"][0]["results"][0]["locations"][0]["physicalLocation"];
    assert_eq!(
        (code, &first["artifactLocation"]["uri"]),
        (3, &"lab.yaml".into())
    );
    let (code, answer, told) = steading(&["plan", "--format", "sarif"], folder.path());
    assert_eq!((code, answer.as_str()), (2, ""));
    assert!(told.contains("only check"), "{told}");
}
