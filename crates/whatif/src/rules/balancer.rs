//! Rule 12: who answers for a Service's address.

use sha2::{Digest as _, Sha256};

use super::Rule;
use crate::span::{Span, s};

/// The rule.
pub const RULE: Rule = Rule {
    code: "W012",
    title: "one node answers for an address",
    text: "Of MetalLB's speakers that can see the Service, the one with the lowest SHA-256 of \
           NODE#ADDRESS answers. With externalTrafficPolicy Local only nodes with a serving pod \
           count; if there is none, nobody answers. The others notice its death in 5 to 7 s with up \
           to three speakers, in 5 to 26 s with up to ten. Cilium keeps the owner in a lease of \
           15 s, so that it needs the API.",
    source: "metallb/metallb speaker/layer2_controller.go; hashicorp/memberlist state.go, \
             suspicion.go, config.go (DefaultLANConfig); Cilium l2announcements.leaseDuration",
};

/// Who of these nodes answers for an address: the first in the order that `MetalLB` sorts them.
pub fn owner<'a>(nodes: impl IntoIterator<Item = &'a str>, address: &str) -> Option<&'a str> {
    nodes
        .into_iter()
        .min_by_key(|node| Sha256::digest(format!("{node}#{address}")).to_vec())
}

/// How long an address is away when the node that answered for it loses power: the probe that
/// fails (1 s apart, in turn), and the time in which somebody could object.
#[must_use]
pub const fn noticed(speakers: usize) -> Span {
    match speakers {
        0..=3 => Span::new(s(5), s(7)),
        4..=10 => Span::new(s(5), s(26)),
        // The time grows with the logarithm of their number: twice as long covers a hundred.
        _ => Span::new(s(5), s(50)),
    }
}

/// The same with a lease: 15 s, asked for every 2 s.
pub const LEASE: Span = Span::new(s(10), s(17));
/// Routers drop a silent neighbour when its hold time of 90 s ends (RFC 4271); at once if its link
/// goes down.
pub const HOLD: Span = Span::new(0, s(90));
