//! Looks at a replica's clusters, in the terms of the failure model.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use driver::Cancel;
use drivers::kube::{Look, look};
use model::name::Name;
use model::resource::{Kind, Spec};
use whatif::rehearsal::Seen;

use crate::output::tell;
use crate::session::Session;

/// How long the API may take to answer before it counts as silent.
const ANSWER: Duration = Duration::from_millis(1000);
/// How long a replica may take to be well before the rehearsal.
const WELL: Duration = Duration::from_secs(120);

/// Looks at all clusters of a replica.
pub(super) struct Observer<'a> {
    session: &'a Session,
    /// The nodes that go: what Kubernetes still believes of them is of no interest.
    gone: BTreeSet<&'a str>,
    /// The apps, by namespace and name.
    apps: BTreeMap<(&'a str, &'a str), &'a Name>,
}

impl<'a> Observer<'a> {
    /// An observer of a replica, some of whose hosts go off.
    pub(super) fn new(session: &'a Session, off: &[Name]) -> Self {
        let nodes = session.lab.nodes.iter();
        let apps = session
            .resources()
            .iter()
            .filter_map(|one| match &one.spec {
                Spec::Objects(objects) if one.address.kind == Kind::App => {
                    let name = &one.address.name;
                    Some(((objects.namespace.as_str(), name.as_str()), name))
                }
                _ => None,
            });
        Self {
            session,
            gone: nodes
                .filter(|(_, node)| off.contains(&node.on))
                .map(|(name, _)| name.as_str())
                .collect(),
            apps: apps.collect(),
        }
    }

    /// What is seen now, that is at a time after the event.
    pub(super) fn look(&mut self, at: Duration) -> Seen {
        let mut seen = Seen {
            at: u64::try_from(at.as_millis()).unwrap_or(u64::MAX),
            answered: true,
            ..Seen::default()
        };
        for cluster in self.session.lab.clusters.keys() {
            let Ok(look) = look(&self.session.clusters, &self.session.scope, cluster, ANSWER)
            else {
                seen.answered = false;
                continue;
            };
            self.add(&look, &mut seen);
        }
        seen
    }

    fn add(&self, look: &Look, seen: &mut Seen) {
        let missed = look.nodes.iter().filter(|(_, ready)| !**ready);
        seen.missed.extend(missed.map(|(name, _)| name.clone()));
        for pod in &look.pods {
            let (Some(instance), Some(node)) = (&pod.instance, &pod.node) else {
                continue;
            };
            let app = self.apps.get(&(pod.namespace.as_str(), instance.as_str()));
            if let (Some(app), true, false) = (app, pod.serves, self.gone.contains(node.as_str())) {
                let nodes = seen.serving.entry(app.to_string()).or_default();
                nodes.push(node.clone());
            }
        }
    }

    /// Waits until every node is ready and every app serves. Answers the apps.
    pub(super) fn all_well(&mut self, cancel: &Cancel) -> anyhow::Result<BTreeSet<String>> {
        let began = Instant::now();
        let gone = std::mem::take(&mut self.gone);
        let mut told = false;
        let seen = loop {
            let seen = self.look(Duration::ZERO);
            let silent: Vec<&str> = self
                .apps
                .values()
                .map(|app| app.as_str())
                .filter(|app| !seen.serving.contains_key(*app))
                .collect();
            if seen.answered && seen.missed.is_empty() && silent.is_empty() {
                break seen;
            }
            let waits = match (seen.answered, seen.missed.first()) {
                (false, _) => "the API does not answer".to_owned(),
                (true, Some(node)) => format!("node {node} is not ready"),
                (true, None) => format!("no pod of {} serves", silent.join(", ")),
            };
            if began.elapsed() > WELL || cancel.requested() {
                anyhow::bail!(
                    "the replica is not well: {waits}; steading up --replica mends what can be mended"
                );
            }
            if !told {
                tell(&format!("waiting: {waits}"));
                told = true;
            }
            std::thread::sleep(Duration::from_millis(500));
        };
        self.gone = gone;
        Ok(seen.serving.into_keys().collect())
    }
}
