//! Typed positions in the arrays of a world.

use std::marker::PhantomData;
use std::ops::{Index, IndexMut};

/// A position in a [`Table`] of its own kind.
pub trait Id: Copy {
    /// The position as a number.
    fn index(self) -> usize;
    /// The position of that number.
    fn at(index: usize) -> Self;
}

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(u32);

        impl Id for $name {
            fn index(self) -> usize {
                self.0 as usize
            }

            fn at(index: usize) -> Self {
                Self(u32::try_from(index).unwrap_or(u32::MAX))
            }
        }
    )*};
}

ids! {
    /// A site.
    SiteId
    /// A host.
    HostId
    /// A disk of a host.
    DiskId
    /// A network or an uplink.
    LinkId
    /// A cluster.
    ClusterId
    /// A node.
    NodeId
    /// A storage.
    StorageId
    /// A pool of a storage, or the whole of one that has none.
    PoolId
    /// A volume that claims may be bound to.
    OfferId
    /// Something that runs in pods.
    WorkloadId
    /// Something that can fail by itself.
    ElementId
    /// A backup.
    BackupId
    /// A label of nodes whose values tell places apart.
    TopologyId
}

/// An array whose positions are of one kind.
#[derive(Debug, Clone)]
pub struct Table<I, T> {
    rows: Vec<T>,
    kind: PhantomData<I>,
}

impl<I, T> Default for Table<I, T> {
    fn default() -> Self {
        Self {
            rows: Vec::new(),
            kind: PhantomData,
        }
    }
}

impl<I: Id, T> Table<I, T> {
    /// Adds a row; its position.
    pub fn push(&mut self, row: T) -> I {
        self.rows.push(row);
        I::at(self.rows.len() - 1)
    }

    /// How many rows there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// All rows with their positions.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (I, &T)> + ExactSizeIterator + Clone {
        self.rows
            .iter()
            .enumerate()
            .map(|(at, row)| (I::at(at), row))
    }

    /// All rows, to be changed.
    pub fn rows_mut(&mut self) -> &mut [T] {
        &mut self.rows
    }

    /// All positions.
    pub fn ids(&self) -> impl DoubleEndedIterator<Item = I> + ExactSizeIterator + use<I, T> {
        (0..self.rows.len()).map(I::at)
    }
}

impl<I: Id, T> Index<I> for Table<I, T> {
    type Output = T;

    fn index(&self, at: I) -> &T {
        &self.rows[at.index()]
    }
}

impl<I: Id, T> IndexMut<I> for Table<I, T> {
    fn index_mut(&mut self, at: I) -> &mut T {
        &mut self.rows[at.index()]
    }
}
