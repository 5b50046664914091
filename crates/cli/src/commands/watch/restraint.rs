//! Holding back: what does not come right after several tries is left alone for a while.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use model::resource::Address;

/// How often a thing is acted upon within [`WINDOW`].
const TRIES: usize = 5;
/// How long a try counts.
const WINDOW: Duration = Duration::from_secs(600);

/// What was tried, and when.
#[derive(Debug, Default)]
pub(super) struct Restraint {
    tries: BTreeMap<Address, Vec<Instant>>,
}

impl Restraint {
    /// Whether the thing may be acted upon now.
    pub(super) fn allows(&mut self, address: &Address, now: Instant) -> bool {
        let Some(tries) = self.tries.get_mut(address) else {
            return true;
        };
        tries.retain(|at| now.duration_since(*at) < WINDOW);
        tries.len() < TRIES
    }

    /// It is acted upon.
    pub(super) fn tried(&mut self, address: &Address, now: Instant) {
        self.tries.entry(address.clone()).or_default().push(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_some_tries_a_thing_rests_and_others_do_not() {
        let mut restraint = Restraint::default();
        let (hot, other): (Address, Address) = ("app/a".parse().unwrap(), "app/b".parse().unwrap());
        let start = Instant::now();
        for n in 0..TRIES as u64 {
            let now = start + Duration::from_secs(n);
            assert!(restraint.allows(&hot, now));
            restraint.tried(&hot, now);
        }
        let later = start + Duration::from_secs(60);
        assert!(!restraint.allows(&hot, later));
        assert!(restraint.allows(&other, later));
        assert!(
            restraint.allows(&hot, start + WINDOW),
            "the first is forgotten"
        );
    }
}
