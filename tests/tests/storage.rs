//! Volumes of a replica: they go where their pods go, when a host is off for certain, and what is
//! on them never goes back.

use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use e2e::counted::{Watched, count};
use e2e::{Lab, answer, wait_until};
use serde_json::Value;

const LONG: Duration = Duration::from_secs(120);

/// A control plane and two workers, on a host each, with storage that cannot be had here.
const LAB: &str = "\
lab: e2e-storage
networks:
  lan: { cidr: 10.78.0.0/24, gateway: 10.78.0.1 }
hosts:
  nuc: { cpu: 4, memory: 8Gi, hypervisor: { qemu: {} }, addresses: { lan: 10.78.0.2 } }
  left: { cpu: 4, memory: 8Gi, hypervisor: { qemu: {} }, addresses: { lan: 10.78.0.3 } }
  right: { cpu: 4, memory: 8Gi, hypervisor: { qemu: {} }, addresses: { lan: 10.78.0.4 } }
clusters:
  main:
    distribution: { kubeadm: { kubernetes: 1.36.3 } }
    pods: 10.69.0.0/16
    services: 10.96.0.0/16
    cni: { flannel: {} }
nodes:
  plane: { cluster: main, role: control-plane, on: nuc, vm: { cpu: 2, memory: 2Gi, disk: 20Gi }, address: 10.78.0.11 }
  on-left: { cluster: main, role: worker, on: left, vm: { cpu: 2, memory: 2Gi, disk: 20Gi }, address: 10.78.0.12 }
  on-right: { cluster: main, role: worker, on: right, vm: { cpu: 2, memory: 2Gi, disk: 20Gi }, address: 10.78.0.13 }
storage:
  ceph: { external: { monitors: [nuc], classes: { block: { default: true } } } }
apps:
  counter: { catalog: counter, volumes: { data: { size: 1Gi } }, expose: { forward: { service: counter, port: 8080 } } }
  jellyfin: { catalog: jellyfin, requests: { millicpu: 50 }, volumes: { config: {} } }
";

#[test]
fn volumes_follow_their_pods_and_data_never_goes_back() {
    let lab = Lab::replica(LAB);
    let told = lab.up();
    for told_of in ["storage.ceph: a folder", "podinfo stands in for each"] {
        assert!(told.stderr.contains(told_of), "{told_of}: {}", told.stderr);
    }
    lab.assert_well();
    let port = lab.port("counter");
    assert!(answer(port, LONG).is_some());
    let watched = Watched::start(port);

    let (first, host) = place(&lab, "counter");
    assert_eq!(
        attached(&lab),
        vec![place(&lab, "jellyfin").0, first.clone()]
    );
    on_the_machine(&lab);
    let mut watch = watch(&lab);
    let _ = lab.run(&["off", &host, "--lab", "LAB"]).expect(0);
    let cut = Instant::now();
    wait_until("the counter runs elsewhere", LONG, || {
        count(port).is_some_and(|now| now.starts > 1)
    });
    println!(
        "counting again {} ms after the power was cut",
        cut.elapsed().as_millis()
    );
    wait_until("both apps are attached elsewhere", LONG, || {
        let nodes = attached(&lab);
        nodes.len() == 2 && !nodes.contains(&first)
    });

    let _ = lab.run(&["on", &host, "--lab", "LAB"]).expect(0);
    wait_until("all is well again", LONG, || lab.status()["well"] == true);
    watch.kill().expect("ending the watch");
    let _ = watch.wait();
    let again = lab.up();
    assert!(again.stderr.contains("Nothing to do"), "{}", again.stderr);
    assert_ne!(
        place(&lab, "counter").0,
        first,
        "pods do not move back by themselves"
    );
    // The node that was away takes volumes as any other.
    let (second, _) = place(&lab, "counter");
    let _ = lab.kubectl(&["cordon", &second]).expect(0);
    let pod = [
        "delete",
        "pod",
        "counter-0",
        "-n",
        "counter",
        "--wait=false",
    ];
    let _ = lab.kubectl(&pod).expect(0);
    wait_until("the counter is back", LONG, || {
        count(port).is_some_and(|now| now.starts > 2)
    });
    assert_eq!(place(&lab, "counter").0, first);
    let _ = lab.kubectl(&["uncordon", &second]).expect(0);
    let seen = watched.end();
    assert!(seen > 10, "it was asked: {seen}");

    lab.down_to_nothing();
}

fn watch(lab: &Lab) -> Child {
    lab.command(&["heal", "LAB", "--watch", "--every", "2"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("starting steading")
}

fn list(lab: &Lab, words: &[&str]) -> Vec<Value> {
    let list = lab.kubectl_json(words);
    list["items"].as_array().cloned().unwrap_or_default()
}

/// The node of an app's pod, and its host.
fn place(lab: &Lab, app: &str) -> (String, String) {
    let pods = list(lab, &["get", "pods", "-n", app]);
    let pod = pods
        .iter()
        .find(|pod| pod["metadata"]["deletionTimestamp"].is_null());
    let node = pod.expect("a pod")["spec"]["nodeName"]
        .as_str()
        .expect("its node")
        .to_owned();
    let host = node.trim_start_matches("on-").to_owned();
    (node, host)
}

/// The nodes that volumes are attached to, in the order of the volumes' names.
fn attached(lab: &Lab) -> Vec<String> {
    let text = |one: &Value, at: &str| one.pointer(at).and_then(Value::as_str).map(str::to_owned);
    let mut all: Vec<_> = list(lab, &["get", "volumeattachments"])
        .iter()
        .filter(|one| one["status"]["attached"] == true)
        .filter_map(|one| {
            let volume = text(one, "/spec/source/persistentVolumeName")?;
            Some((volume, text(one, "/spec/nodeName")?))
        })
        .collect();
    all.sort();
    // counter-…, jellyfin-…: told the other way round by whom the test asks first.
    all.into_iter().rev().map(|(_, node)| node).collect()
}

/// The data lies in a folder of the lab on this machine, and nowhere else.
fn on_the_machine(lab: &Lab) {
    let id = lab.id().replace('-', "");
    let volumes = lab.machines().join(format!(".shared-{id}/volumes"));
    let data = volumes.join("counter.data-counter-0/count.json");
    assert!(data.is_file(), "{}", data.display());
}
