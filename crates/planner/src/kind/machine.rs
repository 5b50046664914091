//! Changes of machines.

use model::lab::Role;
use model::plan::{Action, Impact};
use model::resource::NodeMachine;

use super::Change;

/// `upgrade`: the node's Kubernetes changes as well, so the new image is only what the upgrade takes
/// its programs from. Nor is more taken from it where its system is the same, with other container
/// images on it.
pub(super) fn changed(
    role: Option<Role>,
    upgrade: bool,
    old: &NodeMachine,
    new: &NodeMachine,
) -> Change {
    let control_plane = role == Some(Role::ControlPlane);
    // What the first start laid down and what others know the node by.
    let moved = old.host != new.host
        || old.network != new.network
        || old.address != new.address
        || std::mem::discriminant(&old.machine) != std::mem::discriminant(&new.machine);
    if moved && control_plane {
        // A single control plane holds the cluster's only data.
        return Change::Refuse(
            "its host, network or address cannot change while the cluster exists: this control \
             plane holds the cluster's data. Remove the lab (steading down) and bring it up anew, \
             or undo the change"
                .to_owned(),
        );
    }
    if moved {
        return Change::Act(Action::Replace, Impact::Recreate);
    }
    let image = old.image != new.image;
    let rest = NodeMachine {
        image: old.image.clone(),
        system: old.system.clone(),
        ..new.clone()
    };
    let same_system = old.system.is_some() && old.system == new.system;
    if image && (upgrade || same_system) {
        let impact = match rest == *old {
            true => Impact::InPlace,
            false => Impact::Reboot,
        };
        return Change::Act(Action::Update, impact);
    }
    if image && control_plane {
        if rest == *old {
            return Change::Leave(
                "stays on its older node image: made anew, it would lose the cluster's data"
                    .to_owned(),
            );
        }
    } else if image {
        return Change::Act(Action::Replace, Impact::Recreate);
    }
    let names_only = NodeMachine {
        hosts: new.hosts.clone(),
        ..old.clone()
    };
    if names_only == *new {
        return Change::Act(Action::Update, Impact::InPlace);
    }
    Change::Act(Action::Update, Impact::Reboot)
}
