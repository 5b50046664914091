//! Changes of a node's membership.

use model::plan::{Action, Impact};
use model::resource::Member;

use super::Change;

pub(super) fn changed(old: &Member, new: &Member) -> Change {
    if old.kubernetes != new.kubernetes {
        return Change::Refuse(format!(
            "Kubernetes {} runs and {} is declared: upgrades of a running cluster are not \
             supported yet. Write {} again, or remove the lab (steading down) and bring it up anew",
            old.kubernetes, new.kubernetes, old.kubernetes
        ));
    }
    let fixed = |member: &Member| {
        (
            member.cluster.clone(),
            member.role,
            member.pods,
            member.services,
            member.domain.clone(),
        )
    };
    if fixed(old) != fixed(new) {
        return Change::Refuse(
            "cluster, role, pod range, service range and domain cannot change while the cluster \
             exists. Remove the lab (steading down) and bring it up anew, or undo the change"
                .to_owned(),
        );
    }
    Change::Act(Action::Update, Impact::InPlace)
}
