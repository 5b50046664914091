//! Membership in the cluster's etcd, of control planes that cannot leave it themselves.

use std::time::Duration;

use driver::{DriverError, StepContext};
use model::name::Name;
use serde_json::Value;

use super::inside::Inside;
use super::{Kubeadm, node_object};
use crate::kube::client::Cluster;
use crate::kube::object::{items, text};

/// How long etcd may take to answer; without a quorum it never does.
const LIMIT: Duration = Duration::from_secs(15);
/// How long the API server may take to list nodes.
const NODES: Duration = Duration::from_secs(5);

/// Takes a control plane out of etcd that is not there any more: a dead member counts for the
/// quorum, and a new one of the same name could not join.
pub(super) fn forget(
    driver: &Kubeadm,
    cluster: &Cluster,
    name: &Name,
    context: &StepContext<'_>,
) -> Result<(), DriverError> {
    let failed = || format!("taking {name} out of etcd");
    let nodes = node_object::list(cluster, NODES).map_err(|error| error.during(failed()))?;
    let mut last = None;
    for other in nodes.iter().filter_map(|node| control_plane(node, name)) {
        match forget_through(driver.inside(context.scope, &other), name, context) {
            Ok(()) => return Ok(()),
            Err(error) => last = Some(error),
        }
    }
    // Nobody to ask: it was the only one.
    last.map_or(Ok(()), |error| {
        Err(DriverError::new(failed()).caused_by(error))
    })
}

/// The name of a control plane that is not the one in question.
fn control_plane(node: &Value, name: &Name) -> Option<Name> {
    let role = "node-role.kubernetes.io/control-plane";
    node["metadata"]["labels"].get(role)?;
    let other: Name = text(node, "/metadata/name").parse().ok()?;
    (other != *name).then_some(other)
}

fn forget_through(
    inside: Inside<'_>,
    name: &Name,
    context: &StepContext<'_>,
) -> Result<(), DriverError> {
    let list = etcdctl(inside, &["member", "list", "--write-out=json"])?;
    let list: Value = serde_json::from_slice(&list)
        .map_err(|error| DriverError::new("reading etcd's members").caused_by(error))?;
    if let Some(id) = member_of(&list, name) {
        context.doing(format!("taking the lost {name} out of etcd"));
        etcdctl(inside, &["member", "remove", &id])?;
    }
    Ok(())
}

/// The id of the member of that name, as etcdctl takes it.
fn member_of(list: &Value, name: &Name) -> Option<String> {
    let members = items(list, "/members");
    let member = members.iter().find(|one| one["name"] == name.as_str())?;
    Some(format!("{:x}", member["ID"].as_u64()?))
}

fn etcdctl(inside: Inside<'_>, arguments: &[&str]) -> Result<Vec<u8>, DriverError> {
    let mut argv = vec![
        "etcdctl",
        "--endpoints=https://127.0.0.1:2379",
        "--cacert=/etc/kubernetes/pki/etcd/ca.crt",
        "--cert=/etc/kubernetes/pki/etcd/server.crt",
        "--key=/etc/kubernetes/pki/etcd/server.key",
    ];
    argv.extend(arguments);
    inside.output(&argv, LIMIT)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn members_are_found_by_name() {
        let list = json!({ "members": [
            { "ID": 7_034_526_391_234_717_014_u64, "name": "cp-1" },
            { "ID": 11_058_834_233_013_632_307_u64, "name": "cp-2" },
        ]});
        let id = member_of(&list, &"cp-2".parse().unwrap()).unwrap();
        assert_eq!(id, "9978df2488b4fd33");
        assert_eq!(member_of(&list, &"cp-3".parse().unwrap()), None);
    }

    #[test]
    fn another_control_plane_is_asked() {
        let node = json!({ "metadata": { "name": "cp-1",
            "labels": { "node-role.kubernetes.io/control-plane": "" } } });
        let name = |text: &str| text.parse::<Name>().unwrap();
        assert_eq!(control_plane(&node, &name("cp-2")), Some(name("cp-1")));
        assert_eq!(control_plane(&node, &name("cp-1")), None);
        let worker = json!({ "metadata": { "name": "w", "labels": {} } });
        assert_eq!(control_plane(&worker, &name("cp-1")), None);
    }
}
