//! What is kept of etcd before a step that cannot be taken back.

use driver::{DriverError, StepContext};
use model::lab::Role;
use model::name::Name;
use model::resource::Member;

use super::Kubeadm;
use super::snapshot::Planes;

/// A step on a member after which nothing is as before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Risk {
    /// It gets another version.
    Upgrade,
    /// It is joined anew; whether the cluster has known it before.
    Rebuild {
        /// Only where one was lost: a cluster in the making has nothing to lose.
        known: bool,
    },
    /// It leaves; whether nobody is left after it.
    Removal {
        /// Then the cluster itself is to go.
        last: bool,
    },
}

/// A snapshot before a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Kept {
    /// What it is called by.
    why: &'static str,
    /// Whether the step must not be done without it.
    must: bool,
}

impl Risk {
    /// What is kept before it.
    fn kept(self, member: &Member) -> Option<Kept> {
        let kept = |why, must| Some(Kept { why, must });
        if member.role != Role::ControlPlane {
            return None;
        }
        match self {
            // The first one is of all of them: the others follow.
            Self::Upgrade if member.first => kept("upgrade", true),
            // What is lost already must be mended all the same.
            Self::Rebuild { known: true } => kept("rebuild", false),
            Self::Removal { last: false } => kept("removal", true),
            Self::Upgrade | Self::Rebuild { known: false } | Self::Removal { last: true } => None,
        }
    }
}

/// Keeps what etcd holds, where a step wants it and there is a place for it: out of any other control
/// plane, or of this one.
///
/// # Errors
/// Where nothing could be kept and the step must not be done so.
pub(super) fn keep(
    driver: &Kubeadm,
    (name, member): (&Name, &Member),
    risk: Risk,
    context: &StepContext<'_>,
) -> Result<(), DriverError> {
    let Some(kept) = risk.kept(member).filter(|_| driver.snapshots.is_some()) else {
        return Ok(());
    };
    let mut all = member.planes.clone();
    if all.is_empty() {
        all.insert(name.clone(), member.address);
    }
    let planes = Planes {
        cluster: &member.cluster,
        all: &all,
    };
    match driver.snapshot(planes, kept.why, context) {
        Err(error) if !kept.must => {
            let why = error.chain().join(": ");
            context.doing(format!("no snapshot before: {why}"));
            Ok(())
        }
        other => other.map(|_| ()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kubeadm::config::tests::member;

    #[test]
    fn what_cannot_be_taken_back_is_kept_before() {
        let kept =
            |risk: Risk, member: &Member| risk.kept(member).map(|kept| (kept.why, kept.must));
        let first = member(Role::ControlPlane, true);
        let other = member(Role::ControlPlane, false);
        let worker = member(Role::Worker, false);
        let all = [
            (Risk::Upgrade, Some(("upgrade", true)), None),
            (
                Risk::Rebuild { known: true },
                Some(("rebuild", false)),
                Some(("rebuild", false)),
            ),
            (Risk::Rebuild { known: false }, None, None),
            (
                Risk::Removal { last: false },
                Some(("removal", true)),
                Some(("removal", true)),
            ),
            (Risk::Removal { last: true }, None, None),
        ];
        for (risk, of_first, of_other) in all {
            assert_eq!(kept(risk, &first), of_first, "{risk:?} of the first");
            assert_eq!(kept(risk, &other), of_other, "{risk:?} of another");
            assert_eq!(kept(risk, &worker), None, "{risk:?} of a worker");
        }
    }
}
