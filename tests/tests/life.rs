//! The life of a lab: up, well, hurt, mended, changed, down.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use e2e::{Lab, answer, must, wait_until};

const LONG: Duration = Duration::from_secs(60);

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
    let ran = lab
        .run(&["kubectl", "--lab", "LAB", "get", "nodes", "-o", "name"])
        .expect(0);
    assert_eq!(ran.stdout.lines().count(), 3, "{}", ran.stdout);
    let kubeconfig = lab.path().join(".steading/kubeconfig-main.yaml");
    let kubeconfig = fs::read_to_string(kubeconfig).expect("the kubeconfig");
    assert!(!kubeconfig.contains("client-key"), "{kubeconfig}");

    // Inside a node.
    let ran = lab
        .run(&["ssh", "--lab", "LAB", "worker-1", "--", "hostname"])
        .expect(0);
    assert_eq!(ran.stdout.trim(), "worker-1");
    let ran = lab
        .run(&["logs", "--lab", "LAB", "worker-1", "--lines", "5"])
        .expect(0);
    assert_eq!(ran.stdout.lines().count(), 5, "{}", ran.stdout);

    lab.down_to_nothing();
    // Down again is no error, and there is nothing to do.
    lab.down_to_nothing();
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
    let (asked, unanswered) = asker.stop();
    assert!(asked > 20, "asked only {asked} times");
    assert_eq!(unanswered, 0, "of {asked} requests");
    must(&["kill", "-9", &lab.process("forward/podinfo").to_string()]);
    let delete = [
        "kubectl", "--lab", "LAB", "delete", "service", "-n", "podinfo", "podinfo",
    ];
    let _ = lab.run(&delete).expect(0);
    let due = lab.status()["due"].to_string();
    assert!(
        due.contains("app/podinfo") && due.contains("forward/podinfo"),
        "{due}"
    );
    let _ = lab.run(&["heal", "LAB", "--yes"]).expect(0);
    assert!(answer(lab.podinfo_port(), LONG).is_some());
    lab.down_to_nothing();
}

/// Asks podinfo all the time and counts what is not answered.
struct Asker {
    stop: Arc<AtomicBool>,
    asked: Arc<AtomicU32>,
    unanswered: Arc<AtomicU32>,
    thread: std::thread::JoinHandle<()>,
}

impl Asker {
    fn start(port: u16) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let asked = Arc::new(AtomicU32::new(0));
        let unanswered = Arc::new(AtomicU32::new(0));
        let (end, all, without) = (
            Arc::clone(&stop),
            Arc::clone(&asked),
            Arc::clone(&unanswered),
        );
        let thread = std::thread::spawn(move || {
            while !end.load(Ordering::SeqCst) {
                all.fetch_add(1, Ordering::SeqCst);
                if answer(port, Duration::from_secs(20)).is_none() {
                    without.fetch_add(1, Ordering::SeqCst);
                }
                std::thread::sleep(Duration::from_millis(200));
            }
        });
        Self {
            stop,
            asked,
            unanswered,
            thread,
        }
    }

    fn stop(self) -> (u32, u32) {
        self.stop.store(true, Ordering::SeqCst);
        self.thread.join().expect("the asker");
        (
            self.asked.load(Ordering::SeqCst),
            self.unanswered.load(Ordering::SeqCst),
        )
    }
}
