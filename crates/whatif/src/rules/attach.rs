//! Rule 7: volumes that one node has at a time.

use super::{Rule, budgets};
use crate::span::{Ms, Span, s};
use crate::world::Attach;

/// The rule.
pub const RULE: Rule = Rule {
    code: "W007",
    title: "a volume of one node does not leave a node that lost power",
    text: "A pod that is Terminating on a dead node keeps its volume. The new pod waits (Multi-Attach) \
           until the old one's object is gone; only then do the 6 min run after which the volume is \
           detached by force. A node that is marked out-of-service lets go at once. Volumes on a \
           node's own disk never move.",
    source: "Kubernetes pkg/controller/volume/attachdetach (util.go IsPodTerminated, \
             maxWaitForUnmountDuration); longhorn/longhorn-manager#1395",
};

/// How long a volume is waited for before it is taken away by force.
pub const BY_FORCE: Ms = s(360);

/// When a node is marked out-of-service after its machine went off: somebody has to see it and say
/// it. `steading heal` says at once, too, that the node is not ready. It looks every 5 s, a look takes
/// seconds on a busy machine, and one that was begun as the host went is in vain. Seen in rehearsals:
/// 6 to 15 s.
pub const FENCED: Span = Span::new(0, s(20));

/// The same, where a host is shut down in order and only then off, or where nobody can be told while
/// the API's address changes hands.
#[must_use]
pub fn marked(in_order: bool, silent: Option<Span>) -> Span {
    let shut_down = if in_order { budgets::GRACE } else { 0 };
    let silent = silent.map_or(0, |silent| silent.latest);
    FENCED.after(Span::new(0, shut_down + silent))
}

/// When a volume can be attached elsewhere after its pod's object is gone: at once if the node let
/// go in order, at the latest when it is taken by force.
pub const LET_GO: Span = Span::new(0, BY_FORCE);

/// Whether a volume can follow a pod. `fenced`: its node is marked out-of-service; `ended`: its
/// pod ended in order.
#[must_use]
pub const fn follows(attach: Attach, fenced: bool, ended: bool) -> bool {
    match attach {
        Attach::Anywhere => true,
        Attach::OneNode => fenced || ended,
        Attach::Pinned => false,
    }
}
