//! Rule 4: eviction is slowed down, and stops when most of a zone is gone.

use super::Rule;
use crate::span::{Span, s};

/// The rule.
pub const RULE: Rule = Rule {
    code: "W004",
    title: "eviction stops when most of a zone is gone",
    text: "In each zone one node every 10 s is tainted. When more than two nodes of a zone are gone \
           and they are at least 55 % of it, eviction stops there (in zones of more than 50 nodes: \
           one every 100 s). Nodes that go at one moment fall silent up to 10 s apart, as each \
           renews its lease at a moment of its own: the first one or two may be tainted before, and \
           their pods are evicted. A zone that is gone whole is evicted as usual while others stand, \
           which is not counted on here: more that fails never heals. When all nodes of the cluster \
           are gone, taints are taken back.",
    source: "Kubernetes pkg/controller/nodelifecycle (ComputeZoneState, handleDisruption); \
             --node-eviction-rate 0.1, --unhealthy-zone-threshold 0.55, --large-cluster-size-threshold 50; seen: \
             tests/tests/controllers.rs",
};

/// Zones up to this size stop, larger ones slow down.
const LARGE: usize = 50;

/// How many nodes may be tainted before eviction stops. Leases are renewed every 10 s, and looked at
/// every 5 s: the zone is known to be gone 15 s after its first node at the latest, and in that
/// time two have their turn.
pub const BEFORE_IT_STOPS: usize = 2;

/// How many nodes of a zone of that size must be there so that its pods are evicted.
#[must_use]
pub const fn must_be_there(zone: usize) -> usize {
    if zone > LARGE {
        return 0;
    }
    // The smallest number of gone nodes that stops it: more than two, and 55 of 100.
    let most = (zone * 55).div_ceil(100);
    let stops = if most > 3 { most } else { 3 };
    (zone + 1).saturating_sub(stops)
}

/// Whether eviction stops in a zone.
#[must_use]
pub const fn stops(zone: usize, gone: usize) -> bool {
    zone - gone < must_be_there(zone)
}

/// The same of one of so many zones, when all of them are known: one that is gone whole is evicted as
/// usual while others stand.
#[must_use]
pub const fn stops_among(zones: usize, zone: usize, gone: usize) -> bool {
    let whole = gone == zone && zones > 1;
    stops(zone, gone) && !whole
}

/// How much later a node's turn may come, with so many gone in its zone.
#[must_use]
pub const fn turn(zone: usize, gone: usize) -> Span {
    let slow = zone > LARGE && gone > 2 && gone * 100 >= zone * 55;
    let each = if slow { 100 } else { 10 };
    Span::new(0, s(each * gone.saturating_sub(1) as u64))
}

#[cfg(test)]
mod tests {
    use super::{stops, stops_among};

    #[test]
    fn two_of_three_evict_three_of_five_do_not() {
        assert!(!stops(3, 2), "two gone are not more than two");
        assert!(stops(3, 3));
        assert!(stops(5, 3));
        assert!(!stops(6, 3), "50 of 100");
        assert!(stops(11, 7) && !stops(11, 6));
        assert!(!stops(51, 51), "large zones only slow down");
        assert!(stops_among(2, 5, 4) && !stops_among(2, 5, 5) && stops_among(1, 5, 5));
    }
}
