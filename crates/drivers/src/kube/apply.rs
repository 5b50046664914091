//! Applying and deleting the objects of a component or app.

use std::sync::Arc;
use std::time::Duration;

use driver::{DriverError, ErrorKind, Poll, Precheck, Refusal, Scope, StepContext};
use model::name::Name;
use model::plan::Step;
use model::resource::{Address, Objects, Spec};
use serde_json::json;

use super::await_ready::await_ready;
use super::client::{ApiError, Cluster, Clusters, Request};
use super::delete::delete;
use super::diff::{union, unwanted};
use super::manifest::{Wanted, namespace_ref, wanted};
use super::object::{LAB, lab_of};
use super::observe::well;
use super::record::{Found, NAMESPACE, Record, whose};

/// How long an API server may take to answer, or to accept an object whose webhook starts.
const ANSWER: Duration = Duration::from_secs(60);
/// Between two looks.
const PAUSE: Duration = Duration::from_millis(300);

/// The objects of a step.
pub(crate) fn objects_of(step: &Step) -> Result<&Objects, DriverError> {
    match &step.resource.spec {
        Spec::Objects(objects) => Ok(objects),
        _ => Err(DriverError::new(format!("reading {}", step.address))
            .caused_by("its spec is not a list of Kubernetes objects")),
    }
}

/// A cluster whose API server answers; waits for it.
pub(crate) fn answering(
    clusters: &Clusters,
    name: &Name,
    context: &StepContext<'_>,
) -> Result<Arc<Cluster>, DriverError> {
    answering_within(ANSWER, clusters, name, context)
}

/// The same with a limit of its own: a cluster that is to be deleted is not waited for long.
pub(crate) fn answering_within(
    limit: Duration,
    clusters: &Clusters,
    name: &Name,
    context: &StepContext<'_>,
) -> Result<Arc<Cluster>, DriverError> {
    let what = format!("the API server of {name}");
    context.wait(&what, limit, PAUSE, || {
        let cluster = match clusters.connect(context.scope, name) {
            Ok(cluster) => cluster,
            Err(error) => return Ok(Poll::Pending(error.chain().join(": "))),
        };
        let request = Request::get("/readyz").within(Duration::from_secs(3));
        match cluster.send_text(request) {
            Ok(_) => Ok(Poll::Ready(cluster)),
            Err(error) if error.passing() => Ok(Poll::Pending(error.to_string())),
            Err(error) => Err(error.during(format!("asking {what}"))),
        }
    })
}

/// Whether the objects can be applied: none of them may be somebody else's.
pub(crate) fn precheck(
    clusters: &Clusters,
    step: &Step,
    context: &StepContext<'_>,
) -> Result<Precheck, DriverError> {
    let spec = objects_of(step)?;
    let scope = context.scope;
    let cluster = answering(clusters, &spec.cluster, context)?;
    let failed = || format!("checking {}", step.address);
    let record = cluster.record(scope, &step.address);
    let complete = match record.map_err(|e| e.during(failed()))? {
        Found::Foreign(found) => {
            let place = format!("its record in {NAMESPACE} is not ours: {found}");
            return Ok(refused(place));
        }
        Found::Ours(record) => match driver::superseded(record.generation, context) {
            Some(refusal) => return Ok(Precheck::Refused(refusal)),
            None => record.digest.as_ref() == Some(&step.inputs),
        },
        Found::Nothing => false,
    };
    let wanted = wanted(&cluster, scope, &step.address, spec)
        .map_err(|error| DriverError::new(failed()).caused_by(error))?;
    let foreign = foreign(&cluster, scope, &wanted).map_err(|e| e.during(failed()))?;
    if !foreign.is_empty() {
        return Ok(refused(foreign.join("; ")));
    }
    let done = complete && well(&cluster, scope, &step.address, wanted);
    Ok(if done {
        Precheck::Done
    } else {
        Precheck::Ready
    })
}

fn refused(found: String) -> Precheck {
    Precheck::Refused(Refusal {
        found,
        hint: "delete or rename what is there, or change the declaration; nothing was touched"
            .to_owned(),
    })
}

/// Objects that stand where ours would and are not ours.
pub(crate) fn foreign(
    cluster: &Cluster,
    scope: &Scope,
    wanted: &[Wanted],
) -> Result<Vec<String>, ApiError> {
    let own = scope.id.to_string();
    let requests = wanted.iter().map(|one| Request::get(one.reference.path()));
    let mut found = Vec::new();
    for (one, live) in wanted.iter().zip(cluster.send_all(requests.collect())) {
        match live {
            Ok(live) if lab_of(&live) == Some(own.as_str()) => {}
            Ok(_) if one.implied => {}
            Ok(live) => found.push(format!("{} exists and {}", one.reference, whose(&live))),
            Err(error) if error.not_found() => {}
            Err(error) => return Err(error),
        }
    }
    Ok(found)
}

/// Applies the objects, prunes those that are wanted no more, waits until all are ready.
pub(crate) fn apply(
    clusters: &Clusters,
    step: &Step,
    context: &StepContext<'_>,
) -> Result<(), DriverError> {
    let spec = objects_of(step)?;
    let scope = context.scope;
    let cluster = answering(clusters, &spec.cluster, context)?;
    let failed = || format!("applying {}", step.address);
    let mut wanted = wanted(&cluster, scope, &step.address, spec)
        .map_err(|error| DriverError::new(failed()).caused_by(error))?;
    own_only(&cluster, scope, &step.address, &mut wanted)?;
    ensure_namespace(&cluster, scope).map_err(|e| e.during(failed()))?;

    let references: Vec<_> = wanted.iter().map(|one| one.reference.clone()).collect();
    let recorded = match cluster
        .record(scope, &step.address)
        .map_err(|e| e.during(failed()))?
    {
        Found::Ours(record) => record.objects,
        Found::Nothing | Found::Foreign(_) => Vec::new(),
    };
    let mut record = Record {
        address: step.address.clone(),
        generation: context.generation,
        objects: union(&recorded, &references),
        digest: None,
        spec: Some(step.resource.spec.clone()),
    };
    let write = |record: &Record| {
        cluster
            .write_record(scope, record)
            .map_err(|e| e.during(failed()))
    };
    write(&record)?;

    put(&cluster, &wanted, context)?;
    delete(
        &cluster,
        &step.address,
        &unwanted(&recorded, &references),
        context,
    )?;
    await_ready(&cluster, &references, context)?;

    record.objects = references;
    record.digest = Some(step.inputs.clone());
    write(&record)
}

/// Leaves out namespaces that somebody else made, and stops where anything else is not ours. The
/// engine has prechecked; between then and now the world may have moved.
fn own_only(
    cluster: &Cluster,
    scope: &Scope,
    address: &Address,
    wanted: &mut Vec<Wanted>,
) -> Result<(), DriverError> {
    let failed = || format!("applying {address}");
    let found = foreign(cluster, scope, wanted).map_err(|e| e.during(failed()))?;
    if !found.is_empty() {
        return Err(DriverError::new(failed())
            .kind(ErrorKind::Refused)
            .caused_by(found.join("; ")));
    }
    if let Some(at) = wanted.iter().position(|one| one.implied)
        && let Some(one) = wanted.get(at)
    {
        match cluster.send(Request::get(one.reference.path())) {
            Ok(live) if lab_of(&live) != Some(scope.id.to_string().as_str()) => {
                wanted.remove(at);
            }
            Ok(_) => {}
            Err(error) if error.not_found() => {}
            Err(error) => return Err(error.during(failed())),
        }
    }
    Ok(())
}

/// Makes the namespace of our records, if it is not there.
pub(crate) fn ensure_namespace(cluster: &Cluster, scope: &Scope) -> Result<(), ApiError> {
    let path = namespace_ref(NAMESPACE).path();
    match cluster.send(Request::get(&path)) {
        Ok(_) => return Ok(()),
        Err(error) if error.not_found() => {}
        Err(error) => return Err(error),
    }
    let object = json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": {
        "name": NAMESPACE, "labels": { LAB: scope.id.to_string() } } });
    cluster.apply(&path, &object, false).map(|_| ())
}

/// Applies objects in their order, definitions first and until they stand.
fn put(cluster: &Cluster, wanted: &[Wanted], context: &StepContext<'_>) -> Result<(), DriverError> {
    let (first, rest) = wanted.split_at(wanted.partition_point(Wanted::founds));
    for stage in [first, rest] {
        for one in stage {
            context.doing(format!("applying {}", one.reference));
            let path = one.reference.path();
            let what = format!("{} to be accepted", one.reference);
            context.wait(&what, ANSWER, PAUSE, || {
                match cluster.apply(&path, &one.object, false) {
                    Ok(_) => Ok(Poll::Ready(())),
                    // A custom resource whose definition is only just served, a webhook that
                    // starts: it comes.
                    Err(error) if error.passing() || error.not_found() || error.address_taken() => {
                        Ok(Poll::Pending(error.to_string()))
                    }
                    Err(error) => Err(error.during(format!("applying {}", one.reference))),
                }
            })?;
        }
        let founding = stage.iter().filter(|one| one.founds());
        let references: Vec<_> = founding.map(|one| one.reference.clone()).collect();
        await_ready(cluster, &references, context)?;
    }
    Ok(())
}
