//! Three control planes: they come up, and the loss of any one of them stops nothing.

use std::fs;
use std::time::{Duration, Instant};

use e2e::{Lab, answer, must, wait_until};

const LONG: Duration = Duration::from_secs(120);
/// The address that the control planes hold in turn.
const SHARED: &str = "10.89.0.100";
const PLANES: [&str; 3] = ["control-plane-1", "control-plane-2", "control-plane-3"];

#[test]
fn three_control_planes_survive_the_loss_of_any_one() {
    let lab = Lab::several("e2e-several");
    lab.edit("    cni: ", TERMS);
    let _ = lab.up();
    lab.assert_well();
    assert!(
        answer(lab.podinfo_port(), LONG).is_some(),
        "podinfo answers"
    );
    let mut parts: Vec<String> = PLANES.iter().map(|plane| part(&lab, plane)).collect();
    parts.sort();
    assert_eq!(parts, ["follower", "follower", "leader"]);
    assert_eq!(holders(&lab).len(), 1, "one holds the address");
    // Nobody's authority was handed over through the cluster.
    let secrets = ["get", "secrets", "-n", "kube-system", "-o", "name"];
    assert!(
        !lab.kubectl(&secrets)
            .expect(0)
            .stdout
            .contains("kubeadm-certs")
    );
    let again = lab.up();
    assert!(again.stderr.contains("Nothing to do"), "{}", again.stderr);

    // Whoever holds the address dies, and its link with it: another one takes it.
    let holder = holders(&lab).remove(0);
    must(&[
        "kill",
        "-9",
        &lab.process(&format!("machine/{holder}")).to_string(),
    ]);
    let lost = Instant::now();
    wait_until("the API answers again", Duration::from_secs(30), || {
        nodes(&lab).is_some()
    });
    println!(
        "the API answered {} ms after its holder died",
        lost.elapsed().as_millis()
    );
    wait_until("another holds the address", LONG, || {
        holders(&lab).first().is_some_and(|other| *other != holder)
    });
    // It is started again, and kubeadm has nothing to do there.
    let healed = lab.run(&["heal", "LAB", "--yes"]).expect(0);
    assert!(!healed.stderr.contains("kubeadm"), "{}", healed.stderr);
    wait_until("all is well again", LONG, || lab.status()["well"] == true);

    // The one that made the cluster is lost with all its data: it is rebuilt out of the others.
    let ids = members(&lab);
    must(&[
        "kill",
        "-9",
        &lab.process("machine/control-plane-1").to_string(),
    ]);
    wait_until("it is dead", LONG, || {
        lab.faults("machine/control-plane-1").contains("not run")
    });
    fs::remove_dir_all(lab.machines().join("control-plane-1")).expect("its folder");
    let data = ["create", "configmap", "kept", "--from-literal=a=b"];
    // The one that is lost may have led etcd: until another does, nothing is written.
    wait_until("it is written", LONG, || lab.kubectl(&data).code == Some(0));
    let healed = lab.run(&["heal", "LAB", "--yes"]).expect(0);
    assert!(healed.stderr.contains("kubeadm join"), "{}", healed.stderr);
    wait_until("all is well again", LONG, || lab.status()["well"] == true);
    let after = members(&lab);
    assert_eq!(after.len(), 3, "the lost member is forgotten: {after:?}");
    let kept: Vec<&String> = after.iter().filter(|id| ids.contains(id)).collect();
    assert_eq!(kept.len(), 2, "the others stayed: {ids:?}, {after:?}");
    let kept = ["get", "configmap", "kept", "-o", "name"];
    assert_eq!(lab.kubectl(&kept).expect(0).stdout.trim(), "configmap/kept");
    let snapshots = lab
        .run(&["snapshot", "list", "--lab", "LAB"])
        .expect(0)
        .stdout;
    assert!(snapshots.contains("-rebuild "), "kept before: {snapshots}");
    assert!(
        answer(lab.podinfo_port(), LONG).is_some(),
        "podinfo answers"
    );
    certificates_that_end_soon_are_renewed(&lab);
    lab.down_to_nothing();
}

/// Certificates of two days, made anew half a day before they end.
const TERMS: &str = "    certificates: { leaves: 2d, renew-before: 12h }\n    cni: ";

/// Has kubeadm make certificates that are valid for six hours.
const SHORTEN: &str = "cat > /tmp/short.yaml <<END
apiVersion: kubeadm.k8s.io/v1beta4
kind: ClusterConfiguration
kubernetesVersion: v1.36.3
encryptionAlgorithm: ECDSA-P256
certificateValidityPeriod: 6h0m0s
END
kubeadm certs renew all --config /tmp/short.yaml";

fn certificates_that_end_soon_are_renewed(lab: &Lab) {
    for plane in PLANES {
        let words = ["ssh", "--lab", "LAB", plane, "--", "sh", "-c", SHORTEN];
        let _ = lab.run(&words).expect(0);
        let told = lab.faults(&format!("member/{plane}"));
        assert!(told.contains("its certificates end in"), "{told}");
    }
    let before = PLANES.map(|plane| until(lab, plane));
    let members_before = members(lab);
    // One after the other: each waits for the one before it.
    let plan = lab.run(&["plan", "LAB", "--exit-code"]).expect(4).stdout;
    let first = "after member/control-plane-1";
    for waits in [first, &format!("{first}, member/control-plane-2")] {
        let told = plan.lines().any(|line| line.trim() == waits);
        assert!(told, "{waits}: {plan}");
    }
    let _ = lab.run(&["heal", "LAB", "--yes"]).expect(0);
    wait_until("all is well again", LONG, || lab.status()["well"] == true);
    for (plane, before) in PLANES.into_iter().zip(before) {
        let now = until(lab, plane);
        assert!(now > before, "{plane}: {before}, {now}");
    }
    assert_eq!(members(lab), members_before, "nobody had to leave");
}

/// The day on which the first certificate of a control plane ends.
fn until(lab: &Lab, plane: &str) -> String {
    let status = lab.status();
    let facts = &status["inventory"][format!("member/{plane}")]["facts"];
    let day = facts["certificates-until"].as_str();
    day.expect("the day is told").to_owned()
}

/// What part a control plane has in etcd.
fn part(lab: &Lab, plane: &str) -> String {
    let status = lab.status();
    let facts = &status["inventory"][format!("member/{plane}")]["facts"];
    facts["etcd"].as_str().unwrap_or_default().to_owned()
}

/// The control planes whose link carries the shared address.
fn holders(lab: &Lab) -> Vec<&'static str> {
    let look = |plane: &str| {
        let ran = lab.run(&[
            "ssh", "--lab", "LAB", plane, "--", "ip", "-o", "address", "show",
        ]);
        ran.stdout.contains(&format!(" {SHARED}/"))
    };
    PLANES.into_iter().filter(|plane| look(plane)).collect()
}

fn nodes(lab: &Lab) -> Option<String> {
    let get = ["get", "nodes", "--request-timeout=2s", "-o", "name"];
    let ran = lab.kubectl(&get);
    (ran.code == Some(0)).then_some(ran.stdout)
}

/// The ids of etcd's members.
fn members(lab: &Lab) -> Vec<String> {
    let pki = "/etc/kubernetes/pki/etcd";
    let list = [
        "ssh",
        "--lab",
        "LAB",
        "control-plane-2",
        "--",
        "etcdctl",
        "--endpoints=https://127.0.0.1:2379",
        &format!("--cacert={pki}/ca.crt"),
        &format!("--cert={pki}/server.crt"),
        &format!("--key={pki}/server.key"),
        "member",
        "list",
    ];
    let told = lab.run(&list).expect(0).stdout;
    let id = |line: &str| line.split(',').next().map(str::to_owned);
    told.lines().filter_map(id).collect()
}
