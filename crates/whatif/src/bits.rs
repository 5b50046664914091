//! Sets of positions, one bit each.

use std::hash::Hash;
use std::marker::PhantomData;

use crate::ids::Id;

/// A set of positions of one kind. Its room is fixed when it is made; nothing that asks or changes
/// it allocates.
#[derive(Debug, PartialEq, Eq, Hash)]
pub struct Bits<I> {
    words: Box<[u64]>,
    kind: PhantomData<I>,
}

impl<I> Clone for Bits<I> {
    fn clone(&self) -> Self {
        Self {
            words: self.words.clone(),
            kind: PhantomData,
        }
    }
}

impl<I> Default for Bits<I> {
    fn default() -> Self {
        Self {
            words: Box::default(),
            kind: PhantomData,
        }
    }
}

impl<I: Id> Bits<I> {
    /// The empty set with room for so many positions.
    #[must_use]
    pub fn none(room: usize) -> Self {
        Self {
            words: vec![0; room.div_ceil(64)].into_boxed_slice(),
            kind: PhantomData,
        }
    }

    /// The set of these.
    pub fn of(room: usize, members: impl IntoIterator<Item = I>) -> Self {
        let mut set = Self::none(room);
        for member in members {
            set.insert(member);
        }
        set
    }

    /// Adds one.
    pub fn insert(&mut self, member: I) {
        self.words[member.index() / 64] |= 1 << (member.index() % 64);
    }

    /// Takes one away.
    pub fn remove(&mut self, member: I) {
        self.words[member.index() / 64] &= !(1 << (member.index() % 64));
    }

    /// Takes all away.
    pub fn clear(&mut self) {
        self.words.fill(0);
    }

    /// Becomes equal to another one of the same room.
    pub fn copy_from(&mut self, other: &Self) {
        self.words.copy_from_slice(&other.words);
    }

    /// Whether that one is in it.
    #[must_use]
    pub fn has(&self, member: I) -> bool {
        self.words
            .get(member.index() / 64)
            .is_some_and(|word| word >> (member.index() % 64) & 1 == 1)
    }

    /// How many are in it.
    #[must_use]
    pub fn len(&self) -> usize {
        self.words
            .iter()
            .map(|word| word.count_ones() as usize)
            .sum()
    }

    /// Whether none is in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.words.iter().all(|word| *word == 0)
    }

    /// How many are in both.
    #[must_use]
    pub fn common(&self, other: &Self) -> usize {
        self.words
            .iter()
            .zip(&other.words)
            .map(|(one, two)| (one & two).count_ones() as usize)
            .sum()
    }

    /// Whether some are in both.
    #[must_use]
    pub fn meets(&self, other: &Self) -> bool {
        self.words
            .iter()
            .zip(&other.words)
            .any(|(one, two)| one & two != 0)
    }

    /// Whether all of it is in the other.
    #[must_use]
    pub fn within(&self, other: &Self) -> bool {
        self.words
            .iter()
            .zip(&other.words)
            .all(|(one, two)| one & !two == 0)
    }

    /// Keeps what is in the other, too.
    pub fn keep(&mut self, other: &Self) {
        for (one, two) in self.words.iter_mut().zip(&other.words) {
            *one &= two;
        }
    }

    /// Adds all of the other.
    pub fn add(&mut self, other: &Self) {
        for (one, two) in self.words.iter_mut().zip(&other.words) {
            *one |= two;
        }
    }

    /// Takes away all of the other.
    pub fn less(&mut self, other: &Self) {
        for (one, two) in self.words.iter_mut().zip(&other.words) {
            *one &= !two;
        }
    }

    /// The members, in order.
    pub fn iter(&self) -> Members<'_, I> {
        Members {
            words: &self.words,
            at: 0,
            rest: self.words.first().copied().unwrap_or(0),
            kind: PhantomData,
        }
    }
}

impl<'a, I: Id> IntoIterator for &'a Bits<I> {
    type Item = I;
    type IntoIter = Members<'a, I>;

    fn into_iter(self) -> Members<'a, I> {
        self.iter()
    }
}

/// The members of a set, in order.
#[derive(Debug, Clone)]
pub struct Members<'a, I> {
    words: &'a [u64],
    at: usize,
    rest: u64,
    kind: PhantomData<I>,
}

impl<I: Id> Iterator for Members<'_, I> {
    type Item = I;

    fn next(&mut self) -> Option<I> {
        while self.rest == 0 {
            self.at += 1;
            self.rest = *self.words.get(self.at)?;
        }
        let bit = self.rest.trailing_zeros() as usize;
        self.rest &= self.rest - 1;
        Some(I::at(self.at * 64 + bit))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::Bits;
    use crate::ids::{Id as _, NodeId};
    use proptest::prelude::*;

    fn bits(of: &BTreeSet<usize>) -> Bits<NodeId> {
        Bits::of(200, of.iter().map(|at| NodeId::at(*at)))
    }

    proptest! {
        #[test]
        fn as_the_sets_of_the_standard_library(
            one in proptest::collection::btree_set(0_usize..200, 0..40),
            two in proptest::collection::btree_set(0_usize..200, 0..40),
        ) {
            let (a, b) = (bits(&one), bits(&two));
            prop_assert_eq!(a.common(&b), one.intersection(&two).count());
            prop_assert_eq!(a.meets(&b), !one.is_disjoint(&two));
            prop_assert_eq!(a.within(&b), one.is_subset(&two));
            let listed: BTreeSet<usize> = a.iter().map(|id| id.index()).collect();
            prop_assert_eq!(&listed, &one);
            let mut less = a;
            less.less(&b);
            prop_assert_eq!(less.len(), one.difference(&two).count());
        }
    }
}
