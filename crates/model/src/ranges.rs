//! Many ranges of addresses, and which of them share an address with another one.

use std::cmp::Reverse;
use std::net::IpAddr;

use crate::range::AddressRange;

/// Ranges, found by their addresses without looking at each of them: a balanced tree (the middle of
/// a slice is the root of what is before and behind it) in which every part knows how far it
/// reaches.
#[derive(Debug, Clone, Default)]
pub struct Ranges {
    spans: Vec<Span>,
}

/// A range, and all that have just it.
#[derive(Debug, Clone)]
struct Span {
    first: IpAddr,
    last: IpAddr,
    /// The last address of all that is below in the tree, and of this one.
    reach: IpAddr,
    /// The positions of the ranges, ascending.
    of: Vec<usize>,
}

impl Ranges {
    /// Ranges, each known by its position from here on.
    pub fn new(ranges: impl IntoIterator<Item = AddressRange>) -> Self {
        let ranges = ranges.into_iter().enumerate();
        let mut all: Vec<(IpAddr, IpAddr, usize)> = ranges
            .map(|(position, range)| (range.first(), range.last(), position))
            .collect();
        all.sort_unstable();
        let mut spans: Vec<Span> = Vec::new();
        for (first, last, position) in all {
            match spans.last_mut() {
                Some(span) if (span.first, span.last) == (first, last) => span.of.push(position),
                _ => spans.push(Span {
                    first,
                    last,
                    reach: last,
                    of: vec![position],
                }),
            }
        }
        reach(&mut spans);
        Self { spans }
    }

    /// The positions of the ranges that share an address with this one, ascending.
    #[must_use]
    pub fn overlapping(&self, range: &AddressRange) -> Vec<usize> {
        self.overlapping_before(usize::MAX, range)
    }

    /// The same of those that stand before a position.
    #[must_use]
    pub fn overlapping_before(&self, position: usize, range: &AddressRange) -> Vec<usize> {
        let mut found = Vec::new();
        visit(&self.spans, (range.first(), range.last()), &mut |span| {
            let before = span.of.iter().copied();
            found.extend(before.take_while(|one| *one < position));
        });
        found.sort_unstable();
        found
    }

    /// The position of the narrowest range around an address, of several that are the same the last;
    /// of ranges that cross, that which begins last.
    #[must_use]
    pub fn narrowest(&self, address: IpAddr) -> Option<usize> {
        let mut narrowest: Option<&Span> = None;
        visit(&self.spans, (address, address), &mut |span| {
            let key = |span: &Span| (span.first, Reverse(span.last));
            if narrowest.is_none_or(|other| key(span) > key(other)) {
                narrowest = Some(span);
            }
        });
        narrowest?.of.last().copied()
    }
}

/// Notes how far each part of the tree reaches.
fn reach(spans: &mut [Span]) -> Option<IpAddr> {
    let (before, rest) = spans.split_at_mut(spans.len() / 2);
    let (middle, behind) = rest.split_first_mut()?;
    let below = reach(before).max(reach(behind));
    middle.reach = below.map_or(middle.last, |below| below.max(middle.last));
    Some(middle.reach)
}

/// Everything in a part of the tree that holds one of these addresses, in the order of the first
/// addresses. Those of IPv4 are all before those of IPv6, so that families never meet.
fn visit<'s>(spans: &'s [Span], (first, last): (IpAddr, IpAddr), found: &mut impl FnMut(&'s Span)) {
    let (before, rest) = spans.split_at(spans.len() / 2);
    let Some((middle, behind)) = rest.split_first() else {
        return;
    };
    if middle.reach < first {
        return;
    }
    visit(before, (first, last), found);
    if middle.first <= last {
        if first <= middle.last {
            found(middle);
        }
        visit(behind, (first, last), found);
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

    use proptest::prelude::*;

    use super::Ranges;
    use crate::range::AddressRange;

    /// Few addresses, so that much overlaps and much is the same.
    fn address() -> impl Strategy<Value = (bool, u8)> {
        (any::<bool>(), 0_u8..40)
    }

    fn range((v6, one): (bool, u8), length: u8) -> AddressRange {
        let address = |last: u8| match v6 {
            true => IpAddr::V6(Ipv6Addr::from(u128::from(last))),
            false => IpAddr::V4(Ipv4Addr::from(u32::from(last))),
        };
        let text = format!("{}-{}", address(one), address(one + length));
        text.parse().unwrap()
    }

    proptest! {
        #[test]
        fn what_is_found_is_what_a_look_at_each_finds(
            all in prop::collection::vec((address(), 0_u8..20), 0..40),
            wanted in (address(), 0_u8..20),
            position in 0_usize..40,
        ) {
            let all: Vec<_> = all.into_iter().map(|(at, length)| range(at, length)).collect();
            let wanted = range(wanted.0, wanted.1);
            let ranges = Ranges::new(all.iter().copied());
            let each = all.iter().enumerate().filter(|(_, one)| one.overlaps(&wanted));
            let each: Vec<usize> = each.map(|(position, _)| position).collect();
            let before: Vec<usize> = each.iter().copied().filter(|one| *one < position).collect();
            prop_assert_eq!(ranges.overlapping(&wanted), each);
            prop_assert_eq!(ranges.overlapping_before(position, &wanted), before);
            let around = all.iter().enumerate().filter(|(_, one)| one.contains(wanted.first()));
            let narrowest = around.max_by_key(|(position, one)| {
                (one.first(), std::cmp::Reverse(one.last()), *position)
            });
            let narrowest = narrowest.map(|(position, _)| position);
            prop_assert_eq!(ranges.narrowest(wanted.first()), narrowest);
        }
    }
}
