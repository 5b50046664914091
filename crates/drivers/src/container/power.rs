//! The power switches of a replica's hosts.
//!
//! A switch is a file in the lab's folder of machines. It is there while the host is off, and tells
//! since when and how. It is written before the host's processes are killed and removed before they
//! are started: whoever is killed in between leaves a host that is seen as what it is.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use driver::{DriverError, ErrorKind, MachineCommand, Machines as _, Scope, StepContext};
use jiff::Timestamp;
use model::name::Name;
use model::resource::{Address, Kind};
use serde::{Deserialize, Serialize};

use super::record::{self, Found};
use super::{Containers, seed, tags};
use crate::{HostPaths, durable, leaving};

/// How long pods may take to end when a host is shut down: kubelet's usual grace period.
const GRACE: Duration = Duration::from_secs(30);
/// Ends all pods of a node, without anybody to start them anew. A constant; the folder of services
/// and the lock are parameters.
///
/// What holds the API's address hands it over at once, and then ends what clients have open there:
/// who waits for an answer would not learn that it is elsewhere. etcd ends last: its API server asks
/// it once more when it takes leave, and would otherwise go on taking requests and answer none.
/// Watches keep an API server for a minute; they end with its etcd.
const END_PODS: &str = r#"exec 9>"$2"
flock 9
s6-svc -wd -T 5000 -d "$1/kubelet"
for service in keepalived haproxy; do
  [ ! -e "$1/$service" ] || s6-svc -wd -T 2000 -d "$1/$service"
done
etcd=$(ctr -n k8s.io containers ls -q 'labels."io.kubernetes.container.name"==etcd')
running() { ctr -n k8s.io tasks ls | grep RUNNING | cut -d ' ' -f 1 | grep -vxF "$1"; }
end() { xargs -r -n 1 ctr -n k8s.io tasks kill --signal SIGTERM; }
running "$etcd" | end
left=50
while [ "$left" -gt 0 ] && running "$etcd" > /dev/null; do sleep 0.1; left=$((left - 1)); done
running "" | end
while running "" > /dev/null; do sleep 0.1; done"#;

/// How a host is switched off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum How {
    /// Its power is cut: everything of it ends at once.
    Cut,
    /// It is shut down: its pods are ended first.
    Graceful,
}

/// What the switch of a host tells while it is off.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Off {
    /// The lab, whose switch it is.
    lab: model::plan::LabId,
    since: Timestamp,
    how: How,
}

impl Off {
    /// For people.
    pub(super) fn how(&self) -> String {
        let how = match self.how {
            How::Cut => "its power was cut",
            How::Graceful => "it was shut down",
        };
        let since = self.since.round(jiff::Unit::Second).unwrap_or(self.since);
        format!("{how} at {since}")
    }
}

fn switch(lab: &Path, scope: &Scope, host: &Name) -> PathBuf {
    lab.join(format!("host-{host}-{}.off", scope.id.0.simple()))
}

/// What the switch of a host says; `None`: it is on. A switch that cannot be read is off: the
/// host must not be started behind somebody's back.
pub(super) fn switched_off(lab: &Path, scope: &Scope, host: &Name) -> Option<Off> {
    let text = fs::read(switch(lab, scope, host)).ok()?;
    Some(serde_json::from_slice(&text).unwrap_or(Off {
        lab: scope.id,
        since: Timestamp::UNIX_EPOCH,
        how: How::Cut,
    }))
}

/// The hosts whose switches are off.
pub(super) fn all_off(lab: &Path, scope: &Scope) -> Vec<Name> {
    record::named(lab, "host-", &format!("-{}.off", scope.id.0.simple()))
}

/// The machines of the lab that are inside of a host, whether they run or not.
fn machines_of(paths: &HostPaths, scope: &Scope, host: &Name) -> Vec<Name> {
    let lab = record::lab_folder(&paths.machines, scope);
    record::machines(&lab)
        .into_iter()
        .filter(|node| match record::look(&lab.join(node.as_str()), scope) {
            Found::Ours(record) => record.spec.inside_host && record.spec.host == *host,
            _ => false,
        })
        .collect()
}

/// Switches a host off.
///
/// # Errors
/// Where there is no such host, or its processes do not end.
pub(super) fn off(
    paths: &HostPaths,
    host: &Name,
    how: How,
    now: Timestamp,
    context: &StepContext<'_>,
) -> Result<(), DriverError> {
    let scope = context.scope;
    let lab = record::lab_folder(&paths.machines, scope);
    if !record::mark(&lab, scope, Kind::Host, host).exists() {
        return Err(DriverError::new(format!("switching {host} off"))
            .kind(ErrorKind::Refused)
            .caused_by("the replica has no such host now")
            .hint("bring it up first: steading up --replica"));
    }
    if how == How::Graceful {
        end_pods(&machines_of(paths, scope, host), context);
    }
    let off = Off {
        lab: scope.id,
        since: now,
        how,
    };
    let path = switch(&lab, scope, host);
    let failed = |error: Box<dyn std::error::Error + Send + Sync>| {
        DriverError::new(format!("writing {}", path.display())).caused_by(error)
    };
    let json = serde_json::to_vec(&off).map_err(|error| failed(error.into()))?;
    durable::write(&path, &json, 0o644).map_err(|error| failed(error.into()))?;
    end(paths, host, context)
}

/// Ends everything of a host at once. The host itself first, for its links: what still runs for a
/// moment is cut off already.
pub(super) fn end(
    paths: &HostPaths,
    host: &Name,
    context: &StepContext<'_>,
) -> Result<(), DriverError> {
    tags::end_all(&Address::new(Kind::Host, host.clone()), context)?;
    std::thread::scope(|threads| {
        let ends: Vec<_> = machines_of(paths, context.scope, host)
            .into_iter()
            .map(|node| {
                let machine = Address::new(Kind::Machine, node);
                threads.spawn(move || tags::end_all(&machine, context))
            })
            .collect();
        let lost = || DriverError::new(format!("switching {host} off"));
        // All of them are ended, whatever becomes of one.
        let done: Vec<_> = ends
            .into_iter()
            .map(|end| end.join().unwrap_or_else(|_| Err(lost())))
            .collect();
        done.into_iter().collect()
    })
}

/// Ends the pods of some nodes, as a shutdown does. What does not end in time is cut off.
fn end_pods(nodes: &[Name], context: &StepContext<'_>) {
    let argv = ["sh", "-c", END_PODS, "end", seed::SERVICES, leaving::LOCK];
    let ask = MachineCommand::new(argv, GRACE);
    std::thread::scope(|threads| {
        for node in nodes {
            threads.spawn(|| Containers.run(context.scope, node, &ask, &mut |_| {}));
        }
    });
}

/// Switches a host on: it may be started again. Answers whether it was off.
///
/// # Errors
/// Where the switch cannot be turned.
pub(super) fn on(paths: &HostPaths, host: &Name, scope: &Scope) -> Result<bool, DriverError> {
    let lab = record::lab_folder(&paths.machines, scope);
    let path = switch(&lab, scope, host);
    match fs::remove_file(&path) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(false),
        Err(error) => {
            Err(DriverError::new(format!("removing {}", path.display())).caused_by(error))
        }
    }
}
