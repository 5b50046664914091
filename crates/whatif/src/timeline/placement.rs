//! Where a workload's pods may be afterwards.

use super::course::Asker;
use crate::bits::Bits;
use crate::ids::{NodeId, WorkloadId};

/// Where pods may be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placement {
    /// Where they are for certain.
    pub certain: Bits<NodeId>,
    /// Where they may be.
    pub possible: Bits<NodeId>,
}

/// Where the pods of a workload may be after what the asker was asked last. All other nodes are
/// impossible.
#[must_use]
pub fn placement(asker: &Asker<'_>, id: WorkloadId) -> Placement {
    let workload = &asker.model.world.workloads[id];
    let room = &asker.model.rooms[id];
    let mut possible = room.holds.clone();
    possible.add(&room.untold);
    possible.keep(&asker.joined);
    let mut certain = Bits::none(asker.model.world.nodes.len());
    for node in &workload.at {
        if asker.joined.has(*node) {
            certain.insert(*node);
        }
    }
    if possible.len() == 1 && room.untold.is_empty() && !room.tied {
        certain.add(&possible);
    }
    possible.less(&certain);
    Placement { certain, possible }
}
