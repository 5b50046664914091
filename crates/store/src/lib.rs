//! What is kept beside a lab file, and the reading of the lab's folder.
//!
//! | where | what | may be lost |
//! |---|---|---|
//! | `.steading/` | journal, generation, lock information, kubeconfig, cached inventory | yes: it is rebuilt by observing |
//! | `.steading/snapshots/` | snapshots of etcd, encrypted | yes, but then nothing can be restored |
//! | `secrets/` | the clusters' identities, encrypted | no: it is made to be committed |
//!
//! Every file is whole or not there: a temporary file, its content on disk, renamed, and the
//! rename on disk.

mod create;
mod durable;
mod error;
mod journal;
mod lab_folder;
mod lock;
mod replace;
mod secrets;
mod snapshots;
mod state;
mod surroundings;

pub use create::create;
pub use error::StoreError;
pub use journal::Journal;
pub use lab_folder::{LabFolder, files_below, lab_files, load};
pub use lock::{Holder, Lock};
pub use replace::replace;
pub use secrets::{Secret, Secrets};
pub use snapshots::{Snapshot, Snapshots};
pub use state::Store;
pub use surroundings::{Surrounding, surroundings};
