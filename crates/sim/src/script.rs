//! What goes wrong, and where.

use std::collections::BTreeMap;

/// Something that goes wrong at a point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The run is killed before the effect.
    KillBefore,
    /// The run is killed in the middle of the effect.
    KillDuring,
    /// The run is killed after the effect, before anybody learns of it.
    KillAfter,
    /// The effect fails and changes nothing.
    Fail,
    /// The effect succeeds, but its answer is lost and it seems to have failed.
    LostReply,
    /// The driver panics.
    Panic,
    /// The run is asked for an interruption; the effect succeeds.
    Interrupt,
}

/// What goes wrong in a run. Nothing by default.
#[derive(Debug, Clone, Default)]
pub struct Script {
    once: BTreeMap<String, Fault>,
    chaos: Option<Chaos>,
}

/// Faults at random points, the same for the same seed however threads are scheduled.
#[derive(Debug, Clone, Copy)]
pub struct Chaos {
    /// What the faults follow from.
    pub seed: u64,
    /// How many of a thousand points have one.
    pub permille: u64,
}

impl Script {
    /// One fault, the first time that the point is reached.
    #[must_use]
    pub fn at(point: &str, fault: Fault) -> Self {
        Self {
            once: BTreeMap::from([(point.to_owned(), fault)]),
            chaos: None,
        }
    }

    /// One more fault.
    #[must_use]
    pub fn and(mut self, point: &str, fault: Fault) -> Self {
        self.once.insert(point.to_owned(), fault);
        self
    }

    /// Random faults.
    #[must_use]
    pub const fn chaos(chaos: Chaos) -> Self {
        Self {
            once: BTreeMap::new(),
            chaos: Some(chaos),
        }
    }

    /// The fault at a point that is reached for the `visit`-th time.
    pub(crate) fn decide(&mut self, point: &str, visit: u64) -> Option<Fault> {
        if let Some(fault) = self.once.remove(point) {
            return Some(fault);
        }
        let Chaos { seed, permille } = self.chaos?;
        let roll = mixed(seed, point, visit);
        if roll % 1000 >= permille {
            return None;
        }
        Some(match (roll >> 20) % 10 {
            0 => Fault::KillBefore,
            1 => Fault::KillDuring,
            2 => Fault::KillAfter,
            3 | 4 => Fault::LostReply,
            5 => Fault::Panic,
            6 => Fault::Interrupt,
            _ => Fault::Fail,
        })
    }
}

/// A number that looks random and follows from all of these: FNV-1a, then `splitmix64`'s finish.
pub(crate) fn mixed(seed: u64, text: &str, more: u64) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64 ^ seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    for byte in text.bytes().chain(more.to_le_bytes()) {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    }
    hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    hash ^ (hash >> 31)
}

#[cfg(test)]
mod tests {
    use super::{Chaos, Fault, Script, mixed};

    #[test]
    fn a_single_fault_strikes_once() {
        let mut script = Script::at("here", Fault::Fail);
        assert_eq!(script.decide("there", 0), None);
        assert_eq!(script.decide("here", 0), Some(Fault::Fail));
        assert_eq!(script.decide("here", 1), None);
    }

    #[test]
    fn chaos_follows_from_its_seed_and_comes_about_as_often_as_asked() {
        let mut script = Script::chaos(Chaos {
            seed: 7,
            permille: 100,
        });
        let faults: Vec<_> = (0..10_000).map(|n| script.decide("point", n)).collect();
        let again: Vec<_> = (0..10_000).map(|n| script.decide("point", n)).collect();
        assert_eq!(faults, again);
        let struck = faults.iter().flatten().count();
        assert!((800..1200).contains(&struck), "{struck} of 10000");
        assert_ne!(mixed(1, "a", 0), mixed(2, "a", 0));
        assert_ne!(mixed(1, "a", 0), mixed(1, "b", 0));
    }
}
