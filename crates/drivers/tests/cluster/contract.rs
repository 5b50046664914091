//! The contract suite that the simulated twins pass, too; and what belongs to nodes.

use driver::Precheck;
use model::inventory::{Presence, Remedy};
use model::resource::Spec;
use testkit::contract::Case;

use crate::lab::{Lab, step};

pub fn control_plane(lab: &Lab) {
    let member = lab.resource("member/cp");
    let mut changed = member.spec.clone();
    if let Spec::Member(member) = &mut changed {
        member.sans.insert("api.example.org".to_owned());
        member.labels.insert("zone".to_owned(), "a".to_owned());
    }
    Case::new(&lab.kubeadm, lab.scope.clone(), member)
        .change(changed)
        .run();
    lab.apply(&lab.step("member/cp"));
    assert_eq!(lab.precheck(&lab.step("member/cp")), Precheck::Done);
    // Nothing secret can be read by others on the node.
    let find = ["find", "/etc/kubernetes", "-name", "*.key", "-perm", "/077"];
    assert_eq!(lab.on("cp", &find, ""), "");
}

pub fn worker(lab: &Lab) {
    let member = lab.resource("member/w1");
    let mut changed = member.spec.clone();
    if let Spec::Member(member) = &mut changed {
        member.labels.clear();
        member.taints = vec![model::lab::Taint {
            key: "dedicated".to_owned(),
            value: Some("db".to_owned()),
            effect: model::lab::TaintEffect::NoSchedule,
        }];
    }
    Case::new(&lab.kubeadm, lab.scope.clone(), member)
        .change(changed)
        .run();
    lab.apply(&lab.step("member/w1"));
    let labels = lab.kubectl("get node w1 --show-labels", "");
    assert!(labels.contains("disk=ssd"), "{labels}");
    assert!(
        labels.contains("node-role.kubernetes.io/worker"),
        "{labels}"
    );
    // Nothing that a node could join with is left on it.
    let left = lab.on("w1", &["find", "/etc/kubernetes", "-type", "f"], "");
    assert!(
        !left.contains("discovery.conf") && !left.contains("bootstrap"),
        "{left}"
    );
    let tokens = lab.kubectl("get secrets -A -o name", "");
    assert!(!tokens.contains("bootstrap-token"), "{tokens}");
}

pub fn components(lab: &Lab) {
    for name in ["flannel", "coredns", "netcheck"] {
        lab.apply(&lab.step(&format!("component/{name}")));
    }
    let podinfo = lab.resource("app/podinfo");
    let mut changed = podinfo.spec.clone();
    if let Spec::Objects(objects) = &mut changed {
        objects.objects[0]["spec"]["replicas"] = 1.into();
    }
    Case::new(&lab.kubernetes, lab.scope.clone(), podinfo)
        .change(changed)
        .run();
    Case::new(
        &lab.kubernetes,
        lab.scope.clone(),
        lab.resource("connectivity/main"),
    )
    .proves_by_applying()
    .run();
}

pub fn a_skipped_version_is_refused(lab: &Lab) {
    let mut member = lab.resource("member/w1");
    if let Spec::Member(member) = &mut member.spec {
        member.kubernetes = "1.38.0".to_owned();
    }
    let Precheck::Refused(refusal) = lab.precheck(&step(member)) else {
        panic!("it is not refused");
    };
    assert!(refusal.found.contains("1.36.3") && refusal.found.contains("1.38.0"));
}

pub fn a_lost_node_joins_again(lab: &Lab) {
    let member = lab.step("member/w1");
    lab.kubectl("delete node w1", "");
    let seen = lab.see(&member).unwrap();
    assert!(matches!(seen.presence, Presence::Ours { .. }));
    assert_eq!(seen.faults[0].what, "it is not registered any more");
    assert_eq!(seen.faults[0].remedy, Remedy::Repair);
    lab.apply(&member);
    lab.apply(&lab.step("connectivity/main"));

    // Its whole disk is gone.
    let machine = lab.step("machine/w1");
    lab.teardown(&machine);
    lab.apply(&machine);
    lab.apply(&member);
    lab.apply(&lab.step("connectivity/main"));
    assert_eq!(lab.see(&member).unwrap().faults, []);
}
