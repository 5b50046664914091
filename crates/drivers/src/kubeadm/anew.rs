//! What the first control plane finds of its cluster before it makes it: nothing, a cluster that lives
//! elsewhere, one that was begun, or a snapshot that it is to be made out of.
//!
//! ```text
//! restore, no control plane left:  remembered ─► first machine: snapshot's data ─► kubeadm init ─► done
//! ```
//! etcd gets the data before kubeadm makes the cluster, which so finds all of its objects: nodes keep
//! their ranges of pods, and what runs on workers goes on untouched. A cluster that was made empty and
//! got the data afterwards would have dealt its nodes other ranges first. The other control planes join
//! as lost ones do. Source: etcd 3.6, "Disaster recovery".

use std::time::Duration;

use driver::DriverError;
use model::name::Name;

use super::Kubeadm;
use super::member::Joining;
use super::snapshot;
use crate::kube::client::Request;

/// How long an API server that may be there is asked before it is given up.
const PROBE: Duration = Duration::from_secs(5);

impl Kubeadm {
    /// Remembers, on disk, that a cluster of which no control plane stands is to be made out of a
    /// snapshot: whoever makes its first control plane does so, until [`Kubeadm::restored`].
    ///
    /// # Errors
    /// Where the snapshot cannot be opened, or that could not be written.
    pub fn restore_anew(&self, cluster: &Name, id: &str) -> Result<(), DriverError> {
        let store = self.store()?;
        store.open(cluster, id)?;
        store.set_restoring(cluster, Some(id))
    }
}

impl Joining<'_> {
    /// The snapshot that its cluster is being taken back to.
    pub(super) fn being_restored(&self) -> Result<Option<String>, DriverError> {
        let Some(store) = self.driver.snapshots.as_deref() else {
            return Ok(None);
        };
        store.restoring(&self.member.cluster)
    }

    /// Gives etcd the data of a snapshot, with this node as its only member.
    pub(super) fn take_over(&self, id: &str) -> Result<(), DriverError> {
        let (inside, member) = (self.inside(), self.member);
        self.context
            .doing(format!("making its etcd out of snapshot {id}"));
        let content = self.driver.store()?.open(&member.cluster, id)?;
        let alone = [(self.name.clone(), member.clone())].into();
        let origin = snapshot::Origin::new(&content, &alone, id, self.context);
        snapshot::stage(inside, member, &origin)?;
        snapshot::exchange(inside)
    }

    /// Whether the cluster lives on another of its control planes, by what lies on their machines:
    /// an API server that does not answer now says nothing.
    pub(super) fn lives_elsewhere(&self) -> Result<bool, DriverError> {
        for plane in self.member.planes.keys().filter(|name| *name != self.name) {
            let inside = self.driver.inside(self.context.scope, plane);
            let remains = inside.remains().map_err(|error| {
                DriverError::new(format!("making cluster {}", self.member.cluster)).caused_by(
                    format!(
                        "whether it lives on {plane} cannot be told: {}",
                        error.chain().join(": ")
                    ),
                )
            })?;
            if remains.kubelet && remains.control_plane {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Whether the API server answers and knows that kubeadm made its cluster. Where no control
    /// plane of the cluster runs, that is known within a second.
    pub(super) fn alive(&self) -> bool {
        let request =
            Request::get("/api/v1/namespaces/kube-system/configmaps/kubeadm-config").within(PROBE);
        let cluster = self
            .driver
            .clusters
            .connect(self.context.scope, &self.member.cluster);
        cluster.is_ok_and(|cluster| cluster.send(request).is_ok())
    }
}
