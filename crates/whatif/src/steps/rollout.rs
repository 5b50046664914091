//! What applying objects does to the pods of their workloads (rule 17).

use std::collections::BTreeSet;

use model::plan::{Action, Reason, Step};
use model::resource::Spec;
use serde_json::Value;

use crate::fields::{list, number, text};
use crate::rules::updates;
use crate::span::{Span, s};
use crate::world::Controller;

/// Kubernetes' own default of how long a pod may take to end, in seconds.
const GRACE: u64 = 30;
/// More seconds than anybody waits.
const MOST: u64 = 1_000_000;

/// What becomes of the pods of one workload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Rollout {
    /// The name of the workload's object.
    pub(super) object: String,
    /// Who looks after the pods.
    pub(super) controller: Controller,
    /// What becomes of them.
    pub(super) what: What,
    /// For certain; else it depends on what is not known of what was there.
    pub(super) certain: bool,
}

/// What becomes of pods.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum What {
    /// They go for good.
    Gone,
    /// They are made anew.
    Anew {
        /// How many there are; of a `DaemonSet`, as many as it has nodes.
        replicas: Option<usize>,
        /// How many may be away at once.
        away: Amount,
        /// New ones start while old ones are still there.
        beside: bool,
        /// How long one is away.
        each: Span,
        /// Another image is fetched first, which takes longer.
        fetches: bool,
        /// Its pods bear any taint.
        everywhere: bool,
    },
}

/// A number of pods, or a part of all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Amount {
    /// So many.
    Count(usize),
    /// A part in percent.
    Percent(usize),
    /// All of them.
    All,
}

impl Amount {
    fn read(value: Option<&Value>) -> Option<Self> {
        let value = value?;
        let part = value.as_str().and_then(|text| text.strip_suffix('%'));
        match part {
            Some(part) => part.parse().ok().map(Self::Percent),
            None => usize::try_from(value.as_u64()?).ok().map(Self::Count),
        }
    }

    /// Of so many; a part is rounded up or down.
    pub(super) fn of(self, all: usize, up: bool) -> usize {
        match self {
            Self::All => all,
            Self::Count(count) => count.min(all),
            Self::Percent(part) if up => (all * part).div_ceil(100).min(all),
            Self::Percent(part) => (all * part / 100).min(all),
        }
    }
}

/// What a step does to the pods of an app or component. `old`: what it was made from, where that is
/// known.
pub(super) fn rollouts(step: &Step, old: Option<&Spec>) -> Vec<Rollout> {
    let Spec::Objects(new) = &step.resource.spec else {
        return Vec::new();
    };
    let old = match old {
        // A record that was too large kept no objects.
        Some(Spec::Objects(old)) if !old.objects.is_empty() => Some(old.objects.as_slice()),
        _ => None,
    };
    let new = new.objects.as_slice();
    match (step.action, &step.reason) {
        (Action::Create, _) => Vec::new(),
        (Action::Delete, _) => workloads(new).map(gone).collect(),
        // What is only put back where it was; whether pods differ, the fault tells.
        (_, Reason::Faulty { what }) => {
            let meant = |object: &&Value| what.iter().any(|one| names(one, object));
            let drifted = workloads(new).filter(meant);
            drifted.filter_map(|one| anew(one, None)).collect()
        }
        (_, Reason::Changed { .. }) => match old {
            Some(old) => compared(old, new),
            None => workloads(new).filter_map(|one| anew(one, None)).collect(),
        },
        (_, Reason::Unfinished) => workloads(new).filter_map(|one| anew(one, None)).collect(),
        // The cluster itself is made anew, or cannot be seen: nothing of it runs.
        _ => Vec::new(),
    }
}

/// Whether a fault says that an object was changed by somebody.
fn names(fault: &str, object: &Value) -> bool {
    let (kind, name) = (text(object, "/kind"), text(object, "/metadata/name"));
    let mut words = fault.split_whitespace();
    let kind_is = words.next() == Some(kind);
    let name_is = words.next().is_some_and(|at| {
        let own = at.rsplit('/').next().unwrap_or(at);
        own.trim_end_matches(':') == name
    });
    kind_is && name_is && fault.contains("was changed")
}

fn controller(object: &Value) -> Option<Controller> {
    match text(object, "/kind") {
        "Deployment" => Some(Controller::Deployment),
        "StatefulSet" => Some(Controller::StatefulSet),
        "DaemonSet" => Some(Controller::DaemonSet),
        _ => None,
    }
}

fn workloads(objects: &[Value]) -> impl Iterator<Item = &Value> {
    objects.iter().filter(|one| controller(one).is_some())
}

fn same(one: &Value, other: &Value) -> bool {
    let of = |object: &Value| {
        let at = ["/kind", "/metadata/namespace", "/metadata/name"];
        at.map(|pointer| text(object, pointer).to_owned())
    };
    of(one) == of(other)
}

fn gone(object: &Value) -> Rollout {
    Rollout {
        object: text(object, "/metadata/name").to_owned(),
        controller: controller(object).unwrap_or(Controller::Deployment),
        what: What::Gone,
        certain: true,
    }
}

fn compared(old: &[Value], new: &[Value]) -> Vec<Rollout> {
    let before = |object: &Value| old.iter().find(|one| same(one, object));
    let mut all = Vec::new();
    let mut replaced = false;
    for object in workloads(new) {
        match before(object) {
            Some(before) => all.extend(changed(before, object)),
            // It takes the place of one that goes.
            None if workloads(old).any(|one| !new.iter().any(|new| same(one, new))) => {
                replaced = true;
                all.extend(anew(object, None).map(|mut rollout| {
                    if let What::Anew { away, beside, .. } = &mut rollout.what {
                        (*away, *beside) = (Amount::All, false);
                    }
                    rollout
                }));
            }
            None => {}
        }
    }
    let lost = workloads(old).filter(|one| !new.iter().any(|new| same(one, new)));
    all.extend(lost.filter(|_| !replaced).map(gone));
    all
}

fn changed(old: &Value, new: &Value) -> Option<Rollout> {
    let count = |object: &Value| number(object, "/spec/replicas").unwrap_or(1);
    if controller(new) != Some(Controller::DaemonSet) {
        if count(old) == 0 {
            return None;
        }
        if count(new) == 0 {
            return Some(gone(new));
        }
    }
    if old.pointer("/spec/template") == new.pointer("/spec/template") {
        return None;
    }
    anew(new, Some(old))
}

/// All pods are made anew, as the strategy has it; `None`: they stay until somebody deletes them.
fn anew(object: &Value, old: Option<&Value>) -> Option<Rollout> {
    let controller = controller(object)?;
    let strategy = match controller {
        Controller::Deployment => object.pointer("/spec/strategy"),
        Controller::StatefulSet | Controller::DaemonSet => object.pointer("/spec/updateStrategy"),
    };
    let told = |field: &str| Amount::read(strategy?.pointer(&format!("/rollingUpdate/{field}")));
    let kind = strategy.map_or("", |one| text(one, "/type"));
    let paused = object.pointer("/spec/paused") == Some(&Value::Bool(true));
    if kind == "OnDelete" || paused {
        return None;
    }
    let count = number(object, "/spec/replicas").unwrap_or(1);
    let mut replicas = usize::try_from(count).unwrap_or(usize::MAX);
    let (mut away, mut beside) = (told("maxUnavailable").unwrap_or(Amount::Count(1)), false);
    match controller {
        Controller::Deployment if kind == "Recreate" => away = Amount::All,
        Controller::Deployment => {
            let quarter = Amount::Percent(25);
            let unavailable = told("maxUnavailable")
                .unwrap_or(quarter)
                .of(replicas, false);
            let surge = told("maxSurge")
                .unwrap_or(quarter)
                .of(replicas.max(1), true);
            beside = surge > 0;
            away = Amount::Count(updates::may_be_away(unavailable, surge));
        }
        Controller::StatefulSet => {
            let kept = strategy.and_then(|one| number(one, "/rollingUpdate/partition"));
            let kept = usize::try_from(kept.unwrap_or(0)).unwrap_or(usize::MAX);
            if kept >= replicas {
                return None;
            }
        }
        Controller::DaemonSet => {
            beside = told("maxSurge").is_some_and(|surge| surge.of(100, true) > 0);
            if beside {
                away = Amount::Count(0);
            }
            replicas = 0;
        }
    }
    Some(Rollout {
        object: text(object, "/metadata/name").to_owned(),
        controller,
        what: What::Anew {
            replicas: (controller != Controller::DaemonSet).then_some(replicas),
            away,
            beside,
            each: each(object),
            fetches: old.is_some_and(|old| !images(object).is_subset(&images(old))),
            everywhere: everywhere(object),
        },
        certain: old.is_some(),
    })
}

/// Whether pods bear any taint that keeps them off a node.
fn everywhere(object: &Value) -> bool {
    let mut all = list(object, "/spec/template/spec/tolerations").iter();
    all.any(|one| {
        let any = text(one, "/operator") == "Exists" && text(one, "/key").is_empty();
        any && ["", "NoSchedule"].contains(&text(one, "/effect"))
    })
}

/// How long one pod is away.
fn each(object: &Value) -> Span {
    let pod = "/spec/template/spec";
    let grace = number(object, &format!("{pod}/terminationGracePeriodSeconds")).unwrap_or(GRACE);
    let containers = list(object, &format!("{pod}/containers"));
    let delay = containers
        .iter()
        .filter_map(|one| number(one, "/readinessProbe/initialDelaySeconds"))
        .max();
    let bounded = |seconds: u64| s(seconds.min(MOST));
    updates::made_anew(bounded(grace), bounded(delay.unwrap_or(0)))
}

fn images(object: &Value) -> BTreeSet<&str> {
    let lists = ["initContainers", "containers"];
    let all = lists
        .into_iter()
        .flat_map(|name| list(object, &format!("/spec/template/spec/{name}")));
    let named = all.map(|one| text(one, "/image"));
    named.filter(|name| !name.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Amount, What, anew, changed, compared};
    use crate::span::Span;

    fn away(object: &serde_json::Value) -> (Amount, bool) {
        match anew(object, None).unwrap().what {
            What::Anew { away, beside, .. } => (away, beside),
            What::Gone => panic!("it is made anew"),
        }
    }

    #[test]
    fn strategies_are_those_of_kubernetes() {
        let deployment = |replicas: u64, strategy: serde_json::Value| {
            json!({ "kind": "Deployment",
            "spec": { "replicas": replicas, "strategy": strategy } })
        };
        let rolling = |unavailable: serde_json::Value, surge: serde_json::Value| {
            json!({
            "rollingUpdate": { "maxUnavailable": unavailable, "maxSurge": surge } })
        };
        let null = serde_json::Value::Null;
        for (replicas, strategy, wanted) in [
            (1, null.clone(), (Amount::Count(0), true)),
            (4, null, (Amount::Count(1), true)),
            (3, json!({ "type": "Recreate" }), (Amount::All, false)),
            (2, rolling(json!(1), json!(0)), (Amount::Count(1), false)),
            (
                2,
                rolling(json!("10%"), json!("0%")),
                (Amount::Count(1), false),
            ),
            (
                8,
                rolling(json!("50%"), json!(0)),
                (Amount::Count(4), false),
            ),
        ] {
            assert_eq!(
                away(&deployment(replicas, strategy.clone())),
                wanted,
                "{replicas} {strategy}"
            );
        }
        let set = |kind: &str, strategy: serde_json::Value| {
            json!({ "kind": kind,
            "spec": { "replicas": 3, "updateStrategy": strategy } })
        };
        assert_eq!(
            away(&set("StatefulSet", json!({}))),
            (Amount::Count(1), false)
        );
        assert_eq!(
            away(&set("DaemonSet", json!({}))),
            (Amount::Count(1), false)
        );
        let surge = json!({ "rollingUpdate": { "maxSurge": 1, "maxUnavailable": 0 } });
        assert_eq!(away(&set("DaemonSet", surge)), (Amount::Count(0), true));
        for stays in [
            json!({ "type": "OnDelete" }),
            json!({ "rollingUpdate": { "partition": 3 } }),
        ] {
            assert!(anew(&set("StatefulSet", stays), None).is_none());
        }
    }

    #[test]
    fn only_what_changes_pods_makes_them_anew() {
        let object = |image: &str, replicas: u64| {
            json!({ "kind": "Deployment", "metadata": { "name": "a" },
            "spec": { "replicas": replicas, "template": { "spec": { "terminationGracePeriodSeconds": 5,
                "containers": [{ "image": image, "readinessProbe": { "initialDelaySeconds": 10 } }] } } } })
        };
        assert_eq!(changed(&object("x", 1), &object("x", 3)), None);
        let Some(rollout) = changed(&object("x", 2), &object("y", 2)) else {
            panic!()
        };
        let What::Anew { each, fetches, .. } = rollout.what else {
            panic!()
        };
        assert_eq!(
            (each, fetches, rollout.certain),
            (Span::seconds(11, 75), true, true)
        );
        assert_eq!(
            changed(&object("x", 2), &object("x", 0)).unwrap().what,
            What::Gone
        );
        assert_eq!(
            changed(&object("x", 0), &object("y", 2)),
            None,
            "nothing of it runs"
        );
    }

    #[test]
    fn another_workload_in_its_place_is_all_of_it_anew() {
        let of = |kind: &str| json!({ "kind": kind, "metadata": { "name": "a" }, "spec": { "replicas": 2 } });
        let all = compared(&[of("Deployment")], &[of("StatefulSet")]);
        assert_eq!(all.len(), 1);
        assert!(matches!(
            all[0].what,
            What::Anew {
                away: Amount::All,
                ..
            }
        ));
        assert_eq!(compared(&[of("Deployment")], &[])[0].what, What::Gone);
    }
}
