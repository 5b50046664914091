//! The life of a lab: up, well, hurt, mended, changed, down.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use e2e::{Lab, answer, must, wait_until};

const LONG: Duration = Duration::from_secs(60);
/// How long one request may take: longer than any one attempt of the forwarder.
const IN_TIME: Duration = Duration::from_secs(20);

#[test]
fn a_lab_comes_up_answers_and_leaves_nothing_behind() {
    let lab = Lab::new("e2e-life");
    let ran = lab.up();
    assert!(ran.stdout.contains("http://127.0.0.1:"), "{}", ran.stdout);
    lab.assert_well();
    let page = answer(lab.podinfo_port(), LONG).expect("podinfo answers");
    assert!(page.contains("\"version\": \"6.9.2\""), "{page}");

    // While it runs, only our own processes, groups, files and listeners on loopback are new.
    for change in lab.host_changes() {
        let ours = ["+ cgroup", "+ file", "+ process", "+ listener"];
        assert!(ours.iter().any(|kind| change.starts_with(kind)), "{change}");
        if change.starts_with("+ cgroup") {
            assert!(change.contains("/steading"), "{change}");
        }
        if change.starts_with("+ listener") {
            assert!(change.contains("127.0.0.1"), "{change}");
        }
    }

    lab.assert_grouped();

    // A second run changes nothing, also when all state is gone.
    let again = lab.up();
    assert!(again.stderr.contains("Nothing to do"), "{}", again.stderr);
    fs::remove_dir_all(lab.path().join(".steading")).expect("the state");
    let again = lab.up();
    assert!(again.stderr.contains("Nothing to do"), "{}", again.stderr);

    // The kubeconfig holds no secret and works.
    let ran = lab.kubectl(&["get", "nodes", "-o", "name"]).expect(0);
    assert_eq!(ran.stdout.lines().count(), 3, "{}", ran.stdout);
    let kubeconfig = lab.path().join(".steading/kubeconfig-main.yaml");
    let kubeconfig = fs::read_to_string(kubeconfig).expect("the kubeconfig");
    assert!(!kubeconfig.contains("client-key"), "{kubeconfig}");

    comes_back_from_its_cluster(&lab);

    // Inside a node.
    let words = ["ssh", "--lab", "LAB", "worker-1", "--"];
    let ran = lab.run(&[&words[..], &["sh", "-c", "hostname; pwd"]].concat());
    let ran = ran.expect(0);
    assert_eq!(ran.stdout, "worker-1\n/\n");
    assert_eq!(ran.stderr, "");
    let ran = lab
        .run(&["logs", "--lab", "LAB", "worker-1", "--lines", "5"])
        .expect(0);
    assert_eq!(ran.stdout.lines().count(), 5, "{}", ran.stdout);

    lab.down_to_nothing();
    // Down again is no error, and there is nothing to do.
    lab.down_to_nothing();
}

/// The lab file that an import makes of the running cluster: the same cluster and nodes.
fn comes_back_from_its_cluster(lab: &Lab) {
    let folder = lab.path();
    let kubeconfig = folder.join(".steading/kubeconfig-main.yaml");
    let kubeconfig = kubeconfig.display().to_string();
    let words = [
        "import",
        "cluster",
        "--kubeconfig",
        &kubeconfig,
        "--format",
        "json",
    ];
    let ran = lab.run(&words).expect(0);
    let answer: serde_json::Value = serde_json::from_str(&ran.stdout).expect("JSON");
    assert_eq!(answer["findings"], serde_json::json!([]), "check is clean");
    let read = |text: String| {
        let name = "lab.yaml".to_owned();
        let reading = model::read::read(&[model::source::Source { name, text }]);
        reading.lab.expect("a lab")
    };
    let written = fs::read_to_string(folder.join("lab.yaml")).expect("the lab file");
    let declared = read(written);
    let imported = read(answer["file"].as_str().expect("a file").to_owned());
    assert_eq!(imported.lab, declared.lab);
    assert_eq!(imported.clusters, declared.clusters);
    let ranges = |lab: &model::lab::Lab| {
        let all = lab.networks.values();
        all.map(|network| network.cidr).collect::<Vec<_>>()
    };
    assert_eq!(ranges(&imported), ranges(&declared));
    let nodes = imported.nodes.keys().collect::<Vec<_>>();
    assert_eq!(nodes, declared.nodes.keys().collect::<Vec<_>>());
    for (name, node) in &declared.nodes {
        let theirs = &imported.nodes[name];
        assert_eq!(
            (theirs.role, theirs.address, &theirs.labels, &theirs.taints),
            (node.role, node.address, &node.labels, &node.taints)
        );
        let host = &imported.hosts[&theirs.on];
        let (cpu, memory) = node.machine().expect("a container").size();
        assert_eq!((host.cpu, host.memory), (Some(cpu), Some(memory)));
    }
    assert!(imported.apps.contains_key("podinfo"), "{:?}", imported.apps);
}

#[test]
fn what_breaks_is_named_and_mended_while_the_rest_goes_on() {
    let lab = Lab::new("e2e-hurt");
    let _ = lab.up();
    let port = lab.podinfo_port();
    let asker = Asker::start(port);

    // A node's processes.
    let pid = lab.process("machine/worker-1").to_string();
    must(&["kill", "-9", &pid]);
    wait_until("the death is seen", LONG, || {
        lab.faults("machine/worker-1").contains("not run")
    });
    let _ = lab.run(&["heal", "LAB", "--yes"]).expect(0);
    wait_until("all is well again", LONG, || lab.status()["well"] == true);

    // Its container runtime.
    let stop = [
        "ssh",
        "--lab",
        "LAB",
        "worker-2",
        "--",
        "s6-svc",
        "-d",
        "/run/service/containerd",
    ];
    let _ = lab.run(&stop).expect(0);
    wait_until("containerd is missed", LONG, || {
        lab.faults("machine/worker-2").contains("containerd")
    });
    let _ = lab.run(&["heal", "LAB", "--yes"]).expect(0);
    wait_until("all is well again", LONG, || lab.status()["well"] == true);

    // Its link.
    let net = format!("--net=/proc/{}/ns/net", lab.process("machine/worker-1"));
    must(&["nsenter", &net, "ip", "link", "delete", "eth0"]);
    wait_until("the link is missed", LONG, || {
        lab.faults("machine/worker-1").contains("link")
    });
    let _ = lab.run(&["heal", "LAB", "--yes"]).expect(0);
    wait_until("all is well again", LONG, || lab.status()["well"] == true);

    // A forwarder, and objects in the cluster.
    let asked = asker.stop();
    assert!(asked.requests > 20, "asked only {} times", asked.requests);
    assert_eq!(asked.unanswered, 0, "of {} requests", asked.requests);
    // Three times something was broken, so three requests can have been on their way.
    assert!(asked.again <= 3, "{} requests broke off", asked.again);
    must(&["kill", "-9", &lab.process("forward/podinfo").to_string()]);
    let delete = ["delete", "service", "-n", "podinfo", "podinfo"];
    let _ = lab.kubectl(&delete).expect(0);
    let due = lab.status()["due"].to_string();
    assert!(
        due.contains("app/podinfo") && due.contains("forward/podinfo"),
        "{due}"
    );
    let _ = lab.run(&["heal", "LAB", "--yes"]).expect(0);
    assert!(answer(lab.podinfo_port(), LONG).is_some());
    lab.down_to_nothing();
}

#[test]
fn a_changed_file_changes_the_lab_and_no_more() {
    let lab = Lab::new("e2e-change");
    let _ = lab.up();
    let untouched = lab.process("machine/control-plane-1");

    // A third worker.
    let apps = "\napps:";
    let third = "  worker-3: { cluster: main, role: worker, on: this-machine, container: { cpu: 1, memory: 1Gi }, address: 10.88.0.23, labels: { disk: fast } }\n\napps:";
    lab.edit(apps, third);
    let _ = lab.up();
    lab.assert_well();
    let get = ["get", "node", "-l", "disk=fast", "-o", "name"];
    assert_eq!(lab.kubectl(&get).expect(0).stdout.trim(), "node/worker-3");

    // A larger one: the plan says what it costs before it happens.
    lab.edit("cpu: 1, memory: 1Gi", "cpu: 4, memory: 3Gi");
    let plan = lab.run(&["plan", "LAB", "--exit-code"]).expect(4).stdout;
    assert!(
        plan.contains("cpu: 1 → 4") && plan.contains("reboots"),
        "{plan}"
    );
    let _ = lab.up();
    let size = [
        "get",
        "node",
        "worker-3",
        "-o",
        "jsonpath={.status.capacity.cpu}",
    ];
    wait_until("Kubernetes sees it", LONG, || {
        lab.kubectl(&size).stdout == "4"
    });

    // Gone again, drained first.
    let resized = third.replace("cpu: 1, memory: 1Gi", "cpu: 4, memory: 3Gi");
    lab.edit(&resized, apps);
    let _ = lab.up();
    lab.assert_well();
    let ran = lab.kubectl(&["get", "nodes", "-o", "name"]).expect(0);
    assert_eq!(ran.stdout.lines().count(), 3, "{}", ran.stdout);

    // What runs by a container image that no node has is given it, and nothing is started anew.
    lab.edit(apps, "\ncomponents:\n  descheduler: {}\n\napps:");
    let plan = lab.run(&["plan", "LAB", "--exit-code"]).expect(4).stdout;
    assert!(
        !plan.contains("reboots") && !plan.contains("made anew"),
        "{plan}"
    );
    let _ = lab.up();
    lab.assert_well();
    let again = lab.up();
    assert!(again.stderr.contains("Nothing to do"), "{}", again.stderr);
    assert_eq!(
        lab.process("machine/control-plane-1"),
        untouched,
        "it was never touched"
    );

    // What a running cluster cannot change is refused, and nothing is touched.
    lab.edit("pods: 10.244.0.0/16", "pods: 10.245.0.0/16");
    let ran = lab.run(&["up", "LAB", "--yes"]).expect(3);
    assert!(ran.stderr.contains("pod range"), "{}", ran.stderr);
    lab.edit("pods: 10.245.0.0/16", "pods: 10.244.0.0/16");

    // A saved plan is refused once the world has moved.
    let saved = lab.path().join("saved.plan").display().to_string();
    lab.edit("replicas: 2", "replicas: 3");
    let _ = lab.run(&["plan", "LAB", "--out", &saved]).expect(0);
    must(&["kill", "-9", &lab.process("forward/podinfo").to_string()]);
    let ran = lab.run(&["up", "LAB", "--yes", "--plan", &saved]).expect(3);
    assert!(ran.stderr.contains("moved"), "{}", ran.stderr);
    let _ = lab.run(&["plan", "LAB", "--out", &saved]).expect(0);
    let _ = lab.run(&["up", "LAB", "--yes", "--plan", &saved]).expect(0);
    lab.assert_well();
    lab.down_to_nothing();
}

/// Asks podinfo all the time, and asks again where a request is not answered: one that is on its
/// way in the moment when its pod is killed can only be asked again.
struct Asker {
    stop: Arc<AtomicBool>,
    thread: std::thread::JoinHandle<Asked>,
}

#[derive(Default)]
struct Asked {
    requests: u32,
    /// Requests that broke off and were answered when asked again.
    again: u32,
    unanswered: u32,
}

impl Asker {
    fn start(port: u16) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let end = Arc::clone(&stop);
        let thread = std::thread::spawn(move || {
            let mut asked = Asked::default();
            while !end.load(Ordering::SeqCst) {
                asked.requests += 1;
                if answer(port, IN_TIME).is_none() {
                    match answer(port, IN_TIME) {
                        Some(_) => asked.again += 1,
                        None => asked.unanswered += 1,
                    }
                }
                std::thread::sleep(Duration::from_millis(200));
            }
            asked
        });
        Self { stop, thread }
    }

    fn stop(self) -> Asked {
        self.stop.store(true, Ordering::SeqCst);
        self.thread.join().expect("the asker")
    }
}
