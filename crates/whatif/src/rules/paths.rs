//! Rule 15: a way in is all of its parts.

use super::Rule;
use crate::span::{Span, s};

/// The rule.
pub const RULE: Rule = Rule {
    code: "W015",
    title: "a way in is all of its parts",
    text: "A name leads to an app through an address, a controller's pod, the app itself, and the \
           name's server; each of them must be there. Router, uplink and the servers of overlays \
           belong to the way. Members of a WireGuard network that have joined find each other again \
           within 120 to 180 s; a lost router drops every connection that it translated.",
    source: "WireGuard protocol (REKEY_AFTER_TIME 120, REJECT_AFTER_TIME 180, keepalive 25); \
             Kubernetes website concepts/services-networking",
};

/// When the members of a `WireGuard` network have found each other again.
pub const REKEYED: Span = Span::new(s(120), s(180));
