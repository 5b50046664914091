//! Rule 13: Ceph.

use super::{Rule, etcd};
use crate::span::{Span, s};

/// The rule.
pub const RULE: Rule = Rule {
    code: "W013",
    title: "Ceph serves while enough copies and monitors are there",
    text: "More than half of the monitors must see each other. A silent disk daemon counts as down \
           after 20 s if daemons of two other hosts say so; with one host left that takes 900 s. \
           Input and output of what lies on it stands still until then, and as long as fewer than \
           min_size copies are there. After 600 s its data is copied elsewhere, if there is \
           elsewhere. Data is lost only when all disks with a copy are.",
    source: "Ceph mon/OSDMonitor.cc (can_mark_down, can_mark_out), options osd_heartbeat_grace 20, \
             mon_osd_min_down_reporters 2, mon_osd_report_timeout 900, mon_osd_down_out_interval 600",
};

/// How many monitors must be there.
#[must_use]
pub const fn monitors(count: usize) -> usize {
    etcd::quorum(count)
}

/// How many failure domains may be away while everything is served: chance may have put copies of
/// something onto any of them.
#[must_use]
pub const fn may_be_away(size: usize, min: usize) -> usize {
    size.saturating_sub(min)
}

/// How long input and output stand still when hosts with data go, with so many left that can tell.
#[must_use]
pub const fn stands_still(hosts_left: usize) -> Span {
    if hosts_left >= 2 {
        Span::new(s(20), s(30))
    } else {
        Span::new(s(900), s(930))
    }
}

/// After that long data is copied to other domains.
pub const COPIED_ELSEWHERE: Span = Span::new(s(620), s(630));
