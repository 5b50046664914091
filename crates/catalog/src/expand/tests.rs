use std::fmt::Write as _;

use serde_json::Value;

use super::*;
use model::source::Source;

fn lab(text: &str) -> Lab {
    let reading = model::read::read(&[Source {
        name: "lab.yaml".to_owned(),
        text: text.to_owned(),
    }]);
    assert_eq!(reading.diagnostics, []);
    reading.lab.unwrap()
}

fn quickstart() -> Lab {
    lab(include_str!("../../../../labs/quickstart/lab.yaml"))
}

#[test]
fn the_quickstart_lab_expands_to_these() {
    let resources = expand(&quickstart(), &BTreeMap::new()).unwrap();
    let table = resources.iter().fold(String::new(), |mut text, resource| {
        let needs: Vec<String> = resource.needs.iter().map(ToString::to_string).collect();
        let objects = match &resource.spec {
            Spec::Objects(objects) => format!(" [{} objects]", objects.objects.len()),
            _ => String::new(),
        };
        writeln!(text, "{}{objects} <- {}", resource.address, needs.join(" ")).unwrap();
        text
    });
    insta::assert_snapshot!(table);
}

#[test]
fn derived_values_follow_from_the_declared_ones() {
    let mut lab = quickstart();
    lab.networks.get_mut("nodes").unwrap().mtu = Some(1400);
    let resources = expand(&lab, &BTreeMap::new()).unwrap();
    let spec = |address: &str| {
        let address: Address = address.parse().unwrap();
        resources
            .iter()
            .find(|r| r.address == address)
            .unwrap()
            .spec
            .clone()
    };
    let Spec::Machine(machine) = spec("machine/worker-1") else {
        panic!()
    };
    assert_eq!((machine.mtu, machine.pod_mtu), (1400, 1350));
    assert_eq!(machine.gateway.to_string(), "10.88.0.1");
    let Spec::Member(member) = spec("member/control-plane-1") else {
        panic!()
    };
    assert_eq!(member.dns.to_string(), "10.96.0.10");
    assert!(member.sans.contains("127.0.0.1") && member.sans.contains("10.88.0.11"));
    assert_eq!(member.taints.len(), 1, "there are workers for the work");
    let flannel = serde_json::to_string(&spec("component/flannel")).unwrap();
    assert!(flannel.contains("10.244.0.0/16"));
}

#[test]
fn every_need_exists_and_there_is_no_circle() {
    let resources = expand(&quickstart(), &BTreeMap::new()).unwrap();
    let mut done: BTreeSet<&Address> = BTreeSet::new();
    while done.len() < resources.len() {
        let before = done.len();
        for resource in &resources {
            if resource.needs.iter().all(|need| done.contains(need)) {
                done.insert(&resource.address);
            }
        }
        assert!(done.len() > before, "stuck after {done:?}");
    }
}

#[test]
fn manifests_are_read_from_their_folder_and_no_other() {
    let text = include_str!("../../../../labs/quickstart/lab.yaml");
    let lab = lab(&text.replace(
        "{ catalog: podinfo, settings: { replicas: 2 }, expose: { forward: { service: podinfo, port: 9898 } } }",
        "{ manifests: apps/a }",
    ));
    let object = |name: &str| {
        format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{ name: {name} }}\n").into_bytes()
    };
    let files = BTreeMap::from([
        ("apps/a/one.yaml".to_owned(), object("one")),
        ("apps/ab/two.yaml".to_owned(), object("two")),
    ]);
    let resources = expand(&lab, &files).unwrap();
    let app = resources
        .iter()
        .find(|r| r.address.kind == Kind::App)
        .unwrap();
    let Spec::Objects(objects) = &app.spec else {
        panic!()
    };
    let names: Vec<&Value> = objects
        .objects
        .iter()
        .filter_map(|o| o.pointer("/metadata/name"))
        .collect();
    assert_eq!(names, ["one"]);

    let findings = expand(&lab, &BTreeMap::new()).unwrap_err();
    assert!(findings[0].message.contains("no manifests"), "{findings:?}");
    let broken = BTreeMap::from([("apps/a/one.yaml".to_owned(), b"kind: [".to_vec())]);
    let findings = expand(&lab, &broken).unwrap_err();
    assert!(
        findings[0].message.contains("apps/a/one.yaml"),
        "{findings:?}"
    );
}

#[test]
fn control_planes_share_an_address_and_join_one_after_the_other() {
    let lab = lab(include_str!("../../../../labs/quickstart-ha/lab.yaml"));
    let resources = expand(&lab, &BTreeMap::new()).unwrap();
    let of = |address: &str| {
        let address: Address = address.parse().unwrap();
        resources.iter().find(|one| one.address == address).unwrap()
    };
    let needs = |address: &str| {
        let all = of(address).needs.iter().map(ToString::to_string);
        all.collect::<Vec<_>>().join(" ")
    };
    // The first may only make the cluster once all can be asked whether it lives on them.
    assert_eq!(
        needs("member/control-plane-1"),
        "machine/control-plane-1 machine/control-plane-2 machine/control-plane-3 forward/main-api"
    );
    let third = needs("member/control-plane-3");
    assert!(third.contains("member/control-plane-2"), "{third}");
    let worker = needs("member/worker-1");
    assert!(!worker.contains("member/control-plane-2"), "{worker}");
    let Spec::Member(member) = &of("member/control-plane-2").spec else {
        panic!()
    };
    assert_eq!(member.endpoint, "10.89.0.100:6443");
    assert_eq!(member.shared, Some("10.89.0.100".parse().unwrap()));
    assert_eq!(member.planes.len(), 3);
    assert!(member.sans.contains("10.89.0.100"));
    // The members of a cluster that has one control plane are as they were before.
    let one = expand(&quickstart(), &BTreeMap::new()).unwrap();
    let single = one.iter().filter_map(|one| match &one.spec {
        Spec::Member(member) => Some(member),
        _ => None,
    });
    assert!(
        single
            .into_iter()
            .all(|one| one.planes.is_empty() && one.shared.is_none())
    );
}

/// Two clusters have the same components, which must not be taken for one another.
#[test]
fn every_cluster_has_its_own_components() {
    let text = include_str!("../../../../labs/quickstart/lab.yaml");
    let text = text
        .replace(
            "\nnodes:\n",
            "  spare:\n    distribution: { kubeadm: { kubernetes: 1.36.3 } }\n    pods: 10.245.0.0/16\n    services: 10.97.0.0/16\n    cni: { flannel: {} }\n\nnodes:\n",
        )
        .replace("worker-2:        { cluster: main, role: worker", "worker-2:        { cluster: spare, role: control-plane")
        .replace("podinfo: { catalog: podinfo,", "podinfo: { catalog: podinfo, cluster: spare,")
        + "components: { names: { catalog: coredns, cluster: spare } }\n";
    let resources = expand(&lab(&text), &BTreeMap::new()).unwrap();
    let components: Vec<String> = resources
        .iter()
        .filter_map(|one| match &one.spec {
            Spec::Objects(objects) => Some(format!("{} in {}", one.address, objects.cluster)),
            _ => None,
        })
        .collect();
    assert_eq!(
        components,
        [
            "component/main-coredns in main",
            "component/main-flannel in main",
            "component/main-netcheck in main",
            "component/names in spare",
            "component/spare-flannel in spare",
            "component/spare-netcheck in spare",
            "app/podinfo in spare",
        ]
    );
    let needs = |address: &str| {
        let one = resources
            .iter()
            .find(|one| one.address.to_string() == address);
        let needs = one.unwrap().needs.iter().map(ToString::to_string);
        needs.collect::<Vec<_>>().join(" ")
    };
    let app = needs("app/podinfo");
    assert!(
        app.contains("component/names") && app.contains("component/spare-flannel"),
        "{app}"
    );
    assert!(!app.contains("main"), "{app}");
    let checked = needs("connectivity/main");
    assert!(
        checked.contains("main-netcheck") && !checked.contains("spare"),
        "{checked}"
    );
}
