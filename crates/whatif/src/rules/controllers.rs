//! Rule 6: who replaces a pod, and when.

use super::Rule;
use crate::span::{Span, s};
use crate::world::Controller;

/// The rule.
pub const RULE: Rule = Rule {
    code: "W006",
    title: "a Deployment replaces at once, a StatefulSet waits",
    text: "A pod that is being deleted no longer counts for its ReplicaSet, so that a new one is \
           made at once. A StatefulSet makes no second pod of the same name: the old one stays \
           Terminating until its node returns, is deleted, or is marked out-of-service. A pod that \
           ended in order (a shutdown that kubelet was given time for) is replaced by both.",
    source: "Kubernetes pkg/controller/controller_utils.go (IsPodActive); website \
             concepts/cluster-administration/node-shutdown.md; pkg/controller/podgc/gc_controller.go",
};

/// From the new pod's creation until it serves, with its image at hand. Not told by anybody: a
/// bound that is assumed.
pub const STARTS: Span = Span::new(s(1), s(60));

/// Whether a pod of a node that is gone is replaced elsewhere, its volumes aside. `fenced`: the
/// node is marked out-of-service; `ended`: its pods ended in order.
#[must_use]
pub const fn replaces(controller: Controller, fenced: bool, ended: bool) -> bool {
    match controller {
        Controller::Deployment => true,
        Controller::StatefulSet => fenced || ended,
        Controller::DaemonSet => false,
    }
}
