//! Snapshots of etcd: taken out of any member that is well, and put back into all of them.
//!
//! ```text
//! restore:  staged on every control plane ─► all stopped ─► data exchanged, one rename each ─► started
//! ```
//! Until all are staged nothing is touched. From there on the restore is remembered beside the lab,
//! so that one that was cut off is carried to its end: control planes of which only some have the
//! old data would not be one cluster. Every member gets the same data under the same list of
//! members, so that nobody has to join; revisions go on above all that anybody has seen (from the
//! time in milliseconds), and what was watched is asked anew. Source: etcd 3.6, "Disaster recovery".

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use driver::{DriverError, ErrorKind, Poll, StepContext};
use jiff::Timestamp;
use model::name::Name;
use model::resource::Member;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use super::inside::Inside;
use super::{Kubeadm, etcd, static_pods};

/// What a snapshot holds: every Secret of its cluster, so it is wiped from memory when dropped.
pub type Content = Zeroizing<Vec<u8>>;

/// Where snapshots are kept. Owned by this module so that it can be tested without a folder.
pub trait SnapshotStore: Send + Sync {
    /// Keeps a new one, taken now for that reason, and answers what it is called.
    ///
    /// # Errors
    /// Where it could not be kept.
    fn keep(&self, cluster: &Name, why: &str, content: &[u8]) -> Result<String, DriverError>;

    /// What one holds.
    ///
    /// # Errors
    /// Where there is none of that name, or it cannot be opened.
    fn open(&self, cluster: &Name, id: &str) -> Result<Content, DriverError>;

    /// Remembers, on disk, which one is being restored; `None`: it is done.
    ///
    /// # Errors
    /// Where that could not be written.
    fn set_restoring(&self, cluster: &Name, id: Option<&str>) -> Result<(), DriverError>;

    /// Which one is being restored; `None`: none is.
    ///
    /// # Errors
    /// Where that could not be read.
    fn restoring(&self, cluster: &Name) -> Result<Option<String>, DriverError>;
}

/// A cluster with its control planes and their addresses.
#[derive(Debug, Clone, Copy)]
pub struct Planes<'a> {
    /// The cluster.
    pub cluster: &'a Name,
    /// Its control planes.
    pub all: &'a BTreeMap<Name, IpAddr>,
}

/// Where a snapshot lies inside a machine for a moment, on its own disk.
const FILE: &str = "/var/lib/steading/etcd/passing.db";
/// Where data is made ready.
const STAGED: &str = "/var/lib/steading/etcd/staged";
/// How far revisions are raised where the clock is behind them: it was set back, or there were more
/// changes than milliseconds. A cluster at one change every millisecond writes so many in eleven days.
const RAISED: u64 = 1_000_000_000;

/// Exchanges etcd's data for what is staged; the old is kept until the next time.
const EXCHANGE: &str = r#"set -e
before=/var/lib/steading/etcd/before-restore
if [ -e "$1/member" ]; then
  if [ -e /var/lib/etcd/member ]; then rm -rf "$before"; mv /var/lib/etcd/member "$before"; fi
  mkdir -p -m 0700 /var/lib/etcd
  mv "$1/member" /var/lib/etcd/member
fi
rm -rf "$1""#;

const SHORT: Duration = Duration::from_secs(20);
/// How long a member may take to give or to take a snapshot.
const LIMIT: Duration = Duration::from_secs(60);
/// How long is tried until any member gives one.
const TAKE: Duration = Duration::from_secs(60);
const PAUSE: Duration = Duration::from_millis(500);

impl Kubeadm {
    /// Takes a snapshot of a cluster, for that reason, and answers what it is called.
    ///
    /// # Errors
    /// Where no member gives one, or it could not be kept.
    pub fn snapshot(
        &self,
        planes: Planes<'_>,
        why: &str,
        context: &StepContext<'_>,
    ) -> Result<String, DriverError> {
        let store = self.store()?;
        context.doing(format!("taking a snapshot of cluster {}", planes.cluster));
        let content = context.wait("a snapshot of etcd", TAKE, PAUSE, || {
            let mut last = "it has no control plane".to_owned();
            for plane in planes.all.keys() {
                match given(self.inside(context.scope, plane)) {
                    Ok(content) => return Ok(Poll::Ready(content)),
                    Err(error) => last = error.chain().join(": "),
                }
            }
            Ok(Poll::Pending(last))
        })?;
        store.keep(planes.cluster, why, &content)
    }

    /// Takes a cluster back to a snapshot. All of its control planes must run. It is remembered until
    /// [`Kubeadm::restored`].
    ///
    /// # Errors
    /// Where one of them does not, where none of them is one, or a part of it fails: then it is to
    /// be repeated.
    pub fn restore(
        &self,
        planes: Planes<'_>,
        id: &str,
        context: &StepContext<'_>,
    ) -> Result<(), DriverError> {
        let store = self.store()?;
        let content = store.open(planes.cluster, id)?;
        let standing = self.standing(planes, context)?;
        let origin = Origin::new(&content, &standing, id, context);
        for (name, member) in &standing {
            context.check_interrupted()?;
            context.doing(format!("making the data of {name} ready"));
            stage(self.inside(context.scope, name), member, &origin)?;
        }
        store.set_restoring(planes.cluster, Some(id))?;
        let insides = || {
            let names = standing.iter();
            names.map(|(name, member)| (self.inside(context.scope, name), member))
        };
        for (inside, _) in insides() {
            context.doing(format!("stopping the control plane of {}", inside.node));
            inside.kubelet("-u")?;
            static_pods::stop(inside)?;
        }
        for (inside, _) in insides() {
            static_pods::await_stopped(inside, context)?;
        }
        for (inside, _) in insides() {
            context.doing(format!("exchanging the data of {}", inside.node));
            exchange(inside)?;
        }
        for (inside, _) in insides() {
            static_pods::start(inside)?;
        }
        for (inside, member) in insides() {
            static_pods::await_well(inside, member, &[], context)?;
        }
        Ok(())
    }

    pub(super) fn store(&self) -> Result<&dyn SnapshotStore, DriverError> {
        let store = self.snapshots.as_deref();
        store.ok_or_else(|| DriverError::new("there is no place for snapshots"))
    }

    /// The control planes that are complete members.
    fn standing(
        &self,
        planes: Planes<'_>,
        context: &StepContext<'_>,
    ) -> Result<BTreeMap<Name, Member>, DriverError> {
        let mut standing = BTreeMap::new();
        for name in planes.all.keys() {
            let marker = self.inside(context.scope, name).marker()?;
            if let Some(marker) = marker {
                if marker.lab != context.scope.id {
                    return Err(DriverError::new(format!("restoring {}", planes.cluster))
                        .kind(ErrorKind::Refused)
                        .caused_by(format!("{name} is a member of lab {}", marker.lab)));
                }
                standing.insert(name.clone(), marker.member);
            }
        }
        if standing.is_empty() {
            return Err(DriverError::new(format!("restoring {}", planes.cluster))
                .caused_by("none of its control planes stands")
                .hint("bring them up first: steading up"));
        }
        Ok(standing)
    }
}

/// The snapshot that a member gives.
fn given(inside: Inside<'_>) -> Result<Content, DriverError> {
    let folder = "/var/lib/steading/etcd";
    inside.must(&["mkdir", "-p", "-m", "0700", folder], SHORT)?;
    etcd::etcdctl(inside, &["snapshot", "save", FILE])?;
    let content = inside.read(FILE)?;
    inside.must(&["rm", "-f", FILE], SHORT)?;
    let content = Zeroizing::new(content.unwrap_or_default());
    if whole(&content) {
        return Ok(content);
    }
    Err(
        DriverError::new(format!("taking a snapshot of {}", inside.node))
            .caused_by("what it gave is not whole"),
    )
}

/// Whether a snapshot is as etcd gave it: its last 32 bytes are the SHA-256 of the others.
fn whole(content: &[u8]) -> bool {
    let Some((data, sum)) = content.split_last_chunk::<32>() else {
        return false;
    };
    !data.is_empty() && Sha256::digest(data).as_slice() == sum
}

/// What all members of a restored cluster begin with. It holds Secrets, and cannot be printed.
pub(super) struct Origin<'a> {
    content: &'a [u8],
    /// All members, as etcd takes them.
    list: String,
    /// Another one than before: members of the old cluster must not talk to those of the new one.
    token: String,
    /// The revision that they go on from: the time, in milliseconds since 1970. Whoever watches an
    /// older one is told to ask anew. A fixed number above the snapshot's would come twice where a
    /// cluster goes back to the same snapshot twice: whoever watches on from the first time would
    /// wait, and be told nothing, until the second one had come as far.
    revision: u64,
}

impl<'a> Origin<'a> {
    pub(super) fn new(
        content: &'a [u8],
        planes: &BTreeMap<Name, Member>,
        id: &str,
        context: &StepContext<'_>,
    ) -> Self {
        Self {
            content,
            list: initial_cluster(planes),
            token: format!("{id}-{}", context.generation.0),
            revision: u64::try_from(Timestamp::now().as_millisecond()).unwrap_or_default(),
        }
    }
}

/// By how much a snapshot's revision is raised to come to a wanted one.
fn raised(snapshot: u64, wanted: u64) -> u64 {
    if wanted > snapshot {
        wanted - snapshot
    } else {
        RAISED
    }
}

/// The revision that a snapshot ends with.
fn revision(inside: Inside<'_>) -> Result<u64, DriverError> {
    let told = inside.output(
        &["etcdutl", "snapshot", "status", FILE, "--write-out=json"],
        LIMIT,
    )?;
    let told: Option<Value> = serde_json::from_slice(&told).ok();
    let told = told.and_then(|told| told["revision"].as_u64());
    told.ok_or_else(|| {
        DriverError::new(format!("reading the snapshot on {}", inside.node))
            .caused_by("etcdutl does not tell its revision")
    })
}

fn initial_cluster(planes: &BTreeMap<Name, Member>) -> String {
    let one = |(name, member): (&Name, &Member)| format!("{name}={}", peer(member));
    planes.iter().map(one).collect::<Vec<_>>().join(",")
}

fn peer(member: &Member) -> String {
    format!(
        "https://{}",
        SocketAddr::new(member.address, etcd::PEER_PORT)
    )
}

/// Has etcd, which does not run, find the data that was made ready.
pub(super) fn exchange(inside: Inside<'_>) -> Result<(), DriverError> {
    inside.must(&["sh", "-c", EXCHANGE, "exchange", STAGED], SHORT)
}

/// Makes the data of one member out of a snapshot, beside what it has.
pub(super) fn stage(
    inside: Inside<'_>,
    member: &Member,
    origin: &Origin<'_>,
) -> Result<(), DriverError> {
    inside.must(&["rm", "-rf", STAGED], SHORT)?;
    inside.write(FILE, origin.content, 0o600)?;
    let restored = revision(inside).and_then(|revision| {
        inside.must(
            &[
                "etcdutl",
                "snapshot",
                "restore",
                FILE,
                &format!("--name={}", inside.node),
                &format!("--initial-cluster={}", origin.list),
                &format!("--initial-cluster-token={}", origin.token),
                &format!("--initial-advertise-peer-urls={}", peer(member)),
                &format!("--data-dir={STAGED}"),
                &format!("--bump-revision={}", raised(revision, origin.revision)),
                "--mark-compacted",
            ],
            LIMIT,
        )
    });
    let removed = inside.must(&["rm", "-f", FILE], SHORT);
    restored.and(removed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kubeadm::config::tests::member;
    use model::lab::Role;

    #[test]
    fn a_snapshot_that_was_cut_off_or_changed_is_not_taken() {
        let mut content = b"etcd's pages".to_vec();
        let sum = Sha256::digest(&content);
        content.extend(sum);
        assert!(whole(&content));
        assert!(!whole(&content[..content.len() - 1]));
        assert!(!whole(&[]));
        content[0] ^= 1;
        assert!(!whole(&content));
    }

    #[test]
    fn revisions_never_come_twice() {
        let (snapshot, first, second) = (5_000, 1_795_000_000_000, 1_795_000_060_000);
        let restored = snapshot + raised(snapshot, first);
        assert_eq!(restored, first);
        // A minute later, with a hundred changes a second in between.
        assert!(snapshot + raised(snapshot, second) > restored + 60 * 100);
        // Out of a snapshot of the restored cluster, and then out of the first one again.
        let again = restored + 6_000;
        let again = again + raised(again, second);
        assert!(again > restored && again < snapshot + raised(snapshot, second + 5_000));
        assert!(raised(restored, 0) > 0, "the clock was set back");
    }

    #[test]
    fn all_members_are_in_the_list_of_each() {
        let of = |at: &str| Member {
            address: at.parse().unwrap(),
            ..member(Role::ControlPlane, true)
        };
        let planes = [("cp-1", "10.0.0.11"), ("cp-2", "10.0.0.12")];
        let planes = planes.map(|(name, at)| (name.parse().unwrap(), of(at)));
        assert_eq!(
            initial_cluster(&planes.into()),
            "cp-1=https://10.0.0.11:2380,cp-2=https://10.0.0.12:2380"
        );
    }
}
