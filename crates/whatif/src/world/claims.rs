//! Claims that nobody has bound yet: a volume is chosen, or made, where their first pod is placed.
//! Source: Kubernetes, `pkg/scheduler/framework/plugins/volumebinding/binder.go` and
//! `component-helpers/storage/volume`.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::selectors::{self, Is, Requirement};
use super::{Attach, Pool, Storage, StorageKind, VolumeUse, Workload, World, pods};
use crate::bits::Bits;
use crate::fields::{labels, list, text};
use crate::ids::{NodeId, OfferId, PoolId};

/// The class of volumes that nobody makes.
const NOBODY: &str = "kubernetes.io/no-provisioner";

/// A volume that claims may be bound to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer {
    /// Its name.
    pub name: String,
    /// How much it holds, in bytes.
    pub size: u64,
    /// The nodes that reach it.
    pub nodes: Bits<NodeId>,
}

/// A claim of a workload's pods that waits for the first of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unbound {
    /// Its name; of a template, the template's.
    pub name: String,
    /// How much it asks for, in bytes.
    pub asks: u64,
    /// The volumes that fit it.
    pub offers: Bits<OfferId>,
    /// The nodes that a new volume can be made for.
    pub makes: Bits<NodeId>,
    /// Each pod has one of its own.
    pub each: bool,
}

/// A claim as its object says it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Wanted {
    pub(super) name: String,
    pub(super) each: bool,
    pub(super) spec: Value,
}

/// Classes and volumes that objects make.
#[derive(Debug, Clone, Default)]
pub(super) struct Offered {
    classes: BTreeMap<String, Value>,
    volumes: BTreeMap<OfferId, Value>,
}

fn size(object: &Value, pointer: &str) -> Result<u64, String> {
    object.pointer(pointer).map_or(Ok(0), pods::memory)
}

impl Offered {
    /// Those that are among objects; the volumes are numbered.
    pub(super) fn of<'a>(world: &mut World, objects: impl IntoIterator<Item = &'a Value>) -> Self {
        let mut all = Self::default();
        let mut seen = BTreeSet::new();
        for object in objects {
            let name = text(object, "/metadata/name");
            match text(object, "/kind") {
                "StorageClass" => {
                    all.classes.insert(name.to_owned(), object.clone());
                }
                "PersistentVolume" if seen.insert(name.to_owned()) => {
                    let (Ok(nodes), Ok(size)) = (
                        reached_from(world, object),
                        size(object, "/spec/capacity/storage"),
                    ) else {
                        // What cannot be read is not chosen.
                        continue;
                    };
                    let offer = world.offers.push(Offer {
                        name: name.to_owned(),
                        size,
                        nodes,
                    });
                    all.volumes.insert(offer, object.clone());
                }
                _ => {}
            }
        }
        all
    }

    /// Whether a claim's class is one of these.
    pub(super) fn knows(&self, claim: &Wanted) -> bool {
        self.classes
            .contains_key(text(&claim.spec, "/storageClassName"))
    }
}

/// The nodes that a volume can be reached from.
///
/// # Errors
/// Where its node affinity says what is not known.
pub(super) fn reached_from(world: &World, volume: &Value) -> Result<Bits<NodeId>, String> {
    let required = volume.pointer("/spec/nodeAffinity/required/nodeSelectorTerms");
    let Some(terms) = required.and_then(Value::as_array) else {
        return Ok(Bits::of(world.nodes.len(), world.nodes.ids()));
    };
    let mut nodes = Bits::none(world.nodes.len());
    for term in terms {
        if term.get("matchFields").is_some() {
            return Err("its volume is bound to fields of nodes, which is not modelled".to_owned());
        }
        let labels = selectors::expressions(term.get("matchExpressions"))?;
        add_matching(world, &labels, &mut nodes);
    }
    Ok(nodes)
}

/// The nodes that a class makes volumes for; `None`: it makes none.
pub(super) fn made_for(world: &World, class: &Value) -> Option<Bits<NodeId>> {
    if ["", NOBODY].contains(&text(class, "/provisioner")) {
        return None;
    }
    let terms = list(class, "/allowedTopologies");
    if terms.is_empty() {
        return Some(Bits::of(world.nodes.len(), world.nodes.ids()));
    }
    let mut nodes = Bits::none(world.nodes.len());
    for term in terms {
        let expressions = list(term, "/matchLabelExpressions").iter();
        let labels: Vec<Requirement> = expressions
            .map(|one| Requirement {
                key: text(one, "/key").to_owned(),
                is: Is::In(
                    list(one, "/values")
                        .iter()
                        .filter_map(Value::as_str)
                        .map(str::to_owned)
                        .collect(),
                ),
            })
            .collect();
        add_matching(world, &labels, &mut nodes);
    }
    Some(nodes)
}

/// Adds the nodes with these labels. A term that says nothing means no node.
fn add_matching(world: &World, labels: &[Requirement], nodes: &mut Bits<NodeId>) {
    let all = world.nodes.iter();
    for (id, _) in
        all.filter(|(_, node)| !labels.is_empty() && selectors::all_hold(labels, &node.labels))
    {
        nodes.insert(id);
    }
}

/// Whether claims of a class wait for their first pod.
pub(super) fn waits(class: &Value) -> bool {
    text(class, "/volumeBindingMode") == "WaitForFirstConsumer"
}

impl World {
    /// Takes over claims that nobody has bound, in the order in which the scheduler looks for their
    /// volumes; what cannot be told makes the workload unknown.
    pub(super) fn wait_for_volumes(
        &mut self,
        namespace: &str,
        claims: &[Wanted],
        offered: &Offered,
        workload: &mut Workload,
    ) {
        let mut found: Vec<Unbound> = Vec::new();
        for claim in claims {
            let Some(class) = offered.classes.get(text(&claim.spec, "/storageClassName")) else {
                continue;
            };
            match self.unbound(namespace, claim, class, offered) {
                Ok(unbound) => {
                    let pool = self.pool_waited_for(class, &unbound);
                    // What a driver makes may be reached from further than where it was made.
                    if unbound.makes.is_empty() {
                        let mut reached = unbound.makes.clone();
                        for offer in &unbound.offers {
                            reached.add(&self.offers[offer].nodes);
                        }
                        workload.nodes.keep(&reached);
                    }
                    let pinned = matches!(
                        self.storages[self.pools[pool].storage].kind,
                        StorageKind::Local
                    );
                    let attach = if pinned {
                        Attach::Pinned
                    } else {
                        Attach::OneNode
                    };
                    workload.volumes.push(VolumeUse {
                        name: claim.name.clone(),
                        pool,
                        attach,
                        on: None,
                        backup: None,
                    });
                    found.push(unbound);
                }
                Err(why) => workload.unknown.push(why),
            }
        }
        found.sort_by_key(|claim| claim.asks);
        workload.unbound = found;
    }

    fn unbound(
        &self,
        namespace: &str,
        claim: &Wanted,
        class: &Value,
        offered: &Offered,
    ) -> Result<Unbound, String> {
        let name = &claim.name;
        if !waits(class) {
            return Err(format!(
                "its claim {name} is bound before its pods are placed, and nothing tells to what"
            ));
        }
        let asks = size(&claim.spec, "/resources/requests/storage")?;
        let selector = selectors::of_pods(claim.spec.get("selector"))?;
        let mut offers = Bits::none(self.offers.len());
        for (id, volume) in &offered.volumes {
            let reserved = volume
                .pointer("/spec/claimRef")
                .filter(|one| !one.is_null());
            if let Some(by) = reserved {
                let own = text(by, "/name") == name && text(by, "/namespace") == namespace;
                if claim.each || !own {
                    continue;
                }
            }
            let fits = self.offers[*id].size >= asks
                && text(volume, "/spec/storageClassName") == text(&claim.spec, "/storageClassName")
                && text(volume, "/spec/volumeMode").replace("Filesystem", "")
                    == text(&claim.spec, "/volumeMode").replace("Filesystem", "")
                && list(&claim.spec, "/accessModes")
                    .iter()
                    .all(|mode| list(volume, "/spec/accessModes").contains(mode));
            let labels = labels(volume, "/metadata/labels");
            let meant = selector
                .as_ref()
                .is_none_or(|wanted| selectors::all_hold(wanted, &labels));
            if fits && meant {
                offers.insert(*id);
            }
        }
        Ok(Unbound {
            name: name.clone(),
            asks,
            offers,
            makes: made_for(self, class).unwrap_or_else(|| Bits::none(self.nodes.len())),
            each: claim.each,
        })
    }

    /// What its volume will stand on: a node's own disk, where every volume that it may get lies on
    /// one node; else nobody knows.
    fn pool_waited_for(&mut self, class: &Value, unbound: &Unbound) -> PoolId {
        let one_node = |offer: OfferId| self.offers[offer].nodes.len() == 1;
        let local = unbound.makes.is_empty() && unbound.offers.iter().all(one_node);
        let (kind, name) = if local {
            (StorageKind::Local, "local volumes".to_owned())
        } else {
            let by = text(class, "/provisioner");
            let why = format!("what volumes of {by} stand on is not told");
            (StorageKind::Unknown(why), by.to_owned())
        };
        self.pool_called(kind, name)
    }

    /// The pool of a storage that is only known by its name, made where it is not there yet.
    pub(super) fn pool_called(&mut self, kind: StorageKind, name: String) -> PoolId {
        let known = self.storages.iter().find(|(_, one)| {
            one.name == name && std::mem::discriminant(&one.kind) == std::mem::discriminant(&kind)
        });
        if let Some(pool) = known.and_then(|(_, one)| one.pools.first().copied()) {
            return pool;
        }
        let storage = self.storages.push(Storage {
            name,
            kind,
            pools: Vec::new(),
        });
        let pool = self.pools.push(Pool::whole(storage));
        self.storages[storage].pools.push(pool);
        pool
    }
}
