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
    assert_eq!(
        db.unknown,
        ["the volume gone of the claim data-db-1 is not there"]
    );
    assert!(
        !world.workloads.iter().any(|(_, one)| one.name == "grafana"),
        "told by objects only"
    );
    let assumed = world.assumed.join("\n");
    assert!(assumed.contains("left out: by-hand"), "{assumed}");
}

/// A cluster with one app `shop` of two pods, on nodes a and b, and these objects besides.
fn shop(more: &[Value]) -> World {
    let owner = json!([{ "kind": "ReplicaSet", "name": "shop-6d5f" }]);
    let pods = ["a", "b"].map(|on| pod(&format!("shop-6d5f-{on}"), &owner, on));
    let mut objects = vec![
        json!({ "kind": "NodeList", "items": [node("a", "True"), node("b", "True")] }),
        set(
            "Deployment",
            "shop",
            &json!({ "replicas": 2, "template": {
            "metadata": { "labels": { "app": "shop" } },
            "spec": { "containers": [], "volumes": [{ "persistentVolumeClaim": { "claimName": "data" } }] } } }),
        ),
        json!({ "kind": "PodList", "items": pods }),
    ];
    objects.extend(more.iter().cloned());
    let live = Live::new(lab(), objects);
    let mut world = World::of(Input {
        lab: &live.lab,
        manifests: &live.manifests,
    });
    live.lay_over(&mut world);
    world
}

fn of_shop(more: &[Value]) -> whatif::world::Workload {
    let world = shop(more);
    let found = world.workloads.iter().find(|(_, one)| one.name == "shop");
    found.unwrap().1.clone()
}

fn claim(spec: &Value) -> Value {
    json!({ "kind": "PersistentVolumeClaim", "metadata": { "name": "data", "namespace": "apps" }, "spec": spec })
}

fn volume(spec: &Value) -> [Value; 2] {
    let volume = json!({ "kind": "PersistentVolume", "metadata": { "name": "pv" }, "spec": spec });
    [claim(&json!({ "volumeName": "pv" })), volume]
}

fn budget(name: &str, selector: &Value, allowed: &Value) -> Value {
    json!({ "kind": "PodDisruptionBudget", "metadata": { "name": name, "namespace": "apps" },
        "spec": { "selector": selector }, "status": { "disruptionsAllowed": allowed } })
}

#[test]
fn budgets_say_how_many_a_drain_takes_now() {
    let own = json!({ "matchLabels": { "app": "shop" } });
    let stays = |more: &[Value]| of_shop(more).must_stay;
    assert_eq!(stays(&[]), 0);
    assert_eq!(stays(&[budget("one", &own, &json!(1))]), 1);
    assert_eq!(stays(&[budget("one", &own, &json!(0))]), 2);
    assert_eq!(
        stays(&[budget("one", &own, &Value::Null)]),
        2,
        "nobody has looked at it"
    );
    assert_eq!(
        stays(&[budget(
            "one",
            &json!({ "matchLabels": { "app": "db" } }),
            &json!(0)
        )]),
        0
    );
    assert_eq!(
        stays(&[budget("one", &Value::Null, &json!(0))]),
        0,
        "it selects no pod"
    );
    assert_eq!(
        stays(&[budget("all", &json!({}), &json!(1))]),
        1,
        "it selects all"
    );
    let several = [
        budget("one", &own, &json!(1)),
        budget("two", &own, &json!(1)),
    ];
    assert_eq!(stays(&several), 2, "the server evicts no pod with several");
    assert_eq!(
        stays(&[refused("poddisruptionbudgets", "policy")]),
        2,
        "never taken as none"
    );
}

fn refused(kind: &str, group: &str) -> Value {
    json!({ "kind": "Status", "reason": "Forbidden", "details": { "kind": kind, "group": group } })
}

#[test]
fn volumes_are_as_their_objects_say() {
    let disks = json!({ "driver": "disks.test" });
    let at = |more: &[Value]| {
        let shop = of_shop(more);
        let nodes: Vec<usize> = shop.nodes.iter().map(|id| id.index()).collect();
        let volume = shop
            .volumes
            .first()
            .map(|one| (one.attach, one.on.map(whatif::ids::Id::index)));
        (volume, nodes, shop.unknown)
    };
    let none: Vec<String> = Vec::new();
    let with = |volume: [Value; 2], more: &[Value]| at(&[volume.as_slice(), more].concat());
    // Not attached: nobody has it.
    let plain = || volume(&json!({ "accessModes": ["ReadWriteOnce"], "csi": disks }));
    assert_eq!(
        with(plain(), &[]),
        (Some((Attach::OneNode, None)), vec![1], none.clone())
    );
    let attached = |on: &str, status: &Value| {
        json!({ "kind": "VolumeAttachment", "metadata": { "name": "x" }, "spec": {
            "nodeName": on, "source": { "persistentVolumeName": "pv" } }, "status": status })
    };
    let there = json!({ "attached": true });
    let seen = with(plain(), &[attached("b", &there)]);
    assert_eq!(
        seen,
        (Some((Attach::OneNode, Some(1))), vec![1], none.clone())
    );
    let error = json!({ "attached": false, "attachError": { "message": "no such disk" } });
    let seen = with(plain(), &[attached("b", &error)]);
    assert_eq!(seen.2, ["data: it does not come to b: no such disk"]);
    // A driver that attaches nothing lets any node have it.
    let driver = json!({ "kind": "CSIDriver", "metadata": { "name": "disks.test" }, "spec": { "attachRequired": false } });
    assert_eq!(with(plain(), &[driver]).0, Some((Attach::Anywhere, None)));
    let shared = volume(&json!({ "accessModes": ["ReadWriteMany"], "csi": disks }));
    assert_eq!(with(shared, &[]).0, Some((Attach::Anywhere, None)));
    // A zone is no node: the volume moves within it.
    let zone = json!({ "required": { "nodeSelectorTerms": [{ "matchExpressions": [
        { "key": "kubernetes.io/os", "operator": "Exists" }] }] } });
    let zoned =
        volume(&json!({ "accessModes": ["ReadWriteOnce"], "csi": disks, "nodeAffinity": zone }));
    assert_eq!(with(zoned, &[]).0, Some((Attach::OneNode, None)));
    let here = json!({ "required": { "nodeSelectorTerms": [{ "matchExpressions": [
        { "key": "kubernetes.io/hostname", "operator": "In", "values": ["b"] }] }] } });
    let pinned =
        volume(&json!({ "accessModes": ["ReadWriteOnce"], "csi": disks, "nodeAffinity": here }));
    assert_eq!(
        with(pinned, &[]),
        (Some((Attach::Pinned, Some(1))), vec![1], none)
    );
    let odd = json!({ "required": { "nodeSelectorTerms": [{ "matchExpressions": [{ "key": "x", "operator": "Like" }] }] } });
    let seen = with(volume(&json!({ "csi": disks, "nodeAffinity": odd })), &[]);
    assert!(
        seen.2[0].contains("\"Like\" of a selector is not known"),
        "{seen:?}"
    );
    let seen = with(volume(&json!({ "hostPath": { "path": "/data" } })), &[]);
    assert!(
        seen.2[0].contains("whichever node used it first"),
        "{seen:?}"
    );
}

#[test]
fn what_is_not_bound_or_not_shown_is_unknown() {
    let unknown = |more: &[Value]| of_shop(more).unknown.join("; ");
    assert_eq!(unknown(&[]), "its claim data is not there");
    let shown = unknown(&[refused("persistentvolumeclaims", "")]);
    assert_eq!(
        shown,
        "its claim data is not known: the server does not show persistentvolumeclaims"
    );
    let waiting = claim(&json!({ "storageClassName": "later" }));
    assert_eq!(
        unknown(std::slice::from_ref(&waiting)),
        "the claim data has no volume"
    );
    let class = json!({ "kind": "StorageClass", "metadata": { "name": "later" }, "provisioner": "disks.test",
        "volumeBindingMode": "WaitForFirstConsumer", "allowedTopologies": [{ "matchLabelExpressions": [
            { "key": "kubernetes.io/hostname", "values": ["a"] }] }] });
    let later = unknown(&[waiting.clone(), class.clone()]);
    assert_eq!(
        later,
        "the claim data of the class later waits for its first pod"
    );
    assert!(
        of_shop(&[waiting, class]).nodes.is_empty(),
        "a is a control plane"
    );
    let bound = claim(&json!({ "volumeName": "pv" }));
    assert!(
        unknown(&[bound, refused("persistentvolumes", "")])
            .contains("does not show persistentvolumes")
    );
}

#[test]
fn ways_in_are_those_of_services() {
    let way = |more: &[Value]| of_shop(more).way;
    let service = |kind: &str, policy: &str, address: &Value| {
        json!({ "kind": "Service", "metadata": { "name": "shop", "namespace": "apps" }, "spec": {
            "type": kind, "externalTrafficPolicy": policy, "selector": { "app": "shop" } },
            "status": { "loadBalancer": { "ingress": address } } })
    };
    let address = json!([{ "ip": "10.0.0.200" }]);
    assert_eq!(way(&[]), None, "nothing leads to it from outside");
    assert_eq!(way(&[service("ClusterIP", "", &Value::Null)]), None);
    let balanced = |keep_source| Some(whatif::world::Way::Balanced { keep_source });
    assert_eq!(
        way(&[service("LoadBalancer", "Cluster", &address)]),
        balanced(false)
    );
    assert_eq!(
        way(&[service("LoadBalancer", "Local", &address)]),
        balanced(true)
    );
    let unknown = |more: &[Value]| match way(more) {
        Some(whatif::world::Way::Unknown(why)) => why,
        other => panic!("{other:?}"),
    };
    assert!(unknown(&[service("LoadBalancer", "Cluster", &Value::Null)]).contains("no address"));
    assert!(unknown(&[service("NodePort", "Cluster", &Value::Null)]).contains("port of each node"));
    assert!(unknown(&[refused("services", "")]).contains("does not show services"));
    let ingress = json!({ "kind": "Ingress", "metadata": { "name": "front", "namespace": "apps" }, "spec": {
        "ingressClassName": "nginx",
        "rules": [{ "http": { "paths": [{ "backend": { "service": { "name": "shop" } } }] } }] } });
    let inside = service("ClusterIP", "", &Value::Null);
    assert!(unknown(&[ingress.clone(), inside.clone()]).contains("what carries that is not told"));
    let class = json!({ "kind": "IngressClass", "metadata": { "name": "nginx" }, "spec": { "controller": "k8s.io/ingress-nginx" } });
    let door = json!({ "kind": "Deployment", "metadata": { "name": "door", "namespace": "apps" }, "spec": { "template": {
        "metadata": { "labels": { "app.kubernetes.io/name": "ingress-nginx" } }, "spec": { "containers": [] } } } });
    let its = json!({ "kind": "Service", "metadata": { "name": "door", "namespace": "apps" }, "spec": {
        "type": "LoadBalancer", "selector": { "app.kubernetes.io/name": "ingress-nginx" } },
        "status": { "loadBalancer": { "ingress": address } } });
    let through = way(&[ingress, inside, class, door, its]);
    assert!(
        matches!(through, Some(whatif::world::Way::Through(_))),
        "{through:?}"
    );
}

#[test]
fn who_answers_for_addresses_is_told_by_metallb() {
    let of = |kind: &str, spec: &Value| json!({ "kind": kind, "apiVersion": "metallb.io/v1beta1", "metadata": { "name": "x" }, "spec": spec });
    let with = |more: &[Value]| {
        let mut lab = lab();
        let metallb = json!({ "pool": ["10.0.0.200-10.0.0.210"] });
        lab.components.insert(
            "metallb".parse().unwrap(),
            serde_json::from_value(metallb).unwrap(),
        );
        let nodes = json!({ "kind": "NodeList", "items": [node("a", "True"), node("b", "True")] });
        let live = Live::new(lab, [vec![nodes], more.to_vec()].concat());
        let mut world = World::of(Input {
            lab: &live.lab,
            manifests: &live.manifests,
        });
        live.lay_over(&mut world);
        let balancer = world
            .clusters
            .iter()
            .next()
            .unwrap()
            .1
            .balancer
            .clone()
            .unwrap();
        let speakers: Vec<usize> = balancer.speakers.iter().map(|id| id.index()).collect();
        (balancer.kind, speakers)
    };
    use whatif::world::BalancerKind;
    let pool = of(
        "IPAddressPool",
        &json!({ "addresses": ["10.0.0.200-10.0.0.210"] }),
    );
    let silent = with(std::slice::from_ref(&pool)).0;
    assert!(
        matches!(&silent, BalancerKind::Unknown(why) if why.contains("nothing announces")),
        "{silent:?}"
    );
    let all = of("L2Advertisement", &json!({}));
    assert_eq!(
        with(&[pool.clone(), all.clone()]),
        (BalancerKind::Memberlist, vec![0, 1])
    );
    let only = of(
        "L2Advertisement",
        &json!({ "nodeSelectors": [{ "matchLabels": { "kubernetes.io/hostname": "b" } }] }),
    );
    assert_eq!(
        with(&[pool.clone(), only]),
        (BalancerKind::Memberlist, vec![1])
    );
    let speaker = set(
        "DaemonSet",
        "speaker",
        &json!({ "template": { "metadata": { "labels": { "app": "metallb" } },
        "spec": { "containers": [] } } }),
    );
    let runs = pod(
        "speaker-x",
        &json!([{ "kind": "DaemonSet", "name": "speaker" }]),
        "a",
    );
    let pods = json!({ "kind": "PodList", "items": [runs] });
    assert_eq!(
        with(&[pool, all, speaker, pods]),
        (BalancerKind::Memberlist, vec![0])
    );
}
