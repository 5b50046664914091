//! The volumes of an app: claims, the volumes that they are bound to, and their places in pods.
//!
//! Volumes are declared, not provisioned: the lab file says of each what it is, so each is bound to
//! its claim from the start. Only one that may be on any node's own disk is offered on each of them,
//! and the pod's node decides.

use model::digest::Digest;
use model::lab::{App, Lab, Storage, Volume};
use model::name::Name;
use model::quantity::Bytes;
use serde_json::{Value, json};

use super::placement::{is_workload, push};
use crate::storage::{ClassOf, class_of};

/// The driver of volumes in the folder that machines share.
const DRIVER: &str = "folders.steading.dev";
/// The label of volumes that a claim may be bound to.
const OFFERED: &str = "steading.dev/volume";
/// Where volumes on nodes' own disks lie, unless the lab file says otherwise.
const LOCAL: &str = "/var/lib/steading/volumes";
/// The size of a volume of which none is told. Nothing here enforces sizes.
const SIZE: Bytes = Bytes(1 << 30);

/// Whether each pod needs volumes of its own: there are several, and a volume that one node has at
/// a time. Then a `StatefulSet` looks after them.
#[must_use]
pub fn each_its_own(app: &App, replicas: usize) -> bool {
    replicas > 1 && app.volumes.values().any(|volume| !volume.shared)
}

/// Gives an app's workload its volumes. Claims come before the workload that waits for them.
pub(super) fn give(
    lab: &Lab,
    (cluster, name, namespace): (&Name, &Name, &Name),
    app: &App,
    objects: &mut Vec<Value>,
) {
    let mut made = Vec::new();
    for object in objects.iter_mut().filter(|one| is_workload(one)) {
        let replicas = object["spec"]["replicas"].as_u64().unwrap_or(1);
        let stateful = object["kind"] == "StatefulSet";
        for (volume_name, volume) in &app.volumes {
            let giving = Giving {
                lab,
                cluster,
                namespace,
                volume,
                class: class_of(lab, volume),
            };
            mount(volume_name, &mut object["spec"]["template"]["spec"]);
            if stateful {
                template(&giving, volume_name, object);
                for ordinal in 0..replicas {
                    giving.claim(&format!("{volume_name}-{name}-{ordinal}"), &mut made);
                }
            } else {
                let claim = format!("{name}-{volume_name}");
                let from = json!({ "claimName": claim });
                let place = json!({ "name": volume_name, "persistentVolumeClaim": from });
                push(&mut object["spec"]["template"]["spec"]["volumes"], place);
                giving.claim(&claim, &mut made);
            }
        }
        if object["kind"] == "Deployment" && app.volumes.values().any(|one| !one.shared) {
            // A second pod beside the first would wait for its volume for ever.
            object["spec"]["strategy"] = json!({ "type": "Recreate" });
        }
    }
    objects.splice(0..0, made);
}

/// Makes room for a volume in a pod: in the place of the one that the template has by that name, or
/// in a folder of its own.
fn mount(name: &Name, pod: &mut Value) {
    if let Some(volumes) = pod["volumes"].as_array_mut() {
        volumes.retain(|one| one["name"] != name.as_str());
    }
    let Some(container) = pod["containers"].get_mut(0) else {
        return;
    };
    let mounts = &mut container["volumeMounts"];
    let there = mounts.as_array().into_iter().flatten();
    if !there.into_iter().any(|one| one["name"] == name.as_str()) {
        let path = format!("/volumes/{name}");
        push(mounts, json!({ "name": name, "mountPath": path }));
    }
}

/// Has every pod of a `StatefulSet` look for a claim of its own.
fn template(giving: &Giving<'_>, name: &Name, object: &mut Value) {
    let claim = json!({
        "apiVersion": "v1", "kind": "PersistentVolumeClaim",
        "metadata": { "name": name }, "spec": giving.asked(),
    });
    push(&mut object["spec"]["volumeClaimTemplates"], claim);
}

struct Giving<'a> {
    lab: &'a Lab,
    cluster: &'a Name,
    namespace: &'a Name,
    volume: &'a Volume,
    class: Option<ClassOf<'a>>,
}

impl Giving<'_> {
    fn mode(&self) -> &'static str {
        match self.volume.shared {
            true => "ReadWriteMany",
            false => "ReadWriteOnce",
        }
    }

    fn size(&self) -> String {
        self.volume.size.unwrap_or(SIZE).0.to_string()
    }

    /// The name of its class; empty for a place on a node's disk that belongs to none.
    fn class(&self) -> String {
        self.class
            .map_or_else(String::new, |class| class.kubernetes(self.lab))
    }

    /// What a claim asks for.
    fn asked(&self) -> Value {
        json!({
            "accessModes": [self.mode()],
            "resources": { "requests": { "storage": self.size() } },
            "storageClassName": self.class(),
        })
    }

    /// A claim, and what it is bound to.
    fn claim(&self, claim: &str, made: &mut Vec<Value>) {
        let volume = format!("{}-{claim}", self.namespace);
        let mut asked = self.asked();
        match self.local_nodes() {
            Some(nodes) if nodes.len() != 1 => {
                let label = Digest::of(&(self.namespace, claim)).to_string();
                let label: String = label.chars().take(16).collect();
                for node in nodes {
                    let mut offer = self.volume_on(&format!("{volume}-{node}"), claim, Some(node));
                    offer["metadata"]["labels"] = json!({ OFFERED: label });
                    made.push(offer);
                }
                asked["selector"] = json!({ "matchLabels": { OFFERED: label } });
            }
            nodes => {
                let node = nodes.and_then(|nodes| nodes.first().copied());
                let mut bound = self.volume_on(&volume, claim, node);
                bound["spec"]["claimRef"] = json!({
                    "apiVersion": "v1", "kind": "PersistentVolumeClaim",
                    "namespace": self.namespace, "name": claim,
                });
                made.push(bound);
                asked["volumeName"] = json!(volume);
            }
        }
        made.push(json!({
            "apiVersion": "v1", "kind": "PersistentVolumeClaim",
            "metadata": { "name": claim }, "spec": asked,
        }));
    }

    /// The nodes on whose own disks it may lie; `None` where it lies elsewhere.
    fn local_nodes(&self) -> Option<Vec<&Name>> {
        let all = || self.lab.nodes_of(self.cluster).map(|(name, _)| name);
        match (self.class.map(|class| class.declared), &self.volume.on) {
            (Some(Storage::Folder(_)), _) => None,
            (_, Some(on)) => Some(all().filter(|name| *name == on).collect()),
            (_, None) => Some(all().collect()),
        }
    }

    fn volume_on(&self, name: &str, claim: &str, node: Option<&Name>) -> Value {
        let mut spec = json!({
            "capacity": { "storage": self.size() },
            "accessModes": [self.mode()],
            "storageClassName": self.class(),
            "persistentVolumeReclaimPolicy": "Retain",
        });
        match node {
            Some(node) => {
                let here = json!({
                    "key": "kubernetes.io/hostname", "operator": "In", "values": [node]
                });
                let terms = json!([{ "matchExpressions": [here] }]);
                spec["nodeAffinity"] = json!({ "required": { "nodeSelectorTerms": terms } });
                let path = self.path(claim);
                spec["hostPath"] = json!({ "path": path, "type": "DirectoryOrCreate" });
            }
            None => {
                let handle = format!("{}.{claim}", self.namespace);
                spec["csi"] = json!({ "driver": DRIVER, "volumeHandle": handle });
            }
        }
        json!({
            "apiVersion": "v1", "kind": "PersistentVolume",
            "metadata": { "name": name }, "spec": spec,
        })
    }

    /// The folder on a node.
    fn path(&self, claim: &str) -> String {
        let below = match self.class.map(|class| class.declared) {
            Some(Storage::Local(local)) => local.path.as_deref().unwrap_or(LOCAL),
            _ => LOCAL,
        };
        let own = || format!("{below}/{}-{claim}", self.namespace);
        self.volume.path.clone().unwrap_or_else(own)
    }
}
