//! The range that the pods of a node get their addresses from.
//!
//! kubelet tells the container runtime the range of its Node once, and the runtime writes its pod
//! network's configuration once: while that lies there, another range is not taken over (containerd,
//! `UpdateRuntimeConfig`). A Node has another range after its cluster went back to a snapshot from
//! before the node joined anew. Others send what is meant for its pods elsewhere then, so all of its
//! pods with addresses are begun anew.

use std::time::Duration;

use driver::{DriverError, StepContext};
use model::inventory::{Observed, Remedy};
use serde_json::Value;

use super::inside::Inside;
use crate::kube::object::{items, text};

/// Written by containerd out of its template.
pub(super) const WRITTEN: &str = "/etc/cni/net.d/10-containerd-net.conflist";

/// Ends the sandboxes of pods that have a network of their own, while kubelet does not run. What runs
/// in a sandbox that is dead is begun anew by kubelet, with the sandbox; the control plane's pods have
/// none and go on. flannel reads its range when it starts, and has no network of its own either.
const END_SANDBOXES: &str = r#"own=$(readlink /proc/1/ns/net)
for pid in $(pgrep -x pause); do
  net=$(readlink "/proc/$pid/ns/net") || continue
  [ "$net" = "$own" ] || kill -KILL "$pid" 2>/dev/null
done
pkill -KILL -x flanneld
exit 0"#;

const SHORT: Duration = Duration::from_secs(20);

/// The range that its pods get addresses from, and the one that they should be from, where these
/// differ.
pub(super) fn differs(inside: Inside<'_>, node: &Value) -> Option<(String, String)> {
    let wanted = text(node, "/spec/podCIDR");
    if wanted.is_empty() {
        return None;
    }
    // A machine that cannot be read is told of elsewhere.
    let file = inside.read(WRITTEN).ok()??;
    let has = written(&file)?;
    (has != wanted).then(|| (has, wanted.to_owned()))
}

/// The range in containerd's file.
fn written(file: &[u8]) -> Option<String> {
    let network: Value = serde_json::from_slice(file).ok()?;
    let plugins = items(&network, "/plugins").iter();
    let mut ranges = plugins.map(|plugin| text(plugin, "/ipam/ranges/0/0/subnet"));
    ranges.find(|range| !range.is_empty()).map(str::to_owned)
}

/// Finds fault with a range that is not the node's.
pub(super) fn judge(observed: Observed, inside: Inside<'_>, node: &Value) -> Observed {
    match differs(inside, node) {
        None => observed,
        Some((has, wanted)) => {
            let what = format!("its pods have addresses out of {has}, its range is {wanted}");
            observed.fault(what, None, Remedy::Repair)
        }
    }
}

/// Has the pods of a node begin anew, with addresses out of its range.
pub(super) fn renew(inside: Inside<'_>, context: &StepContext<'_>) -> Result<(), DriverError> {
    context.doing("starting its pods anew, with addresses out of its range");
    inside.kubelet("-d")?;
    inside.must(&["sh", "-c", END_SANDBOXES], SHORT)?;
    // The last: while it is there, whoever is cut off begins anew. Once it is gone whatever starts
    // kubelet has it written anew.
    inside.must(&["rm", "-f", WRITTEN], SHORT)?;
    inside.kubelet("-u")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_range_is_read_out_of_containerds_file() {
        let file = br#"{ "name": "steading", "plugins": [
            { "type": "ptp", "ipam": { "ranges": [[{ "subnet": "10.244.3.0/24" }]] } },
            { "type": "portmap" } ] }"#;
        assert_eq!(written(file).as_deref(), Some("10.244.3.0/24"));
        assert_eq!(written(br#"{ "plugins": [{ "type": "portmap" }] }"#), None);
        assert_eq!(written(b"half a fi"), None);
    }
}
