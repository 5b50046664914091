//! The catalog: what Steading knows how to bring into a lab, as data, and the expansion of a lab
//! into resources.
//!
//! Everything that can be derived is derived here and nowhere else: MTUs, service addresses,
//! certificate names, taints, namespaces. The rest of the program sees finished values.

mod component;
mod derive;
mod derived;
mod expand;
mod image;
mod known;
mod manifests;
mod reach;
mod replica;
mod settings;
mod snapshots;
mod storage;

pub use component::{Component, ComponentKind, components};
pub use derive::{API_PORT, dns_address, node_taints, pod_mtu};
pub use derived::{Derived, derived};
pub use expand::{each_its_own, expand, expand_replica};
pub use image::kubernetes_versions;
pub use known::{Capability, Known, Runs, RunsAs, known, platforms};
pub use manifests::documents;
pub use reach::beyond_reach;
pub use replica::{Change, Replica, replica};
pub use snapshots::{Snapshots, snapshots_of};
