//! `steading restore`: a cluster taken back to a snapshot, in three parts.
//!
//! ```text
//! machines run ─► a control plane stands? ──yes──► etcd's data exchanged on all that stand ──┐
//!                      │ no                                                                   ▼
//!                      └──► the first control plane is made out of the snapshot ─► what differs is applied
//! ```
//! The second part is remembered until it is done: whatever runs next carries it to its end. What is
//! in the cluster, workers among it, is only looked at in the third: until then there is nobody to
//! ask, and what runs there goes on.

use std::collections::BTreeSet;

use anyhow::Context as _;
use driver::{Cancel, StepContext};
use engine::{Engine, Report, RunLog as _, StoredLog};
use model::inventory::{Inventory, Presence};
use model::name::Name;
use model::plan::Plan;
use model::resource::{Address, Kind, Resource, Spec};
use store::Snapshot;

use crate::args::{Format, RestoreArgs};
use crate::commands::up::Change;
use crate::exit::Exit;
use crate::output::{Told, tell};
use crate::session::Session;
use crate::{signals, snapshots};

/// A snapshot of a cluster.
pub(crate) struct Wanted {
    pub(crate) cluster: Name,
    pub(crate) snapshot: String,
}

pub(crate) fn run(arguments: &RestoreArgs, format: Format) -> anyhow::Result<Exit> {
    let change = arguments.change();
    let Some(change) = Change::open(&change, format, "steading restore")? else {
        return Ok(Exit::Refused);
    };
    let wanted = find(&change.session, &arguments.snapshot)?;
    change.restore(&wanted, &*signals::listen()?)
}

/// The only snapshot whose name begins so.
fn find(session: &Session, begins: &str) -> anyhow::Result<Wanted> {
    let mut found: Vec<(Name, Snapshot)> = Vec::new();
    for cluster in session.lab.clusters.keys() {
        let all = session.snapshots.kept.list(cluster.as_str())?;
        let fitting = all.into_iter().filter(|one| one.id.starts_with(begins));
        found.extend(fitting.map(|one| (cluster.clone(), one)));
    }
    let mut found = found.into_iter();
    match (found.next(), found.next()) {
        (Some((cluster, one)), None) => Ok(Wanted {
            cluster,
            snapshot: one.id,
        }),
        (None, _) => {
            anyhow::bail!("there is no snapshot {begins}; steading snapshot list names them all")
        }
        (Some((_, one)), Some((_, other))) => anyhow::bail!(
            "{begins} may be {} or {}: write more of its name",
            one.id,
            other.id
        ),
    }
}

/// What a restore that was begun and not finished was of.
pub(crate) fn begun(session: &Session) -> anyhow::Result<Vec<Wanted>> {
    let mut all = Vec::new();
    for cluster in session.lab.clusters.keys() {
        if let Some(snapshot) = session.snapshots.kept.restoring(cluster.as_str())? {
            let cluster = cluster.clone();
            all.push(Wanted { cluster, snapshot });
        }
    }
    Ok(all)
}

/// Forgets what was begun: the clusters are gone, and the next ones are new.
pub(crate) fn give_up(session: &Session) -> anyhow::Result<()> {
    for wanted in begun(session)? {
        let kept = &session.snapshots.kept;
        kept.set_restoring(wanted.cluster.as_str(), None)?;
    }
    Ok(())
}

/// What a person is told before.
pub(crate) fn consequences(wanted: &Wanted) -> String {
    format!(
        "cluster {} goes back to {}: what was changed in it since is LOST. Its API does not answer \
         meanwhile; what runs goes on as far as it is in the snapshot. Volumes stay as they are.",
        wanted.cluster, wanted.snapshot
    )
}

/// Takes a cluster back. `apply` carries a plan out.
pub(crate) fn put_back(
    session: &Session,
    wanted: &Wanted,
    (engine, log): (&Engine<'_>, &StoredLog<'_>),
    cancel: &Cancel,
    apply: &mut dyn FnMut(&Plan) -> anyhow::Result<Report>,
) -> anyhow::Result<()> {
    let planes = snapshots::planes(session.resources());
    let all = planes
        .get(&wanted.cluster)
        .with_context(|| format!("cluster {} has no control planes", wanted.cluster))?;
    let look = || -> anyhow::Result<(Inventory, Plan)> {
        let inventory = engine.observe(session.resources())?;
        let plan = engine.plan(log.generation()?, session.resources(), &inventory);
        Ok((inventory, plan))
    };
    let (inventory, plan) = look()?;
    if let Some(host) = off(&inventory, session, all.keys()) {
        anyhow::bail!(
            "host {host} is off, and a control plane of {} with it: its old data would come back \
             with it. Switch it on first",
            wanted.cluster
        );
    }
    // Only the machines: what is in the cluster now is of no interest.
    carried_out(&plan.without(&inside_clusters(&plan)), apply)?;
    let (inventory, plan) = look()?;
    let context = StepContext {
        scope: &session.scope,
        generation: session.store.generation()?,
        cancel,
        progress: &Told,
    };
    if all.keys().any(|plane| stands(&inventory, plane)) {
        let planes = snapshots::of(&wanted.cluster, all);
        session
            .kubeadm
            .restore(planes, &wanted.snapshot, &context)?;
    } else {
        made_anew(session, wanted, &plan, apply)?;
    }
    let nodes = members(session.resources(), &wanted.cluster);
    session
        .kubeadm
        .restored(&wanted.cluster, &nodes, &context)?;
    tell(&format!(
        "cluster {} is back at {}",
        wanted.cluster, wanted.snapshot
    ));
    Ok(())
}

/// Makes the first control plane of a cluster that has none left, out of the snapshot.
fn made_anew(
    session: &Session,
    wanted: &Wanted,
    plan: &Plan,
    apply: &mut dyn FnMut(&Plan) -> anyhow::Result<Report>,
) -> anyhow::Result<()> {
    let cluster = &wanted.cluster;
    let first = snapshots::first_plane(session.resources(), cluster)
        .filter(|first| plan.steps.iter().any(|step| step.address == *first))
        .with_context(|| format!("the first control plane of {cluster} cannot be made now"))?;
    tell(&format!(
        "no control plane is left: the first one is made out of {}",
        wanted.snapshot
    ));
    session.kubeadm.restore_anew(cluster, &wanted.snapshot)?;
    let mut later = inside_clusters(plan);
    later.remove(&first);
    carried_out(&plan.without(&later), apply)
}

/// The nodes of a cluster.
fn members(resources: &[Resource], cluster: &Name) -> Vec<Name> {
    let of_it = |spec: &Spec| matches!(spec, Spec::Member(one) if one.cluster == *cluster);
    let nodes = resources.iter().filter(|resource| of_it(&resource.spec));
    nodes
        .map(|resource| resource.address.name.clone())
        .collect()
}

fn carried_out(
    plan: &Plan,
    apply: &mut dyn FnMut(&Plan) -> anyhow::Result<Report>,
) -> anyhow::Result<()> {
    if plan.is_empty() {
        return Ok(());
    }
    let report = apply(plan)?;
    anyhow::ensure!(
        report.succeeded(),
        "what it needs could not be made; nothing was restored yet"
    );
    Ok(())
}

fn inside_clusters(plan: &Plan) -> BTreeSet<Address> {
    let inside = [
        Kind::Fence,
        Kind::Member,
        Kind::Component,
        Kind::App,
        Kind::Connectivity,
    ];
    let steps = plan.steps.iter().map(|step| &step.address);
    steps
        .filter(|address| inside.contains(&address.kind))
        .cloned()
        .collect()
}

/// Whether a control plane is one: complete, whether or not it is well.
fn stands(inventory: &Inventory, plane: &Name) -> bool {
    let at = Address::new(Kind::Member, plane.clone());
    matches!(
        inventory.things.get(&at).map(|seen| &seen.presence),
        Some(Presence::Ours {
            made_from: Some(_),
            ..
        })
    )
}

/// A host that is off with one of these nodes on it.
fn off<'a>(
    inventory: &Inventory,
    session: &Session,
    mut nodes: impl Iterator<Item = &'a Name>,
) -> Option<Name> {
    nodes.find_map(|node| {
        let host = &session.lab.nodes.get(node)?.on;
        let at = Address::new(Kind::Host, host.clone());
        let seen = inventory.things.get(&at)?;
        matches!(seen.presence, Presence::Off { .. }).then(|| host.clone())
    })
}
