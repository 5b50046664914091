//! Making a node a member, from whatever state it is in.

use std::sync::Arc;
use std::time::Duration;

use driver::{DriverError, ErrorKind, Poll, StepContext};
use jiff::Timestamp;
use model::digest::Digest;
use model::lab::Role;
use model::name::Name;
use model::resource::Member;
use serde_json::Value;
use zeroize::Zeroizing;

use super::Kubeadm;
use super::before::{self, Risk};
use super::config::{DISCOVERY, NodeConfig, discovery};
use super::inside::{Inside, Marker, Remains};
use super::pki::ClusterIdentity;
use super::{endpoint, etcd, node_object, ranges, roles, run, shutdown, static_pods};
use crate::kube::client::{Cluster, Request};
use crate::kube::readiness::condition;

/// Where kubeadm's configuration lies.
pub(super) const CONFIG: &str = "/etc/kubernetes/steading/kubeadm.yaml";
pub(super) const PKI: &str = "/etc/kubernetes/pki";

/// How long the certificate that a node joins with is valid.
const JOIN_LIFETIME: Duration = Duration::from_secs(900);
/// How long the container runtime may take to start.
const RUNTIME: Duration = Duration::from_secs(60);
/// How long an API server may take to answer: a control plane that starts is given time.
const ANSWER: Duration = Duration::from_secs(120);
/// How long kubelet may take to register.
const REGISTER: Duration = Duration::from_secs(90);
/// For how long a change is made again that meets another one.
const AGAIN: Duration = Duration::from_secs(15);
const PAUSE: Duration = Duration::from_millis(200);

/// A node on its way into its cluster.
pub(super) struct Joining<'a> {
    pub(super) driver: &'a Kubeadm,
    pub(super) name: &'a Name,
    pub(super) member: &'a Member,
    pub(super) digest: &'a Digest,
    /// Whether the plan lets the control plane start anew, with what that may cost the others.
    pub(super) may_restart: bool,
    pub(super) context: &'a StepContext<'a>,
}

impl Joining<'_> {
    /// Makes the node what it shall be.
    pub(super) fn converge(&self) -> Result<(), DriverError> {
        let inside = self.inside();
        let identity = self.identity()?;
        let mut remains = inside.remains()?;
        if remains.kubeadm {
            self.context
                .doing("ending a kubeadm that an earlier run left");
            inside.end_kubeadm()?;
            // It may have come further since.
            remains = inside.remains()?;
        }
        self.await_runtime()?;
        let marker = inside.marker()?;
        let plane = self.member.role == Role::ControlPlane;
        if plane {
            // Before kubeadm, which asks for the address from its first phases on.
            endpoint::share(inside, self.member)?;
        }
        if let (true, Some(marker)) = (plane, &marker) {
            // A restore that was cut off may have stopped them.
            static_pods::start(inside)?;
            // Before the API server is asked, which answers nobody once they have ended.
            self.renew_certificates(&identity, marker)?;
        }
        let cluster = if self.member.first {
            self.found(&identity, marker.as_ref(), remains)?
        } else {
            self.join(&identity, marker.as_ref(), remains)?
        };
        self.context.check_interrupted()?;
        if marker.is_some_and(|old| old.member.kubernetes != self.member.kubernetes) {
            self.upgrade(&cluster)?;
        }
        self.await_registered(&cluster)?;
        self.await_heartbeat(&cluster)?;
        let node = self.node(&cluster)?.unwrap_or_default();
        if ranges::differs(inside, &node).is_some() {
            ranges::renew(inside, self.context)?;
        }
        if plane {
            // A node may be ready whose etcd is not: no other may be touched before.
            etcd::await_voting(inside, self.context)?;
        }
        self.context.doing("setting labels and taints");
        // The Node changes all the time: kubelet and controllers write to it, too.
        self.retry(|| {
            let scope = self.context.scope;
            node_object::mark(&cluster, scope, self.name, self.member, self.digest)
        })?;
        if shutdown::is_over(&node, Timestamp::now()) {
            self.retry(|| {
                let opened = shutdown::open(&cluster, self.name);
                opened.map_err(|error| error.during("letting it take pods"))
            })?;
        }
        inside.write_marker(&Marker {
            lab: self.context.scope.id,
            digest: self.digest.clone(),
            generation: self.context.generation,
            member: self.member.clone(),
        })
    }

    pub(super) fn inside(&self) -> Inside<'_> {
        self.driver.inside(self.context.scope, self.name)
    }

    fn identity(&self) -> Result<ClusterIdentity, DriverError> {
        let (secrets, cluster) = (&*self.driver.secrets, &self.member.cluster);
        if self.member.first {
            let lifetime = self.member.certificates.authority_lasts();
            let now = Timestamp::now();
            return ClusterIdentity::load_or_create(secrets, cluster, (lifetime, now));
        }
        ClusterIdentity::load(secrets, cluster)?.ok_or_else(|| {
            DriverError::new(format!("joining {}", self.name))
                .caused_by(format!("the secrets of cluster {cluster} do not exist"))
                .hint("restore secrets/ beside the lab file")
        })
    }

    pub(super) fn config(&self) -> NodeConfig<'_> {
        NodeConfig {
            name: self.name,
            member: self.member,
            cgroup_root: (self.driver.cgroup_root)(self.context.scope, self.name),
            repeated: false,
            has_data: false,
        }
    }

    /// The first control plane: makes the cluster, or finds it made.
    fn found(
        &self,
        identity: &ClusterIdentity,
        marker: Option<&Marker>,
        remains: Remains,
    ) -> Result<Arc<Cluster>, DriverError> {
        let inside = self.inside();
        if let Some(marker) = marker {
            inside.kubelet("-u")?;
            if marker.member.sans != self.member.sans {
                self.renew_certificate(identity, marker)?;
            }
            let cluster = self.await_api()?;
            if self.told_otherwise(marker) {
                self.tell_cluster(marker)?;
            }
            self.reregister(&cluster)?;
            roles::grant(&cluster, self.context.scope)?;
            return Ok(cluster);
        }
        let snapshot = self.being_restored()?;
        if snapshot.is_none() && self.lives_elsewhere()? {
            // kubeadm init would make a second cluster of the same name beside it.
            return self.join(identity, None, remains);
        }
        // Begun but not marked. A cluster that answers is finished, not destroyed: kubeadm repeats
        // its phases on it. One that does not answer was never complete. Of one that is being
        // restored nobody knows whether it has the snapshot's data.
        let alive = snapshot.is_none() && remains.control_plane && self.alive();
        if remains.begun && !alive {
            self.context.doing("taking back an unfinished kubeadm init");
            inside.reset(false)?;
        }
        self.write_identity(identity)?;
        let config = NodeConfig {
            repeated: alive,
            has_data: snapshot.is_some(),
            ..self.config()
        };
        if let Some(id) = snapshot {
            self.take_over(&id)?;
        }
        inside.write(CONFIG, config.init()?.as_bytes(), 0o600)?;
        endpoint::await_held(inside, self.member, self.context)?;
        run::kubeadm(inside, "init", &["--config", CONFIG], self.context)?;
        let cluster = self.await_api()?;
        roles::grant(&cluster, self.context.scope)?;
        Ok(cluster)
    }

    /// Any other node: joins the cluster, or finds itself in it.
    fn join(
        &self,
        identity: &ClusterIdentity,
        marker: Option<&Marker>,
        remains: Remains,
    ) -> Result<Arc<Cluster>, DriverError> {
        let inside = self.inside();
        let cluster = self.await_api()?;
        let node = self.node(&cluster)?;
        let plane = self.member.role == Role::ControlPlane;
        let joined = marker.is_some() || (!plane && self.kubelet_well());
        if remains.kubelet && node.is_some() && joined {
            inside.kubelet("-u")?;
            let others = |old: &&Marker| plane && old.member.sans != self.member.sans;
            if let Some(marker) = marker.filter(others) {
                self.renew_certificate(identity, marker)?;
            }
            return Ok(cluster);
        }
        if remains.begun {
            self.context.doing("taking back an earlier kubeadm join");
            inside.reset(plane && marker.is_some())?;
        }
        if node.is_some() {
            // kubeadm refuses a name that is taken; this one is ours and its kubelet is gone.
            self.context
                .doing("deleting the Node object of the lost node");
            delete_node(&cluster, self.name)?;
        }
        if plane {
            let lost = (self.name, self.member.address);
            let known = node.is_some();
            self.keep_before(Risk::Rebuild { known })?;
            etcd::forget(self.driver, &cluster, lost, self.context)?;
            self.write_identity(identity)?;
        }
        let client = identity.ca.client(
            &format!("system:bootstrap:{}", self.name),
            roles::JOINING,
            JOIN_LIFETIME,
            Timestamp::now(),
        )?;
        let ca = &identity.ca.certificate;
        let access = discovery(&self.member.endpoint, ca, &client.certificate, &client.key);
        let access = Zeroizing::new(access.to_string());
        inside.write(DISCOVERY, access.as_bytes(), 0o600)?;
        inside.write(CONFIG, self.config().join()?.as_bytes(), 0o600)?;
        let joined = run::kubeadm(inside, "join", &["--config", CONFIG], self.context);
        let removed = inside.must(&["rm", "-f", DISCOVERY], Duration::from_secs(20));
        joined.and(removed)?;
        Ok(cluster)
    }

    pub(super) fn write_identity(&self, identity: &ClusterIdentity) -> Result<(), DriverError> {
        self.context
            .doing("writing the cluster's certificate authorities");
        for (path, content, mode) in identity.files() {
            let path = format!("{PKI}/{path}");
            self.inside().write(&path, content.as_bytes(), mode)?;
        }
        Ok(())
    }

    /// Keeps what etcd holds before a step that cannot be taken back.
    pub(super) fn keep_before(&self, risk: Risk) -> Result<(), DriverError> {
        before::keep(self.driver, (self.name, self.member), risk, self.context)
    }

    /// Waits for the container runtime, which kubeadm does not.
    fn await_runtime(&self) -> Result<(), DriverError> {
        let inside = self.inside();
        self.context
            .wait("the container runtime", RUNTIME, PAUSE, || {
                let asked = inside.run(&["ctr", "version"], Duration::from_secs(10), &mut |_| {});
                let errors = match asked {
                    Ok(output) if output.ok() => return Ok(Poll::Ready(())),
                    Ok(output) => String::from_utf8_lossy(&output.stderr).into_owned(),
                    // On a slow host the first answers take longer than one call may.
                    Err(error) if error.kind == ErrorKind::TimedOut => String::new(),
                    Err(error) => return Err(error),
                };
                let why = errors.lines().last().unwrap_or("it does not answer");
                Ok(Poll::Pending(why.to_owned()))
            })
    }

    fn kubelet_well(&self) -> bool {
        let argv = ["pgrep", "-x", "kubelet"];
        let output = self
            .inside()
            .run(&argv, Duration::from_secs(10), &mut |_| {});
        output.is_ok_and(|output| output.ok())
    }

    /// Waits for the API server. For a control plane the reason is looked for on the node itself.
    fn await_api(&self) -> Result<Arc<Cluster>, DriverError> {
        let name = &self.member.cluster;
        let what = format!("the API server of {name}");
        let start = std::time::Instant::now();
        self.context.wait(&what, ANSWER, PAUSE, || {
            let cluster = match self.driver.clusters.connect(self.context.scope, name) {
                Ok(cluster) => cluster,
                Err(error) => return Ok(Poll::Pending(error.chain().join(": "))),
            };
            let request = Request::get("/readyz").within(Duration::from_secs(3));
            let Err(error) = cluster.send_text(request) else {
                return Ok(Poll::Ready(cluster));
            };
            if !error.passing() {
                return Err(error.during(format!("asking {what}")));
            }
            let plane = self.member.role == Role::ControlPlane;
            let slow = plane && start.elapsed() > Duration::from_secs(8);
            let why = slow.then(|| self.inside().kubelet_error()).flatten();
            Ok(Poll::Pending(match why {
                Some(line) => format!("{error}; kubelet's last error: {line}"),
                None => error.to_string(),
            }))
        })
    }

    fn node(&self, cluster: &Cluster) -> Result<Option<Value>, DriverError> {
        node_object::get(cluster, self.name)
            .map_err(|error| error.during(format!("looking for node {}", self.name)))
    }

    /// kubelet registers only when it starts: where the Node was lost, it has to start anew.
    fn reregister(&self, cluster: &Cluster) -> Result<(), DriverError> {
        if self.node(cluster)?.is_none() {
            self.context
                .doing("starting kubelet anew, so that it registers");
            self.inside().kubelet("-r")?;
        }
        Ok(())
    }

    /// Waits until the Node object is there.
    fn await_registered(&self, cluster: &Cluster) -> Result<(), DriverError> {
        let start = std::time::Instant::now();
        let mut why = "the container runtime is up".to_owned();
        let mut looked = start;
        self.context
            .wait("kubelet to register", REGISTER, PAUSE, || {
                match node_object::get(cluster, self.name) {
                    Ok(Some(_)) => return Ok(Poll::Ready(())),
                    Ok(None) => {}
                    // A fresh control plane may restart its API server once more.
                    Err(error) if error.passing() => return Ok(Poll::Pending(error.to_string())),
                    Err(error) => {
                        return Err(error.during(format!("looking for node {}", self.name)));
                    }
                }
                if looked.elapsed() > Duration::from_secs(3) {
                    looked = std::time::Instant::now();
                    if let Some(line) = self.inside().kubelet_error() {
                        why = format!("kubelet: {line}");
                    }
                }
                Ok(Poll::Pending(why.clone()))
            })
    }

    /// Where kubelet has been given up for silent, it is started anew and waited for. Whether the
    /// node is ready is not asked here: that takes a pod network.
    fn await_heartbeat(&self, cluster: &Cluster) -> Result<(), DriverError> {
        let silent = |node: &Option<Value>| node.as_ref().is_some_and(node_object::silent);
        if !silent(&self.node(cluster)?) {
            return Ok(());
        }
        self.context.doing("starting the silent kubelet anew");
        self.inside().kubelet("-r")?;
        self.context.wait("kubelet to report", REGISTER, PAUSE, || {
            let node = self.node(cluster)?;
            if !silent(&node) {
                return Ok(Poll::Ready(()));
            }
            let why = node.as_ref().and_then(|node| condition(node, "Ready"));
            let why = why
                .map_or("no condition yet", |(_, message)| message)
                .to_owned();
            Ok(Poll::Pending(self.inside().kubelet_error().unwrap_or(why)))
        })
    }

    /// Repeats what meets a change made in between.
    pub(super) fn retry(
        &self,
        mut what: impl FnMut() -> Result<(), DriverError>,
    ) -> Result<(), DriverError> {
        let start = std::time::Instant::now();
        loop {
            let error = match what() {
                Ok(()) => return Ok(()),
                Err(error) => error,
            };
            if start.elapsed() > AGAIN {
                return Err(error);
            }
            self.context.check_interrupted()?;
            std::thread::sleep(PAUSE);
        }
    }
}

/// Deletes a Node object; one that is not there is deleted already.
pub(super) fn delete_node(cluster: &Cluster, name: &Name) -> Result<(), DriverError> {
    let path = node_object::path(name.as_str());
    let request = Request::with(http::Method::DELETE, path, "application/json", &Value::Null);
    match cluster.send(request) {
        Ok(_) => Ok(()),
        Err(error) if error.not_found() => Ok(()),
        Err(error) => Err(error.during(format!("deleting node {name}"))),
    }
}
