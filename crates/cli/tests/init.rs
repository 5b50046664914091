//! `steading init` as it is called, on the machine that runs this.

use std::fs;
use std::path::Path;
use std::process::Command;

/// Calls it; its exit code, what it answers, what it tells.
fn init(folder: &Path, more: &[&str]) -> (i32, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_steading"))
        .arg("init")
        .arg(folder)
        .args(more)
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
fn flags_are_followed_and_programs_get_an_answer() {
    let outside = tempfile::tempdir().unwrap();
    let folder = outside.path().join("attic");
    let flags = [
        "--yes",
        "--workers",
        "0",
        "--memory",
        "1800Mi",
        "--cpu",
        "3",
        "--app",
        "no",
        "--format",
        "json",
    ];
    let (code, answer, told) = init(&folder, &flags);
    assert_eq!(code, 0, "{told}");
    let answer: serde_json::Value = serde_json::from_str(&answer).unwrap();
    assert_eq!(answer["lab"], "attic");
    assert_eq!(answer["findings"], serde_json::json!([]));
    assert_eq!(answer["beyond"], serde_json::json!([]));
    let text = fs::read_to_string(folder.join("lab.yaml")).unwrap();
    assert!(
        text.contains("container: { cpu: 3, memory: 1800Mi }"),
        "{text}"
    );
    assert!(
        !text.contains("worker-") && !text.contains("podinfo"),
        "{text}"
    );
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 1);
}

#[test]
fn what_is_there_stays() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("lab.yaml");
    fs::write(&file, "mine").unwrap();
    let (code, _, told) = init(folder.path(), &["--yes"]);
    assert_eq!(code, 2, "{told}");
    assert!(told.contains("there already"), "{told}");
    assert_eq!(fs::read_to_string(&file).unwrap(), "mine");
    assert_eq!(
        init(folder.path(), &["--yes", "--force", "--name", "home"]).0,
        0
    );
    assert_eq!(
        fs::read_to_string(folder.path().join("lab.yaml.1.bak")).unwrap(),
        "mine"
    );

    // Another part of a lab would be read along with the new file.
    let other = tempfile::tempdir().unwrap();
    fs::write(other.path().join("nodes.yml"), "mine").unwrap();
    for more in [&["--yes"][..], &["--yes", "--force"]] {
        let (code, _, told) = init(other.path(), more);
        assert_eq!(code, 2, "{told}");
        assert!(told.contains("nodes.yml"), "{told}");
    }
    assert!(!other.path().join("lab.yaml").exists());
}

#[test]
fn what_cannot_be_is_refused_before_anything_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().join("lab");
    for (more, code, wanted) in [
        (
            &["--from=-oProxyCommand=x@y"][..],
            2,
            "not an address for SSH",
        ),
        (
            &["--from", "a:root@-oProxyCommand=x"],
            2,
            "not an address for SSH",
        ),
        (&["--kubernetes", "1.2.3"], 2, "write one of"),
        (&["--memory", "100Ti"], 3, "and this machine has"),
        (&["--memory", "100Mi"], 3, "a control plane needs"),
        (&["--control-planes", "9"], 2, "1..=7"),
        (
            &["--cpu", "2", "--from", "root@a"],
            2,
            "cannot be used with",
        ),
    ] {
        let (found, _, told) = init(&folder, &[&["--yes"], more].concat());
        assert_eq!(found, code, "{more:?}: {told}");
        assert!(told.contains(wanted), "{more:?}: {told}");
        assert!(!folder.exists(), "{more:?}");
    }
}
