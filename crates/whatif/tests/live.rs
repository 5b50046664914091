//! A running cluster as a world, by objects as an API server lists them.

mod random;

use serde_json::{Value, json};
use whatif::ids::Id as _;
use whatif::world::{Attach, Input, Live, Now, StorageKind, World};

fn lab() -> model::lab::Lab {
    random::lab(json!({
        "lab": "live",
        "networks": { "lan": { "cidr": "10.0.0.0/24" } },
        "hosts": { "a": {}, "b": {} },
        "nodes": {
            "a": { "cluster": "main", "role": "control-plane", "on": "a", "address": "10.0.0.11" },
            "b": { "cluster": "main", "role": "worker", "on": "b", "address": "10.0.0.12" },
        },
        "clusters": { "main": { "distribution": { "kubeadm": { "kubernetes": "1.36.3" } },
            "pods": "10.244.0.0/16", "services": "10.96.0.0/16", "cni": { "flannel": {} } } },
        "components": { "grafana": {} },
    }))
}

fn node(name: &str, ready: &str) -> Value {
    json!({ "metadata": { "name": name }, "status": {
        "allocatable": { "cpu": "1500m", "memory": "2Gi" },
        "conditions": [{ "type": "Ready", "status": ready }] } })
}

fn set(kind: &str, name: &str, spec: &Value) -> Value {
    json!({ "kind": kind, "metadata": { "name": name, "namespace": "apps" }, "spec": spec })
}

fn pod(name: &str, owner: &Value, on: &str) -> Value {
    json!({ "metadata": { "name": name, "namespace": "apps", "ownerReferences": owner,
        "labels": { "pod-template-hash": "6d5f" } }, "spec": { "nodeName": on } })
}

fn world() -> (World, Now) {
    let pinned = json!({ "required": { "nodeSelectorTerms": [{ "matchExpressions": [
        { "key": "kubernetes.io/hostname", "operator": "In", "values": ["b"] }] }] } });
    let uses = |claim: &str| {
        json!({ "replicas": 1, "template": { "spec": {
            "containers": [{ "resources": { "requests": { "cpu": "250m", "memory": "64Mi" } } }],
            "volumes": [{ "persistentVolumeClaim": { "claimName": claim } }] } } })
    };
    let claim = |name: &str, volume: &str| json!({ "metadata": { "name": name, "namespace": "apps" }, "spec": { "volumeName": volume } });
    let lists = [
        json!({ "kind": "NodeList", "items": [node("a", "True"), node("b", "Unknown")] }),
        set("Deployment", "photos", &uses("pictures")),
        set(
            "StatefulSet",
            "db",
            &json!({ "replicas": 2, "template": { "spec": { "containers": [] } },
            "volumeClaimTemplates": [{ "metadata": { "name": "data" } }] }),
        ),
        json!({ "kind": "PodList", "items": [
            pod("photos-6d5f-x", &json!([{ "kind": "ReplicaSet", "name": "photos-6d5f" }]), "b"),
            pod("db-0", &json!([{ "kind": "StatefulSet", "name": "db" }]), "a"),
            pod("by-hand", &json!([]), "a"),
        ] }),
        json!({ "kind": "PersistentVolumeClaimList", "items": [
            claim("pictures", "pv-1"), claim("data-db-0", "pv-2"), claim("data-db-1", "gone")] }),
        json!({ "kind": "PersistentVolumeList", "items": [
            { "metadata": { "name": "pv-1" }, "spec": { "accessModes": ["ReadWriteOnce"], "nodeAffinity": pinned } },
            { "metadata": { "name": "pv-2" }, "spec": { "accessModes": ["ReadWriteOnce"], "csi": { "driver": "disks.test" } } },
        ] }),
        json!({ "kind": "PodDisruptionBudgetList", "items": [
            { "metadata": { "name": "db", "namespace": "apps" }, "status": { "disruptionsAllowed": 1 } }] }),
    ];
    let live = Live::new(lab(), lists);
    let mut world = World::of(Input {
        lab: &live.lab,
        manifests: &live.manifests,
    });
    let now = live.lay_over(&mut world);
    (world, now)
}

#[test]
fn what_runs_is_taken_as_it_is() {
    let (world, now) = world();
    assert_eq!(
        now.not_ready
            .iter()
            .map(|id| id.index())
            .collect::<Vec<_>>(),
        [1]
    );
    let of = |name: &str| {
        world
            .workloads
            .iter()
            .find(|(_, one)| one.name == name)
            .unwrap()
            .1
    };
    let room = world.nodes.iter().next().unwrap().1.room.unwrap();
    assert_eq!((room.millicpu, room.memory), (1500, 2 << 30));
    let photos = of("photos");
    assert_eq!((photos.asks.millicpu, photos.asks.memory), (250, 64 << 20));
    assert_eq!(
        photos.at.iter().map(|id| id.index()).collect::<Vec<_>>(),
        [1]
    );
    assert_eq!(
        photos.nodes.iter().map(|id| id.index()).collect::<Vec<_>>(),
        [1],
        "its volume is there"
    );
    assert_eq!(photos.volumes[0].attach, Attach::Pinned);
    assert_eq!(photos.unknown, [""; 0], "its claim has a volume");
    let db = of("db");
    assert_eq!((db.replicas, db.at.len()), (2, 1));
    assert_eq!(db.volumes[0].attach, Attach::OneNode);
    let storage = &world.storages[world.pools[db.volumes[0].pool].storage];
    assert!(matches!(storage.kind, StorageKind::Unknown(_)), "never up");
    assert_eq!(db.unknown, ["the claim data-db-1 has no volume"]);
    assert!(
        !world.workloads.iter().any(|(_, one)| one.name == "grafana"),
        "told by objects only"
    );
    let assumed = world.assumed.join("\n");
    assert!(
        assumed.contains("apps/db lets a drain take 1 pods now"),
        "{assumed}"
    );
    assert!(assumed.contains("left out: by-hand"), "{assumed}");
}
