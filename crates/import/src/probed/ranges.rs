//! Address ranges that nobody uses.

use std::net::Ipv4Addr;

use ipnet::Ipv4Net;

use super::facts::Machine;

/// Where a range is looked for once none of the usual ones is free: private ones (RFC 1918), and
/// last that of carriers (RFC 6598), which overlays use.
const PRIVATE: [([u8; 4], u8); 4] = [
    ([10, 0, 0, 0], 8),
    ([172, 16, 0, 0], 12),
    ([192, 168, 0, 0], 16),
    ([100, 64, 0, 0], 10),
];

/// Ranges that are taken.
#[derive(Debug, Default)]
pub(super) struct Taken(Vec<Ipv4Net>);

impl Taken {
    /// Takes what a machine uses: every range that it has a route to, its addresses and those of
    /// its DNS servers.
    pub(super) fn by(&mut self, machine: &Machine) {
        let routed = machine.routes.iter().map(|route| route.to);
        // Everything, or half of it as some VPNs write it, is no range of its own.
        self.0
            .extend(routed.filter(|range| range.prefix_len() >= 8));
        let single = machine.addresses.iter().chain(&machine.dns);
        self.0.extend(single.map(|address| Ipv4Net::from(*address)));
    }

    /// The first free range of that length, one of `usual` if possible, and takes it.
    pub(super) fn free(&mut self, usual: &[[u8; 4]], length: u8) -> Option<Ipv4Net> {
        let range = |base: [u8; 4]| Ipv4Net::new(Ipv4Addr::from(base), length).ok();
        let found = usual
            .iter()
            .filter_map(|base| range(*base))
            .find(|range| self.is_free(range))
            .or_else(|| {
                PRIVATE
                    .iter()
                    .find_map(|(base, own)| self.within(*base, *own, length))
            })?;
        self.0.push(found);
        Some(found)
    }

    fn is_free(&self, range: &Ipv4Net) -> bool {
        self.blocker(range).is_none()
    }

    fn blocker(&self, range: &Ipv4Net) -> Option<&Ipv4Net> {
        let overlap =
            |taken: &&Ipv4Net| taken.contains(&range.network()) || range.contains(&taken.network());
        self.0.iter().find(overlap)
    }

    /// The first free one in a larger range. What is behind a large taken one is passed at once, so
    /// there are no more steps than taken ranges and ranges that hold one.
    fn within(&self, base: [u8; 4], own: u8, length: u8) -> Option<Ipv4Net> {
        let whole = Ipv4Net::new(Ipv4Addr::from(base), own).ok()?;
        if length < own {
            return None;
        }
        let mut at = whole.network();
        while whole.contains(&at) {
            let range = Ipv4Net::new(at, length).ok()?;
            let Some(blocker) = self.blocker(&range) else {
                return Some(range);
            };
            let last = u32::from(blocker.broadcast()).max(u32::from(range.broadcast()));
            at = Ipv4Addr::from(last.checked_add(1)?);
            // The next that begins where a range of that length may begin.
            let rest = u32::from(at) % (1 << (32 - u32::from(length)));
            if rest != 0 {
                let up = (1 << (32 - u32::from(length))) - rest;
                at = Ipv4Addr::from(u32::from(at).checked_add(up)?);
            }
        }
        None
    }

    /// What is taken, for a comment: the few largest.
    pub(super) fn told(&self) -> String {
        let mut all: Vec<&Ipv4Net> = self.0.iter().filter(|one| one.prefix_len() < 31).collect();
        all.sort_by_key(|one| (one.prefix_len(), one.network()));
        all.dedup();
        let told: Vec<String> = all.iter().take(6).map(ToString::to_string).collect();
        let more = if all.len() > 6 { " and more" } else { "" };
        told.join(", ") + more
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn free(taken: &[&str], usual: [u8; 4], length: u8) -> Option<String> {
        let mut all = Taken(taken.iter().map(|text| text.parse().unwrap()).collect());
        Some(all.free(&[usual], length)?.to_string())
    }

    #[test]
    fn a_range_is_free_of_all_that_is_taken() {
        let usual = [10, 244, 0, 0];
        for (taken, wanted) in [
            (&["192.168.1.0/24"][..], Some("10.244.0.0/16")),
            (&["10.244.7.0/24"], Some("10.0.0.0/16")),
            (&["10.244.7.0/24", "10.0.0.0/15"], Some("10.2.0.0/16")),
            (&["10.0.0.0/8"], Some("172.16.0.0/16")),
            (
                &["10.0.0.0/8", "172.16.0.0/12", "192.168.3.4/32"],
                Some("100.64.0.0/16"),
            ),
            (
                &[
                    "10.0.0.0/8",
                    "172.16.0.0/12",
                    "192.168.0.0/16",
                    "100.0.0.0/8",
                ],
                None,
            ),
        ] {
            assert_eq!(free(taken, usual, 16).as_deref(), wanted, "{taken:?}");
        }
        let crowded = [
            "10.0.0.0/8",
            "172.16.0.0/12",
            "100.64.0.0/10",
            "192.168.0.0/17",
        ];
        assert_eq!(
            free(&crowded, usual, 24).as_deref(),
            Some("192.168.128.0/24")
        );
    }
}
