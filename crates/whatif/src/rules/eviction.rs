//! Rule 3: when pods of a gone node are deleted.

use super::{Rule, detection};
use crate::span::{Ms, Span, s};

/// The rule.
pub const RULE: Rule = Rule {
    code: "W003",
    title: "pods are evicted 300 s after their node counts as gone",
    text: "A gone node is tainted within a second (until Kubernetes 1.28 one pass of 5 s later, and \
           since 1.34 for certain at once). Pods tolerate that taint for 300 s unless they say \
           otherwise; then they are deleted, 340 to 356 s after the power went. DaemonSets and \
           static pods stay.",
    source: "Kubernetes pkg/controller/nodelifecycle, pkg/controller/tainteviction; \
             kubernetes/kubernetes#120815; admission plugin DefaultTolerationSeconds; measured: \
             tests/tests/controllers.rs",
};

/// How long pods tolerate it where they do not say.
pub const PATIENCE: Ms = s(300);

/// How long after a node counts as gone its taint comes: until 1.28 the controller decided by the
/// condition of the pass before, since 1.34 by that of the same pass (both read in its source; in
/// between, both are possible). Nodes that wait for it are looked for every 100 ms.
#[must_use]
pub fn taint(kubernetes: Option<&str>) -> Span {
    match detection::minor(kubernetes) {
        Some(..=28) => Span::new(detection::PASS, detection::PASS + s(1)),
        Some(29..=33) => Span::new(0, detection::PASS + s(1)),
        Some(_) | None => Span::new(0, s(1)),
    }
}

/// When a pod is deleted that tolerates the taint so long; `None`: never.
#[must_use]
pub const fn deleted(tainted: Span, patience: Ms) -> Option<Span> {
    if patience == Ms::MAX {
        return None;
    }
    Some(tainted.after(Span::new(patience, patience)))
}
