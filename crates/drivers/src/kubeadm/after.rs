//! After a cluster went back to a snapshot: what its nodes told it since went back, too.
//!
//! kubelet tells what changes, not what is: the address of a pod that was begun anew since the snapshot
//! stays the old one. flannel tells the hardware address of its link when it starts, and reads the
//! ranges of other nodes then; a range that changes is no event to it (flannel 0.28,
//! `handleUpdateLeaseEvent`). So both are started anew on every node. Pods go on meanwhile.

use std::time::Duration;

use driver::{DriverError, StepContext};
use model::name::Name;

use super::Kubeadm;

/// kubelet starts it again.
const END_FLANNEL: &str = "pkill -TERM -x flanneld; exit 0";
const SHORT: Duration = Duration::from_secs(20);

impl Kubeadm {
    /// Has the nodes of a cluster that went back to a snapshot tell it how they are, and forgets that
    /// it was being restored.
    ///
    /// # Errors
    /// Where a part of it fails: then the restore is to be repeated.
    pub fn restored(
        &self,
        cluster: &Name,
        nodes: &[Name],
        context: &StepContext<'_>,
    ) -> Result<(), DriverError> {
        for node in nodes {
            let inside = self.inside(context.scope, node);
            // Who does not run, or is no member yet, begins anew in any case.
            let Ok(Some(_)) = inside.marker() else {
                continue;
            };
            context.check_interrupted()?;
            context.doing(format!("having {node} tell how it is"));
            inside.must(&["sh", "-c", END_FLANNEL], SHORT)?;
            inside.kubelet("-u")?;
            inside.kubelet("-r")?;
        }
        self.store()?.set_restoring(cluster, None)
    }
}
