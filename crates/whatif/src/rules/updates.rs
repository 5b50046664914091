//! Rule 17: updates.

use super::{Rule, controllers};
use crate::span::{Ms, Span};

/// The rule.
pub const RULE: Rule = Rule {
    code: "W017",
    title: "an update goes by its strategy",
    text: "A changed pod template makes all pods anew. A Deployment starts new pods before it ends old \
           ones, as far as maxSurge and maxUnavailable let it (25 % each, rounded up and down): of one \
           pod nothing is away. With Recreate all of them end first. A StatefulSet goes from its last \
           pod to its first, a DaemonSet from node to node, and each pod ends before its successor \
           starts. A pod ends within its grace period (30 s unless it says otherwise), and the new one \
           serves 1 to 60 s later, with its image at hand.",
    source: "Kubernetes website concepts/workloads/controllers/deployment.md, statefulset.md and \
             tasks/manage-daemon/update-daemon-set.md; pkg/controller/deployment/util/deployment_util.go \
             (ResolveFenceposts)",
};

/// How long a pod is away whose successor starts when it has ended. `grace`: it may take so long to
/// end; `delay`: nobody asks whether the new one is ready before.
#[must_use]
pub const fn made_anew(grace: Ms, delay: Ms) -> Span {
    Span::new(0, grace)
        .after(controllers::STARTS)
        .after(Span::new(delay, delay))
}

/// The same of several, one after the other.
#[must_use]
pub const fn in_turn(each: Span, count: u64) -> Span {
    Span::new(
        each.earliest.saturating_mul(count),
        each.latest.saturating_mul(count),
    )
}

/// How many pods of a Deployment may be away at once. Where neither is more than none, one may:
/// else nothing would go on.
#[must_use]
pub const fn may_be_away(unavailable: usize, surge: usize) -> usize {
    if unavailable == 0 && surge == 0 {
        1
    } else {
        unavailable
    }
}

#[cfg(test)]
mod tests {
    use super::{in_turn, made_anew, may_be_away};
    use crate::span::{Span, s};

    #[test]
    fn a_pod_is_away_while_it_ends_and_the_next_starts() {
        assert_eq!(made_anew(s(30), 0), Span::seconds(1, 90));
        assert_eq!(made_anew(s(5), s(10)), Span::seconds(11, 75));
        assert_eq!(in_turn(made_anew(s(30), 0), 3), Span::seconds(3, 270));
    }

    #[test]
    fn one_may_be_away_where_nothing_else_goes() {
        assert_eq!(may_be_away(0, 1), 0);
        assert_eq!(may_be_away(0, 0), 1);
        assert_eq!(may_be_away(2, 0), 2);
    }
}
