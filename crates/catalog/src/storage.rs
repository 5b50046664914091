//! Classes of volumes, and which one a volume is of.

use model::lab::{Class, Lab, Reclaim, Storage, Volume};
use model::name::Name;
use serde_json::{Value, json};

/// A class of volumes of a lab.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ClassOf<'a> {
    /// The storage that it belongs to.
    pub(crate) storage: &'a Name,
    /// How that is declared.
    pub(crate) declared: &'a Storage,
    /// Its name.
    pub(crate) name: &'a Name,
    class: &'a Class,
}

impl ClassOf<'_> {
    /// The pool that its volumes lie in.
    pub(crate) const fn pool(&self) -> Option<&Name> {
        self.class.pool.as_ref()
    }

    /// The name of its `StorageClass`: its own, or with its storage where two have the same.
    pub(crate) fn kubernetes(&self, lab: &Lab) -> String {
        let same = classes(lab).filter(|other| other.name == self.name).count();
        match same {
            0 | 1 => self.name.to_string(),
            _ => format!("{}-{}", self.storage, self.name),
        }
    }

    /// What the template of its component is told of it.
    pub(crate) fn told(&self, lab: &Lab) -> Value {
        let reclaim = match self.class.reclaim {
            Some(Reclaim::Retain) => "Retain",
            Some(Reclaim::Delete) | None => "Delete",
        };
        json!({
            "name": self.kubernetes(lab), "default": self.class.default, "reclaim": reclaim,
        })
    }
}

/// All classes of a lab.
pub(crate) fn classes(lab: &Lab) -> impl Iterator<Item = ClassOf<'_>> {
    lab.storage.iter().flat_map(|(storage, declared)| {
        let classes = declared.classes().iter();
        classes.map(move |(name, class)| ClassOf {
            storage,
            declared,
            name,
            class,
        })
    })
}

/// The class of a volume: the named one, that of the nodes' own disks where it names a node, the
/// default one, the only one. `None`: there is none.
pub(crate) fn class_of<'a>(lab: &'a Lab, volume: &Volume) -> Option<ClassOf<'a>> {
    if let Some(wanted) = &volume.class {
        return classes(lab).find(|one| {
            one.name.as_str() == wanted
                || wanted.split_once('.') == Some((one.storage.as_str(), one.name.as_str()))
        });
    }
    if volume.on.is_some() {
        return classes(lab).find(|one| matches!(one.declared, Storage::Local(_)));
    }
    let mut all = classes(lab);
    let only = all.next().filter(|_| all.next().is_none());
    classes(lab).find(|one| one.class.default).or(only)
}

/// Whether machines of a lab see a folder that they share.
pub(crate) fn shares_folder(lab: &Lab) -> bool {
    lab.storage
        .values()
        .any(|storage| matches!(storage, Storage::Folder(_)))
}

/// Whether this version carries out a storage.
pub(crate) const fn is_reached(storage: &Storage) -> bool {
    match storage {
        Storage::Folder(_) => true,
        Storage::Local(local) => local.by.is_none(),
        Storage::External(_)
        | Storage::Rook(_)
        | Storage::Zfs(_)
        | Storage::Nfs(_)
        | Storage::Object(_) => false,
    }
}
