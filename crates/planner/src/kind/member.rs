//! Changes of a node's membership.

use model::kubernetes;
use model::plan::{Action, Impact};
use model::resource::Member;

use super::Change;

pub(super) fn changed(old: &Member, new: &Member) -> Change {
    if let Some(why) = kubernetes::refusal(&old.kubernetes, &new.kubernetes) {
        return Change::Refuse(why);
    }
    let fixed = |member: &Member| {
        (
            member.cluster.clone(),
            member.role,
            member.pods,
            member.services,
            member.domain.clone(),
            member.certificates.authority_lasts(),
        )
    };
    if fixed(old) != fixed(new) {
        return Change::Refuse(
            "cluster, role, pod range, service range, domain and how long the authority lasts cannot \
             change while the cluster exists. Remove the lab (steading down) and bring it up anew, or undo the change"
                .to_owned(),
        );
    }
    let restarts = |member: &Member| {
        (
            // Its programs and, on a control plane, the whole control plane are exchanged.
            member.kubernetes.clone(),
            // All of them are made anew.
            member.certificates.leaves_last(),
        )
    };
    let impact = match restarts(old) == restarts(new) {
        true => Impact::InPlace,
        false => Impact::Restart,
    };
    Change::Act(Action::Update, impact)
}
