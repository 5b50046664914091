//! What pods say of each other, by position: near whom, away from whom, over what they are spread.

use std::collections::BTreeMap;

use model::lab::Apart;

use super::pods::{Namespaces, Others, Shape};
use super::selectors::{Labels, all_hold};
use super::{Relations, Spread, Topology, Toward, Workload, World};
use crate::bits::Bits;
use crate::ids::{Id as _, NodeId, Table, TopologyId, WorkloadId};
use crate::place::eligible::{Eligible, HOSTNAME};

/// What is known of a workload's pods while a world is built.
#[derive(Debug, Clone)]
pub(super) struct Told {
    pub(super) shape: Shape,
    pub(super) namespace: String,
    pub(super) eligible: Eligible,
}

impl World {
    /// Finds out who is meant by what pods say of others.
    pub(super) fn add_relations(&mut self, told: &BTreeMap<WorkloadId, Told>) {
        let mut index = BTreeMap::new();
        for (&id, one) in told {
            let near = self.toward(id, one, &one.shape.near, told, &mut index);
            let away = self.toward(id, one, &one.shape.away, told, &mut index);
            let spread = one.shape.spread.iter();
            let spread: Vec<Spread> = spread
                .map(|spreading| {
                    let others = std::slice::from_ref(&spreading.others);
                    let toward = self.toward(id, one, others, told, &mut index).pop();
                    Spread {
                        toward: toward.unwrap_or_default(),
                        most: spreading.most,
                        least_domains: spreading.least_domains,
                        counted: Bits::none(self.nodes.len()),
                    }
                })
                .collect();
            let by_name = |term: &&Toward| self.topologies[term.topology].key == HOSTNAME;
            if away.iter().filter(by_name).any(|term| term.who.has(id)) {
                self.workloads[id].apart.get_or_insert(Apart::Node);
            }
            let mut near_all = self.all_workloads();
            for term in &near {
                near_all.keep(&term.who);
            }
            if near.is_empty() {
                near_all.clear();
            }
            self.workloads[id].relations = Relations {
                near,
                near_all,
                away,
                spread,
                kept_away_by: Vec::new(),
            };
            self.count_nodes(id, one);
        }
        self.mirror();
    }

    fn all_workloads(&self) -> Bits<WorkloadId> {
        Bits::of(self.workloads.len(), self.workloads.ids())
    }

    /// The nodes that count for the constraints of spread: those that have all of their labels,
    /// and that the pod takes as far as each of them asks.
    fn count_nodes(&mut self, id: WorkloadId, told: &Told) {
        let spread = &self.workloads[id].relations.spread;
        let keys: Vec<TopologyId> = spread.iter().map(|one| one.toward.topology).collect();
        let cluster = self.workloads[id].cluster;
        let mut labelled = self.clusters[cluster].nodes.clone();
        for key in keys {
            labelled.keep(&self.topologies[key].labelled);
        }
        let constraints = told.shape.spread.iter();
        for (at, spreading) in constraints.enumerate() {
            let mut counted = labelled.clone();
            if spreading.wanted_only {
                counted.keep(&told.eligible.wanted);
            }
            if spreading.borne_only {
                counted.keep(&told.eligible.borne);
            }
            self.workloads[id].relations.spread[at].counted = counted;
        }
    }

    fn toward(
        &mut self,
        id: WorkloadId,
        of: &Told,
        terms: &[Others],
        told: &BTreeMap<WorkloadId, Told>,
        index: &mut BTreeMap<String, TopologyId>,
    ) -> Vec<Toward> {
        let mut all = Vec::new();
        for term in terms {
            let topology = match index.get(&term.key) {
                Some(&known) => known,
                None => {
                    let new = self.topology(&term.key);
                    *index
                        .entry(term.key.clone())
                        .or_insert_with(|| self.topologies.push(new))
                }
            };
            let mut who = Bits::none(self.workloads.len());
            for (other, _) in self.workloads.iter() {
                if self.workloads[other].cluster == self.workloads[id].cluster
                    && means(term, of, told.get(&other), &self.workloads[other])
                {
                    who.insert(other);
                }
            }
            all.push(Toward { topology, who });
        }
        all
    }

    /// Places of nodes by the value of a label.
    fn topology(&self, key: &str) -> Topology {
        let mut numbers: BTreeMap<(usize, &str), usize> = BTreeMap::new();
        let mut domains: Vec<Bits<NodeId>> = Vec::new();
        let mut of = vec![None; self.nodes.len()];
        let mut labelled = Bits::none(self.nodes.len());
        for (id, node) in self.nodes.iter() {
            let Some(value) = node.labels.get(key) else {
                continue;
            };
            let at = *numbers
                .entry((node.cluster.index(), value))
                .or_insert_with(|| {
                    domains.push(Bits::none(self.nodes.len()));
                    domains.len() - 1
                });
            domains[at].insert(id);
            of[id.index()] = Some(at);
            labelled.insert(id);
        }
        Topology {
            key: key.to_owned(),
            of,
            domains,
            labelled,
        }
    }

    /// Who keeps away from others keeps these away, too.
    fn mirror(&mut self) {
        let mut away: Table<WorkloadId, Vec<(WorkloadId, TopologyId)>> = Table::default();
        for _ in self.workloads.ids() {
            away.push(Vec::new());
        }
        for (id, workload) in self.workloads.iter() {
            for term in &workload.relations.away {
                for other in &term.who {
                    away[other].push((id, term.topology));
                }
            }
        }
        for id in self.workloads.ids() {
            self.workloads[id].relations.kept_away_by = std::mem::take(&mut away[id]);
        }
    }
}

/// Whether a term about other pods means those of a workload.
fn means(term: &Others, of: &Told, other: Option<&Told>, workload: &Workload) -> bool {
    let none = Labels::new();
    let (labels, namespace) = match other {
        Some(other) => (&other.shape.labels, other.namespace.as_str()),
        None => (&none, workload.name.as_str()),
    };
    let in_namespace = match &term.namespaces {
        Namespaces::Own => namespace == of.namespace,
        Namespaces::All => true,
        Namespaces::Named(names) => names.iter().any(|name| name == namespace),
    };
    let selected = term.selector.as_ref();
    in_namespace && selected.is_some_and(|selector| all_hold(selector, labels))
}
