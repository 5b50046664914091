//! Looks at a replica's clusters, in the terms of the failure model.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use driver::Cancel;
use drivers::kube::{PodLook, look};
use model::name::Name;
use model::resource::{Kind, Spec};
use whatif::rehearsal::Seen;

use crate::output::tell;
use crate::session::Session;

/// How long the API may take to answer before it counts as silent: a machine that carries a whole
/// lab may be slow for seconds, and a connection that was begun in vain is begun anew after three.
const ANSWER: Duration = Duration::from_secs(5);
/// How long a replica may take to be well before the rehearsal.
const WELL: Duration = Duration::from_secs(120);

/// The cluster's DNS: its namespace, the label of its pods, and its name in the failure model.
const DNS: ((&str, &str), &str) = (("kube-system", "kube-dns"), "coredns");

/// Looks at all clusters of a replica.
pub(super) struct Observer<'a> {
    session: &'a Session,
    /// The nodes that go: what Kubernetes still believes of them is of no interest.
    gone: BTreeSet<&'a str>,
    /// The apps, and the cluster's DNS, by namespace and label.
    apps: BTreeMap<(&'a str, &'a str), &'a str>,
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
                    Some(((objects.namespace.as_str(), name.as_str()), name.as_str()))
                }
                _ => None,
            });
        Self {
            session,
            gone: nodes
                .filter(|(_, node)| off.contains(&node.on))
                .map(|(name, _)| name.as_str())
                .collect(),
            apps: apps.chain([DNS]).collect(),
        }
    }

    /// What is seen now, that is at a time after the event.
    pub(super) fn look(&self, at: Duration) -> Seen {
        self.seen(at, &self.gone).0
    }

    /// What is seen now, nodes that are gone aside; and something that is not well yet.
    fn seen(&self, at: Duration, gone: &BTreeSet<&str>) -> (Seen, Option<String>) {
        let mut seen = Seen {
            at: u64::try_from(at.as_millis()).unwrap_or(u64::MAX),
            answered: true,
            ..Seen::default()
        };
        let mut waits = None;
        for cluster in self.session.lab.clusters.keys() {
            let Ok(look) = look(&self.session.clusters, &self.session.scope, cluster, ANSWER)
            else {
                seen.answered = false;
                waits = Some("the API does not answer".to_owned());
                continue;
            };
            let missed = look.nodes.iter().filter(|(_, ready)| !**ready);
            seen.missed.extend(missed.map(|(name, _)| name.clone()));
            for pod in &look.pods {
                waits = self.pod(pod, gone, &mut seen).or(waits);
            }
        }
        (seen, waits)
    }

    /// Counts a pod where it serves; tells of one that does not.
    fn pod(&self, pod: &PodLook, gone: &BTreeSet<&str>, seen: &mut Seen) -> Option<String> {
        let (instance, node) = (pod.instance.as_deref()?, pod.node.as_ref()?);
        let app = *self.apps.get(&(pod.namespace.as_str(), instance))?;
        if !pod.serves {
            return Some(format!("a pod of {app} on {node} does not serve"));
        }
        if !gone.contains(node.as_str()) {
            let nodes = seen.serving.entry(app.to_owned()).or_default();
            nodes.push(node.clone());
        }
        None
    }

    /// Waits until every node is ready, every app serves, and no pod of one is about to begin or to
    /// end. Answers where the apps serve, once for each pod.
    pub(super) fn all_well(
        &self,
        cancel: &Cancel,
    ) -> anyhow::Result<BTreeMap<String, Vec<String>>> {
        let began = Instant::now();
        let mut told = false;
        loop {
            let (seen, waits) = self.seen(Duration::ZERO, &BTreeSet::new());
            let silent = |app: &&str| !seen.serving.contains_key(*app);
            let silent: Vec<&str> = self.apps.values().copied().filter(silent).collect();
            let waits = match (seen.missed.first(), silent.as_slice()) {
                _ if !seen.answered => waits,
                (Some(node), _) => Some(format!("node {node} is not ready")),
                (None, []) => waits,
                (None, silent) => Some(format!("no pod of {} serves", silent.join(", "))),
            };
            let Some(waits) = waits else {
                return Ok(seen.serving);
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
        }
    }
}
