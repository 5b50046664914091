//! Disruption budgets of a running cluster: how many pods a drain may take now.

use serde_json::Value;

use super::{Live, Placed};
use crate::fields::{number, pod_labels, text};
use crate::world::World;
use crate::world::selectors;

/// Takes over what budgets say of workloads.
pub(super) fn take(live: &Live, world: &mut World, placed: &[Placed<'_>]) {
    let budgets = live.by_name("PodDisruptionBudget");
    let unread = live.refused.contains("poddisruptionbudgets");
    for (id, object) in placed {
        let namespace = text(object, "/metadata/namespace");
        let labels = pod_labels(object);
        let meant = budgets.values().filter(|budget| {
            let selector = selectors::of_pods(budget.pointer("/spec/selector"));
            let selects = match &selector {
                Ok(Some(wanted)) => selectors::all_hold(wanted, &labels),
                // Without a selector it means no pod; one that is not understood may mean these.
                Ok(None) => false,
                Err(_) => true,
            };
            selects && text(budget, "/metadata/namespace") == namespace
        });
        let meant: Vec<&Value> = meant.copied().collect();
        let replicas = world.workloads[*id].replicas;
        let must_stay = match meant.as_slice() {
            [] if unread => replicas,
            [] => continue,
            [budget] => {
                // One that no controller has looked at lets nothing go.
                let allowed = number(budget, "/status/disruptionsAllowed").unwrap_or(0);
                replicas.saturating_sub(usize::try_from(allowed).unwrap_or(usize::MAX))
            }
            // Of pods with several budgets the server lets none be evicted.
            [..] => replicas,
        };
        world.workloads[*id].must_stay = must_stay;
        let name = world.workloads[*id].name.clone();
        let told = match (meant.as_slice(), unread) {
            ([], _) => format!("a drain may take nothing of {name}: budgets are not shown"),
            ([budget], _) => format!(
                "the disruption budget {namespace}/{} lets a drain take {} of {replicas} pods of {name} now; \
                 a failure asks nobody",
                text(budget, "/metadata/name"),
                replicas - must_stay.min(replicas)
            ),
            ([..], _) => format!(
                "several disruption budgets are about {name}, so that a drain may take nothing of it"
            ),
        };
        world.assume(told);
    }
}
