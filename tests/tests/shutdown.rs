//! A replica's host that is shut down in order: its pods are asked to leave before, disruption
//! budgets are heeded for a bounded time, what came of it is told, and the node takes pods again
//! when its host is back.

use std::process::Stdio;
use std::time::Duration;

use e2e::{Lab, wait_until};
use serde_json::Value;

const LONG: Duration = Duration::from_secs(120);

const LAB: &str = "\
lab: e2e-shutdown
networks:
  lan: { cidr: 10.77.0.0/24, mtu: 1480 }
hosts:
  nuc: { cpu: 4, memory: 8Gi, hypervisor: { qemu: {} }, addresses: { lan: 10.77.0.2 } }
  gamer: { cpu: 28, memory: 64Gi, hypervisor: { qemu: {} }, addresses: { lan: 10.77.0.3 } }
clusters:
  main:
    distribution: { kubeadm: { kubernetes: 1.36.3 } }
    pods: 10.69.0.0/16
    services: 10.96.0.0/16
    cni: { flannel: {} }
nodes:
  plane: { cluster: main, role: control-plane, on: nuc, vm: { cpu: 2, memory: 2Gi }, address: 10.77.0.11, taints: [] }
  big: { cluster: main, role: worker, on: gamer, vm: { cpu: 12, memory: 8Gi }, address: 10.77.0.13 }
apps:
  free: { catalog: podinfo, replicas: 2, stateless: true, placement: { apart: node } }
  held: { catalog: podinfo, replicas: 2, stateless: true, placement: { apart: node } }
";

/// Of both pods none may go.
const BUDGET: &str = r#"{ "apiVersion": "policy/v1", "kind": "PodDisruptionBudget",
  "metadata": { "name": "held", "namespace": "held" },
  "spec": { "minAvailable": 2, "selector": { "matchLabels": { "app.kubernetes.io/instance": "held" } } } }"#;

fn closed(lab: &Lab) -> bool {
    let field = "jsonpath={.spec.unschedulable}";
    lab.kubectl(&["get", "node", "big", "-o", field])
        .expect(0)
        .stdout
        == "true"
}

#[test]
fn a_shutdown_asks_disruption_budgets_and_tells_what_it_did() {
    let lab = Lab::replica(LAB);
    let _ = lab.up();
    let file = lab.path().join("budget.json");
    std::fs::write(&file, BUDGET).expect("writing it");
    let file = file.display().to_string();
    let _ = lab.kubectl(&["apply", "-f", &file]).expect(0);
    // The controller looks at it: else it lets nothing go for want of knowing.
    wait_until("the budget counts both pods", LONG, || {
        let field = "jsonpath={.status.currentHealthy}";
        let get = ["get", "pdb", "-n", "held", "held", "-o", field];
        lab.kubectl(&get).expect(0).stdout == "2"
    });

    let off = [
        "off",
        "gamer",
        "--graceful",
        "--lab",
        "LAB",
        "--format",
        "json",
    ];
    let told: Value = serde_json::from_str(&lab.run(&off).expect(0).stdout).expect("an answer");
    let asked = &told["asked"][0];
    assert_eq!(asked["node"], "big", "{told}");
    let left = asked["left"].to_string();
    assert!(
        left.contains("free/free-"),
        "what nobody keeps went: {told}"
    );
    assert!(
        !left.contains("held/held-"),
        "what its budget keeps did not: {told}"
    );
    let stays = asked["stays"].to_string();
    assert!(
        stays.contains("held/held-") && stays.contains("disruption budget"),
        "{told}"
    );

    // The next time the budget lets it go, and the answer says so in words.
    let _ = lab.run(&["on", "gamer", "--lab", "LAB"]).expect(0);
    wait_until("big takes pods again", LONG, || !closed(&lab));
    let _ = lab.kubectl(&["delete", "-f", &file]).expect(0);
    lab.assert_well();
    nobody_works_against_it(&lab);
    let off = lab
        .run(&["off", "gamer", "--graceful", "--lab", "LAB"])
        .expect(0);
    let told = off.stderr;
    assert!(told.contains("big: ") && told.contains("left it"), "{told}");
    assert!(!told.contains("went on without"), "{told}");
    let _ = lab.run(&["on", "gamer", "--lab", "LAB"]).expect(0);
    assert!(!closed(&lab));
    plans_tell_what_updates_and_removals_mean(&lab);
    lab.down_to_nothing();
}

/// A pod that does not end makes a shutdown long: meanwhile nothing of the node counts as broken. One
/// that was killed has not happened.
fn nobody_works_against_it(lab: &Lab) {
    let inside = |words: &[&str]| {
        let ssh = ["ssh", "--replica", "--lab", "LAB", "big", "--"];
        lab.run(&[&ssh[..], words].concat()).expect(0).stdout
    };
    let kubelet = || inside(&["s6-svstat", "-o", "up", "/run/service/kubelet"]);
    let _ = inside(&["pkill", "-STOP", "kube-proxy"]);
    let mut off = lab
        .command(&["off", "gamer", "--graceful", "--lab", "LAB"])
        .stderr(Stdio::null())
        .spawn()
        .expect("starting steading");
    wait_until("big is being shut down", LONG, || {
        lab.faults("machine/big").contains("being shut down")
    });
    let plan = lab.run(&["plan", "LAB", "--format", "json"]).expect(0);
    let plan: Value = serde_json::from_str(&plan.stdout).expect("a plan");
    let steps = plan["steps"].as_array().expect("its steps");
    let of_it = |step: &&Value| {
        ["machine/big", "member/big"]
            .map(Value::from)
            .contains(&step["address"])
    };
    assert_eq!(steps.iter().find(of_it), None);
    assert_eq!(kubelet().trim(), "false");
    off.kill().expect("killing it");
    let _ = off.wait();
    let _ = inside(&["pkill", "-CONT", "kube-proxy"]);
    // It takes no pods until the shutdown would have been over at the latest.
    let over = "steading.dev/shut-down=2026-01-01T00:00:00Z";
    let _ = lab
        .kubectl(&["annotate", "node", "big", "--overwrite", over])
        .expect(0);
    assert!(closed(lab) && lab.faults("member/big").contains("takes no pods"));
    let _ = lab.run(&["heal", "LAB", "--yes"]).expect(0);
    assert_eq!(kubelet().trim(), "true");
    assert!(!closed(lab));
    lab.assert_well();
}

/// A changed app goes by its strategy; a node that is declared no more takes what is on it along.
fn plans_tell_what_updates_and_removals_mean(lab: &Lab) {
    let told = |from: &str, to: &str| {
        let file = lab.path().join("lab.yaml");
        let declared = std::fs::read_to_string(&file).expect("the lab file");
        lab.edit(from, to);
        let plan = lab.run(&["plan", "LAB"]).stdout;
        std::fs::write(&file, declared).expect("writing it back");
        plan
    };
    let free = "free: { catalog: podinfo,";
    let plan = told(
        free,
        "free: { requests: { memory: 48Mi }, catalog: podinfo,",
    );
    assert!(
        plan.contains("free goes on with 1 of 2 pods, each away for 1–90 s (W017)"),
        "{plan}"
    );
    let big = "  big: { cluster: main, role: worker, on: gamer, vm: { cpu: 12, memory: 8Gi }, address: 10.77.0.13 }\n";
    let plan = told(big, "");
    assert!(plan.contains("member/big"), "{plan}");
    assert!(plan.contains("asked to go before"), "{plan}");
}
