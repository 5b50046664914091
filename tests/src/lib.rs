//! What the end-to-end tests share: a lab of their own, and the program that drives it.
//!
//! Every test has its own lab in its own folder, with its own id, identity and ports; so tests
//! touch nothing of each other or of the user's labs. They share the artifact cache and the node
//! image. A lab is taken down when its test ends, however it ends.

pub mod asked;
pub mod browser;
pub mod counted;
pub mod counter;
pub mod dice;
pub mod kubectl;

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;
use testkit::host_snapshot::HostSnapshot;

pub mod plane;

/// The lab that tests start from.
const QUICKSTART: &str = include_str!("../../labs/quickstart/lab.yaml");
/// The lab with three control planes.
const SEVERAL: &str = include_str!("../../labs/quickstart-ha/lab.yaml");
/// Where machines and images lie.
const DATA: &str = "/var/lib/steading";

/// A lab of a test's own.
pub struct Lab {
    folder: TempDir,
    replica: bool,
    data: PathBuf,
    before: HostSnapshot,
}

/// What a run of the program left behind.
#[derive(Debug)]
pub struct Ran {
    /// What was run.
    pub words: String,
    /// Its exit code; `None` where a signal ended it.
    pub code: Option<i32>,
    /// Its answer.
    pub stdout: String,
    /// Its progress and errors.
    pub stderr: String,
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        Self::of(&[], &output)
    }
}

impl Ran {
    fn of(words: &[&str], output: &Output) -> Self {
        Self {
            words: words.join(" "),
            code: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// The run, which must have ended with that code.
    ///
    /// # Panics
    /// Where it ended otherwise.
    #[must_use]
    #[track_caller]
    pub fn expect(self, code: i32) -> Self {
        assert_eq!(
            self.code,
            Some(code),
            "steading {}\n{}\n{}",
            self.words,
            self.stdout,
            self.stderr
        );
        self
    }
}

/// The program under test, built before the tests by `./test`.
///
/// # Panics
/// Where it was not built.
#[must_use]
pub fn program() -> PathBuf {
    let own = std::env::current_exe().expect("this test's own file");
    let folder = own
        .parent()
        .and_then(Path::parent)
        .expect("target/<profile>/deps");
    let program = folder.join("steading");
    assert!(
        program.exists(),
        "{} is not built: run ./test",
        program.display()
    );
    program
}

impl Lab {
    /// The quickstart lab under another name, in a folder of its own.
    ///
    /// # Panics
    /// Where the folder cannot be made.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self::with_data(name, Path::new(DATA))
    }

    /// The same, with machines and images elsewhere.
    ///
    /// # Panics
    /// Where the folder cannot be made.
    #[must_use]
    pub fn with_data(name: &str, data: &Path) -> Self {
        Self::of(
            &QUICKSTART.replace("lab: quickstart", &format!("lab: {name}")),
            data,
        )
    }

    /// The lab with three control planes, under another name.
    ///
    /// # Panics
    /// Where the folder cannot be made.
    #[must_use]
    pub fn several(name: &str) -> Self {
        let text = SEVERAL.replace("lab: quickstart-ha", &format!("lab: {name}"));
        Self::of(&text, Path::new(DATA))
    }

    /// The replica of a lab: all commands are about it.
    ///
    /// # Panics
    /// Where the folder cannot be made.
    #[must_use]
    pub fn replica(text: &str) -> Self {
        let mut lab = Self::of(text, Path::new(DATA));
        lab.replica = true;
        lab
    }

    /// The replica of a lab of this repository, with the files that stand beside its lab file.
    ///
    /// # Panics
    /// Where there is none, or it cannot be copied.
    #[must_use]
    pub fn replica_of(name: &str) -> Self {
        let from = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../labs")
            .join(name);
        let text = fs::read_to_string(from.join("lab.yaml")).expect("its lab file");
        let lab = Self::replica(&text);
        for entry in fs::read_dir(&from).expect("its folder").flatten() {
            let hidden = entry.file_name().to_string_lossy().starts_with('.');
            if entry.path().is_dir() && !hidden {
                let (from, to) = (entry.path(), lab.path().display().to_string());
                must(&["cp", "-R", &from.display().to_string(), &to]);
            }
        }
        lab
    }

    fn of(text: &str, data: &Path) -> Self {
        let folder = tempfile::tempdir().expect("a folder for the lab");
        fs::write(folder.path().join("lab.yaml"), text).expect("writing the lab file");
        Self {
            before: picture(data),
            replica: false,
            folder,
            data: data.to_owned(),
        }
    }

    /// The lab's folder.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Changes the lab file.
    ///
    /// # Panics
    /// Where it does not hold `from`.
    pub fn edit(&self, from: &str, to: &str) {
        let path = self.path().join("lab.yaml");
        let text = fs::read_to_string(&path).expect("the lab file");
        assert!(text.contains(from), "the lab file does not hold {from:?}");
        fs::write(path, text.replace(from, to)).expect("writing the lab file");
    }

    /// Takes the line that holds these words out of the lab file.
    ///
    /// # Panics
    /// Where there is none.
    pub fn leave_out(&self, words: &str) {
        let path = self.path().join("lab.yaml");
        let text = fs::read_to_string(&path).expect("the lab file");
        let line = text.lines().find(|line| line.contains(words));
        let line = line.unwrap_or_else(|| panic!("the lab file does not hold {words:?}"));
        self.edit(&format!("{line}\n"), "");
    }

    /// A command of the program about this lab; `LAB` among the words stands for its folder.
    #[must_use]
    pub fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(program());
        let lab = self.path().display().to_string();
        command
            .args(
                words
                    .iter()
                    .map(|word| if *word == "LAB" { lab.as_str() } else { word }),
            )
            .args(self.rung(words))
            .env("XDG_CONFIG_HOME", self.path().join(".config"))
            .env("STEADING_DATA", &self.data)
            .stdin(Stdio::null());
        command
    }

    /// The word by which a command is about the replica, where there are no words for others
    /// after it.
    fn rung(&self, words: &[&str]) -> Option<&'static str> {
        let verb = words.first().copied().unwrap_or_default();
        let verbs = ["up", "plan", "status", "heal", "down"];
        (self.replica && verbs.contains(&verb)).then_some("--replica")
    }

    /// Runs a command of the program about this lab.
    ///
    /// # Panics
    /// Where it cannot be started.
    #[must_use]
    pub fn run(&self, words: &[&str]) -> Ran {
        let output = self.command(words).output().expect("running steading");
        Ran::of(words, &output)
    }

    /// Brings it up, which must succeed.
    #[must_use]
    #[track_caller]
    pub fn up(&self) -> Ran {
        self.run(&["up", "LAB", "--yes"]).expect(0)
    }

    /// Its state.
    ///
    /// # Panics
    /// Where that is no JSON.
    #[must_use]
    #[track_caller]
    pub fn status(&self) -> Value {
        let ran = self.run(&["status", "LAB", "--format", "json"]).expect(0);
        serde_json::from_str(&ran.stdout).expect("status as JSON")
    }

    /// What is wrong with a thing, as status tells it.
    #[must_use]
    pub fn faults(&self, address: &str) -> String {
        self.status()["inventory"][address]["faults"].to_string()
    }

    /// Asserts that all is as declared.
    ///
    /// # Panics
    /// Where it is not.
    #[track_caller]
    pub fn assert_well(&self) {
        let status = self.status();
        assert_eq!(
            status["well"], true,
            "due: {}\nnotes: {}",
            status["due"], status["notes"]
        );
    }

    /// Starts `steading up`, and kills it with signal 9 some time after a line of its progress
    /// that begins with these words. Tells whether it came to that.
    ///
    /// # Panics
    /// Where it cannot be started.
    #[must_use]
    pub fn killed_up(&self, after: &str, pause: Duration) -> bool {
        let mut child = self
            .command(&["up", "LAB", "--yes"])
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("starting steading");
        let lines = BufReader::new(child.stderr.take().expect("its progress")).lines();
        let mut came = false;
        for line in lines.map_while(Result::ok) {
            // The plan comes first and names the same things: progress begins with the seconds.
            let progress = line.split_once(" s  ").map(|(_, rest)| rest);
            if progress.is_some_and(|rest| rest.starts_with(after)) {
                came = true;
                break;
            }
        }
        std::thread::sleep(pause);
        // Its children are not ours to find: only what it was told to do may end them.
        let _ = child.kill();
        let _ = child.wait();
        came
    }

    /// The processes that are the lab's, as `address` and pid, by their tags.
    #[must_use]
    pub fn processes(&self) -> Vec<(String, i32)> {
        let id = self.id();
        let mut found = Vec::new();
        for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
            let Some(pid) = entry
                .file_name()
                .to_str()
                .and_then(|name| name.parse().ok())
            else {
                continue;
            };
            let environment = fs::read(entry.path().join("environ")).unwrap_or_default();
            let value = |key: &str| {
                environment
                    .split(|byte| *byte == 0)
                    .filter_map(|pair| std::str::from_utf8(pair).ok()?.split_once('='))
                    .find_map(|(k, v)| (k == key).then(|| v.to_owned()))
            };
            let first = fs::read_to_string(entry.path().join("status"))
                .unwrap_or_default()
                .lines()
                .find_map(|line| line.strip_prefix("NSpid:"))
                .is_some_and(|ids| {
                    let ids: Vec<&str> = ids.split_whitespace().collect();
                    ids.len() == 1 || ids.last() == Some(&"1")
                });
            if let (true, Some(address)) = (
                first && value("STEADING_LAB_ID").as_deref() == Some(&id),
                value("STEADING_ADDRESS"),
            ) {
                found.push((address, pid));
            }
        }
        found.sort();
        found
    }

    /// The lab's processes; none where it has no id yet.
    #[must_use]
    pub fn processes_if_known(&self) -> Vec<(String, i32)> {
        if self.path().join("lab.lock").exists() {
            self.processes()
        } else {
            Vec::new()
        }
    }

    /// Asserts that every process of the lab stands in control groups of the lab.
    ///
    /// # Panics
    /// Where one does not.
    pub fn assert_grouped(&self) {
        for (address, pid) in self.processes() {
            let groups = fs::read_to_string(format!("/proc/{pid}/cgroup")).expect("its groups");
            for line in groups.lines() {
                let path = line.splitn(3, ':').nth(2).unwrap_or_default();
                // A hierarchy that is mounted nowhere has no groups of ours.
                let none = path == "/"
                    && line.split(':').nth(1).is_some_and(|c| {
                        !c.is_empty() && !Path::new("/sys/fs/cgroup").join(c).exists()
                    });
                assert!(path.starts_with("/steading/") || none, "{address}: {line}");
            }
        }
    }

    /// The process that stands for a thing.
    ///
    /// # Panics
    /// Where there is none.
    #[must_use]
    pub fn process(&self, address: &str) -> i32 {
        let processes = self.processes();
        let found = processes.iter().find(|(at, _)| at == address);
        found
            .unwrap_or_else(|| panic!("no process of {address}: {processes:?}"))
            .1
    }

    /// The lab's id.
    ///
    /// # Panics
    /// Where it has none yet.
    #[must_use]
    pub fn id(&self) -> String {
        let lock = fs::read(self.path().join("lab.lock")).expect("lab.lock");
        let lock: Value = serde_json::from_slice(&lock).expect("lab.lock as JSON");
        let id: uuid::Uuid = lock["id"].as_str().expect("the id").parse().expect("an id");
        let id = model::plan::LabId(id);
        let own = if self.replica { id.replica() } else { id };
        own.to_string()
    }

    /// The folder of the lab's machines.
    ///
    /// # Panics
    /// Where the lab file cannot be read.
    #[must_use]
    pub fn machines(&self) -> PathBuf {
        let text = fs::read_to_string(self.path().join("lab.yaml")).expect("the lab file");
        let name = text
            .lines()
            .find_map(|line| line.strip_prefix("lab: "))
            .expect("its name");
        let short: String = self.id().chars().take(8).collect();
        self.data.join("machines").join(format!("{name}-{short}"))
    }

    /// The port on which an app, or what else is forwarded, answers.
    ///
    /// # Panics
    /// Where it has none.
    #[must_use]
    pub fn port(&self, forward: &str) -> u16 {
        let status = self.status();
        let port = status["inventory"][format!("forward/{forward}")]["facts"]["port"].as_str();
        port.and_then(|port| port.parse().ok()).expect("its port")
    }

    /// The port on which podinfo answers.
    ///
    /// # Panics
    /// Where it has none.
    #[must_use]
    pub fn podinfo_port(&self) -> u16 {
        self.port("podinfo")
    }

    /// The port on which the API server of its only cluster answers.
    ///
    /// # Panics
    /// Where it has none.
    #[must_use]
    pub fn api_port(&self) -> u16 {
        self.port("main-api")
    }

    /// The folder that its secrets and state lie in.
    ///
    /// # Panics
    /// Where it has no id yet.
    #[must_use]
    pub fn home(&self) -> PathBuf {
        if !self.replica {
            return self.path().to_owned();
        }
        let machines = self.machines();
        let name = machines.file_name().expect("a name");
        self.data.join("replicas").join(name)
    }

    /// A short-lived credential of the user for its only cluster, as kubectl gets it.
    ///
    /// # Panics
    /// Where there is none.
    #[must_use]
    pub fn credential(&self) -> String {
        let home = self.home().display().to_string();
        let words = [
            "internal",
            "credential",
            "--lab",
            &home,
            "--cluster",
            "main",
        ];
        self.run(&words).expect(0).stdout
    }

    /// Takes it down, and asserts that this host is as it was before the lab.
    ///
    /// # Panics
    /// Where something is left or missing.
    pub fn down_to_nothing(&self) {
        let ran = self.run(&["down", "LAB", "--yes"]);
        assert_eq!(ran.code, Some(0), "{}", ran.stderr);
        let changes = self.host_changes();
        let shown: Vec<&String> = changes.iter().take(20).collect();
        assert!(changes.is_empty(), "the host is not as before: {shown:#?}");
    }

    /// What is different on this host since before the lab.
    #[must_use]
    pub fn host_changes(&self) -> Vec<String> {
        let own = self.machines();
        let own = own
            .file_name()
            .map(|name| name.to_string_lossy().into_owned());
        let (own, id) = (own.unwrap_or_default(), self.id());
        // Labs of others may come and go beside this one.
        let later = picture(&self.data);
        let stranger = |line: &str| line.contains("STEADING_LAB_ID=") && !line.contains(&id);
        let alone = !later.lines().chain(self.before.lines()).any(stranger);
        let others = |line: &String| {
            let theirs = line.contains("/steading/") && !line.contains(&own);
            // Whose a listener is, a picture does not tell.
            let shared = line.contains("listener tcp 127.0.0.1:2") || line.ends_with("/steading");
            // Groups outside ours come and go with everything else that this host does; that our
            // processes stand in none of them is asserted of the processes.
            let elsewhere = line.contains(" cgroup ") && !line.contains("/steading");
            theirs || stranger(line) || elsewhere || (shared && !alone)
        };
        let changes = self.before.changes(&later);
        changes.into_iter().filter(|line| !others(line)).collect()
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        // Also after a failed assertion; what cannot be removed then was told of by that.
        let _ = self.command(&["down", "LAB", "--yes"]).output();
    }
}

fn picture(data: &Path) -> HostSnapshot {
    HostSnapshot::take(&[&data.join("machines"), &data.join("replicas")])
}

/// Asks for the start page on that port; the answer's body if it came within the limit.
#[must_use]
pub fn answer(port: u16, limit: Duration) -> Option<String> {
    let mut stream =
        TcpStream::connect_timeout(&([127, 0, 0, 1], port).into(), Duration::from_secs(1)).ok()?;
    stream.set_read_timeout(Some(limit)).ok()?;
    stream
        .write_all(b"GET / HTTP/1.0\r\nHost: podinfo\r\n\r\n")
        .ok()?;
    let mut text = String::new();
    stream.read_to_string(&mut text).ok()?;
    let (_, body) = text.split_once("\r\n\r\n")?;
    Some(body.to_owned())
}

/// Waits until something holds, at most that long.
///
/// # Panics
/// Where it does not come to hold.
#[track_caller]
pub fn wait_until(what: &str, limit: Duration, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(
            start.elapsed() < limit,
            "{what} within {} s",
            limit.as_secs()
        );
        std::thread::sleep(Duration::from_millis(300));
    }
}

/// Runs a program that must succeed.
///
/// # Panics
/// Where it does not.
pub fn must(argv: &[&str]) {
    let (program, arguments) = argv.split_first().expect("a program");
    let output = Command::new(program)
        .args(arguments)
        .output()
        .expect("starting it");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{argv:?}: {said}");
}
