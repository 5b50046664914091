//! Rule 1: when a silent node counts as gone.

use super::Rule;
use crate::span::{Ms, Span, s};

/// The rule.
pub const RULE: Rule = Rule {
    code: "W001",
    title: "a silent node counts as gone after 40 to 55 s",
    text: "Kubelet renews its lease every 10 s. A node whose lease is older than 50 s (40 s before \
           Kubernetes 1.32) becomes NotReady at the next pass, one every 5 s: 40 to 55 s after the \
           power went. The same pass marks its pods as not ready, so that Services leave them out; \
           until then requests still go to the dead.",
    source: "Kubernetes pkg/controller/nodelifecycle/node_lifecycle_controller.go; \
             kubernetes/kubernetes#126287",
};

/// How often kubelet renews its lease.
const RENEWAL: Ms = s(10);
/// How often the controller looks (`--node-monitor-period`).
pub const PASS: Ms = s(5);

/// How old a lease may be (`--node-monitor-grace-period`).
#[must_use]
pub fn grace(kubernetes: Option<&str>) -> Ms {
    // An unnamed version is a new one.
    if minor(kubernetes).is_some_and(|minor| minor < 32) {
        s(40)
    } else {
        s(50)
    }
}

/// The minor version of Kubernetes 1.
pub(super) fn minor(kubernetes: Option<&str>) -> Option<u32> {
    kubernetes?.split('.').nth(1)?.parse().ok()
}

/// When a node that falls silent counts as gone: its last renewal was up to one interval ago.
#[must_use]
pub const fn gone(grace: Ms) -> Span {
    Span::new(grace.saturating_sub(RENEWAL), grace + PASS)
}
