//! Rule 5: disruption budgets bind drains only.

use super::Rule;
use crate::span::{Ms, s};

/// The rule.
pub const RULE: Rule = Rule {
    code: "W005",
    title: "disruption budgets bind drains, not failures",
    text: "When a node is gone its pods are deleted, not evicted by request: no PodDisruptionBudget \
           holds that up. A drain asks, and waits. Pods that a failure took count against the budget.",
    source: "Kubernetes pkg/controller/tainteviction (calls Delete); website \
             concepts/workloads/pods/disruptions.md",
};

/// How long a pod may take to end when it is asked to (`terminationGracePeriodSeconds`, its default).
pub const GRACE: Ms = s(30);

/// How many pods a drain may take away at once: the budget less what is away already.
#[must_use]
pub const fn drain_may_take(replicas: usize, must_stay: usize, away: usize) -> usize {
    replicas.saturating_sub(away).saturating_sub(must_stay)
}

#[cfg(test)]
mod tests {
    use super::drain_may_take;

    #[test]
    fn what_a_failure_took_counts() {
        assert_eq!(drain_may_take(3, 2, 0), 1);
        assert_eq!(drain_may_take(3, 2, 1), 0);
        assert_eq!(drain_may_take(1, 1, 1), 0);
    }
}
