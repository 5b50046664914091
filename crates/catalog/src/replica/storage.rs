//! Storage of a replica: a folder of this machine stands in for what is reached over the network,
//! a node's own disk for what lies on one host.

use model::lab::{App, Folder, Lab, Local, Named, PoolKind, Storage, Volume};
use model::name::Name;

use super::Making;
use crate::storage::{ClassOf, class_of};

impl Making<'_> {
    pub(super) fn storage(&mut self, lab: &mut Lab) {
        let mut kept: Named<Storage> = Named::new();
        let mut without = Vec::new();
        for (name, storage) in &self.of.storage {
            let mut classes = storage.classes().clone();
            for class in classes.values_mut() {
                class.pool = None;
            }
            let stands_in = match storage {
                _ if classes.is_empty() => {
                    without.push(name.to_string());
                    continue;
                }
                Storage::External(_) | Storage::Rook(_) | Storage::Nfs(_) | Storage::Folder(_) => {
                    Storage::Folder(Folder { classes })
                }
                Storage::Zfs(_) => Storage::Local(Local {
                    classes,
                    ..Local::default()
                }),
                Storage::Local(local) => Storage::Local(Local {
                    by: None,
                    ..local.clone()
                }),
                Storage::Object(_) => continue,
            };
            if stands_in != *storage {
                self.told(name, storage, &stands_in);
            }
            kept.insert(name.clone(), stands_in);
        }
        if !without.is_empty() {
            let names = format!("storage: {}", without.join(", "));
            self.left_out(names, "no volume of a pod lies in it by itself");
        }
        lab.storage = kept;
    }

    fn told(&mut self, name: &Name, storage: &Storage, stands_in: &Storage) {
        let field = format!("storage.{name}");
        match stands_in {
            Storage::Folder(_) => self.stands_in(
                field,
                "a folder of this machine, attached as a real one, and there whatever host is off",
                format!("{} cannot be had here", service(storage)),
            ),
            _ => self.stands_in(
                field,
                "folders on the nodes' own disks",
                format!("{} cannot be had here", service(storage)),
            ),
        }
    }

    /// What follows for an app's volumes from where they lie: what several nodes may use at once is
    /// shared, and what lies on one host is on a node of it.
    pub(super) fn volumes(&self, app: &mut App) {
        for volume in app.volumes.values_mut() {
            let Some(class) = class_of(self.of, volume) else {
                continue;
            };
            match class.declared {
                Storage::Nfs(_) => volume.shared = true,
                Storage::Zfs(zfs) => {
                    let mut nodes = self.of.nodes.iter();
                    let on = nodes.find(|(_, node)| node.on == zfs.on);
                    volume.on = on.map(|(name, _)| name.clone());
                    volume.path = None;
                }
                _ if is_file(&class) => volume.shared = true,
                _ => {}
            }
            keep_class(volume, &class);
        }
    }
}

/// A storage, by the name that people know it by.
const fn service(storage: &Storage) -> &'static str {
    match storage {
        Storage::External(_) | Storage::Rook(_) => "Ceph",
        Storage::Nfs(_) => "an NFS server",
        Storage::Zfs(_) => "a ZFS pool",
        Storage::Local(_) => "what makes them",
        Storage::Folder(_) => "a folder",
        Storage::Object(_) => "an object store",
    }
}

/// Names the class by both of its names: which one is meant may follow from what is replaced.
fn keep_class(volume: &mut Volume, class: &ClassOf<'_>) {
    volume.class = Some(format!("{}.{}", class.storage, class.name));
}

/// Whether a class is of files, which several nodes may use at once.
fn is_file(class: &ClassOf<'_>) -> bool {
    let pools = class.declared.pools();
    let pool = pools.and_then(|pools| pools.get(class.pool()?));
    pool.is_some_and(|pool| pool.kind == PoolKind::File)
}
