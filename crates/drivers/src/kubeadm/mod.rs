//! Membership in a cluster, by kubeadm.
//!
//! ```text
//! machine runs ──► anything begun? ──no──► kubeadm init / join ──► Node object registered
//!                     │ yes                      ▲                       │
//!                     ├─ marker: complete ───────┼── Node lost ──┐       ▼
//!                     └─ no marker: half made ─► kubeadm reset ◄─┘   labels, taints, marker
//! ```
//!
//! Whatever state a cut-off run left, the next one looks at what is inside the machine and goes
//! on from there. The marker ([`inside`]) is written last. Nodes join with a client certificate
//! that Steading mints for fifteen minutes, never with a bootstrap token.
//!
//! The API server is reached through the forward `<cluster>-api`, which has to stand before the
//! first member is made.

mod after;
mod anew;
mod before;
mod certificates;
pub(crate) mod config;
mod drain;
mod endpoint;
mod etcd;
mod inside;
mod member;
mod node_object;
mod observe;
pub mod pki;
mod ranges;
mod roles;
mod run;
mod shutdown;
mod snapshot;
mod static_pods;
mod upgrade;

use std::collections::BTreeMap;
use std::sync::Arc;

use driver::{Driver, DriverError, Machines, Precheck, Refusal, Scope, StepContext};
use model::duration::Period;
use model::inventory::Observed;
use model::name::Name;
use model::plan::{Impact, Step};
use model::resource::{Address, Kind, Member, Resource, Spec};

pub use self::drain::Asked;
use self::inside::Inside;
use self::pki::SecretStore;
pub use self::snapshot::{Content, Planes, SnapshotStore};
use crate::kube::Clusters;

/// Tells the cgroup below which a node's kubelet makes its own; `None` for a machine that has a
/// hierarchy to itself.
pub type CgroupRoot = fn(&Scope, &Name) -> Option<String>;

/// The driver of members.
pub struct Kubeadm {
    machines: Arc<dyn Machines>,
    secrets: Arc<dyn SecretStore>,
    clusters: Arc<Clusters>,
    cgroup_root: CgroupRoot,
    snapshots: Option<Arc<dyn SnapshotStore>>,
}

impl Kubeadm {
    /// A driver that works inside these machines.
    #[must_use]
    pub fn new(
        machines: Arc<dyn Machines>,
        secrets: Arc<dyn SecretStore>,
        clusters: Arc<Clusters>,
        cgroup_root: CgroupRoot,
    ) -> Self {
        Self {
            machines,
            secrets,
            clusters,
            cgroup_root,
            snapshots: None,
        }
    }

    /// The same, with a place for snapshots: one is taken before what cannot be taken back.
    #[must_use]
    pub fn keeping(mut self, snapshots: Arc<dyn SnapshotStore>) -> Self {
        self.snapshots = Some(snapshots);
        self
    }

    /// Whether a complete member has no fault.
    fn is_well(&self, step: &Step, context: &StepContext<'_>) -> bool {
        let seen = observe::observe(self, context.scope, &[&step.resource]);
        let observed = seen.ok().and_then(|mut seen| seen.remove(&step.address));
        observed.is_some_and(|observed| observed.faults.is_empty())
    }

    fn inside<'a>(&'a self, scope: &'a Scope, node: &'a Name) -> Inside<'a> {
        Inside {
            machines: &*self.machines,
            scope,
            node,
        }
    }
}

fn member_of(step: &Step) -> Result<&Member, DriverError> {
    match &step.resource.spec {
        Spec::Member(member) => Ok(member),
        _ => Err(DriverError::new(format!("reading {}", step.address))
            .caused_by("its spec is not a member's")),
    }
}

/// What cannot be changed on a node that is a member already.
fn unchangeable(old: &Member, new: &Member) -> Option<Refusal> {
    let down = "take the cluster down first: steading down, then steading up";
    let refuse =
        |what: &str, old: &dyn std::fmt::Display, new: &dyn std::fmt::Display, hint: &str| {
            Some(Refusal {
                found: format!("{what} is {old} in the running cluster, {new} in the lab file"),
                hint: hint.to_owned(),
            })
        };
    if let Some(found) = model::kubernetes::refusal(&old.kubernetes, &new.kubernetes) {
        let hint = "nothing was touched".to_owned();
        return Some(Refusal { found, hint });
    }
    if old.cluster != new.cluster {
        return refuse("the node's cluster", &old.cluster, &new.cluster, down);
    }
    if old.role != new.role {
        let word = |first: bool| if first { "control plane" } else { "worker" };
        let is_first = |m: &Member| m.role == model::lab::Role::ControlPlane;
        return refuse(
            "the node's role",
            &word(is_first(old)),
            &word(is_first(new)),
            down,
        );
    }
    let authority = |member: &Member| Period(member.certificates.authority_lasts());
    if authority(old) != authority(new) {
        let what = "how long the authority lasts";
        return refuse(what, &authority(old), &authority(new), down);
    }
    if old.pods != new.pods {
        return refuse("the pod range", &old.pods, &new.pods, down);
    }
    if old.services != new.services {
        return refuse("the Service range", &old.services, &new.services, down);
    }
    if old.domain != new.domain {
        return refuse("the DNS domain", &old.domain, &new.domain, down);
    }
    if old.endpoint != new.endpoint {
        return refuse("the API endpoint", &old.endpoint, &new.endpoint, down);
    }
    None
}

impl Driver for Kubeadm {
    fn kinds(&self) -> &'static [Kind] {
        &[Kind::Member]
    }

    fn observe(
        &self,
        scope: &Scope,
        wanted: &[&Resource],
    ) -> Result<BTreeMap<Address, Observed>, DriverError> {
        observe::observe(self, scope, wanted)
    }

    fn precheck(&self, step: &Step, context: &StepContext<'_>) -> Result<Precheck, DriverError> {
        let member = member_of(step)?;
        let inside = self.inside(context.scope, &step.address.name);
        let Some(marker) = inside.marker()? else {
            return Ok(Precheck::Ready);
        };
        if marker.lab != context.scope.id {
            return Ok(Precheck::Refused(Refusal {
                found: format!("the node is a member of a cluster of lab {}", marker.lab),
                hint: "nothing was touched".to_owned(),
            }));
        }
        let refusal = driver::superseded(marker.generation, context);
        Ok(
            match refusal.or_else(|| unchangeable(&marker.member, member)) {
                Some(refusal) => Precheck::Refused(refusal),
                None if marker.digest == step.inputs && self.is_well(step, context) => {
                    Precheck::Done
                }
                None => Precheck::Ready,
            },
        )
    }

    fn apply(&self, step: &Step, context: &StepContext<'_>) -> Result<(), DriverError> {
        member::Joining {
            driver: self,
            name: &step.address.name,
            member: member_of(step)?,
            digest: &step.inputs,
            may_restart: step.impact >= Impact::Restart,
            context,
        }
        .converge()
    }

    fn teardown(&self, step: &Step, context: &StepContext<'_>) -> Result<(), DriverError> {
        drain::leave(self, &step.address.name, member_of(step)?, context)
    }
}

#[cfg(test)]
mod tests {
    use super::config::tests::member;
    use super::unchangeable;
    use model::lab::Role;

    #[test]
    fn another_version_is_refused_with_both() {
        let old = member(Role::Worker, false);
        let mut new = old.clone();
        assert_eq!(unchangeable(&old, &new), None);
        new.labels.insert("a".to_owned(), "b".to_owned());
        assert_eq!(unchangeable(&old, &new), None);
        new.kubernetes = "1.37.0".to_owned();
        assert_eq!(unchangeable(&old, &new), None, "the next minor version");
        new.kubernetes = "1.38.0".to_owned();
        let refusal = unchangeable(&old, &new).unwrap();
        assert!(refusal.found.contains("1.36.3") && refusal.found.contains("1.38.0"));
    }
}
