//! Rule 9: quorum.

use super::Rule;
use crate::span::{Span, s};

/// The rule.
pub const RULE: Rule = Rule {
    code: "W009",
    title: "more than half of the control planes",
    text: "etcd takes writes while more than half of its members see each other: two members survive \
           no loss, three survive one. When the leader is lost another is chosen in 1 to 2 s. \
           Without quorum there are no writes, no leases and no evictions.",
    source: "etcd FAQ (failure tolerance); siderolabs/talos#9276",
};

/// How many members must be there.
#[must_use]
pub const fn quorum(members: usize) -> usize {
    members / 2 + 1
}

/// How long it takes to choose another leader.
pub const ELECTION: Span = Span::new(s(1), s(2));
