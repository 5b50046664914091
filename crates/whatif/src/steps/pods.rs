//! Updates of apps and components: what is away while pods are made anew, and for how long.

use model::plan::{Action, Plan, Step};
use model::resource::{Address, Kind};

use super::Around;
use super::away::{Standing, Taken, lost};
use super::rollout::{Rollout, What, rollouts};
use crate::ids::{ClusterId, Id as _, WorkloadId};
use crate::rules::{RuleNo, updates};
use crate::semantics::{Course, Model, what_stands};
use crate::span::Span;
use crate::world::{Attach, Controller, Failure, Origin};

/// Components that give pods their network.
const NETWORKS: [&str; 3] = ["flannel", "calico", "cilium"];

/// An app or component whose pods a step makes anew or takes away.
#[derive(Debug)]
pub(super) struct Update {
    /// What is updated.
    pub(super) address: Address,
    /// The same in the model; `None`: it is no longer declared, or not modelled.
    pub(super) workload: Option<WorkloadId>,
    /// What becomes of its pods.
    rollouts: Vec<Rollout>,
}

impl Update {
    /// The one that the model's workload stands for.
    fn main(&self, model: &Model) -> Option<(WorkloadId, &Rollout)> {
        let id = self.workload?;
        let of = |one: &&Rollout| one.controller == model.world.workloads[id].controller;
        Some((id, self.rollouts.iter().find(of)?))
    }

    /// All of its pods may be away at once, for so long.
    pub(super) fn all_away(&self, model: &Model) -> Option<(WorkloadId, Span)> {
        let (id, rollout) = self.main(model)?;
        let What::Anew { each, .. } = rollout.what else {
            return None;
        };
        (left(model, id, rollout) == 0).then_some((id, each))
    }
}

/// The updates of a plan, in its order.
pub(super) fn updated(around: &Around<'_>, plan: &Plan) -> Vec<Taken> {
    let steps = plan.steps.iter().enumerate();
    steps
        .filter_map(|(at, step)| {
            let rollouts = rollouts(step, around.inventory.spec(&step.address));
            let counts = matches!(step.address.kind, Kind::App | Kind::Component);
            // Of what is deleted, what ran may have been too much to be kept.
            let tells = !rollouts.is_empty() || step.action == Action::Delete;
            (counts && tells).then(|| Taken {
                away: around.model.world.no_failure(),
                steps: vec![at],
                seconds: None,
                update: Some(Update {
                    address: step.address.clone(),
                    workload: workload(around.model, step),
                    rollouts,
                }),
            })
        })
        .collect()
}

fn workload(model: &Model, step: &Step) -> Option<WorkloadId> {
    let app = step.address.kind == Kind::App;
    let mut all = model.world.workloads.iter();
    all.find(|(_, one)| {
        one.name == step.address.name.as_str() && (one.origin == Origin::App) == app
    })
    .map(|(id, _)| id)
}

/// How many of its pods serve at any moment of it.
fn left(model: &Model, id: WorkloadId, rollout: &Rollout) -> usize {
    let workload = &model.world.workloads[id];
    match &rollout.what {
        What::Gone => 0,
        What::Anew { away, .. } => {
            let up = workload.controller != Controller::Deployment;
            workload
                .replicas
                .saturating_sub(away.of(workload.replicas, up))
        }
    }
}

/// The model in the midst of updates.
pub(super) fn moment<'a>(model: &Model, updates: impl Iterator<Item = &'a Update>) -> Model {
    let mut moment = model.clone();
    for (id, rollout) in updates.filter_map(|one| one.main(model)) {
        let left = left(model, id, rollout);
        let workload = &mut moment.world.workloads[id];
        match (&rollout.what, left) {
            (What::Gone, _) => workload.replicas = 0,
            (What::Anew { .. }, 0) => workload.anew = true,
            (What::Anew { .. }, left) if workload.controller != Controller::DaemonSet => {
                workload.replicas = left;
            }
            (What::Anew { .. }, _) => {}
        }
    }
    moment
}

/// What an update means for what runs, in words.
pub(super) fn consequences(model: &Model, base: &Failure, update: &Update) -> Vec<String> {
    // What is not there cannot go; what shall have no pods may have had some.
    let idle = |id: WorkloadId| model.world.workloads[id].replicas > 0 && !runs(model, base, id);
    if update.workload.is_some_and(idle) {
        return Vec::new();
    }
    let name = update.address.name.to_string();
    let mut told = Vec::new();
    if update.rollouts.is_empty() {
        return vec![format!("{name} down for good")];
    }
    let main = update.main(model).map(|(_, rollout)| rollout);
    for rollout in &update.rollouts {
        let known = main == Some(rollout);
        let called = if known || update.rollouts.len() == 1 {
            name.clone()
        } else {
            format!("{} of {name}", rollout.object)
        };
        told.extend(alone(model, update, &called, rollout));
    }
    let (down, perhaps) = others(model, base, update);
    for (what, word) in [(down, ""), (perhaps, "perhaps ")] {
        if !what.is_empty() {
            told.push(format!(
                "{} {word}down as long, for want of {name}",
                what.join(", ")
            ));
        }
    }
    told
}

/// Whether it may run while that is away.
fn runs(model: &Model, away: &Failure, id: WorkloadId) -> bool {
    let state = what_stands(model, away, Course::POSSIBLE);
    state.goes_on.get(id.index()) == Some(&true)
}

fn alone(model: &Model, update: &Update, called: &str, rollout: &Rollout) -> Option<String> {
    let code = RuleNo::Updates.rule().code;
    let perhaps = if rollout.certain { "" } else { "perhaps " };
    let What::Anew {
        replicas,
        away,
        beside,
        each,
        fetches,
        everywhere,
    } = &rollout.what
    else {
        return Some(format!("{called} down for good"));
    };
    let all = replicas.unwrap_or_else(|| nodes(model, update, *everywhere));
    let up = rollout.controller != Controller::Deployment;
    let at_once = away.of(all, up);
    let longer = if *fetches {
        ", longer while its image is fetched"
    } else {
        ""
    };
    let turns = u64::try_from(all.checked_div(at_once).unwrap_or(0)).unwrap_or(u64::MAX);
    Some(match rollout.controller {
        _ if at_once == 0 => return hangs(model, update, called, *beside),
        Controller::Deployment if at_once >= all && *away == super::rollout::Amount::All => {
            format!(
                "{called} {perhaps}down for {each}{longer}: all of its pods end before new ones start ({code})"
            )
        }
        Controller::DaemonSet => {
            let whole = updates::in_turn(*each, turns.max(1));
            let connections = if NETWORKS.contains(&update.address.name.as_str()) {
                "; what runs there keeps its network, pods that start meanwhile wait for it"
            } else {
                ""
            };
            format!(
                "{called} {perhaps}away for {each} on each of {all} nodes, one after the other, \
                 {whole} in all{longer}{connections} ({code})"
            )
        }
        _ if at_once >= all => format!(
            "{called} {perhaps}down for {each}{longer}: its pod ends before the new one starts ({code})"
        ),
        _ => format!(
            "{called} {perhaps}goes on with {} of {all} pods, each away for {each}{longer} ({code})",
            all - at_once
        ),
    })
}

/// On how many nodes a `DaemonSet` has a pod.
fn nodes(model: &Model, update: &Update, everywhere: bool) -> usize {
    let world = &model.world;
    let known = update.workload.map(|id| &world.workloads[id]);
    match known.filter(|one| one.controller == Controller::DaemonSet) {
        Some(known) if !everywhere => known.nodes.len(),
        _ => {
            let here = |cluster: ClusterId| known.is_none_or(|one| one.cluster == cluster);
            let nodes = world.nodes.iter();
            nodes
                .filter(|(_, node)| here(node.cluster) && (everywhere || !node.control_plane))
                .count()
        }
    }
}

/// New pods start beside the old ones: nothing is away. But a volume of one node is not let go.
fn hangs(model: &Model, update: &Update, called: &str, beside: bool) -> Option<String> {
    let workload = &model.world.workloads[update.workload?];
    let mut volumes = workload.volumes.iter();
    let volume = volumes.find(|one| one.attach == Attach::OneNode && beside)?;
    Some(format!(
        "{called} stays, but its update may wait for ever: a new pod on another node waits for the \
         volume {}, which the old one keeps ({}); strategy: Recreate avoids that",
        volume.name,
        RuleNo::Attach.rule().code
    ))
}

/// What else is down meanwhile: for certain, and perhaps.
fn others(model: &Model, base: &Failure, update: &Update) -> (Vec<String>, Vec<String>) {
    let during = moment(model, std::iter::once(update));
    let (mut down, mut perhaps) = lost(
        &Standing::of(model, base),
        &Standing::of(&during, base),
        model,
    );
    let own = update.address.name.as_str();
    down.retain(|name| name != own);
    perhaps.retain(|name| name != own);
    (down, perhaps)
}
