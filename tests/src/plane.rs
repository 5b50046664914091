//! A control plane without machines: etcd, API server, scheduler and controller-manager as plain
//! processes on 127.0.0.1. No kubelet: nodes are objects that a test writes. Everything lies in a
//! temporary folder and ends with the value.

use std::fs;
use std::net::TcpListener;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;
use ureq::tls::{PemItem, RootCerts, TlsConfig, parse_pem};

use crate::Lab;

/// The node programs that are meant, as their folder in the cache begins.
const PROGRAMS: &str = "node-programs-1.36";
/// How long a program may take to begin to answer.
const STARTS: Duration = Duration::from_secs(90);
/// What clients say of themselves; it is nobody's secret outside of a test.
const TOKEN: &str = "test";

/// The control plane.
pub struct Plane {
    /// How it is asked.
    pub api: Api,
    folder: TempDir,
    programs: PathBuf,
    /// In the order in which they end: who asks before who is asked.
    children: Vec<(String, Child)>,
}

/// Which admission plugins are left out besides the one for service accounts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Nodes {
    /// New nodes are free of taints, and nothing keeps deleted volumes: nobody else is there to
    /// look after them.
    AsWritten,
    /// As in any cluster.
    Watched,
}

impl Plane {
    /// etcd and an API server.
    ///
    /// # Panics
    /// Where they cannot be started.
    #[must_use]
    pub fn new(nodes: Nodes) -> Self {
        let folder = tempfile::tempdir().expect("a folder for the control plane");
        let programs = programs();
        let mut children = Vec::new();
        let [client, peer, port] = free_ports();
        let etcd = start(
            &programs,
            folder.path(),
            "etcd",
            &etcd(folder.path(), client, peer),
        );
        children.push(("etcd".to_owned(), etcd));
        let words = api_server(folder.path(), client, port, nodes);
        let server = start(&programs, folder.path(), "kube-apiserver", &words);
        children.insert(0, ("kube-apiserver".to_owned(), server));
        let mut plane = Self {
            api: Api::new(
                port,
                &folder.path().join("pki/apiserver.crt"),
                &mut children,
            ),
            folder,
            programs,
            children,
        };
        plane.write_kubeconfig(port);
        plane.await_ready();
        plane
    }

    fn write_kubeconfig(&self, port: u16) {
        let pki = self.folder.path().join("pki/apiserver.crt");
        let config = json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "test",
            "clusters": [{ "name": "test", "cluster": {
                "server": format!("https://127.0.0.1:{port}"), "certificate-authority": pki } }],
            "users": [{ "name": "test", "user": { "token": TOKEN } }],
            "contexts": [{ "name": "test", "context": { "cluster": "test", "user": "test" } }],
        });
        self.write("kubeconfig", &config.to_string());
    }

    /// The file by which a program finds the API server.
    #[must_use]
    pub fn kubeconfig(&self) -> PathBuf {
        self.folder.path().join("kubeconfig")
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.folder.path().join(name), text).expect("writing its configuration");
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    fn await_ready(&mut self) {
        let start = Instant::now();
        loop {
            let ready = self.api.text("GET", "/readyz", None);
            // What pods and priorities need is made by the server itself a moment later.
            let default = self.api.get("/api/v1/namespaces/default");
            if ready.is_some_and(|(code, _)| code == 200) && default.is_some() {
                return;
            }
            self.assert_alive();
            assert!(start.elapsed() < STARTS, "{}", self.log("kube-apiserver"));
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// Starts the scheduler, which asks without a limit of its own.
    ///
    /// # Panics
    /// Where it cannot be started.
    pub fn scheduler(&mut self) {
        let config = json!({
            "apiVersion": "kubescheduler.config.k8s.io/v1", "kind": "KubeSchedulerConfiguration",
            "leaderElection": { "leaderElect": false }, "podInitialBackoffSeconds": 1,
            "podMaxBackoffSeconds": 1,
            "clientConnection": { "kubeconfig": self.path("kubeconfig"), "qps": 1000, "burst": 1000 },
        });
        self.write("scheduler.yaml", &config.to_string());
        let config = self.path("scheduler.yaml");
        self.add("kube-scheduler", &["--config", &config, "--secure-port=0"]);
    }

    /// Starts the controller-manager with these words besides.
    ///
    /// # Panics
    /// Where it cannot be started.
    pub fn controllers(&mut self, words: &[&str]) {
        let kubeconfig = self.path("kubeconfig");
        let mut all = vec![
            "--kubeconfig",
            &kubeconfig,
            "--leader-elect=false",
            "--secure-port=0",
            "--kube-api-qps=1000",
            "--kube-api-burst=1000",
        ];
        all.extend(words);
        self.add("kube-controller-manager", &all);
    }

    fn add(&mut self, name: &str, words: &[&str]) {
        let words: Vec<String> = words.iter().map(|&word| word.to_owned()).collect();
        let child = start(&self.programs, self.folder.path(), name, &words);
        self.children.insert(0, (name.to_owned(), child));
    }

    /// What a program said of late.
    #[must_use]
    pub fn log(&self, name: &str) -> String {
        let text = fs::read_to_string(self.folder.path().join(format!("{name}.log")));
        let text = text.unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(30)..].join("\n")
    }

    /// Asserts that all of its programs run.
    ///
    /// # Panics
    /// Where one does not.
    pub fn assert_alive(&mut self) {
        let ended = self.children.iter_mut().find_map(|(name, child)| {
            let status = child.try_wait().ok()?;
            status.map(|_| name.clone())
        });
        if let Some(name) = ended {
            panic!("{name} ended: {}", self.log(&name));
        }
    }
}

impl Drop for Plane {
    fn drop(&mut self) {
        for (_, child) in &mut self.children {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// The folder with the node programs; a lab that comes up makes them where they are not there.
fn programs() -> PathBuf {
    find_programs().unwrap_or_else(|| {
        drop(Lab::new("programs").up());
        find_programs().expect("the node programs after a lab came up")
    })
}

fn find_programs() -> Option<PathBuf> {
    let own = |variable| std::env::var_os(variable).map(PathBuf::from);
    let cache = own("XDG_CACHE_HOME").or_else(|| Some(own("HOME")?.join(".cache")))?;
    let all = fs::read_dir(cache.join("steading/artifacts")).ok()?;
    let mut found: Vec<PathBuf> = all
        .flatten()
        .filter(|entry| entry.file_name().to_string_lossy().starts_with(PROGRAMS))
        .map(|entry| entry.path())
        .filter(|path| path.join("record.json").exists())
        .collect();
    found.sort();
    found.pop()
}

/// Ports of 127.0.0.1 that nobody listens on now.
fn free_ports<const COUNT: usize>() -> [u16; COUNT] {
    let held = [(); COUNT].map(|()| TcpListener::bind(("127.0.0.1", 0)).expect("a free port"));
    held.map(|listener| listener.local_addr().expect("its address").port())
}

fn start(programs: &Path, folder: &Path, name: &str, words: &[String]) -> Child {
    let log = fs::File::create(folder.join(format!("{name}.log"))).expect("its log");
    let errors = log.try_clone().expect("its log");
    Command::new(programs.join(name))
        .arg0(name)
        .args(words)
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(log)
        .stderr(errors)
        .spawn()
        .unwrap_or_else(|error| panic!("starting {name}: {error}"))
}

fn etcd(folder: &Path, client: u16, peer: u16) -> Vec<String> {
    let (client, peer) = (
        format!("http://127.0.0.1:{client}"),
        format!("http://127.0.0.1:{peer}"),
    );
    vec![
        format!("--data-dir={}", folder.join("etcd").display()),
        format!("--listen-client-urls={client}"),
        format!("--advertise-client-urls={client}"),
        format!("--listen-peer-urls={peer}"),
        format!("--initial-advertise-peer-urls={peer}"),
        format!("--initial-cluster=default={peer}"),
        // What is in it need not survive this test.
        "--unsafe-no-fsync".to_owned(),
    ]
}

fn api_server(folder: &Path, etcd: u16, port: u16, nodes: Nodes) -> Vec<String> {
    let key = rcgen::KeyPair::generate().expect("a key");
    fs::write(folder.join("accounts.key"), key.serialize_pem()).expect("writing it");
    fs::write(folder.join("accounts.pub"), key.public_key_pem()).expect("writing it");
    let tokens = format!("{TOKEN},test,test,system:masters\n");
    fs::write(folder.join("tokens"), tokens).expect("writing them");
    let without = match nodes {
        Nodes::AsWritten => "ServiceAccount,TaintNodesByCondition,StorageObjectInUseProtection",
        Nodes::Watched => "ServiceAccount",
    };
    vec![
        format!("--etcd-servers=http://127.0.0.1:{etcd}"),
        format!("--secure-port={port}"),
        "--bind-address=127.0.0.1".to_owned(),
        "--advertise-address=127.0.0.1".to_owned(),
        "--endpoint-reconciler-type=none".to_owned(),
        "--service-cluster-ip-range=10.96.0.0/16".to_owned(),
        format!("--cert-dir={}", folder.join("pki").display()),
        format!("--token-auth-file={}", folder.join("tokens").display()),
        "--authorization-mode=AlwaysAllow".to_owned(),
        format!(
            "--service-account-signing-key-file={}",
            folder.join("accounts.key").display()
        ),
        format!(
            "--service-account-key-file={}",
            folder.join("accounts.pub").display()
        ),
        "--service-account-issuer=https://test".to_owned(),
        "--enable-priority-and-fairness=false".to_owned(),
        "--max-requests-inflight=0".to_owned(),
        "--max-mutating-requests-inflight=0".to_owned(),
        format!("--disable-admission-plugins={without}"),
    ]
}

/// An API server that is asked.
pub struct Api {
    agent: ureq::Agent,
    root: String,
}

impl Api {
    /// Waits for the certificate that the server makes for itself, and trusts only that.
    fn new(port: u16, certificate: &Path, children: &mut [(String, Child)]) -> Self {
        let start = Instant::now();
        while !certificate.exists() {
            for (name, child) in &mut *children {
                let ended = child.try_wait().expect("asking for its end");
                assert!(ended.is_none(), "{name} ended");
            }
            assert!(
                start.elapsed() < STARTS,
                "the API server makes no certificate"
            );
            std::thread::sleep(Duration::from_millis(100));
        }
        let pem = fs::read(certificate).expect("its certificate");
        let roots = parse_pem(&pem).filter_map(|item| match item {
            Ok(PemItem::Certificate(certificate)) => Some(certificate),
            _ => None,
        });
        let roots: Vec<_> = roots.collect();
        let tls = TlsConfig::builder()
            .root_certs(RootCerts::from(roots))
            .build();
        let config = ureq::Agent::config_builder()
            .tls_config(tls)
            .http_status_as_error(false)
            .timeout_global(Some(Duration::from_secs(30)));
        Self {
            agent: config.build().new_agent(),
            root: format!("https://127.0.0.1:{port}"),
        }
    }

    /// Status and body of an answer; `None` where none came.
    #[must_use]
    pub fn text(&self, method: &str, path: &str, body: Option<&Value>) -> Option<(u16, String)> {
        let kind = match method {
            "PATCH" => "application/merge-patch+json",
            _ => "application/json",
        };
        let request = ureq::http::Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.root))
            .header("authorization", format!("Bearer {TOKEN}"))
            .header("content-type", kind)
            .body(body.map(Value::to_string).unwrap_or_default())
            .ok()?;
        let mut answer = self.agent.run(request).ok()?;
        let code = answer.status().as_u16();
        Some((code, answer.body_mut().read_to_string().ok()?))
    }

    /// An object; `None` where it is not there.
    #[must_use]
    pub fn get(&self, path: &str) -> Option<Value> {
        let (code, text) = self.text("GET", path, None)?;
        (code == 200).then(|| serde_json::from_str(&text).ok())?
    }

    /// The objects of a list.
    ///
    /// # Panics
    /// Where there is no such list.
    #[must_use]
    pub fn list(&self, path: &str) -> Vec<Value> {
        let mut list = self.get(path).unwrap_or_else(|| panic!("no list {path}"));
        let items = list["items"].as_array_mut().map(std::mem::take);
        items.unwrap_or_default()
    }

    /// Asks for a change that must be taken.
    ///
    /// # Panics
    /// Where it is not.
    pub fn must(&self, method: &str, path: &str, body: &Value) -> Value {
        let (code, text) = self
            .text(method, path, Some(body))
            .unwrap_or_else(|| panic!("{method} {path}: no answer"));
        assert!(
            (200..300).contains(&code),
            "{method} {path} {body}: {code} {text}"
        );
        serde_json::from_str(&text).expect("an object")
    }

    /// Makes an object.
    pub fn create(&self, path: &str, object: &Value) {
        self.must("POST", path, object);
    }

    /// Deletes at once what lies there, one or all of a list.
    pub fn delete(&self, path: &str) {
        let now = json!({ "kind": "DeleteOptions", "apiVersion": "v1", "gracePeriodSeconds": 0 });
        let answer = self.text("DELETE", path, Some(&now));
        let code = answer.map_or(0, |(code, _)| code);
        assert!(
            code == 404 || (200..300).contains(&code),
            "DELETE {path}: {code}"
        );
    }
}
