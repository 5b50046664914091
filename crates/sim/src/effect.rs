//! Effects: the smallest changes that a driver makes, each with a name and a middle.

use model::digest::Digest;
use model::plan::Generation;
use model::resource::{Address, Spec};

use crate::state::{Part, Record, State, part};

/// One change of the world.
#[derive(Debug, Clone)]
pub(crate) enum Effect {
    /// Lays down the record of a thing that is about to be made or changed. Atomic.
    Begin(Record),
    /// Makes a part.
    Make(Part),
    /// Ends a part. A process or an object is gone at once, a folder bit by bit.
    End(&'static str),
    /// Writes the digest. Atomic.
    Complete {
        generation: Generation,
        spec: Spec,
        digest: Digest,
    },
    /// Deletes the record. Atomic.
    Forget,
}

impl Effect {
    /// The name of the point, unique within one run.
    pub(crate) fn point(&self, address: &Address) -> String {
        match self {
            Self::Begin(_) => format!("{address}: begin"),
            Self::Make(part) => format!("{address}: make {}", part.name),
            Self::End(part) => format!("{address}: end {part}"),
            Self::Complete { .. } => format!("{address}: complete"),
            Self::Forget => format!("{address}: forget"),
        }
    }

    /// What a kill in the middle leaves behind.
    pub(crate) fn half(self, address: &Address, state: &mut State) {
        match self {
            Self::Make(mut part) => {
                part.whole = false;
                state.parts.push(part);
            }
            Self::End(name @ (part::DISK | part::CONTENT)) => {
                for part in &mut state.parts {
                    if part.address == *address && part.name == name {
                        part.whole = false;
                    }
                }
            }
            Self::Begin(_) | Self::End(_) | Self::Complete { .. } | Self::Forget => {}
        }
    }

    /// Does all of it.
    pub(crate) fn whole(self, address: &Address, state: &mut State) {
        match self {
            Self::Begin(record) => {
                state.records.insert(address.clone(), record);
            }
            Self::Make(part) => state.parts.push(part),
            Self::End(name) => state.end(address, name),
            Self::Complete {
                generation,
                spec,
                digest,
            } => {
                for part in &mut state.parts {
                    if part.address == *address {
                        part.spec = spec.clone();
                    }
                }
                if let Some(record) = state.records.get_mut(address) {
                    record.generation = generation;
                    record.spec = spec;
                    record.digest = Some(digest);
                }
            }
            Self::Forget => {
                state.records.remove(address);
            }
        }
    }
}
