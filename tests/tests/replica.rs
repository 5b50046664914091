//! A replica: the lab's hosts on this machine, off and on again.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use e2e::{Lab, answer, must, wait_until};
use serde_json::Value;

const LONG: Duration = Duration::from_secs(90);

/// Three hosts with another system, another processor and another pod network than can be had here.
const LAB: &str = "\
lab: e2e-replica
networks:
  lan: { cidr: 10.77.0.0/24, gateway: 10.77.0.1 }
hosts:
  nuc: { cpu: 4, memory: 8Gi, hypervisor: { qemu: {} }, addresses: { lan: 10.77.0.2 } }
  gamer: { cpu: 28, memory: 64Gi, availability: volatile, hypervisor: { qemu: {} }, addresses: { lan: 10.77.0.3 } }
  pi: { arch: arm64, cpu: 4, memory: 4Gi, addresses: { lan: 10.77.0.4 } }
clusters:
  main:
    distribution: { talos: { version: 1.12.4, kubernetes: 1.36.2 } }
    pods: 10.69.0.0/16
    services: 10.96.0.0/16
    cni: { cilium: { encapsulation: none } }
nodes:
  plane: { cluster: main, role: control-plane, on: nuc, vm: { cpu: 2, memory: 2Gi }, address: 10.77.0.11 }
  big: { cluster: main, role: worker, on: gamer, vm: { cpu: 12, memory: 8Gi }, address: 10.77.0.13 }
  small: { cluster: main, role: worker, on: pi }
components:
  descheduler: { interval: 10 }
apps:
  podinfo: { catalog: podinfo, settings: { replicas: 2 }, expose: { forward: { service: podinfo, port: 9898 } } }
";

#[test]
fn hosts_go_off_and_come_back_and_workloads_move() {
    let lab = Lab::replica(LAB);
    let told = lab.up();
    for told_of in [
        "kubeadm with Kubernetes 1.36.3, since talos with Kubernetes",
        "flannel with plain routes",
        "hosts: pi: amd64",
    ] {
        assert!(told.stderr.contains(told_of), "{told_of}: {}", told.stderr);
    }
    lab.assert_well();
    lab.assert_grouped();
    assert!(answer(lab.podinfo_port(), LONG).is_some());
    // Kubernetes is shown what is declared, not what this machine has.
    assert_eq!(capacity(&lab, "big"), ("12".to_owned(), "8Gi".to_owned()));
    nothing_leads_out(&lab);
    let again = lab.up();
    assert!(again.stderr.contains("Nothing to do"), "{}", again.stderr);

    what_hangs_is_not_fenced(&lab);
    let before = off_and_on(&lab);
    work_spreads_back(&lab, &before);

    lab.down_to_nothing();
}

/// Nothing of a replica reaches this machine or beyond: there is no route, and no link to one.
fn nothing_leads_out(lab: &Lab) {
    for thing in ["machine/plane", "host/nuc", "network/lan", "router/replica"] {
        let net = format!("--net=/proc/{}/ns/net", lab.process(thing));
        let links = run(&["nsenter", &net, "ip", "-o", "link"]);
        for line in links.lines() {
            let kind = ["lo:", "@", "veth", "lab:", ": b", "cni", "kube"];
            assert!(
                kind.iter().any(|word| line.contains(word)),
                "{thing}: {line}"
            );
        }
    }
    // The gateway answers, and leads nowhere.
    let net = format!("--net=/proc/{}/ns/net", lab.process("router/replica"));
    assert_eq!(
        run(&["nsenter", &net, "ip", "route", "show", "default"]),
        ""
    );
}

/// A host whose processes stand still is not off: it is never fenced.
fn what_hangs_is_not_fenced(lab: &Lab) {
    let inside = lab.process("machine/big").to_string();
    let children = run(&["pgrep", "--ns", &inside, "--nslist", "pid"]);
    let pids: Vec<&str> = children.split_whitespace().collect();
    assert!(pids.len() > 5, "{children}");
    signal("-STOP", &pids);
    let node = || lab.kubectl_json(&["get", "node", "big"]);
    wait_until("Kubernetes misses it", LONG, || ready(&node()) != "True");
    let plan = lab.run(&["plan", "LAB"]);
    assert!(!plan.stdout.contains("fence/"), "{}", plan.stdout);
    signal("-CONT", &pids);
    wait_until("it is back", LONG, || ready(&node()) == "True");
    let taints = node()["spec"]["taints"].to_string();
    assert!(!taints.contains("out-of-service"), "{taints}");
    wait_until("all is well again", LONG, || lab.status()["well"] == true);
}

/// Answers podinfo's pods while the host was off.
fn off_and_on(lab: &Lab) -> BTreeMap<String, String> {
    wait_until("one pod runs on big", LONG, || {
        nodes_of_pods(lab).contains(&"big".to_owned())
    });
    let _ = lab.run(&["off", "gamer", "--lab", "LAB"]).expect(0);
    let cut = Instant::now();
    let status = lab.status();
    let off = &status["off"]["gamer"];
    assert_eq!(off["expected"], "as declared", "{off}");
    assert_eq!(off["nodes"], serde_json::json!(["big"]));
    let _ = lab.run(&["heal", "LAB", "--yes"]).expect(0);
    wait_until("both pods run elsewhere", LONG, || {
        let nodes = nodes_of_pods(lab);
        nodes.len() == 2 && !nodes.contains(&"big".to_owned())
    });
    println!(
        "moved {} ms after the power was cut",
        cut.elapsed().as_millis()
    );
    let elsewhere = pods(lab);
    assert!(answer(lab.podinfo_port(), LONG).is_some());
    // A run in between changes nothing, and nothing is started that is off.
    let again = lab.up();
    assert!(again.stderr.contains("Nothing to do"), "{}", again.stderr);
    assert!(again.stderr.contains("host/gamer: off"), "{}", again.stderr);
    // Killed while it comes back, it comes back all the same.
    let mut on = lab
        .command(&["on", "gamer", "--lab", "LAB"])
        .spawn()
        .expect("starting steading");
    std::thread::sleep(Duration::from_millis(700));
    let _ = on.kill();
    let _ = on.wait();
    let _ = lab.run(&["on", "gamer", "--lab", "LAB"]).expect(0);
    lab.assert_well();
    let node = lab.kubectl_json(&["get", "node", "big"]);
    assert_eq!(ready(&node), "True");
    assert!(
        !node["spec"]["taints"]
            .to_string()
            .contains("out-of-service")
    );
    elsewhere
}

/// Kubernetes leaves pods where they run: the descheduler moves one back, and no more than that.
fn work_spreads_back(lab: &Lab, before: &BTreeMap<String, String>) {
    wait_until("one pod is back on big", LONG, || {
        let now = pods(lab);
        now.len() == 2 && now.values().any(|node| node == "big")
    });
    // Two looks later it still does.
    std::thread::sleep(Duration::from_secs(22));
    let after = pods(lab);
    let stayed = after.keys().filter(|name| before.contains_key(*name));
    assert_eq!(stayed.count(), 1, "before: {before:?}, after: {after:?}");
}

fn ready(node: &Value) -> String {
    let conditions = node["status"]["conditions"].as_array().cloned();
    let ready = conditions
        .unwrap_or_default()
        .into_iter()
        .find(|one| one["type"] == "Ready");
    ready.map_or_else(String::new, |one| {
        one["status"].as_str().unwrap_or("").to_owned()
    })
}

/// The nodes of podinfo's pods, by the pods' names.
fn pods(lab: &Lab) -> BTreeMap<String, String> {
    let list = lab.kubectl_json(&["get", "pods", "-n", "podinfo"]);
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let pods = list["items"].as_array().cloned().unwrap_or_default();
    pods.iter()
        .filter(|pod| pod["status"]["phase"] == "Running")
        .filter(|pod| pod["metadata"]["deletionTimestamp"].is_null())
        .map(|pod| {
            (
                text(&pod["metadata"]["name"]),
                text(&pod["spec"]["nodeName"]),
            )
        })
        .collect()
}

fn nodes_of_pods(lab: &Lab) -> Vec<String> {
    pods(lab).into_values().collect()
}

fn capacity(lab: &Lab, node: &str) -> (String, String) {
    let status = lab.status();
    let facts = &status["inventory"][format!("member/{node}")]["facts"];
    let fact = |key: &str| facts[key].as_str().unwrap_or_default().to_owned();
    (fact("cpu"), fact("memory"))
}

fn signal(signal: &str, pids: &[&str]) {
    // Some end by themselves meanwhile.
    let _ = std::process::Command::new("kill")
        .arg(signal)
        .args(pids)
        .status();
}

fn run(argv: &[&str]) -> String {
    let (program, arguments) = argv.split_first().expect("a program");
    let output = std::process::Command::new(program)
        .args(arguments)
        .output()
        .expect("running it");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn what_is_no_host_cannot_be_switched() {
    let lab = Lab::replica(LAB);
    let ran = lab.run(&["off", "gamerr", "--lab", "LAB"]);
    assert_eq!(ran.code, Some(1));
    assert!(
        ran.stderr.contains("it has: gamer, nuc, pi"),
        "{}",
        ran.stderr
    );
    let ran = lab.run(&["off", "gamer", "--lab", "LAB"]);
    assert_eq!(ran.code, Some(1));
    assert!(
        ran.stderr.contains("steading up --replica"),
        "{}",
        ran.stderr
    );
    must(&["true"]);
}
