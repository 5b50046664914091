use std::fmt::Write as _;

use super::*;
use crate::{beyond_reach, expand_replica};
use model::resource::{Kind, Spec};
use model::source::Source;

fn lab(name: &str, text: &str) -> Lab {
    let reading = model::read::read(&[Source {
        name: name.to_owned(),
        text: text.to_owned(),
    }]);
    assert_eq!(reading.diagnostics, [], "{name}");
    reading.lab.unwrap()
}

fn labs() -> Vec<Lab> {
    [
        include_str!("../../../../labs/quickstart/lab.yaml"),
        include_str!("../../../../labs/volatile-talos/lab.yaml"),
        include_str!("../../../../labs/skaia/lab.yaml"),
        include_str!("../../../../labs/jlh/lab.yaml"),
        include_str!("../../../../labs/ducksnest/lab.yaml"),
    ]
    .into_iter()
    .map(|text| lab("lab.yaml", text))
    .collect()
}

#[test]
fn every_lab_has_a_replica_that_is_within_reach() {
    for lab in labs() {
        let replica = replica(&lab, Arch::Amd64);
        let beyond = beyond_reach(&replica.lab);
        assert_eq!(beyond, [], "{}", lab.lab);
        let resources = expand_replica(&replica.lab).unwrap();
        let count = |kind: Kind| resources.iter().filter(|r| r.address.kind == kind).count();
        assert_eq!(count(Kind::Machine), replica.lab.nodes.len(), "{}", lab.lab);
        assert_eq!(count(Kind::Host), replica.lab.hosts.len(), "{}", lab.lab);
        assert!(count(Kind::App) > 0, "{}", lab.lab);
        for resource in &resources {
            if let Spec::Machine(machine) = &resource.spec {
                assert!(machine.inside_host, "{}", resource.address);
            }
        }
    }
}

#[test]
fn what_is_other_is_told() {
    let mut table = String::new();
    for lab in labs() {
        let replica = replica(&lab, Arch::Amd64);
        writeln!(table, "{}", lab.lab).unwrap();
        for Change {
            field,
            stands_in,
            why,
        } in replica.changes
        {
            let stands_in = stands_in.unwrap_or_else(|| "-".to_owned());
            writeln!(table, "  {field}: {stands_in} ({why})").unwrap();
        }
    }
    insta::assert_snapshot!(table);
}

#[test]
fn numbers_places_and_sizes_stay() {
    let lab = labs().swap_remove(1);
    let replica = replica(&lab, Arch::Amd64).lab;
    assert_eq!((replica.hosts.len(), replica.nodes.len()), (8, 11));
    let node = |name: &str| replica.nodes.get(name).unwrap();
    let size = |name: &str| node(name).machine().unwrap().size();
    assert_eq!(size("talos08"), (12, Bytes(8_000_000_000)));
    assert_eq!(size("talos11"), (4, Bytes(8_000_000_000)), "its host's");
    assert_eq!(node("talos08").on.as_str(), "gamer");
    let address = |name: &str| node(name).address.unwrap().first().to_string();
    assert_eq!(address("talos01"), "10.0.0.61");
    assert_eq!(address("talos09"), "10.0.0.40", "its host's");
}

/// A lab whose apps cannot be had, on storage that cannot be had.
const APPS: &str = "\
lab: home
networks: { lan: { cidr: 10.0.0.0/24, gateway: 10.0.0.1 } }
hosts:
  nas: { cpu: 4, memory: 8Gi, gpus: { igpu: { vendor: intel } }, disks: { one: {}, two: {} } }
  pi: { arch: arm64, cpu: 4, memory: 4Gi }
clusters:
  main:
    distribution: { kubeadm: { kubernetes: 1.36.3 } }
    pods: 10.69.0.0/16
    services: 10.96.0.0/16
    cni: { flannel: {} }
nodes:
  plane: { cluster: main, role: control-plane, on: nas, vm: { cpu: 2, memory: 2Gi, disk: 20Gi }, address: 10.0.0.11 }
  near: { cluster: main, role: worker, on: nas, vm: { cpu: 2, memory: 2Gi, disk: 20Gi, devices: [igpu] }, address: 10.0.0.12 }
  far: { cluster: main, role: worker, on: pi, address: 10.0.0.13 }
storage:
  ceph: { external: { monitors: [nas], pools: { fast: {}, files: { kind: file } }, classes: { block: { default: true, pool: fast }, files: { pool: files } } } }
  tank: { zfs: { on: nas, vdevs: [{ mirror: [one, two] }], classes: { tank: {} } } }
  shares: { nfs: { server: nas, export: /tank/shares, classes: { shares: {} } } }
apps:
  jellyfin: { catalog: jellyfin, devices: [nas.igpu], requests: { millicpu: 500 }, volumes: { config: {}, films: { class: shares }, music: { class: files }, old: { class: tank } } }
  postgresql: { catalog: postgresql, replicas: 2, volumes: { data: {} }, placement: { labels: { kubernetes.io/arch: arm64 } } }
  counter: { catalog: counter, volumes: { data: { class: ceph.block } } }
";

#[test]
fn stand_ins_keep_numbers_requests_places_and_volumes() {
    let Replica { lab, changes } = replica(&lab("lab.yaml", APPS), Arch::Amd64);
    assert_eq!(beyond_reach(&lab), []);
    let told: Vec<String> = changes.iter().map(|one| one.field.clone()).collect();
    for field in [
        "storage.ceph",
        "storage.tank",
        "storage.shares",
        "apps: jellyfin, postgresql",
    ] {
        assert!(told.contains(&field.to_owned()), "{field}: {told:?}");
    }
    let app = |name: &str| lab.apps.get(name).unwrap();
    let volume = |name: &str| app("jellyfin").volumes.get(name).unwrap();
    let node: Name = "near".parse().unwrap();
    assert_eq!(app("jellyfin").placement.as_ref().unwrap().nodes, [node]);
    assert_eq!(
        app("jellyfin").requests.as_ref().unwrap().millicpu,
        Some(500)
    );
    assert!(!volume("config").shared, "a block device is of one node");
    assert!(volume("films").shared && volume("music").shared);
    assert_eq!(volume("old").on.as_ref().unwrap().as_str(), "near");
    let resources = expand_replica(&lab).unwrap();
    let objects = |name: &str| {
        let found = resources.iter().find(|one| one.address.to_string() == name);
        match &found.unwrap().spec {
            Spec::Objects(objects) => serde_json::to_string(&objects.objects).unwrap(),
            _ => panic!("{name} is no objects"),
        }
    };
    let database = objects("app/postgresql");
    assert!(database.contains("data-postgresql-1") && database.contains("\"StatefulSet\""));
    assert!(database.contains("stands in for postgresql"));
    assert!(database.contains(r#"{"key":"steading.dev/arch","operator":"In","values":["arm64"]}"#));
    assert_eq!(
        lab.nodes.get("far").unwrap().labels["steading.dev/arch"],
        "arm64"
    );
    assert!(objects("app/counter").contains("folders.steading.dev"));
    assert!(objects("component/folders").contains("\"block\""));
}
