//! First lab files: that of this machine comes up, and machines are asked by a real SSH server.

use std::fs::{self, File};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use e2e::{Lab, Ran, program};
use serde_json::Value;
use tempfile::TempDir;

#[test]
fn the_lab_that_is_proposed_for_this_machine_comes_up() {
    let lab = Lab::new("e2e-init");
    let refused = lab.run(&["init", "LAB", "--yes"]).expect(2);
    assert!(
        refused.stderr.contains("there already"),
        "{}",
        refused.stderr
    );
    let words = [
        "init",
        "LAB",
        "--yes",
        "--force",
        "--name",
        "e2e-init",
        "--workers",
        "1",
    ];
    let _ = lab.run(&words).expect(0);
    let kept = fs::read_to_string(lab.path().join("lab.yaml.1.bak")).expect("the old file");
    assert!(kept.contains("this-machine: { access: local }"), "{kept}");
    let checked = lab.run(&["check", "LAB"]).expect(0);
    assert_eq!(checked.stdout, "Nothing is wrong with it.\n");
    let ran = lab.up();
    assert!(
        ran.stdout.contains("podinfo      http://127.0.0.1:"),
        "{}",
        ran.stdout
    );
    lab.assert_well();
    let _ = lab.run(&["down", "LAB", "--yes"]).expect(0);
}

/// An SSH server of the test's own on 127.0.0.1, with a key of its own for whoever runs the test.
struct Server {
    folder: TempDir,
    port: u16,
    process: Child,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Server {
    fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        for name in ["host", "user"] {
            let made = Command::new("ssh-keygen")
                .args(["-q", "-t", "ed25519", "-N", "", "-f", name])
                .current_dir(folder.path())
                .status()
                .expect("ssh-keygen");
            assert!(made.success());
        }
        // Free now; if somebody takes it before the server does, the server does not start.
        let port = TcpListener::bind("127.0.0.1:0")
            .and_then(|free| free.local_addr())
            .expect("a port")
            .port();
        let at = |name: &str| folder.path().join(name).display().to_string();
        let server = format!(
            "ListenAddress 127.0.0.1\nPort {port}\nHostKey {}\nAuthorizedKeysFile {}\nPidFile none\n\
             StrictModes no\nUsePAM no\nPasswordAuthentication no\nPermitRootLogin yes\n",
            at("host"),
            at("user.pub"),
        );
        fs::write(folder.path().join("sshd_config"), server).expect("its configuration");
        // Where the server is a service, its start makes this folder, which it wants to exist.
        fs::create_dir_all("/run/sshd").expect("/run/sshd");
        let log = File::create(folder.path().join("log")).expect("its log");
        let process = Command::new("/usr/sbin/sshd")
            .args(["-D", "-e", "-f"])
            .arg(folder.path().join("sshd_config"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("/usr/sbin/sshd: ./test installs it");
        let server = Self {
            folder,
            port,
            process,
        };
        let until = Instant::now() + Duration::from_secs(30);
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(
                Instant::now() < until,
                "sshd does not listen: {}",
                server.log()
            );
            std::thread::sleep(Duration::from_millis(20));
        }
        server
    }

    fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    /// The user's configuration of ssh. `known`: whether the server's key is known.
    fn client(&self, known: bool) -> PathBuf {
        let hosts = self.folder.path().join("known_hosts");
        let key = fs::read_to_string(self.folder.path().join("host.pub")).expect("its key");
        let line = format!("[127.0.0.1]:{} {key}", self.port);
        fs::write(&hosts, if known { line } else { String::new() }).expect("known hosts");
        let config = format!(
            "Host *\n  IdentityFile {}\n  IdentitiesOnly yes\n  UserKnownHostsFile {}\n  StrictHostKeyChecking yes\n",
            self.folder.path().join("user").display(),
            hosts.display()
        );
        let file = self.folder.path().join("ssh_config");
        fs::write(&file, config).expect("its configuration");
        file
    }
}

fn init(folder: &Path, config: &Path, more: &[&str]) -> Ran {
    Command::new(program())
        .arg("init")
        .arg(folder)
        .args(["--yes", "--format", "json", "--ssh-config"])
        .arg(config)
        .arg("--from")
        .args(more)
        .stdin(Stdio::null())
        .output()
        .expect("running steading")
        .into()
}

/// Who runs this.
fn user() -> String {
    let output = Command::new("id").arg("-un").output().expect("id");
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

#[test]
fn machines_are_asked_by_ssh_and_those_that_do_not_answer_are_noted() {
    let server = Server::start();
    let lab = tempfile::tempdir().expect("a folder");
    let user = user();
    // One that answers, one that nobody serves, one that takes the call and says nothing.
    let silent = TcpListener::bind("127.0.0.1:0").expect("a port");
    let at = |name: &str, port: u16| format!("{name}:{user}@127.0.0.1:{port}");
    let answering = at("nuc1", server.port);
    let quiet = at("quiet", silent.local_addr().expect("its address").port());
    let words = [answering.as_str(), &at("nas", 1), &quiet];
    let ran = init(lab.path(), &server.client(true), &words).expect(1);
    let answer: Value = serde_json::from_str(&ran.stdout).expect("JSON");
    assert_eq!(answer["findings"], serde_json::json!([]), "{answer}");
    let unread = |n: usize| {
        (
            answer["unread"][n]["host"].as_str(),
            answer["unread"][n]["why"].to_string(),
        )
    };
    let (nas, why) = unread(0);
    assert!(
        nas == Some("nas") && why.contains("Connection refused"),
        "{answer}"
    );
    let (quiet, why) = unread(1);
    assert!(
        quiet == Some("quiet") && why.contains("timed out"),
        "{answer}"
    );

    let text = fs::read_to_string(lab.path().join("lab.yaml")).expect("the lab file");
    let ssh = format!("access: {{ ssh: \"{user}@127.0.0.1:{}\" }}", server.port);
    assert!(
        text.contains(&ssh.replace('"', "")) || text.contains(&ssh),
        "{text}"
    );
    let memory = fs::read_to_string("/proc/meminfo").expect("memory");
    let total: u64 = memory
        .split_whitespace()
        .nth(1)
        .and_then(|number| number.parse().ok())
        .expect("MemTotal");
    let memory = format!("memory: {}Mi", total / 1024);
    assert!(
        text.contains("\n  nuc1:\n") && text.contains(&memory),
        "{text}"
    );
    assert!(
        text.contains("hosts.nas:") && text.contains("hosts.quiet:"),
        "{text}"
    );
}

#[test]
fn a_machine_whose_key_is_unknown_is_not_read_and_nothing_is_pinned() {
    let server = Server::start();
    let lab = tempfile::tempdir().expect("a folder");
    let target = format!("nuc1:{}@127.0.0.1:{}", user(), server.port);
    let ran = init(lab.path(), &server.client(false), &[&target]).expect(1);
    assert!(
        ran.stderr.contains("Host key verification failed"),
        "{}",
        ran.stderr
    );
    let known = fs::read_to_string(server.folder.path().join("known_hosts")).expect("known hosts");
    assert_eq!(known, "");
    assert!(!lab.path().join("lab.yaml").exists());
}
