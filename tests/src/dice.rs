//! Chance that can be repeated: the same seed throws the same numbers.

/// A generator of numbers (xorshift64*). Source: Vigna, "An experimental exploration of
/// Marsaglia's xorshift generators, scrambled", 2016.
#[derive(Debug, Clone)]
pub struct Dice(u64);

impl Dice {
    /// The dice of that seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        // Neighbouring seeds shall have nothing in common, and none of them is 0.
        let spread = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ 0x5DEE_CE66_D1CE_4E5B;
        let mut dice = Self(spread.max(1));
        for _ in 0..8 {
            let _ = dice.next();
        }
        dice
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    /// A number below `end`, which is not 0.
    #[must_use]
    pub fn below(&mut self, end: u64) -> u64 {
        self.next() % end.max(1)
    }

    /// Whether something comes true that does so once in `times`.
    #[must_use]
    pub fn once_in(&mut self, times: u64) -> bool {
        self.below(times) == 0
    }

    /// One of these.
    ///
    /// # Panics
    /// Where there is none.
    #[must_use]
    pub fn one_of<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        let count = u64::try_from(of.len()).expect("a number of things");
        let at = usize::try_from(self.below(count)).expect("below it");
        of.get(at).expect("one of them")
    }
}

#[cfg(test)]
mod tests {
    use super::Dice;

    #[test]
    fn a_seed_repeats_and_another_does_not() {
        let throw = |seed: u64| {
            let mut dice = Dice::new(seed);
            (0..20).map(|_| dice.below(100)).collect::<Vec<_>>()
        };
        assert_eq!(throw(7), throw(7));
        assert_ne!(throw(7), throw(8));
        assert!(throw(0).iter().any(|number| *number != throw(0)[0]));
    }
}
