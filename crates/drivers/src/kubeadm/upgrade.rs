//! Another version of Kubernetes on a node that is a member already, as kubeadm documents it.
//!
//! ```text
//! etcd kept ──► kubeadm upgrade apply / node ──► pods away ──► kubelet exchanged ──► pods again
//! ```
//! The machine has the programs and images of the new version laid beside the old ones. Each part
//! can be repeated, so one that was cut off is begun anew; the marker that tells the new version
//! is written last. Which node comes when is the planner's: control planes before workers.

use std::time::Duration;

use driver::{DriverError, Poll};
use model::lab::Role;

use super::before::Risk;
use super::member::{CONFIG, Joining};
use super::{drain, etcd, node_object, run};
use crate::image;
use crate::kube::client::Cluster;
use crate::kube::object::{items, text};
use crate::kube::readiness::condition;

/// How long the new kubelet may take until its node is ready.
const READY: Duration = Duration::from_secs(180);
const PAUSE: Duration = Duration::from_millis(300);
const SHORT: Duration = Duration::from_secs(30);

/// kubeadm moves a manifest away before it moves the new one in. One that was killed in between
/// left none, and the next one would refuse to begin: its own copy is put back.
const MEND: &str = r#"for name in etcd kube-apiserver kube-controller-manager kube-scheduler; do
  file=/etc/kubernetes/manifests/$name.yaml
  [ -s "$file" ] && continue
  kept=$(ls -t /etc/kubernetes/tmp/kubeadm-backup-manifests-*/$name.yaml 2>/dev/null | head -n 1)
  [ -z "$kept" ] || { cp "$kept" "$file.new" && mv "$file.new" "$file"; }
done"#;

/// Has the names in /usr/local/bin mean the new programs. Each exchange is one rename.
const EXCHANGE: &str = r#"for name in kubelet kubeadm kubectl etcdctl etcdutl; do
  ln -sfn "$1/$name" "/usr/local/bin/.$name" && mv -T "/usr/local/bin/.$name" "/usr/local/bin/$name" || exit 1
done"#;

impl Joining<'_> {
    /// Brings the node to the declared version.
    pub(super) fn upgrade(&self, cluster: &Cluster) -> Result<(), DriverError> {
        let (inside, version) = (self.inside(), &self.member.kubernetes);
        let programs = image::staged(version);
        let kubeadm = format!("{programs}/kubeadm");
        if self.member.role == Role::ControlPlane {
            inside.must(&["sh", "-c", MEND], SHORT)?;
            etcd::await_voting(inside, self.context)?;
            self.keep_before(Risk::Upgrade)?;
        }
        inside.write(CONFIG, self.config().upgrade()?.as_bytes(), 0o600)?;
        // The first one changes what the whole cluster is told, too.
        let verb = if self.member.first { "apply" } else { "node" };
        let words = [verb, "--config", CONFIG];
        run::kubeadm_at(&kubeadm, inside, "upgrade", &words, self.context)?;
        self.context.check_interrupted()?;
        // Where no other node could take them they go on here: kubelet ends no pod as it ends.
        if self.elsewhere(cluster)? {
            self.context.doing("moving its pods away");
            drain::drain(cluster, self.name, self.context)?;
        }
        self.context.doing(format!("starting kubelet {version}"));
        inside.must(&["sh", "-c", EXCHANGE, "exchange", &programs], SHORT)?;
        inside.kubelet("-r")?;
        self.await_version(cluster)?;
        self.retry(|| {
            drain::schedulable(cluster, self.name, true)
                .map_err(|error| error.during(format!("letting pods on {} again", self.name)))
        })
    }

    /// Whether another node takes any pod.
    fn elsewhere(&self, cluster: &Cluster) -> Result<bool, DriverError> {
        let nodes =
            node_object::all(cluster).map_err(|error| error.during("looking for other nodes"))?;
        Ok(nodes.iter().any(|node| {
            text(node, "/metadata/name") != self.name.as_str()
                && matches!(condition(node, "Ready"), Some(("True", _)))
                && items(node, "/spec/taints").is_empty()
        }))
    }

    fn await_version(&self, cluster: &Cluster) -> Result<(), DriverError> {
        let wanted = format!("v{}", self.member.kubernetes);
        self.context.wait("the new kubelet", READY, PAUSE, || {
            let node = match node_object::get(cluster, self.name) {
                Ok(Some(node)) => node,
                Ok(None) => return Ok(Poll::Pending("it is not registered".to_owned())),
                Err(error) if error.passing() => return Ok(Poll::Pending(error.to_string())),
                Err(error) => {
                    return Err(error.during(format!("looking for node {}", self.name)));
                }
            };
            let told = text(&node, "/status/nodeInfo/kubeletVersion");
            if told != wanted {
                let why = self.inside().kubelet_error();
                return Ok(Poll::Pending(
                    why.unwrap_or_else(|| format!("kubelet {told} has reported last")),
                ));
            }
            Ok(match condition(&node, "Ready") {
                Some(("True", _)) => Poll::Ready(()),
                Some((_, message)) => Poll::Pending(message.to_owned()),
                None => Poll::Pending("no condition yet".to_owned()),
            })
        })
    }
}
