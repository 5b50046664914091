//! What a changed declaration means, kind by kind.

mod machine;
mod member;

use std::collections::BTreeMap;

use model::inventory::Inventory;
use model::lab::Role;
use model::plan::{Action, Impact};
use model::resource::{Address, Kind, Resource, Spec};

/// What is done about a changed declaration.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Change {
    /// This action with this impact.
    Act(Action, Impact),
    /// Nothing; the reason is said.
    Leave(String),
    /// Nothing, and the plan must not run; the reason is said.
    Refuse(String),
}

/// What is done where a thing was made from another spec than the wanted one. `old` is `None`
/// where the thing does not keep it.
pub(crate) fn changed(
    wanted: &BTreeMap<&Address, &Resource>,
    inventory: &Inventory,
    resource: &Resource,
    old: Option<&Spec>,
) -> Change {
    match (&resource.spec, old) {
        (Spec::Machine(new), Some(Spec::Machine(old))) => {
            let role = role(wanted, &resource.address);
            let upgrade = upgrades(wanted, inventory, &resource.address);
            machine::changed(role, upgrade, old, new)
        }
        (Spec::Member(new), Some(Spec::Member(old))) => member::changed(old, new),
        (Spec::Network(_) | Spec::Host(_), _) => Change::Act(Action::Update, Impact::Recreate),
        (Spec::Forward(_) | Spec::Router(_), _) => Change::Act(Action::Update, Impact::Restart),
        (Spec::Artifact(_) | Spec::Image(_) | Spec::Fence(_), _) => {
            Change::Act(Action::Update, Impact::None)
        }
        (Spec::Remains, _) => Change::Refuse("it can only be removed".to_owned()),
        (Spec::Machine(_) | Spec::Member(_) | Spec::Objects(_) | Spec::Connectivity(_), _) => {
            Change::Act(Action::Update, Impact::InPlace)
        }
    }
}

/// The role of the node that a machine is.
fn role(wanted: &BTreeMap<&Address, &Resource>, machine: &Address) -> Option<Role> {
    let member = Address::new(Kind::Member, machine.name.clone());
    match &wanted.get(&member)?.spec {
        Spec::Member(member) => Some(member.role),
        _ => None,
    }
}

/// Whether the node that a machine is gets another Kubernetes.
fn upgrades(
    wanted: &BTreeMap<&Address, &Resource>,
    inventory: &Inventory,
    machine: &Address,
) -> bool {
    let member = Address::new(Kind::Member, machine.name.clone());
    let new = wanted.get(&member).map(|resource| &resource.spec);
    let old = inventory.spec(&member);
    matches!((old, new), (Some(Spec::Member(old)), Some(Spec::Member(new)))
        if old.kubernetes != new.kubernetes)
}

/// The impact of making a machine anew.
pub(crate) fn replacing(wanted: &BTreeMap<&Address, &Resource>, resource: &Resource) -> Impact {
    match (resource.address.kind, role(wanted, &resource.address)) {
        (Kind::Machine, Some(Role::ControlPlane)) => Impact::Wipe,
        _ => Impact::Recreate,
    }
}

/// The impact of mending a thing.
pub(crate) const fn mending(kind: Kind) -> Impact {
    match kind {
        Kind::Artifact | Kind::Image | Kind::Connectivity => Impact::None,
        Kind::Network | Kind::Router | Kind::Host | Kind::Machine | Kind::Forward => {
            Impact::Restart
        }
        Kind::Member | Kind::Component | Kind::App | Kind::Fence => Impact::InPlace,
    }
}
