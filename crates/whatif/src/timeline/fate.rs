//! What becomes of a thing.

use serde::Serialize;

use crate::ids::{BackupId, ClusterId, HostId, LinkId, PoolId, StorageId, WorkloadId};
use crate::rules::RuleNo;
use crate::span::Span;
use crate::world::Attach;

/// What becomes of a thing, the better first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// It goes on; single requests may fail for a while.
    Stays,
    /// It stops, and starts elsewhere by itself.
    Moves,
    /// It stops until what it waits for is back.
    Waits,
    /// What it stands on is gone.
    Down,
    /// Its data is gone.
    Lost,
    /// The model does not know.
    Unknown,
}

impl Verdict {
    /// The word for it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Stays => "stays",
            Self::Moves => "moves",
            Self::Waits => "waits",
            Self::Down => "down",
            Self::Lost => "lost",
            Self::Unknown => "unknown",
        }
    }
}

/// What a fate is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Thing {
    /// The API of a cluster.
    Api(ClusterId),
    /// Names inside a cluster.
    Dns(ClusterId),
    /// Addresses of Services.
    Addresses(ClusterId),
    /// A storage.
    Storage(StorageId),
    /// A network.
    Link(LinkId),
    /// A backup.
    Backup(BackupId),
    /// What runs in pods.
    Workload(WorkloadId),
    /// The way to it from outside.
    Way(WorkloadId),
}

/// A time without.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Away {
    /// From when.
    pub from: Span,
    /// Until when; `None`: nothing in the scenario ends it.
    pub until: Option<Span>,
}

/// Why.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Cause {
    /// Nothing that it stands on went.
    Untouched,
    /// It was not there before either.
    NotThereBefore,
    /// A pod of it is left.
    OthersLeft,
    /// Its pods are evicted and made anew.
    Evicted,
    /// Its pods end in order and are made anew.
    Ended,
    /// Its nodes are marked out-of-service.
    Fenced,
    /// Its pods were asked to go before, and started elsewhere.
    Drained,
    /// Its disruption budget lets no pod go, so that a drain waits; then its node goes.
    Held,
    /// A more important one may take its room.
    DrivenOut(WorkloadId),
    /// Pods of others decide where it may be.
    Tied,
    /// One of its volumes, by position, cannot follow.
    Volume(usize, Attach),
    /// Its controller does not replace pods of nodes that are gone.
    StatefulSet,
    /// Its pods belong to their nodes.
    Daemon,
    /// It bears a gone node for ever.
    Patient,
    /// Most of a zone is gone.
    Braked,
    /// There is no room for certain.
    NoRoom,
    /// No node that is left takes it.
    NoNode,
    /// Nobody can place it.
    NoControl(ClusterId),
    /// No quorum.
    Quorum(ClusterId),
    /// The API's endpoint is gone.
    Endpoint(ClusterId),
    /// The leader of etcd, or the owner of the API's address, may be gone.
    HandedOver(ClusterId),
    /// The node that answered for an address may be gone.
    Announced(ClusterId),
    /// Nobody is left who could answer.
    NobodyAnswers(ClusterId),
    /// A storage stands still for a moment.
    Still(StorageId),
    /// Monitors or hosts of a storage are gone.
    StorageGone(StorageId),
    /// Too few copies are there.
    Copies(PoolId),
    /// The only copies are gone.
    CopiesLost(PoolId),
    /// The disk that it lay on is gone.
    DiskLost(WorkloadId),
    /// A network or an uplink is gone.
    LinkGone(LinkId),
    /// The host that answers for its name is gone.
    NamesGone(HostId),
    /// Its pods may be where nobody answers for its address.
    NotHeard(ClusterId),
    /// It needs that.
    Needs(WorkloadId),
    /// The way leads through that.
    Through(WorkloadId),
    /// Something that the model does not know.
    NotKnown,
}

impl Cause {
    /// The rule that it is of.
    #[must_use]
    pub const fn rule(self) -> RuleNo {
        match self {
            Self::Untouched
            | Self::NotThereBefore
            | Self::NotKnown
            | Self::NoNode
            | Self::DrivenOut(_)
            | Self::Tied
            | Self::NoRoom => RuleNo::Scheduler,
            Self::Drained | Self::Held => RuleNo::Budgets,
            Self::OthersLeft => RuleNo::Detection,
            Self::Evicted | Self::Patient => RuleNo::Eviction,
            Self::Ended => RuleNo::Shutdown,
            Self::Fenced | Self::Volume(..) => RuleNo::Attach,
            Self::StatefulSet | Self::Daemon => RuleNo::Controllers,
            Self::Braked => RuleNo::Brakes,
            Self::NoControl(_) => RuleNo::Api,
            Self::Quorum(_) => RuleNo::Etcd,
            Self::Endpoint(_) | Self::HandedOver(_) => RuleNo::Vip,
            Self::Announced(_) | Self::NobodyAnswers(_) | Self::NotHeard(_) => RuleNo::Balancer,
            Self::NamesGone(_) => RuleNo::Dns,
            Self::Still(_)
            | Self::StorageGone(_)
            | Self::Copies(_)
            | Self::CopiesLost(_)
            | Self::DiskLost(_) => RuleNo::Ceph,
            Self::LinkGone(_) | Self::Needs(_) | Self::Through(_) => RuleNo::Paths,
        }
    }
}

/// What becomes of a thing, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fate {
    /// Of what.
    pub thing: Thing,
    /// The worst that can become of it.
    pub verdict: Verdict,
    /// It is so for certain; else it depends on where its pods or leaders are.
    pub certain: bool,
    /// When it is away, in the worst case.
    pub away: Option<Away>,
    /// Until when single requests may fail.
    pub partly: Option<Span>,
    /// Why.
    pub cause: Cause,
}

impl Fate {
    /// Nothing happens to it.
    #[must_use]
    pub const fn untouched(thing: Thing) -> Self {
        Self {
            thing,
            verdict: Verdict::Stays,
            certain: true,
            away: None,
            partly: None,
            cause: Cause::Untouched,
        }
    }

    /// The same of something that stands on this.
    #[must_use]
    pub fn and(self, other: Self, because: Cause) -> Self {
        let worse = other.verdict > self.verdict
            || other.verdict == self.verdict && longer(other.away, self.away);
        Self {
            thing: self.thing,
            verdict: self.verdict.max(other.verdict),
            certain: if worse { other.certain } else { self.certain },
            away: together(self.away, other.away),
            partly: match (self.partly, other.partly) {
                (Some(one), Some(two)) => Some(one.both(two)),
                (one, two) => one.or(two),
            },
            cause: if worse { because } else { self.cause },
        }
    }
}

fn longer(one: Option<Away>, other: Option<Away>) -> bool {
    let end = |away: Option<Away>| match away {
        None => 0,
        Some(away) => away.until.map_or(u64::MAX, |until| until.latest),
    };
    end(one) > end(other)
}

/// Away while one of them is.
fn together(one: Option<Away>, other: Option<Away>) -> Option<Away> {
    let (Some(one), Some(other)) = (one, other) else {
        return one.or(other);
    };
    Some(Away {
        from: Span::new(
            one.from.earliest.min(other.from.earliest),
            one.from.latest.min(other.from.latest),
        ),
        until: match (one.until, other.until) {
            (Some(one), Some(other)) => Some(one.both(other)),
            (None, _) | (_, None) => None,
        },
    })
}
