//! Deleting the objects of a component or app: those that carry our label, and no others.

use std::time::Duration;

use driver::{DriverError, ErrorKind, Poll, StepContext};
use model::plan::Step;
use model::resource::Address;
use serde_json::{Value, json};

use super::apply::{answering_within, objects_of};
use super::client::{ApiError, Cluster, Clusters, REQUEST, Request};
use super::object::{ObjectRef, lab_of, text};
use super::record::{Found, Record, whose};

/// How long the API server of a cluster that is being deleted may take.
pub(crate) const LAST_ANSWER: Duration = Duration::from_secs(10);
/// How long deleted objects may take to disappear: pods get 30 s to end.
const GONE: Duration = Duration::from_secs(90);
/// Between two looks.
const PAUSE: Duration = Duration::from_millis(300);

/// Deletes the objects of a resource that is declared no more.
pub(crate) fn teardown(
    clusters: &Clusters,
    step: &Step,
    context: &StepContext<'_>,
) -> Result<(), DriverError> {
    let spec = objects_of(step)?;
    let scope = context.scope;
    if !clusters.forwarded(scope)?.contains(&spec.cluster) {
        context.doing(format!(
            "cluster {} is gone, and its objects with it",
            spec.cluster
        ));
        return Ok(());
    }
    let cluster = answering_within(LAST_ANSWER, clusters, &spec.cluster, context)?;
    let failed = || format!("deleting {}", step.address);
    let record = match cluster
        .record(scope, &step.address)
        .map_err(|e| e.during(failed()))?
    {
        Found::Ours(record) => record,
        Found::Nothing => return Ok(()),
        Found::Foreign(found) => {
            return Err(DriverError::new(failed())
                .kind(ErrorKind::Refused)
                .caused_by(found));
        }
    };
    let objects: Vec<_> = record.objects.iter().rev().cloned().collect();
    delete(&cluster, &step.address, &objects, context)?;
    cluster
        .delete_record(&step.address)
        .map_err(|e| e.during(failed()))
}

/// Deletes those objects that carry our label, and waits until they are gone.
pub(crate) fn delete(
    cluster: &Cluster,
    address: &Address,
    objects: &[ObjectRef],
    context: &StepContext<'_>,
) -> Result<(), DriverError> {
    if objects.is_empty() {
        return Ok(());
    }
    let failed = || format!("deleting objects of {address}");
    let others = cluster
        .records(context.scope, REQUEST)
        .map_err(|e| e.during(failed()))?;
    let own = context.scope.id.to_string();
    let mut going = Vec::new();
    for one in objects {
        if one.kind == "Namespace" && inhabited(one, address, &others) {
            continue;
        }
        if let Some(other) = holder(one, address, &others) {
            context.doing(format!("leaving {one}: it is of {other} now"));
            continue;
        }
        let live = match cluster.send(Request::get(one.path())) {
            Ok(live) => live,
            Err(error) if error.not_found() => continue,
            Err(error) => return Err(error.during(failed())),
        };
        if lab_of(&live) != Some(own.as_str()) {
            context.doing(format!("leaving {one}: {}", whose(&live)));
            continue;
        }
        context.doing(format!("deleting {one}"));
        remove(cluster, one, &live).map_err(|e| e.during(failed()))?;
        going.push((one, text(&live, "/metadata/uid").to_owned()));
    }
    await_gone(cluster, going, context)
}

/// Whether another resource of the lab has objects in that namespace.
fn inhabited(namespace: &ObjectRef, address: &Address, records: &[Record]) -> bool {
    records
        .iter()
        .filter(|record| record.address != *address)
        .flat_map(|record| &record.objects)
        .any(|object| object.namespace.as_deref() == Some(namespace.name.as_str()))
}

/// Another component or app that has the object, as when it was moved from one to the other.
fn holder<'a>(object: &ObjectRef, address: &Address, records: &'a [Record]) -> Option<&'a Address> {
    let mut others = records.iter().filter(|record| record.address != *address);
    let holder = others.find(|record| record.objects.contains(object));
    holder.map(|record| &record.address)
}

fn remove(cluster: &Cluster, object: &ObjectRef, live: &Value) -> Result<(), ApiError> {
    let options = json!({
        "apiVersion": "v1",
        "kind": "DeleteOptions",
        "propagationPolicy": "Background",
        // Exactly the one that was looked at, not one of the same name made since.
        "preconditions": { "uid": text(live, "/metadata/uid") },
    });
    let path = object.path();
    let request = Request::with(http::Method::DELETE, path, "application/json", &options);
    match cluster.send(request) {
        Ok(_) => Ok(()),
        Err(error) if error.not_found() => Ok(()),
        Err(error) => Err(error),
    }
}

fn await_gone(
    cluster: &Cluster,
    mut going: Vec<(&ObjectRef, String)>,
    context: &StepContext<'_>,
) -> Result<(), DriverError> {
    context.wait("deleted objects to disappear", GONE, PAUSE, || {
        let requests = going.iter().map(|(one, _)| Request::get(one.path()));
        let mut still = Vec::new();
        for ((one, uid), live) in going.iter().zip(cluster.send_all(requests.collect())) {
            match live {
                Ok(live) if text(&live, "/metadata/uid") == uid => still.push((*one, uid.clone())),
                Ok(_) => {}
                Err(error) if error.not_found() => {}
                Err(error) => return Err(error.during(format!("looking at {one}"))),
            }
        }
        going = still;
        Ok(match going.first() {
            Some((one, _)) => Poll::Pending(format!("{one} is still there")),
            None => Poll::Ready(()),
        })
    })
}
