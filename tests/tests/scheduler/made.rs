//! Clusters made up from a number: a lab as Steading sees it, and its apps' objects.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

/// Names and values of the classes of priority; the last one never drives others out.
pub const CLASSES: [(&str, i32); 4] = [
    ("low", 10),
    ("middle", 100),
    ("high", 1000),
    ("polite", 900),
];
/// The namespaces that apps are in.
pub const NAMESPACES: [&str; 2] = ["left", "right"];

/// Numbers that look like chance and are the same every time (xorshift64*).
pub struct Dice(u64);

impl Dice {
    pub const fn new(seed: u64) -> Self {
        Self(seed.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let number = self.0.wrapping_mul(0x2545_f491_4f6c_dd1d);
        usize::try_from((number >> 33) % bound as u64).unwrap()
    }

    pub fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    fn of<T: Clone>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())].clone()
    }

    fn some<'a>(&mut self, all: &[&'a str]) -> Vec<&'a str> {
        let mut some: Vec<&str> = all.iter().copied().filter(|_| self.chance(60)).collect();
        if some.is_empty() {
            some.push(self.of(all));
        }
        some
    }
}

/// A cluster.
pub struct Made {
    pub lab: Value,
    pub manifests: BTreeMap<String, Vec<Value>>,
    /// Which app has the next pod.
    pub order: Vec<String>,
    /// Classes whose volumes wait for the first pod, and volumes of theirs.
    pub offered: Vec<Value>,
}

const ZONE: &str = "topology.kubernetes.io/zone";
const HOSTNAME: &str = "kubernetes.io/hostname";
const DISKS: [&str; 2] = ["fast", "slow"];

impl Made {
    pub fn new(seed: u64) -> Self {
        let mut dice = Dice::new(seed);
        let count = 2 + dice.below(6);
        // Names are unlike those of all clusters before: the scheduler may still remember them.
        let names: Vec<String> = (0..count).map(|at| format!("n{seed}-{at}")).collect();
        let (mut hosts, mut nodes) = (Map::new(), Map::new());
        for (at, name) in names.iter().enumerate() {
            let host = format!("h{}", at / 2);
            hosts.insert(
                host.clone(),
                json!({ "cpu": 32, "memory": "128Gi", "disks": { "tank": {} } }),
            );
            let role = if at == 0 { "control-plane" } else { "worker" };
            nodes.insert(name.clone(), node(&mut dice, role, &host));
        }
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let (mut apps, mut manifests) = (Map::new(), BTreeMap::new());
        let mut order = Vec::new();
        let offered = offered(&mut dice, seed, &names);
        for at in 0..2 + dice.below(5) {
            let name = format!("app{at}");
            let (app, object) = app(&mut dice, at, &names, seed);
            apps.insert(name.clone(), app);
            let mut objects = classes();
            objects.extend(offered.iter().cloned());
            objects.extend(object);
            manifests.insert(name.clone(), objects);
            order.extend((0..1 + dice.below(4)).map(|_| name.clone()));
        }
        for at in (1..order.len()).rev() {
            order.swap(at, dice.below(at + 1));
        }
        let lab = json!({
            "lab": "made",
            "hosts": hosts, "nodes": nodes, "apps": apps,
            "clusters": { "main": { "distribution": { "talos": { "version": "1.12.4", "kubernetes": "1.36.2" } },
                "pods": "10.1.0.0/16", "services": "10.2.0.0/16", "cni": { "flannel": {} } } },
            "storage": {
                "disks": { "local": { "classes": { "local": {} } } },
                "pool": { "zfs": { "on": "h0", "vdevs": [{ "stripe": ["tank"] }], "classes": { "zfs": {} } } },
            },
        });
        Self {
            lab,
            manifests,
            order,
            offered,
        }
    }
}

/// Objects of the classes of priority.
pub fn classes() -> Vec<Value> {
    let class = |(name, value): &(&str, i32)| {
        let policy = if *name == "polite" {
            "Never"
        } else {
            "PreemptLowerPriority"
        };
        json!({ "apiVersion": "scheduling.k8s.io/v1", "kind": "PriorityClass",
            "metadata": { "name": name }, "value": value, "preemptionPolicy": policy })
    };
    CLASSES.iter().map(class).collect()
}

fn node(dice: &mut Dice, role: &str, host: &str) -> Value {
    let mut labels = Map::new();
    if dice.chance(85) {
        labels.insert(ZONE.to_owned(), json!(dice.of(&["a", "b", "c"])));
    }
    if dice.chance(60) {
        labels.insert("disk".to_owned(), json!(dice.of(&DISKS)));
    }
    if dice.chance(50) {
        labels.insert("slots".to_owned(), json!(dice.below(6).to_string()));
    }
    let mut taints = Vec::new();
    if dice.chance(30) {
        let effect = dice.of(&["NoSchedule", "NoExecute", "PreferNoSchedule"]);
        let value = dice.of(&[json!("red"), json!("blue"), Value::Null]);
        taints.push(json!({ "key": "colour", "value": value, "effect": effect }));
    }
    if dice.chance(15) {
        taints.push(json!({ "key": "noisy", "effect": "NoSchedule" }));
    }
    let cpu = 1 + dice.below(4);
    json!({ "cluster": "main", "role": role, "on": host, "labels": labels, "taints": taints,
        "vm": { "cpu": cpu, "memory": format!("{}Mi", 1024 * (1 + dice.below(4)) + 100) } })
}

/// The class whose volumes are there already, and the one whose volumes are made.
fn later(seed: u64) -> [String; 2] {
    [format!("there-{seed}"), format!("made-{seed}")]
}

/// What makes volumes: the test itself.
pub const MAKER: &str = "made.test";

/// Classes whose volumes wait for the first pod, and volumes of theirs, no two of one size.
fn offered(dice: &mut Dice, seed: u64, nodes: &[&str]) -> Vec<Value> {
    let [there, made] = later(seed);
    let class = |name: &str, by: &str| {
        json!({ "apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "metadata": { "name": name },
            "provisioner": by, "volumeBindingMode": "WaitForFirstConsumer" })
    };
    let mut maker = class(&made, MAKER);
    if dice.chance(70) {
        let mut terms: Vec<Value> = (0..1 + dice.below(2))
            .map(|_| topology(dice, nodes))
            .collect();
        terms.dedup();
        maker["allowedTopologies"] = json!(terms);
    }
    let mut all = vec![class(&there, "kubernetes.io/no-provisioner"), maker];
    for at in 0..3 + dice.below(8) {
        let class = if dice.chance(85) { &there } else { &made };
        let size = format!("{}Mi", 1024 * (1 + dice.below(7)) + at + 1);
        let modes = dice.of(&[
            json!(["ReadWriteOnce"]),
            json!(["ReadWriteOnce", "ReadWriteMany"]),
        ]);
        let mut spec = json!({ "capacity": { "storage": size }, "accessModes": modes,
            "storageClassName": class, "hostPath": { "path": "/data" },
            "persistentVolumeReclaimPolicy": "Retain" });
        if dice.chance(85) {
            let terms: Vec<Value> = (0..1 + dice.below(2))
                .map(|_| reached(dice, nodes))
                .collect();
            spec["nodeAffinity"] = json!({ "required": { "nodeSelectorTerms": terms } });
        }
        let labels = json!({ "speed": dice.of(&DISKS) });
        all.push(json!({ "apiVersion": "v1", "kind": "PersistentVolume",
            "metadata": { "name": format!("v{seed}-{at}"), "labels": labels }, "spec": spec }));
    }
    all
}

/// A term of where volumes may be made.
fn topology(dice: &mut Dice, nodes: &[&str]) -> Value {
    let mut all = vec![match dice.below(3) {
        0 => json!({ "key": HOSTNAME, "values": dice.some(nodes) }),
        1 => json!({ "key": ZONE, "values": dice.some(&["a", "b", "c"]) }),
        _ => json!({ "key": "disk", "values": dice.some(&DISKS) }),
    }];
    // A label may be named once.
    if dice.chance(25) && all[0]["key"] != ZONE {
        all.push(json!({ "key": ZONE, "values": dice.some(&["a", "b", "c"]) }));
    }
    json!({ "matchLabelExpressions": all })
}

/// A term of where a volume is reached from.
fn reached(dice: &mut Dice, nodes: &[&str]) -> Value {
    let one = match dice.below(5) {
        0 | 1 => json!({ "key": HOSTNAME, "operator": "In", "values": dice.some(nodes) }),
        2 => json!({ "key": ZONE, "operator": "In", "values": dice.some(&["a", "b", "c"]) }),
        3 => json!({ "key": ZONE, "operator": "NotIn", "values": [dice.of(&["a", "b"])] }),
        _ => json!({ "key": "disk", "operator": "Exists" }),
    };
    json!({ "matchExpressions": [one] })
}

/// What a claim asks for; no two of one app ask for the same.
fn claim(dice: &mut Dice, at: usize, seed: u64) -> Value {
    let mut spec = json!({ "storageClassName": dice.of(&later(seed)),
        "accessModes": [dice.of(&["ReadWriteOnce", "ReadWriteOnce", "ReadWriteMany"])],
        "resources": { "requests": { "storage": format!("{}Mi", 1024 * (1 + dice.below(4)) + 500 * at) } } });
    if dice.chance(25) {
        spec["selector"] = json!({ "matchLabels": { "speed": dice.of(&DISKS) } });
    }
    spec
}

/// An app, and its objects: the last one is its workload.
fn app(dice: &mut Dice, at: usize, nodes: &[&str], seed: u64) -> (Value, Vec<Value>) {
    let mut app =
        json!({ "manifests": format!("apps/app{at}"), "namespace": dice.of(&NAMESPACES) });
    let mut pod = json!({ "terminationGracePeriodSeconds": 0,
        "containers": [container(dice)], "tolerations": tolerations(dice) });
    if dice.chance(25) {
        let mut before = container(dice);
        before["name"] = json!("before");
        if dice.chance(50) {
            before["restartPolicy"] = json!("Always");
        }
        pod["initContainers"] = json!([before]);
    }
    if dice.chance(45) {
        pod["priorityClassName"] = json!(dice.of(&CLASSES.map(|(name, _)| name)));
    }
    if dice.chance(8) {
        pod["nodeSelector"] = json!({ "disk": dice.of(&DISKS) });
    }
    let mut affinity = Map::new();
    if dice.chance(30) {
        let terms: Vec<Value> = (0..1 + dice.below(2))
            .map(|_| node_term(dice, nodes))
            .collect();
        let key = "requiredDuringSchedulingIgnoredDuringExecution";
        affinity.insert(
            "nodeAffinity".to_owned(),
            json!({ key: { "nodeSelectorTerms": terms } }),
        );
    }
    for (kind, percent) in [("podAffinity", 15), ("podAntiAffinity", 30)] {
        if dice.chance(percent) {
            let terms: Vec<Value> = (0..1 + dice.below(2)).map(|_| pod_term(dice, at)).collect();
            let key = "requiredDuringSchedulingIgnoredDuringExecution";
            affinity.insert(kind.to_owned(), json!({ key: terms }));
        }
    }
    pod["affinity"] = Value::Object(affinity);
    if dice.chance(30) {
        let all: Vec<Value> = (0..1 + dice.below(2)).map(|_| spread(dice, at)).collect();
        pod["topologySpreadConstraints"] = json!(unlike(all));
    }
    if dice.chance(15) {
        let volume = match dice.below(2) {
            0 => json!({ "class": "zfs" }),
            _ => json!({ "class": "local", "on": dice.of(nodes) }),
        };
        app["volumes"] = json!({ "data": volume });
    }
    let (mut shared, mut templates) = (Vec::new(), Vec::new());
    if app.get("volumes").is_none() && dice.chance(35) {
        for number in 0..1 + dice.below(2) {
            let spec = claim(dice, number, seed);
            let name = format!("claim{number}");
            if dice.chance(30) {
                let name = format!("app{at}-{name}");
                let volume =
                    json!({ "name": name, "persistentVolumeClaim": { "claimName": name } });
                match pod["volumes"].as_array_mut() {
                    Some(volumes) => volumes.push(volume),
                    None => pod["volumes"] = json!([volume]),
                }
                shared.push(json!({ "apiVersion": "v1", "kind": "PersistentVolumeClaim",
                    "metadata": { "name": name }, "spec": spec }));
            } else {
                templates.push(json!({ "metadata": { "name": name }, "spec": spec }));
            }
        }
    }
    let kind = if templates.is_empty() {
        "Deployment"
    } else {
        "StatefulSet"
    };
    let labels = json!({ "app": format!("app{at}"), "tier": dice.of(&["front", "back"]) });
    let mut object = json!({ "apiVersion": "apps/v1", "kind": kind, "metadata": { "name": format!("app{at}") },
        "spec": { "replicas": 3, "template": { "metadata": { "labels": labels }, "spec": pod } } });
    if !templates.is_empty() {
        object["spec"]["volumeClaimTemplates"] = json!(templates);
    }
    shared.push(object);
    (app, shared)
}

/// Two constraints may not be about the same label and answer.
fn unlike(mut all: Vec<Value>) -> Vec<Value> {
    all.dedup_by(|one, other| one["topologyKey"] == other["topologyKey"]);
    all
}

fn container(dice: &mut Dice) -> Value {
    let mut container = json!({ "name": "main", "image": "none" });
    let amounts = json!({ "cpu": format!("{}m", 100 * dice.below(10)), "memory": format!("{}Mi", 128 * dice.below(10)) });
    match dice.below(4) {
        0 => {}
        1 => container["resources"] = json!({ "limits": amounts }),
        _ => container["resources"] = json!({ "requests": amounts }),
    }
    if dice.chance(20) {
        let mut port = json!({ "containerPort": 80, "hostPort": 8080 + dice.below(2),
            "protocol": dice.of(&["TCP", "TCP", "UDP"]) });
        if dice.chance(30) {
            port["hostIP"] = json!(dice.of(&["127.0.0.1", "127.0.0.2"]));
        }
        container["ports"] = json!([port]);
    }
    container
}

fn tolerations(dice: &mut Dice) -> Value {
    match dice.below(6) {
        0 => json!([{ "operator": "Exists" }]),
        1 => json!([{ "key": "colour", "operator": "Exists", "effect": "NoSchedule" }]),
        2 => json!([{ "key": "colour", "operator": "Equal", "value": dice.of(&["red", "blue"]) }]),
        3 => json!([{ "key": "colour" }, { "key": "noisy", "effect": "NoSchedule" }]),
        _ => json!([]),
    }
}

fn node_term(dice: &mut Dice, nodes: &[&str]) -> Value {
    let one = |dice: &mut Dice| match dice.below(6) {
        0 => json!({ "key": "disk", "operator": "In", "values": dice.some(&DISKS) }),
        1 => json!({ "key": ZONE, "operator": "NotIn", "values": dice.some(&["a", "b"]) }),
        2 => json!({ "key": "disk", "operator": "Exists" }),
        3 => json!({ "key": "slots", "operator": "DoesNotExist" }),
        4 => json!({ "key": "slots", "operator": "Gt", "values": [dice.below(4).to_string()] }),
        _ => json!({ "key": "slots", "operator": "Lt", "values": [dice.below(6).to_string()] }),
    };
    if dice.chance(20) {
        let operator = dice.of(&["In", "NotIn"]);
        return json!({ "matchFields": [{ "key": "metadata.name", "operator": operator, "values": [dice.of(nodes)] }] });
    }
    let all: Vec<Value> = (0..1 + dice.below(2)).map(|_| one(dice)).collect();
    json!({ "matchExpressions": all })
}

fn selector(dice: &mut Dice, at: usize) -> Value {
    match dice.below(8) {
        0..4 => json!({ "matchLabels": { "app": format!("app{at}") } }),
        4 => json!({ "matchLabels": { "app": format!("app{}", dice.below(4)) } }),
        5 => json!({ "matchLabels": { "tier": dice.of(&["front", "back"]) } }),
        6 => {
            json!({ "matchExpressions": [{ "key": "app", "operator": "NotIn", "values": [format!("app{}", dice.below(4))] }] })
        }
        _ => json!({}),
    }
}

fn pod_term(dice: &mut Dice, at: usize) -> Value {
    let mut term = json!({ "labelSelector": selector(dice, at), "topologyKey": dice.of(&[HOSTNAME, ZONE, ZONE, "disk"]) });
    match dice.below(6) {
        0 => term["namespaces"] = json!(dice.some(&NAMESPACES)),
        1 => term["namespaceSelector"] = json!({}),
        2 => term["matchLabelKeys"] = json!(["tier"]),
        _ => {}
    }
    // A key may not be in both.
    if term["labelSelector"].to_string().contains("tier") {
        term.as_object_mut().unwrap().remove("matchLabelKeys");
    }
    term
}

fn spread(dice: &mut Dice, at: usize) -> Value {
    let mut one = json!({ "maxSkew": 1 + dice.below(2), "topologyKey": dice.of(&[HOSTNAME, ZONE, ZONE, "disk"]),
        "whenUnsatisfiable": "DoNotSchedule", "labelSelector": selector(dice, at) });
    if dice.chance(30) {
        one["minDomains"] = json!(1 + dice.below(3));
    }
    if dice.chance(30) {
        one["nodeAffinityPolicy"] = json!(dice.of(&["Honor", "Ignore"]));
    }
    if dice.chance(30) {
        one["nodeTaintsPolicy"] = json!(dice.of(&["Honor", "Ignore"]));
    }
    one
}
