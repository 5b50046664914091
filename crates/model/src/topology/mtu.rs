//! The largest packets that networks carry.

use crate::lab::{ETHERNET_MTU, Lab, Network};
use crate::name::Name;

/// What a network carries, with the one below it as something of the caller's.
#[derive(Debug, Clone, Copy)]
pub(super) enum Carries<N> {
    /// So many bytes, whatever is below.
    Fixed(u16),
    /// What the one below carries (else what Ethernet does), less so many bytes around it.
    Less(Option<N>, u16),
}

impl Lab {
    /// The largest packet that a network carries: declared; else what its software sets; else what
    /// the network below it leaves; else Ethernet's.
    #[must_use]
    pub fn network_mtu(&self, name: &Name) -> u16 {
        let carries = |name: &Name| match self.networks.get(name) {
            Some(network) => self.carries(network),
            None => Carries::Fixed(ETHERNET_MTU),
        };
        mtu(carries, name, self.networks.len())
    }

    pub(super) fn carries<'a>(&self, network: &'a Network) -> Carries<&'a Name> {
        let preset = network.overlay.as_ref().and_then(|one| one.preset_mtu());
        if let Some(fixed) = network.mtu.or(preset) {
            return Carries::Fixed(fixed);
        }
        let below = network.over.as_ref();
        // Whether the outer packets are of IPv4 or IPv6 the underlay decides; IPv6 costs more and
        // is safe for both.
        let v6 = below
            .and_then(|below| self.networks.get(below))
            .is_none_or(|below| below.cidr.v6().is_some());
        let around = network.overlay.as_ref().map_or(0, |one| one.overhead(v6));
        Carries::Less(below, around)
    }
}

/// What a network carries with `most` networks below it.
pub(super) fn mtu<N: Copy>(carries: impl Fn(N) -> Carries<N>, network: N, most: usize) -> u16 {
    let (mut at, mut around) = (network, 0_u16);
    // A circle of networks is a finding of its own; here it only must end.
    for _ in 0..=most {
        match carries(at) {
            Carries::Fixed(bytes) => return bytes.saturating_sub(around),
            Carries::Less(below, bytes) => {
                around = around.saturating_add(bytes);
                match below {
                    Some(below) => at = below,
                    None => break,
                }
            }
        }
    }
    ETHERNET_MTU.saturating_sub(around)
}
