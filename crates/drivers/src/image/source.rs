//! Where artifacts come from: an offline folder, the publisher's release, a build.

pub(super) mod build;
mod download;
pub(super) mod offline;
pub(super) mod release;

/// What a source delivered.
#[derive(Debug)]
pub(super) struct Fetched {
    /// Where it came from, for the record.
    pub(super) from: String,
}
