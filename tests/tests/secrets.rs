//! Our secrets and the program that reads such files everywhere else: `sops`, built from its Go
//! module.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use store::{Secret, Secrets};

/// Builds `sops`, or finds it built: Go keeps what it compiled.
fn sops() -> PathBuf {
    let program = Path::new(env!("CARGO_TARGET_TMPDIR")).join("sops");
    let built = Command::new("go")
        .args(["build", "-o"])
        .arg(&program)
        .arg("github.com/getsops/sops/v3/cmd/sops")
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/sops"))
        .env("GOTOOLCHAIN", "local")
        .output()
        .expect("starting go");
    let said = String::from_utf8_lossy(&built.stderr);
    assert!(built.status.success(), "building sops: {said}");
    program
}

fn texts(secrets: &BTreeMap<String, Secret>) -> BTreeMap<String, String> {
    let expose = |(key, secret): (&String, &Secret)| (key.clone(), secret.expose().to_owned());
    secrets.iter().map(expose).collect()
}

#[test]
fn sops_reads_what_we_write_and_we_read_what_it_writes() {
    let folder = tempfile::tempdir().expect("a folder");
    let identity = folder.path().join("identity.txt");
    let secrets = Secrets::new(folder.path().join("secrets"), identity.clone());
    let file = secrets.folder().join("cluster.sops.json");
    let ours = BTreeMap::from([
        (
            "ca.key".to_owned(),
            "line one\nline two: \"quoted\" ß\n".to_owned(),
        ),
        ("empty".to_owned(), String::new()),
        ("token".to_owned(), "abc".to_owned()),
    ]);
    let kept = ours
        .iter()
        .map(|(k, v)| (k.clone(), Secret::new(v.clone())));
    let now = "2026-11-21T10:00:00Z".parse().expect("a time");
    secrets
        .create("cluster", &kept.collect(), now)
        .expect("keeping them");

    let sops = sops();
    let run = |words: &[&str]| {
        let ran = Command::new(&sops)
            .args(words)
            .arg(&file)
            .args(if words[0] == "set" {
                &["[\"token\"]", "\"new\""][..]
            } else {
                &[]
            })
            .env("SOPS_AGE_KEY_FILE", &identity)
            .env("SOPS_DISABLE_VERSION_CHECK", "1")
            .output()
            .expect("starting sops");
        let said = String::from_utf8_lossy(&ran.stderr);
        assert!(ran.status.success(), "sops {words:?}: {said}");
        ran.stdout
    };
    let read: BTreeMap<String, String> =
        serde_json::from_slice(&run(&["decrypt", "--output-type", "json"])).expect("JSON");
    assert_eq!(read, ours);

    let _ = run(&["set"]);
    let mut changed = ours;
    changed.insert("token".to_owned(), "new".to_owned());
    let read = secrets
        .load("cluster")
        .expect("reading them")
        .expect("secrets");
    assert_eq!(texts(&read), changed);
}
