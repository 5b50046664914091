//! Rule 8: where a pod may land.

use super::Rule;

/// The rule.
pub const RULE: Rule = Rule {
    code: "W008",
    title: "placements are sets",
    text: "Nodes that do not fit (room, taints, labels, volumes, ports, pods to be near, away from or \
           spread over) are impossible. If one is left, it is certain; of several, each is possible: \
           equal scores are drawn by lot, and nobody knows in which order pods come. Where none is \
           left, a more important pod drives less important ones out; one with several terms about \
           pods to be away from may then wait up to 5 minutes for its turn.",
    source: "Kubernetes pkg/scheduler (schedule_one.go, framework/plugins); asked of the real one: \
             tests/tests/scheduler",
};

/// The priority of what a cluster needs (`system-cluster-critical`).
pub const CRITICAL: i32 = 2_000_000_000;

/// How many pods a node takes (kubelet's `maxPods`).
pub const MOST_PODS: u32 = 110;
