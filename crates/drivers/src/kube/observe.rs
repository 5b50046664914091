//! Looking at components and apps: their records, their drift, their readiness.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use driver::{DriverError, Scope};
use model::inventory::{Observed, Remedy};
use model::name::Name;
use model::resource::{Address, Kind, Objects, Resource, Spec};

use super::apply::foreign;
use super::client::{ApiError, Cluster, Clusters, Request};
use super::diff::differences;
use super::fence::pending;
use super::manifest::{Wanted, wanted as place};
use super::object::lab_of;
use super::record::{Record, whose};

/// How long a first answer may take: an observation must not hang on a dead cluster.
const FIRST_ANSWER: Duration = Duration::from_secs(3);

/// The objects that a wanted resource declares.
fn declared(resource: &Resource) -> Option<&Objects> {
    match &resource.spec {
        Spec::Objects(objects) => Some(objects),
        _ => None,
    }
}

/// What one cluster was found to hold.
pub(crate) enum Seen {
    /// It was never made: nothing of it can be there.
    Never,
    /// It cannot be asked, for this reason.
    Silent(String),
    /// Its records.
    Known(Arc<Cluster>, Vec<Record>),
}

/// Looks at every cluster that is forwarded or wanted, once each.
pub(crate) fn clusters_seen(
    clusters: &Clusters,
    scope: &Scope,
    wanted: &[&Resource],
) -> Result<BTreeMap<Name, Seen>, DriverError> {
    let mut names = clusters.forwarded(scope)?;
    names.extend(wanted.iter().filter_map(|one| match &one.spec {
        Spec::Objects(objects) => Some(objects.cluster.clone()),
        Spec::Connectivity(connectivity) => Some(connectivity.cluster.clone()),
        _ => None,
    }));
    names.sort();
    names.dedup();
    let look = |name: Name| {
        let seen = records(clusters, scope, &name).unwrap_or_else(Seen::Silent);
        (name, seen)
    };
    Ok(names.into_iter().map(look).collect())
}

fn records(clusters: &Clusters, scope: &Scope, name: &Name) -> Result<Seen, String> {
    let text = |error: DriverError| error.chain().join(": ");
    if !clusters.known(name).map_err(text)? {
        return Ok(Seen::Never);
    }
    let cluster = clusters.connect(scope, name).map_err(text)?;
    let records = cluster.records(scope, FIRST_ANSWER);
    let records = records.map_err(|error| error.to_string())?;
    Ok(Seen::Known(cluster, records))
}

/// Every component and app of ours that the clusters know, and those of the wanted that cannot be
/// seen.
pub(crate) fn observe(
    scope: &Scope,
    wanted: &[&Resource],
    clusters: &BTreeMap<Name, Seen>,
) -> BTreeMap<Address, Observed> {
    let mut seen = BTreeMap::new();
    for (name, cluster) in clusters {
        let here: Vec<_> = wanted
            .iter()
            .copied()
            .filter(|one| declared(one).is_some_and(|objects| objects.cluster == *name))
            .collect();
        match cluster {
            Seen::Never => {}
            Seen::Silent(why) => {
                let unseen = |one: &&Resource| (one.address.clone(), Observed::unseen(why));
                seen.extend(here.iter().map(unseen));
            }
            Seen::Known(cluster, records) => seen.extend(look(cluster, scope, &here, records)),
        }
    }
    seen
}

fn look(
    cluster: &Cluster,
    scope: &Scope,
    wanted: &[&Resource],
    records: &[Record],
) -> BTreeMap<Address, Observed> {
    let mut seen = BTreeMap::new();
    let mut unchanged = Vec::new();
    for record in records {
        if !matches!(record.address.kind, Kind::Component | Kind::App) {
            continue;
        }
        let mut observed = Observed::ours(record.digest.clone(), record.spec.clone())
            .fact("generation", record.generation.0.to_string())
            .fact("objects", record.objects.len().to_string());
        let want = wanted.iter().find(|one| one.address == record.address);
        // What is to be changed or deleted anyway needs no closer look.
        if let Some(want) = want
            && record.digest.as_ref() == Some(&want.digest())
            && let Some(objects) = declared(want)
        {
            observed = observed.fact("source", &objects.source);
            match place(cluster, scope, &record.address, objects) {
                Ok(objects) => unchanged.push((record.address.clone(), objects)),
                Err(error) => {
                    let why = Some(error.to_string());
                    observed = observed.fault("its objects cannot be compared", why, Remedy::Wait);
                }
            }
        }
        seen.insert(record.address.clone(), observed);
    }
    for (address, faults) in compare(cluster, scope, &unchanged) {
        if let Some(observed) = seen.get_mut(address) {
            observed.faults.extend(faults);
        }
    }
    for want in wanted {
        if !seen.contains_key(&want.address)
            && let Some(found) = in_the_way(cluster, scope, want)
        {
            seen.insert(want.address.clone(), Observed::foreign(found));
        }
    }
    seen
}

/// What stands where a wanted component or app would be made and is not ours.
fn in_the_way(cluster: &Cluster, scope: &Scope, want: &Resource) -> Option<String> {
    // What cannot be found out here is found out before the step runs.
    let objects = place(cluster, scope, &want.address, declared(want)?).ok()?;
    let found = foreign(cluster, scope, &objects).ok()?;
    (!found.is_empty()).then(|| found.join("; "))
}

/// Whether the objects are live as declared, and ready.
pub(crate) fn well(
    cluster: &Cluster,
    scope: &Scope,
    address: &Address,
    objects: Vec<Wanted>,
) -> bool {
    let one = [(address.clone(), objects)];
    compare(cluster, scope, &one)
        .iter()
        .all(|(_, faults)| faults.is_empty())
}

type Faults<'a> = Vec<(&'a Address, Vec<model::inventory::Fault>)>;

/// Lays what was applied beside what is live: all requests of a cluster at once.
fn compare<'a>(
    cluster: &Cluster,
    scope: &Scope,
    resources: &'a [(Address, Vec<Wanted>)],
) -> Faults<'a> {
    let mut requests = Vec::new();
    for one in resources.iter().flat_map(|(_, objects)| objects) {
        let path = one.reference.path();
        requests.push(Request::get(&path));
        requests.push(Request::apply(&path, &one.object, true));
    }
    let mut answers = cluster.send_all(requests).into_iter();
    let mut all = Vec::new();
    for (address, objects) in resources {
        let mut faults = Vec::new();
        for one in objects {
            if let (Some(live), Some(would)) = (answers.next(), answers.next()) {
                faults.extend(fault(cluster, scope, one, live, would));
            }
        }
        all.push((address, faults));
    }
    all
}

type Answer = Result<serde_json::Value, ApiError>;

fn fault(
    cluster: &Cluster,
    scope: &Scope,
    one: &Wanted,
    live: Answer,
    would: Answer,
) -> Option<model::inventory::Fault> {
    let name = &one.reference;
    let say = |what: String, cause: Option<String>, remedy| {
        Some(model::inventory::Fault {
            what,
            cause,
            remedy,
        })
    };
    let live = match live {
        Ok(live) => live,
        Err(error) if error.not_found() => {
            return say(format!("{name} is missing"), None, Remedy::Repair);
        }
        Err(error) => {
            let cause = Some(error.to_string());
            return say(format!("{name} cannot be read"), cause, Remedy::Wait);
        }
    };
    if lab_of(&live) != Some(scope.id.to_string().as_str()) {
        if one.implied {
            return None;
        }
        let cause = Some(whose(&live));
        return say(
            format!("{name} is not ours any more"),
            cause,
            Remedy::Repair,
        );
    }
    let drift = match would {
        Ok(would) => differences(&live, &would),
        Err(error) => vec![error.to_string()],
    };
    if !drift.is_empty() {
        let cause = Some(drift.join(", "));
        return say(
            format!("{name} was changed by somebody"),
            cause,
            Remedy::Repair,
        );
    }
    let reason = pending(cluster, &live)?;
    say(
        format!("{name}: {reason}"),
        cluster.cause(&live),
        Remedy::Wait,
    )
}
