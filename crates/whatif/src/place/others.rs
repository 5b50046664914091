//! What pods say of each other: near, away, spread. Source: Kubernetes,
//! `pkg/scheduler/framework/plugins/{interpodaffinity,podtopologyspread}/filtering.go`.

use super::schedule::Scheduler;
use crate::bits::Bits;
use crate::ids::{Id as _, NodeId, TopologyId, WorkloadId};
use crate::world::{Relations, Spread, Toward, World};

/// Room for counting, made once.
#[derive(Debug, Clone)]
pub(super) struct Scratch {
    nodes: Bits<NodeId>,
    domains: Vec<u32>,
    counted: Vec<bool>,
}

impl Scratch {
    pub(super) fn new(world: &World) -> Self {
        let most = world
            .topologies
            .iter()
            .map(|(_, topology)| topology.domains.len());
        let most = most.max().unwrap_or(0);
        Self {
            nodes: Bits::none(world.nodes.len()),
            domains: vec![0; most],
            counted: vec![false; most],
        }
    }
}

impl Scheduler<'_> {
    /// Takes away the nodes on which other pods are in the way.
    pub(super) fn heed_others(&mut self, id: WorkloadId) {
        let model = self.model;
        let relations = &model.world.workloads[id].relations;
        for term in &relations.away {
            for other in &term.who {
                self.keep_out(other, term.topology);
            }
        }
        for (other, topology) in &relations.kept_away_by {
            self.keep_out(*other, *topology);
        }
        for spread in &relations.spread {
            self.keep_spread(id, spread);
        }
        self.keep_near(id, relations);
    }

    /// Takes away the places that pods of a workload are in.
    fn keep_out(&mut self, other: WorkloadId, topology: TopologyId) {
        let topology = &self.model.world.topologies[topology];
        for node in &self.taken[other.index()] {
            if let Some(place) = topology.of[node.index()] {
                self.fitting.less(&topology.domains[place]);
            }
        }
    }

    /// Whether a node is near those that a workload must be near, as pods are now. What takes its
    /// place by preemption must be so already.
    pub(super) fn is_near(&mut self, id: WorkloadId, node: NodeId) -> bool {
        let model = self.model;
        let relations = &model.world.workloads[id].relations;
        self.fitting.clear();
        self.fitting.insert(node);
        self.keep_near(id, relations);
        self.fitting.has(node)
    }

    fn keep_near(&mut self, id: WorkloadId, relations: &Relations) {
        let model = self.model;
        if relations.near.is_empty() {
            return;
        }
        // Pods that all terms mean, where any of the labels is there.
        let some = relations.near_all.iter().any(|other| {
            self.taken[other.index()].iter().any(|node| {
                let has = |term: &Toward| {
                    let topology = &model.world.topologies[term.topology];
                    topology.labelled.has(node)
                };
                relations.near.iter().any(has)
            })
        });
        for term in &relations.near {
            let topology = &model.world.topologies[term.topology];
            self.fitting.keep(&topology.labelled);
            if !some && relations.near_all.has(id) {
                // The first of several that want to be near each other.
                continue;
            }
            self.scratch.nodes.clear();
            for other in &relations.near_all {
                for node in &self.taken[other.index()] {
                    if let Some(place) = topology.of[node.index()] {
                        self.scratch.nodes.add(&topology.domains[place]);
                    }
                }
            }
            self.fitting.keep(&self.scratch.nodes);
        }
    }

    fn keep_spread(&mut self, id: WorkloadId, spread: &Spread) {
        let model = self.model;
        let topology = &model.world.topologies[spread.toward.topology];
        self.fitting.keep(&topology.labelled);
        let Scratch {
            domains, counted, ..
        } = &mut self.scratch;
        let places = topology.domains.len();
        domains[..places].fill(0);
        counted[..places].fill(false);
        for node in &spread.counted {
            if let Some(place) = topology.of[node.index()] {
                counted[place] = true;
            }
        }
        let nodes = model.world.nodes.len();
        for other in &spread.toward.who {
            for node in &self.taken[other.index()] {
                if let Some(place) = topology.of[node.index()].filter(|_| spread.counted.has(node))
                {
                    domains[place] += u32::from(self.counts[other.index() * nodes + node.index()]);
                }
            }
        }
        let there = || (0..places).filter(|place| counted[*place]);
        let fewest = if there().count() < spread.least_domains {
            0
        } else {
            there().map(|place| domains[place]).min().unwrap_or(0)
        };
        let own = u32::from(spread.toward.who.has(id));
        for (pods, nodes) in domains.iter().zip(&topology.domains) {
            if pods + own > fewest.saturating_add(spread.most) {
                self.fitting.less(nodes);
            }
        }
    }
}
