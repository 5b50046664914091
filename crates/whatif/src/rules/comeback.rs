//! Rule 16: return.

use super::Rule;
use crate::span::{Span, s};

/// The rule.
pub const RULE: Rule = Rule {
    code: "W016",
    title: "what moved does not move back",
    text: "When a host returns, pods that wait for it start, and those that were replaced stay where \
           they are. A start needs what the machine starts from: its address, its image, the API's \
           name, members of the overlay. When each waits for the other nothing starts.",
    source: "Kubernetes pkg/scheduler (places only new pods); website \
             concepts/cluster-administration/node-shutdown.md",
};

/// From power to a running system. Not told by anybody: a bound that is assumed.
pub const BOOTS: Span = Span::new(s(15), s(300));
/// From a running system to a node that is ready.
pub const JOINS: Span = Span::new(s(5), s(90));
