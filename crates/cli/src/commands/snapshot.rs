//! `steading snapshot`: what etcd holds, kept and listed; and the taking of what is due.

use anyhow::Context as _;
use driver::{Cancel, StepContext};
use jiff::{SignedDuration, Timestamp};
use model::name::Name;
use model::plan::Note;
use model::resource::{Address, Kind};
use serde::Serialize;
use store::Snapshot;

use crate::args::{Format, LabOption, SnapshotWhat};
use crate::commands::check;
use crate::exit::Exit;
use crate::output::{Told, answer, answer_json};
use crate::session::Session;
use crate::{signals, snapshots};

/// A snapshot, for programs.
#[derive(Debug, Serialize)]
struct Shown<'a> {
    cluster: &'a Name,
    snapshot: &'a str,
    taken: Timestamp,
    why: &'a str,
    bytes: u64,
}

pub(crate) fn run(lab: &LabOption, what: SnapshotWhat, format: Format) -> anyhow::Result<Exit> {
    let Some(checked) = check::usable_quietly(lab.which())? else {
        return Ok(Exit::Refused);
    };
    let session = Session::open(checked, None)?;
    match what {
        SnapshotWhat::List => list(&session, format),
        SnapshotWhat::Take => take(&session, format),
    }
}

fn list(session: &Session, format: Format) -> anyhow::Result<Exit> {
    let mut all: Vec<(&Name, Snapshot)> = Vec::new();
    for cluster in session.lab.clusters.keys() {
        let kept = session.snapshots.kept.list(cluster.as_str())?;
        all.extend(kept.into_iter().map(|one| (cluster, one)));
    }
    let shown = all.iter().map(|(cluster, one)| Shown {
        cluster,
        snapshot: &one.id,
        taken: one.taken,
        why: &one.why,
        bytes: one.bytes,
    });
    let shown: Vec<Shown<'_>> = shown.collect();
    if format == Format::Json {
        answer_json(&shown)?;
    } else if shown.is_empty() {
        answer("There are no snapshots; take one: steading snapshot take");
    } else {
        let lines: Vec<String> = shown.iter().map(line).collect();
        answer(&lines.join("\n"));
    }
    Ok(Exit::Done)
}

fn line(one: &Shown<'_>) -> String {
    format!(
        "{:<12} {:<34} {:>8} KiB  {}",
        one.cluster.as_str(),
        one.snapshot,
        one.bytes.div_ceil(1024),
        one.taken.strftime("%Y-%m-%d %H:%M:%S UTC")
    )
}

fn take(session: &Session, format: Format) -> anyhow::Result<Exit> {
    let _lock = session
        .store
        .lock("steading snapshot take", Timestamp::now())?;
    let cancel = signals::listen()?;
    let mut taken = Vec::new();
    for cluster in session.lab.clusters.keys() {
        taken.push(take_one(session, cluster, "asked", &cancel)?);
    }
    match format {
        Format::Json => answer_json(&taken)?,
        Format::Text => answer(&taken.join("\n")),
    }
    Ok(Exit::Done)
}

/// Takes a snapshot of one cluster, and answers what it is called.
pub(crate) fn take_one(
    session: &Session,
    cluster: &Name,
    why: &str,
    cancel: &Cancel,
) -> anyhow::Result<String> {
    let planes = snapshots::planes(session.resources());
    let all = planes.get(cluster);
    let all = all.with_context(|| format!("cluster {cluster} has no control planes"))?;
    let context = StepContext {
        scope: &session.scope,
        generation: session.store.generation()?,
        cancel,
        progress: &Told,
    };
    let planes = snapshots::of(cluster, all);
    Ok(session.kubeadm.snapshot(planes, why, &context)?)
}

/// The clusters whose schedule wants a snapshot now.
pub(crate) fn due(session: &Session, now: Timestamp) -> anyhow::Result<Vec<Name>> {
    let Some(every) = every(session) else {
        return Ok(Vec::new());
    };
    let mut due = Vec::new();
    // A lab that is taken down has none.
    for cluster in snapshots::planes(session.resources()).into_keys() {
        let all = session.snapshots.kept.list(cluster.as_str())?;
        if snapshots::due(&all, every, now) {
            due.push(cluster);
        }
    }
    Ok(due)
}

/// Takes what the schedule wants now; answers what was taken.
pub(crate) fn take_due(session: &Session, cancel: &Cancel) -> anyhow::Result<Vec<String>> {
    let mut taken = Vec::new();
    for cluster in due(session, Timestamp::now())? {
        taken.push(take_one(session, &cluster, "schedule", cancel)?);
    }
    Ok(taken)
}

/// What is to be said of clusters whose snapshots are long due.
pub(crate) fn overdue(session: &Session, now: Timestamp) -> anyhow::Result<Vec<Note>> {
    let Some(every) = every(session) else {
        return Ok(Vec::new());
    };
    let mut notes = Vec::new();
    for (cluster, planes) in snapshots::planes(session.resources()) {
        let all = session.snapshots.kept.list(cluster.as_str())?;
        // One that is late by less is only the next that is taken.
        let Some(plane) = planes
            .keys()
            .next()
            .filter(|_| snapshots::due(&all, every + every, now))
        else {
            continue;
        };
        let last = all.last().map_or_else(
            || "there is no snapshot of etcd".to_owned(),
            |last| format!("the last snapshot of etcd is {}", last.id),
        );
        notes.push(Note {
            address: Address::new(Kind::Member, plane.clone()),
            text: format!("{last}, and they are declared: steading heal takes one"),
            refused: false,
        });
    }
    Ok(notes)
}

fn every(session: &Session) -> Option<SignedDuration> {
    let every = catalog::snapshots_of(&session.lab).every?;
    SignedDuration::try_from(every.0).ok()
}
