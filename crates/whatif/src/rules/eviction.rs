//! Rule 3: when pods of a gone node are deleted.

use super::{Rule, detection};
use crate::span::{Ms, Span, s};

/// The rule.
pub const RULE: Rule = Rule {
    code: "W003",
    title: "pods are evicted 300 s after their node counts as gone",
    text: "A gone node is tainted at the next pass (45 to 60 s). Pods tolerate that taint for 300 s \
           unless they say otherwise; then they are deleted, 345 to 360 s after the power went. \
           DaemonSets and static pods stay.",
    source: "Kubernetes pkg/controller/nodelifecycle, pkg/controller/tainteviction; admission \
             plugin DefaultTolerationSeconds",
};

/// How long pods tolerate it where they do not say.
pub const PATIENCE: Ms = s(300);

/// When the taint comes: one pass after the node counts as gone.
#[must_use]
pub const fn tainted(gone: Span) -> Span {
    gone.after(Span::new(detection::PASS, detection::PASS))
}

/// When a pod is deleted that tolerates the taint so long; `None`: never.
#[must_use]
pub const fn deleted(gone: Span, patience: Ms) -> Option<Span> {
    if patience == Ms::MAX {
        return None;
    }
    Some(tainted(gone).after(Span::new(patience, patience)))
}
