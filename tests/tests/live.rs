//! `whatif --live` against a real API server: what is written to it is read back and counts. Nodes
//! are objects, and nothing runs on them.

use std::process::Command;

use e2e::plane::{Api, Nodes, Plane};
use e2e::program;
use serde_json::{Value, json};

/// Writes an object, and then what its status shall be.
fn create(api: &Api, path: &str, object: &Value) {
    let made = api.must("POST", path, object);
    if let Some(status) = object.get("status") {
        let name = made["metadata"]["name"].as_str().unwrap();
        let status = json!({ "status": status });
        api.must("PATCH", &format!("{path}/{name}/status"), &status);
    }
}

fn node(api: &Api, name: &str, zone: &str, role: &str) {
    let room = json!({ "cpu": "4", "memory": "8Gi", "pods": "110" });
    let mut labels = json!({ "kubernetes.io/hostname": name, "topology.kubernetes.io/zone": zone });
    if role == "control-plane" {
        labels["node-role.kubernetes.io/control-plane"] = json!("");
    }
    let last = name.bytes().last().unwrap();
    let addresses = json!([{ "type": "InternalIP", "address": format!("10.0.0.{last}") }]);
    create(
        api,
        "/api/v1/nodes",
        &json!({ "metadata": { "name": name, "labels": labels },
        "spec": { "podCIDR": format!("10.244.{last}.0/24") },
        "status": { "capacity": room, "allocatable": room, "addresses": addresses,
            "nodeInfo": { "kubeletVersion": "v1.36.3", "architecture": "amd64", "osImage": "Debian",
                "bootID": "", "containerRuntimeVersion": "containerd://2", "kernelVersion": "6",
                "kubeProxyVersion": "", "machineID": "", "operatingSystem": "linux", "systemUUID": "" },
            "conditions": [{ "type": "Ready", "status": "True" }] } }),
    );
}

/// A Deployment with one pod on that node, and what its pods mount.
fn app(api: &Api, name: &str, on: &str, claim: Option<&str>) {
    let labels = json!({ "app": name });
    let volumes = claim
        .map(|claim| json!([{ "name": "data", "persistentVolumeClaim": { "claimName": claim } }]));
    let pod = json!({ "containers": [{ "name": "main", "image": "none" }], "volumes": volumes.unwrap_or(json!([])) });
    let template = json!({ "metadata": { "labels": labels }, "spec": pod });
    create(
        api,
        "/apis/apps/v1/namespaces/default/deployments",
        &json!({ "metadata": { "name": name },
        "spec": { "replicas": 1, "selector": { "matchLabels": labels }, "template": template } }),
    );
    let mut runs = template;
    runs["metadata"]["name"] = json!(format!("{name}-6d5f-x"));
    runs["metadata"]["labels"]["pod-template-hash"] = json!("6d5f");
    runs["metadata"]["ownerReferences"] = json!([{ "apiVersion": "apps/v1", "kind": "ReplicaSet",
        "name": format!("{name}-6d5f"), "uid": "00000000-0000-4000-8000-000000000001" }]);
    runs["spec"]["nodeName"] = json!(on);
    create(api, "/api/v1/namespaces/default/pods", &runs);
}

fn volume(api: &Api, name: &str, spec: &Value) {
    let size = json!({ "storage": "1Gi" });
    let mut spec = spec.clone();
    spec["capacity"] = size;
    spec["accessModes"] = json!(["ReadWriteOnce"]);
    spec["storageClassName"] = json!("disks");
    spec["claimRef"] = json!({ "namespace": "default", "name": name });
    create(
        api,
        "/api/v1/persistentvolumes",
        &json!({ "metadata": { "name": name }, "spec": spec }),
    );
    claim(api, name, "disks", Some(name));
}

fn claim(api: &Api, name: &str, class: &str, volume: Option<&str>) {
    let mut spec = json!({ "accessModes": ["ReadWriteOnce"], "storageClassName": class,
        "resources": { "requests": { "storage": "1Gi" } } });
    if let Some(volume) = volume {
        spec["volumeName"] = json!(volume);
    }
    let path = "/api/v1/namespaces/default/persistentvolumeclaims";
    create(
        api,
        path,
        &json!({ "metadata": { "name": name }, "spec": spec }),
    );
}

fn service(api: &Api, name: &str, kind: &str, address: Option<&str>) {
    let mut object = json!({ "metadata": { "name": name }, "spec": { "type": kind,
        "selector": { "app": name }, "ports": [{ "port": 80 }] } });
    if kind == "LoadBalancer" {
        object["spec"]["externalTrafficPolicy"] = json!("Local");
    }
    if let Some(address) = address {
        object["status"] = json!({ "loadBalancer": { "ingress": [{ "ip": address }] } });
    }
    create(api, "/api/v1/namespaces/default/services", &object);
}

/// Everything that a cluster has of volumes, budgets and ways in.
fn furnish(api: &Api) {
    for (name, zone, role) in [
        ("a", "x", "control-plane"),
        ("b", "x", "worker"),
        ("c", "y", "worker"),
    ] {
        node(api, name, zone, role);
    }
    let storage = "/apis/storage.k8s.io/v1";
    for (name, mode) in [("disks", "Immediate"), ("later", "WaitForFirstConsumer")] {
        create(
            api,
            &format!("{storage}/storageclasses"),
            &json!({ "metadata": { "name": name },
            "provisioner": "disks.test", "volumeBindingMode": mode }),
        );
    }
    create(
        api,
        &format!("{storage}/csidrivers"),
        &json!({ "metadata": { "name": "disks.test" }, "spec": {} }),
    );
    create(
        api,
        &format!("{storage}/csidrivers"),
        &json!({ "metadata": { "name": "files.test" },
        "spec": { "attachRequired": false } }),
    );
    let disk = |name: &str| json!({ "csi": { "driver": "disks.test", "volumeHandle": name } });
    // The driver of a replica's shared folder: what that stands on is known.
    let folder = json!({ "csi": { "driver": "folders.steading.dev", "volumeHandle": "attached" } });
    volume(api, "attached", &folder);
    volume(api, "stuck", &disk("stuck"));
    volume(api, "elsewhere", &disk("elsewhere"));
    volume(
        api,
        "files",
        &json!({ "csi": { "driver": "files.test", "volumeHandle": "files" } }),
    );
    let mut here = json!({ "local": { "path": "/data" } });
    here["nodeAffinity"] = json!({ "required": { "nodeSelectorTerms": [{ "matchExpressions": [
        { "key": "kubernetes.io/hostname", "operator": "In", "values": ["c"] }] }] } });
    volume(api, "here", &here);
    for (name, on, status) in [
        ("attached", "c", json!({ "attached": true })),
        (
            "stuck",
            "c",
            json!({ "attached": false, "attachError": { "message": "no such disk" } }),
        ),
        ("elsewhere", "b", json!({ "attached": true })),
    ] {
        create(
            api,
            &format!("{storage}/volumeattachments"),
            &json!({ "metadata": { "name": name },
            "spec": { "attacher": "disks.test", "nodeName": on, "source": { "persistentVolumeName": name } },
            "status": status }),
        );
    }
    for name in ["attached", "stuck", "elsewhere", "files", "here"] {
        app(api, name, "c", Some(name));
    }
    claim(api, "waiting", "later", None);
    app(api, "waiting", "c", Some("waiting"));
    for name in ["kept", "free", "silent"] {
        app(api, name, "c", None);
    }
    for (name, allowed) in [("kept", 0), ("free", 1)] {
        create(
            api,
            "/apis/policy/v1/namespaces/default/poddisruptionbudgets",
            &json!({ "metadata": { "name": name },
            "spec": { "minAvailable": 1, "selector": { "matchLabels": { "app": name } } },
            "status": { "disruptionsAllowed": allowed, "currentHealthy": 1, "desiredHealthy": 1, "expectedPods": 1 } }),
        );
    }
    service(api, "free", "LoadBalancer", Some("10.0.0.200"));
    service(api, "silent", "LoadBalancer", None);
}

fn whatif(plane: &Plane, words: &[&str]) -> Value {
    let kubeconfig = plane.kubeconfig();
    let ran = Command::new(program())
        .args([
            "whatif",
            "--live",
            "--off",
            "c",
            "--format",
            "json",
            "--kubeconfig",
        ])
        .arg(&kubeconfig)
        .args(words)
        .output()
        .expect("the program");
    let told = String::from_utf8_lossy(&ran.stderr);
    assert!(ran.status.success(), "{words:?}: {told}");
    serde_json::from_slice(&ran.stdout).expect("an answer")
}

fn line<'a>(answer: &'a Value, thing: &str) -> (&'a str, &'a str) {
    let mut all = answer["things"].as_array().unwrap().iter();
    let line = all.find(|line| line["thing"] == thing);
    let line = line.unwrap_or_else(|| panic!("nothing is told of {thing}: {answer}"));
    (
        line["verdict"].as_str().unwrap(),
        line["because"].as_str().unwrap(),
    )
}

#[test]
fn what_a_cluster_tells_of_volumes_budgets_and_ways_counts() {
    let plane = Plane::new(Nodes::AsWritten);
    furnish(&plane.api);
    let cut = whatif(&plane, &[]);
    let is = |thing: &str, verdict: &str, words: &str| {
        let (seen, because) = line(&cut, thing);
        assert!(
            seen == verdict && because.contains(words),
            "{thing}: {seen}, {because}"
        );
    };
    is(
        "attached",
        "waits",
        "its volume attached stays attached to the node that is gone (c)",
    );
    is(
        "here",
        "waits",
        "its volume here lies on the node's disk of c",
    );
    is("stuck", "unknown", "it does not come to c: no such disk");
    is(
        "elsewhere",
        "unknown",
        "its volume elsewhere is still attached to b",
    );
    is(
        "waiting",
        "unknown",
        "the claim waiting of the class later waits for its first pod",
    );
    // It may start elsewhere, but nobody tells what its driver stands on: never up.
    is("files", "unknown", "what files.test stands on");
    is("kept", "moves", "evicted");
    is(
        "way to free",
        "unknown",
        "nothing is told that hands out addresses",
    );
    is(
        "way to silent",
        "unknown",
        "its Service silent has got no address",
    );
    // A drain asks the budgets.
    let drained = whatif(&plane, &["--drain"]);
    let (seen, because) = line(&drained, "kept");
    assert!(
        seen == "waits" && because.contains("disruption budget"),
        "{seen}, {because}"
    );
    assert_eq!(line(&drained, "free").0, "moves");
    // The drawing of the same cluster.
    let ran = Command::new(program())
        .args(["graph", "--live", "--kubeconfig"])
        .arg(plane.kubeconfig())
        .output()
        .expect("the program");
    let text = String::from_utf8_lossy(&ran.stdout);
    assert!(ran.status.success() && text.contains("attached"), "{text}");
}
