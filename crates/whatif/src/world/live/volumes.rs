//! Volumes of a running cluster: what claims are bound to, from where that is reached, and which
//! node has it.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{Live, Placed};
use crate::bits::Bits;
use crate::fields::{list, number, text};
use crate::ids::{Id as _, NodeId, PoolId, StorageId, WorkloadId};
use crate::world::claims::{made_for, reached_from, waits};
use crate::world::{Attach, StorageKind, VolumeUse, World};

/// The driver of a replica's shared folder: what its nodes run on has it.
const FOLDERS: &str = "folders.steading.dev";

/// Objects about volumes, by their names.
struct Objects<'a> {
    live: &'a Live,
    claims: BTreeMap<String, &'a Value>,
    volumes: BTreeMap<String, &'a Value>,
    classes: BTreeMap<String, &'a Value>,
    drivers: BTreeMap<String, &'a Value>,
    attachments: Vec<&'a Value>,
}

/// A claim of a workload's pods.
struct Claim {
    name: String,
    /// One pod of several has it, the others have their own.
    own: bool,
}

/// A volume as the model needs it.
struct Volume {
    kind: StorageKind,
    name: String,
    attach: Attach,
    /// The nodes that reach it; `None`: all.
    nodes: Option<Bits<NodeId>>,
}

/// Takes over the volumes of all workloads.
pub(super) fn take(live: &Live, world: &mut World, placed: &[Placed<'_>]) {
    let attachments = live.objects.iter();
    let objects = Objects {
        live,
        claims: live.by_name("PersistentVolumeClaim"),
        volumes: live.by_name("PersistentVolume"),
        classes: live.by_name("StorageClass"),
        drivers: live.by_name("CSIDriver"),
        attachments: attachments
            .filter(|one| text(one, "/kind") == "VolumeAttachment")
            .collect(),
    };
    for (id, object) in placed {
        objects.workload(world, *id, object);
    }
}

/// The claims that a workload's pods use.
fn claimed(object: &Value) -> Vec<Claim> {
    let named = list(object, "/spec/template/spec/volumes").iter();
    let named = named.map(|volume| Claim {
        name: text(volume, "/persistentVolumeClaim/claimName").to_owned(),
        own: false,
    });
    let set = text(object, "/metadata/name");
    let replicas = number(object, "/spec/replicas");
    let replicas = replicas.unwrap_or(1).min(100);
    let templates = list(object, "/spec/volumeClaimTemplates");
    let each = templates.iter().flat_map(|one| {
        let template = text(one, "/metadata/name");
        (0..replicas).map(move |number| Claim {
            name: format!("{template}-{set}-{number}"),
            own: replicas > 1,
        })
    });
    let all = named.chain(each);
    all.filter(|claim| !claim.name.is_empty()).collect()
}

impl Objects<'_> {
    fn workload(&self, world: &mut World, id: WorkloadId, object: &Value) {
        let namespace = text(object, "/metadata/namespace");
        let mut own: Option<Bits<NodeId>> = None;
        for claim in claimed(object) {
            let found = self.claims.get(&format!("{namespace}/{}", claim.name));
            let Some(bound) = found else {
                let why = self.missing(
                    "persistentvolumeclaims",
                    &format!("its claim {}", claim.name),
                );
                world.workloads[id].unknown.push(why);
                continue;
            };
            let reached = match self
                .volumes
                .get(&format!("/{}", text(bound, "/spec/volumeName")))
            {
                Some(volume) => self.bound(world, id, &claim, volume),
                None => self.unbound(world, id, &claim, bound),
            };
            match (reached, claim.own) {
                (None, _) => {}
                // Each pod has its own: together they may be wherever one of them is.
                (Some(nodes), true) => {
                    let room = world.nodes.len();
                    own.get_or_insert_with(|| Bits::none(room)).add(&nodes);
                }
                (Some(nodes), false) => world.workloads[id].nodes.keep(&nodes),
            }
        }
        if let Some(own) = own {
            world.workloads[id].nodes.keep(&own);
        }
    }

    fn missing(&self, kind: &str, what: &str) -> String {
        if self.live.refused.contains(kind) {
            format!("{what} is not known: the server does not show {kind}")
        } else {
            format!("{what} is not there")
        }
    }

    /// A claim with its volume; the nodes that reach it.
    fn bound(
        &self,
        world: &mut World,
        id: WorkloadId,
        claim: &Claim,
        object: &Value,
    ) -> Option<Bits<NodeId>> {
        let name = &claim.name;
        let volume = match self.volume(world, object) {
            Ok(volume) => volume,
            Err(why) => {
                world.workloads[id].unknown.push(format!("{name}: {why}"));
                return None;
            }
        };
        let pool = self
            .declared(world, object, &volume)
            .unwrap_or_else(|| world.pool_called(volume.kind, volume.name));
        let at = match self.attached(world, text(object, "/metadata/name")) {
            Ok(at) => at,
            Err(why) => {
                world.workloads[id].unknown.push(format!("{name}: {why}"));
                None
            }
        };
        if let (Attach::OneNode, Some(node)) = (volume.attach, at) {
            let at = &world.workloads[id].at;
            // A pod of it that is elsewhere waits until the volume is let go.
            if !at.contains(&node) && !claim.own {
                let held = &world.nodes[node].name;
                let why = format!("its volume {name} is still attached to {held}");
                world.workloads[id].unknown.push(why);
            }
            push(world, id, claim, pool, (volume.attach, Some(node)));
            return volume.nodes;
        }
        let only = volume.nodes.as_ref().filter(|nodes| nodes.len() == 1);
        let only = only.and_then(|nodes| nodes.iter().next());
        push(world, id, claim, pool, (volume.attach, only));
        volume.nodes
    }

    /// A claim that has no volume: whatever it waits for, its pods do not run.
    fn unbound(
        &self,
        world: &mut World,
        id: WorkloadId,
        claim: &Claim,
        object: &Value,
    ) -> Option<Bits<NodeId>> {
        let name = &claim.name;
        let of = text(object, "/spec/storageClassName");
        let volume = text(object, "/spec/volumeName");
        let class = self.classes.get(&format!("/{of}"));
        let (why, nodes) = match class {
            _ if !volume.is_empty() => {
                let what = format!("the volume {volume} of the claim {name}");
                (self.missing("persistentvolumes", &what), None)
            }
            Some(class) if waits(class) => {
                let nodes = made_for(world, class);
                (
                    format!("the claim {name} of the class {of} waits for its first pod"),
                    nodes,
                )
            }
            Some(_) | None => (format!("the claim {name} has no volume"), None),
        };
        world.workloads[id].unknown.push(why);
        nodes
    }

    /// What a volume is.
    ///
    /// # Errors
    /// Where that cannot be told.
    fn volume(&self, world: &World, object: &Value) -> Result<Volume, String> {
        let modes = list(object, "/spec/accessModes");
        let shared = modes
            .iter()
            .any(|mode| mode == "ReadWriteMany" || mode == "ReadOnlyMany");
        let affinity = object.pointer("/spec/nodeAffinity/required").is_some();
        let nodes = reached_from(world, object)?;
        let nodes = affinity.then_some(nodes);
        let one_node = nodes.as_ref().is_some_and(|nodes| nodes.len() == 1);
        let has = |source: &str| object.pointer(&format!("/spec/{source}")).is_some();
        if has("hostPath") && nodes.is_none() {
            return Err("it lies on whichever node used it first (hostPath)".to_owned());
        }
        if has("local") || has("hostPath") || one_node {
            return Ok(Volume {
                kind: StorageKind::Local,
                name: "local volumes".to_owned(),
                attach: Attach::Pinned,
                nodes,
            });
        }
        let driver = text(object, "/spec/csi/driver");
        let server = text(object, "/spec/nfs/server");
        let attach = if shared || !server.is_empty() || !self.attaches(driver) {
            Attach::Anywhere
        } else {
            Attach::OneNode
        };
        if driver == FOLDERS {
            return Ok(Volume {
                kind: StorageKind::Folder,
                name: "a shared folder".to_owned(),
                attach,
                nodes,
            });
        }
        let host = (!server.is_empty())
            .then(|| self.host_of(world, server))
            .flatten();
        let name = match (driver, server) {
            ("", "") => "other volumes".to_owned(),
            ("", server) => format!("NFS from {server}"),
            (driver, _) => driver.to_owned(),
        };
        let kind = match host {
            Some(host) => StorageKind::Nfs { host, of: None },
            None => StorageKind::Unknown(format!(
                "what {name} stands on is not read from the cluster"
            )),
        };
        Ok(Volume {
            kind,
            name,
            attach,
            nodes,
        })
    }

    /// Whether volumes of a driver are attached to nodes; one that is not known may be.
    fn attaches(&self, driver: &str) -> bool {
        let driver = self.drivers.get(&format!("/{driver}"));
        let told = driver.and_then(|driver| driver.pointer("/spec/attachRequired"));
        told != Some(&Value::Bool(false))
    }

    /// The host of the lab with an address.
    fn host_of(&self, world: &World, address: &str) -> Option<crate::ids::HostId> {
        let address: std::net::IpAddr = address.parse().ok()?;
        let nodes = self.live.lab.nodes.iter();
        let mut nodes = nodes.filter(|(_, node)| {
            let own = node.address.as_ref();
            own.is_some_and(|own| own.iter().any(|one| one == address))
        });
        let (name, _) = nodes.next()?;
        let node = world
            .nodes
            .iter()
            .find(|(_, one)| one.name == name.as_str());
        node.map(|(_, node)| node.host)
    }

    /// The pool of a storage of the imported lab that has the volume's class.
    fn declared(&self, world: &World, object: &Value, volume: &Volume) -> Option<PoolId> {
        if volume.attach == Attach::Pinned {
            return None;
        }
        let class = text(object, "/spec/storageClassName");
        let mut all = self.live.lab.storage.iter().enumerate();
        let (at, class) = all.find_map(|(at, (_, storage))| {
            let mut classes = storage.classes().iter();
            let (_, class) = classes.find(|(name, _)| name.as_str() == class)?;
            Some((at, class))
        })?;
        let pools = &world.storages[StorageId::at(at)].pools;
        let named = class.pool.as_ref().and_then(|name| {
            let mut pools = pools.iter().copied();
            pools.find(|pool| world.pools[*pool].name == name.as_str())
        });
        named.or_else(|| pools.first().copied())
    }

    /// The node that has a volume.
    ///
    /// # Errors
    /// Where it did not come to it, or does not leave it.
    fn attached(&self, world: &World, volume: &str) -> Result<Option<NodeId>, String> {
        let mut all = self
            .attachments
            .iter()
            .filter(|one| text(one, "/spec/source/persistentVolumeName") == volume);
        let Some(first) = all.next() else {
            return Ok(None);
        };
        let node = text(first, "/spec/nodeName");
        for (field, what) in [
            ("attachError", "does not come to"),
            ("detachError", "does not leave"),
        ] {
            let error = text(first, &format!("/status/{field}/message"));
            if !error.is_empty() {
                return Err(format!("it {what} {node}: {error}"));
            }
        }
        if all.next().is_some() {
            return Ok(None);
        }
        let there = first.pointer("/status/attached") == Some(&Value::Bool(true));
        let found = world
            .nodes
            .iter()
            .find(|(_, one)| there && one.name == node);
        Ok(found.map(|(id, _)| id))
    }
}

fn push(
    world: &mut World,
    id: WorkloadId,
    claim: &Claim,
    pool: PoolId,
    (attach, on): (Attach, Option<NodeId>),
) {
    world.workloads[id].volumes.push(VolumeUse {
        name: claim.name.clone(),
        pool,
        attach,
        on,
        backup: None,
    });
}
