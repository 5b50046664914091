//! Kubernetes objects: components, apps, and the proof that the cluster's network works.
//!
//! Objects are applied server-side with the field manager `steading`. Each carries the lab's id as
//! a label; nothing without it is changed or deleted. A ConfigMap per component or app in the
//! namespace `steading-system` lists its objects ([`record`]), so that what is declared no more is
//! pruned exactly, and a half-made thing is seen as one.

mod access;
mod apply;
mod await_ready;
mod causes;
pub(crate) mod client;
mod connectivity;
mod delete;
mod diff;
mod dump;
mod fence;
mod kinds;
mod look;
mod manifest;
pub(crate) mod object;
mod observe;
pub(crate) mod readiness;
mod record;
mod status;

use std::collections::BTreeMap;
use std::sync::Arc;

use driver::{Driver, DriverError, Precheck, Scope, StepContext};
use model::inventory::Observed;
use model::plan::Step;
use model::resource::{Address, Kind, Resource};

pub use access::{Access, credential, kubeconfig};
pub use client::Clusters;
pub use dump::{dump, dump_running};
pub use look::{Look, PodLook, look};
pub use status::{ClusterStatus, NodeStatus, PodStatus, cluster_status};

/// The driver of components, apps and connectivity.
pub struct Kubernetes {
    clusters: Arc<Clusters>,
}

impl Kubernetes {
    /// A driver that reaches clusters through these connections.
    #[must_use]
    pub const fn new(clusters: Arc<Clusters>) -> Self {
        Self { clusters }
    }
}

impl Driver for Kubernetes {
    fn kinds(&self) -> &'static [Kind] {
        &[Kind::Fence, Kind::Component, Kind::App, Kind::Connectivity]
    }

    fn observe(
        &self,
        scope: &Scope,
        wanted: &[&Resource],
    ) -> Result<BTreeMap<Address, Observed>, DriverError> {
        let clusters = observe::clusters_seen(&self.clusters, scope, wanted)?;
        let mut seen = observe::observe(scope, wanted, &clusters);
        seen.extend(fence::observe(scope, &clusters));
        seen.extend(connectivity::observe(wanted, &clusters));
        Ok(seen)
    }

    fn precheck(&self, step: &Step, context: &StepContext<'_>) -> Result<Precheck, DriverError> {
        match step.address.kind {
            Kind::Fence => fence::precheck(&self.clusters, step, context),
            Kind::Connectivity => connectivity::precheck(&self.clusters, step, context),
            _ => apply::precheck(&self.clusters, step, context),
        }
    }

    fn apply(&self, step: &Step, context: &StepContext<'_>) -> Result<(), DriverError> {
        match step.address.kind {
            Kind::Fence => fence::apply(&self.clusters, step, context),
            Kind::Connectivity => connectivity::apply(&self.clusters, step, context),
            _ => apply::apply(&self.clusters, step, context),
        }
    }

    fn teardown(&self, step: &Step, context: &StepContext<'_>) -> Result<(), DriverError> {
        match step.address.kind {
            Kind::Fence => fence::teardown(&self.clusters, step, context),
            Kind::Connectivity => connectivity::teardown(&self.clusters, step, context),
            _ => delete::teardown(&self.clusters, step, context),
        }
    }
}
