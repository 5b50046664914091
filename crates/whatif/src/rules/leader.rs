//! Rule 2: the controllers' leader was on the dead host.

use super::{Rule, detection};
use crate::span::{Ms, Span, s};

/// The rule.
pub const RULE: Rule = Rule {
    code: "W002",
    title: "with the leader gone the clock starts anew",
    text: "One controller-manager leads; another takes over when its lease of 15 s ends, 13 to 17 s \
           after the power went. The new one knows nothing of how long nodes were silent, so that \
           they count as gone only at 63 to 72 s, and times that pods tolerate begin again.",
    source: "Kubernetes client-go leaderelection defaults; pkg/controller/nodelifecycle \
             (\"assuming now as a timestamp\"); pkg/controller/tainteviction/taint_eviction.go",
};

/// When another one leads: a lease of 15 s, renewed and asked for every 2 s.
pub const TAKEN_OVER: Span = Span::new(s(15 - 2), s(15 + 2));

/// When nodes that fell silent count as gone for the new leader.
#[must_use]
pub const fn gone(grace: Ms) -> Span {
    TAKEN_OVER.after(Span::new(grace, grace + detection::PASS))
}
