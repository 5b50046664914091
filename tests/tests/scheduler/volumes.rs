//! Volumes of made-up clusters, looked after as the controllers would: those that are bound from the
//! start, and claims that wait for their first pod.

use e2e::plane::Api;
use serde_json::{Value, json};
use whatif::bits::Bits;
use whatif::ids::{NodeId, WorkloadId};
use whatif::place::schedule::Scheduler;
use whatif::semantics::Model;
use whatif::world::{Attach, StorageKind};

const VOLUMES: &str = "/api/v1/persistentvolumes";
const BOUND: &str = "pv.kubernetes.io/bind-completed";
const SELECTED: &str = "volume.kubernetes.io/selected-node";
const ZONE: &str = "topology.kubernetes.io/zone";
const HOSTNAME: &str = "kubernetes.io/hostname";

/// Writes classes and volumes; the volumes are free.
pub fn offer(api: &Api, objects: &[Value]) {
    for object in objects {
        if object["kind"] == "StorageClass" {
            api.create("/apis/storage.k8s.io/v1/storageclasses", object);
            continue;
        }
        api.create(VOLUMES, object);
        let name = object["metadata"]["name"].as_str().unwrap();
        let free = json!({ "status": { "phase": "Available" } });
        api.must("PATCH", &format!("{VOLUMES}/{name}/status"), &free);
    }
}

/// The volumes and claims of one pod.
pub struct Volumes<'a> {
    api: &'a Api,
    model: &'a Model,
    /// The path of the claims of its namespace.
    claims: String,
    /// Claims that wait, by the order of the model's.
    waiting: Vec<String>,
    id: WorkloadId,
    seed: u64,
}

impl<'a> Volumes<'a> {
    /// Writes the claims of a pod that is about to be made, and names them in it.
    pub fn new(
        (api, model): (&'a Api, &'a Model),
        (id, namespace, name): (WorkloadId, &str, &str),
        objects: &[Value],
        pod: &mut Value,
        seed: u64,
    ) -> Self {
        let claims = format!("/api/v1/namespaces/{namespace}/persistentvolumeclaims");
        let mut own = Self {
            api,
            model,
            claims,
            waiting: Vec::new(),
            id,
            seed,
        };
        own.write_bound(namespace, name, pod);
        let object = objects.last().unwrap();
        for claim in &model.world.workloads[id].unbound {
            if claim.each {
                let templates = object["spec"]["volumeClaimTemplates"].as_array().unwrap();
                let template = templates
                    .iter()
                    .find(|one| one["metadata"]["name"] == *claim.name);
                let called = format!("{}-{name}", claim.name);
                let wanted =
                    json!({ "metadata": { "name": called }, "spec": template.unwrap()["spec"] });
                own.api.create(&own.claims, &wanted);
                add(pod, &called);
                own.waiting.push(called);
            } else {
                let path = format!("{}/{}", own.claims, claim.name);
                if own.api.get(&path).is_none() {
                    let named = |one: &&Value| {
                        one["kind"] == "PersistentVolumeClaim"
                            && one["metadata"]["name"] == *claim.name
                    };
                    own.api
                        .create(&own.claims, objects.iter().find(named).unwrap());
                }
                own.waiting.push(claim.name.clone());
            }
        }
        own
    }

    /// Volumes that lie on nodes, bound from the start.
    fn write_bound(&self, namespace: &str, pod_name: &str, pod: &mut Value) {
        let world = &self.model.world;
        let workload = &world.workloads[self.id];
        let waits = |name: &str| workload.unbound.iter().any(|one| one.name == name);
        let pinned = workload.volumes.iter();
        for volume in
            pinned.filter(|volume| volume.attach == Attach::Pinned && !waits(&volume.name))
        {
            let name = format!("{pod_name}-{}", volume.name);
            let nodes: Vec<&str> = match &world.storages[world.pools[volume.pool].storage].kind {
                StorageKind::Zfs { host, .. } => world
                    .nodes_on(*host)
                    .map(|node| world.nodes[node].name.as_str())
                    .collect(),
                _ => volume
                    .on
                    .iter()
                    .map(|node| world.nodes[*node].name.as_str())
                    .collect(),
            };
            let size = json!({ "storage": "1Gi" });
            let on = json!([{ "matchExpressions": [{ "key": HOSTNAME, "operator": "In", "values": nodes }] }]);
            let spec = json!({ "capacity": size, "accessModes": ["ReadWriteOnce"], "local": { "path": "/data" },
                "claimRef": { "namespace": namespace, "name": name }, "storageClassName": "bound",
                "nodeAffinity": { "required": { "nodeSelectorTerms": on } } });
            self.api.create(
                VOLUMES,
                &json!({ "metadata": { "name": name }, "spec": spec }),
            );
            let bound = json!({ BOUND: "yes" });
            let claim = json!({ "metadata": { "name": name, "annotations": bound }, "spec": {
                "accessModes": ["ReadWriteOnce"], "resources": { "requests": size }, "volumeName": name, "storageClassName": "bound" } });
            self.api.create(&self.claims, &claim);
            self.say_bound(&name, "1Gi");
            add(pod, &name);
        }
    }

    fn say_bound(&self, claim: &str, size: &str) {
        let phase = json!({ "status": { "phase": "Bound", "accessModes": ["ReadWriteOnce"],
            "capacity": { "storage": size } } });
        self.api
            .must("PATCH", &format!("{}/{claim}/status", self.claims), &phase);
    }

    /// Binds what the scheduler has chosen, and makes what it wants made: once it has decided, it
    /// waits for that.
    pub fn look_after(&self) {
        for name in &self.waiting {
            let path = format!("{}/{name}", self.claims);
            let Some(claim) = self.api.get(&path) else {
                continue;
            };
            if claim["spec"]["volumeName"].is_string() {
                continue;
            }
            let chosen = self.api.list(VOLUMES).into_iter().find(|volume| {
                let by = &volume["spec"]["claimRef"]["uid"];
                by.is_string() && *by == claim["metadata"]["uid"]
            });
            let selected = claim["metadata"]["annotations"].get(SELECTED);
            let volume = match (chosen, selected.and_then(Value::as_str)) {
                (Some(volume), _) => volume,
                (None, Some(node)) => self.make(&claim, node),
                (None, None) => continue,
            };
            let bound = json!({ "metadata": { "annotations": { BOUND: "yes" } },
                "spec": { "volumeName": volume["metadata"]["name"] } });
            self.api.must("PATCH", &path, &bound);
            self.say_bound(
                name,
                volume["spec"]["capacity"]["storage"].as_str().unwrap(),
            );
        }
    }

    /// Makes a volume for a claim whose pod goes to that node: reached from there only, from its
    /// zone, or from everywhere.
    fn make(&self, claim: &Value, node: &str) -> Value {
        let world = &self.model.world;
        let (_, there) = world
            .nodes
            .iter()
            .find(|(_, one)| one.name == node)
            .unwrap();
        let by = match self.seed % 3 {
            0 => Some((HOSTNAME, node)),
            1 => there.labels.get(ZONE).map(|zone| (ZONE, zone.as_str())),
            _ => None,
        };
        let name = format!("made-{}", claim["metadata"]["uid"].as_str().unwrap());
        let of = &claim["metadata"];
        let mut spec = json!({ "capacity": claim["spec"]["resources"]["requests"],
            "accessModes": claim["spec"]["accessModes"], "hostPath": { "path": "/data" },
            "storageClassName": claim["spec"]["storageClassName"],
            "claimRef": { "namespace": of["namespace"], "name": of["name"], "uid": of["uid"] } });
        if let Some((key, value)) = by {
            let term = json!({ "matchExpressions": [{ "key": key, "operator": "In", "values": [value] }] });
            spec["nodeAffinity"] = json!({ "required": { "nodeSelectorTerms": [term] } });
        }
        let volume = json!({ "metadata": { "name": name }, "spec": spec });
        self.api.must("POST", VOLUMES, &volume)
    }

    /// Whether the claims were bound to what the model says, once the pod is on that node; volumes
    /// that were made are told to the model.
    pub fn compare(&self, scheduler: &mut Scheduler<'_>, node: NodeId) -> Result<(), String> {
        let world = &self.model.world;
        let predicted = scheduler.takes(self.id, node).to_vec();
        let mut made = Vec::new();
        for (at, (name, offer)) in self.waiting.iter().zip(&predicted).enumerate() {
            let claim = self
                .api
                .get(&format!("{}/{name}", self.claims))
                .unwrap_or_default();
            let volume = claim["spec"]["volumeName"].as_str().unwrap_or_default();
            let expected = offer.map(|offer| world.offers[offer].name.as_str());
            let offered = world.offers.iter().any(|(_, one)| one.name == volume);
            match expected {
                Some(expected) if expected != volume => {
                    return Err(format!("{name} is bound to {volume}, not {expected}"));
                }
                // Bound before, by another pod, or made.
                None if offered && world.workloads[self.id].unbound[at].each => {
                    return Err(format!(
                        "{name} is bound to {volume}, and none was expected"
                    ));
                }
                None if !offered => made.push((at, self.reached(volume))),
                _ => {}
            }
        }
        scheduler.put(self.id, node);
        for (at, nodes) in made {
            if !world.workloads[self.id].unbound[at].each {
                scheduler.made(self.id, at, &nodes);
            }
        }
        Ok(())
    }

    /// The nodes from which a volume that was made is reached.
    fn reached(&self, volume: &str) -> Bits<NodeId> {
        let world = &self.model.world;
        let volume = self
            .api
            .get(&format!("{VOLUMES}/{volume}"))
            .unwrap_or_default();
        let term = &volume["spec"]["nodeAffinity"]["required"]["nodeSelectorTerms"][0]["matchExpressions"]
            [0];
        let of = |key: &str| term["key"].as_str() == Some(key);
        let nodes = world.nodes.iter().filter(|(_, node)| {
            let value = term["values"][0].as_str();
            !(of(HOSTNAME) || of(ZONE))
                || [HOSTNAME, ZONE]
                    .iter()
                    .any(|key| of(key) && node.labels.get(*key).map(String::as_str) == value)
        });
        Bits::of(world.nodes.len(), nodes.map(|(id, _)| id))
    }

    /// Whether it has claims that wait.
    pub fn waits(&self) -> bool {
        !self.waiting.is_empty()
    }
}

fn add(pod: &mut Value, claim: &str) {
    let volume = json!({ "name": claim, "persistentVolumeClaim": { "claimName": claim } });
    match pod["spec"]["volumes"].as_array_mut() {
        Some(volumes) => volumes.push(volume),
        None => pod["spec"]["volumes"] = json!([volume]),
    }
}
