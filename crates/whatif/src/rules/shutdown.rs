//! Rule 0: a power cut and a shutdown are two events.

use model::lab::Distribution;

use super::Rule;
use crate::span::{Ms, Span, s};

/// The rule.
pub const RULE: Rule = Rule {
    code: "W000",
    title: "a power cut is not a shutdown",
    text: "A host takes its virtual machines, disks and ports along. When it is shut down in order, \
           kubelet can end its pods first and say so, if it is given time: Talos gives it 30 s, \
           upstream none. Without that time Kubernetes learns as little as from a power cut.",
    source: "Talos pkg/machinery/constants/constants.go (KubeletShutdownGracePeriod); Kubernetes \
             KubeletConfiguration shutdownGracePeriod, default 0",
};

/// What kubelet keeps for stopping its pods.
#[must_use]
pub const fn grace(distribution: &Distribution) -> Ms {
    match distribution {
        Distribution::Talos(_) => s(30),
        Distribution::Kubeadm(_)
        | Distribution::K3s(_)
        | Distribution::Nixos(_)
        | Distribution::Kairos(_)
        | Distribution::K3os(_) => 0,
    }
}

/// When the pods of a node that is shut down in order have ended and the cluster knows.
#[must_use]
pub const fn pods_ended(grace: Ms) -> Span {
    Span::new(0, grace + s(1))
}
