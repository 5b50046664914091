//! What of a replica goes wrong on demand, beside its hosts' power: kept whoever is killed when, and
//! gone with it.

use std::time::Duration;

use e2e::{Lab, wait_until};
use serde_json::Value;

const LONG: Duration = Duration::from_secs(90);

const LAB: &str = "\
lab: e2e-trouble
networks:
  lan: { cidr: 10.76.0.0/24, mtu: 1480, dns: { zone: home.arpa, records: { printer: 10.76.0.9 } } }
hosts:
  nuc: { cpu: 4, memory: 8Gi, hypervisor: { qemu: {} }, nics: { eth0: { speed: 1G, network: lan } }, addresses: { lan: 10.76.0.2 } }
  gamer: { cpu: 28, memory: 64Gi, hypervisor: { qemu: {} }, addresses: { lan: 10.76.0.3 } }
clusters:
  main:
    distribution: { kubeadm: { kubernetes: 1.36.3 } }
    pods: 10.69.0.0/16
    services: 10.96.0.0/16
    cni: { flannel: {} }
nodes:
  plane: { cluster: main, role: control-plane, on: nuc, vm: { cpu: 2, memory: 2Gi }, address: 10.76.0.11 }
  big: { cluster: main, role: worker, on: gamer, vm: { cpu: 12, memory: 8Gi }, address: 10.76.0.13 }
";

#[test]
fn troubles_last_until_they_are_ended() {
    let lab = Lab::replica(LAB);
    let _ = lab.up();
    lab.assert_well();
    the_router_knows_the_lab(&lab);

    // Killed at any moment, a trouble is in force or is not: the next run sees to that.
    for pause in [0, 5, 10, 20, 40] {
        for what in ["link:gamer", "disk:gamer", "cpu:gamer=20%"] {
            let mut off = lab
                .command(&["off", what, "--lab", "LAB"])
                .spawn()
                .expect("starting steading");
            std::thread::sleep(Duration::from_millis(pause));
            let _ = off.kill();
            let _ = off.wait();
        }
        let in_force = troubles(&lab);
        // What the cut link keeps from being proved is not of interest here.
        let _ = lab.run(&["on", "link:gamer", "--lab", "LAB"]).expect(0);
        let _ = lab.run(&["heal", "LAB", "--yes"]).expect(0);
        assert_eq!(lab.faults("machine/big"), "null");
        let full = in_force.iter().any(|what| what == "disk:gamer");
        assert_eq!(has_space(&lab), !full, "{in_force:?}");
        let _ = lab.run(&["on", "--all", "--lab", "LAB"]).expect(0);
        assert_eq!(troubles(&lab), Vec::<String>::new());
        assert!(has_space(&lab));
        wait_until("all is well again", LONG, || lab.status()["well"] == true);
    }

    let _ = lab.run(&["off", "disk:gamer", "--lab", "LAB"]).expect(0);
    assert!(!has_space(&lab));
    let _ = lab.run(&["off", "link:lan", "--lab", "LAB"]).expect(0);
    assert_eq!(troubles(&lab), ["link:lan", "disk:gamer"]);
    let plan = lab.run(&["plan", "LAB"]);
    assert!(
        plan.stdout.contains("link:lan: lan carries nothing"),
        "{}",
        plan.stdout
    );
    let _ = lab.run(&["on", "--all", "--lab", "LAB"]).expect(0);
    // Its power is cut on top of that: it comes back as troubled as it went.
    let slow = ["off", "cpu:gamer=50%", "--lab", "LAB"];
    let _ = lab.run(&slow).expect(0);
    let _ = lab.run(&["off", "gamer", "--lab", "LAB"]).expect(0);
    let _ = lab.run(&["on", "gamer", "--lab", "LAB"]).expect(0);
    assert_eq!(troubles(&lab), ["cpu:gamer=50%"]);
    assert_eq!(lab.faults("machine/big"), "null");
    lab.down_to_nothing();
}

#[test]
fn what_cannot_go_wrong_is_refused_with_what_to_write() {
    let lab = Lab::replica(LAB);
    for (what, code, told) in [
        ("link:lam", 1, "did you mean lan?"),
        ("cpu:gamer", 1, "cpu:HOST=1%"),
        ("clock:gamer=+1h", 3, "one wall clock"),
        ("link:lan", 1, "steading up --replica"),
    ] {
        let ran = lab.run(&["off", what, "--lab", "LAB"]).expect(code);
        assert!(ran.stderr.contains(told), "{what}: {}", ran.stderr);
    }
    let ran = lab.run(&["on", "--lab", "LAB"]).expect(2);
    assert!(ran.stderr.contains("<WHAT>"), "{}", ran.stderr);
}

fn the_router_knows_the_lab(lab: &Lab) {
    for (name, address) in [
        ("big", "10.76.0.13"),
        ("plane.home.arpa", "10.76.0.11"),
        ("gamer.home.arpa", "10.76.0.3"),
        ("printer.home.arpa", "10.76.0.9"),
    ] {
        let told = inside(lab, "big", &format!("getent ahostsv4 {name}"));
        assert!(told.starts_with(&format!("{address} ")), "{name}: {told}");
    }
    let route = inside(lab, "big", "ip route show default; ip link show eth0");
    assert!(
        route.contains("via 10.76.0.1 ") && route.contains("mtu 1480"),
        "{route}"
    );
}

fn inside(lab: &Lab, node: &str, script: &str) -> String {
    let words = [
        "ssh",
        "--replica",
        "--lab",
        "LAB",
        node,
        "--",
        "sh",
        "-c",
        script,
    ];
    lab.run(&words).stdout
}

fn has_space(lab: &Lab) -> bool {
    inside(lab, "big", "touch /var/lib/kubelet/new && echo there is").contains("there is")
}

fn troubles(lab: &Lab) -> Vec<String> {
    let status = lab.status();
    let all = status["troubles"].as_array().cloned().unwrap_or_default();
    let what = |one: &Value| one["what"].as_str().unwrap_or_default().to_owned();
    all.iter().map(what).collect()
}
