//! Membership in the cluster's etcd: who has what part in it, and leaving for those who cannot do
//! it themselves.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use driver::{DriverError, ErrorKind, Poll, StepContext};
use model::name::Name;
use serde_json::Value;

use super::inside::Inside;
use super::{Kubeadm, node_object};
use crate::kube::client::Cluster;
use crate::kube::object::{items, text};

/// How long etcd may take to answer; without a quorum it never does.
const LIMIT: Duration = Duration::from_secs(15);
/// How long a member may take to be back.
const BACK: Duration = Duration::from_secs(120);
const PAUSE: Duration = Duration::from_millis(300);
/// Where members talk to each other.
pub(super) const PEER_PORT: u16 = 2380;
/// How long those that stay may take to agree that one is gone: they may be electing a leader.
const AGREE: Duration = Duration::from_secs(90);

/// Takes a control plane out of etcd that is not there any more: a dead member counts for the
/// quorum, and a new one of the same name could not join.
pub(super) fn forget(
    driver: &Kubeadm,
    cluster: &Cluster,
    (name, address): (&Name, IpAddr),
    context: &StepContext<'_>,
) -> Result<(), DriverError> {
    let failed = || format!("taking {name} out of etcd");
    let nodes = node_object::all(cluster).map_err(|error| error.during(failed()))?;
    let others: Vec<Name> = nodes
        .iter()
        .filter_map(|node| control_plane(node, name))
        .collect();
    if others.is_empty() {
        // Nobody to ask: it was the only one.
        return Ok(());
    }
    let forgotten = context.wait("etcd's other members", AGREE, PAUSE, || {
        let mut last = String::new();
        for other in &others {
            let inside = driver.inside(context.scope, other);
            match forget_through(inside, (name, address), context) {
                Ok(()) => return Ok(Poll::Ready(())),
                Err(error) => last = error.chain().join(": "),
            }
        }
        Ok(Poll::Pending(last))
    });
    forgotten.map_err(|error| match error.kind {
        ErrorKind::Interrupted => error,
        _ => DriverError::new(failed()).caused_by(error),
    })
}

/// Whether a control plane is the only one that its cluster knows.
pub(super) fn alone(cluster: &Cluster, name: &Name) -> bool {
    let nodes = node_object::all(cluster).unwrap_or_default();
    !nodes.iter().any(|node| control_plane(node, name).is_some())
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
    (name, address): (&Name, IpAddr),
    context: &StepContext<'_>,
) -> Result<(), DriverError> {
    let list = etcdctl(inside, &["member", "list", "--write-out=json"])?;
    let list: Value = serde_json::from_slice(&list)
        .map_err(|error| DriverError::new("reading etcd's members").caused_by(error))?;
    if let Some(id) = member_of(&list, name, address) {
        context.doing(format!("taking the lost {name} out of etcd"));
        etcdctl(inside, &["member", "remove", &id])?;
    }
    Ok(())
}

/// The id of a node's member, as etcdctl takes it. One that was added and never started has no
/// name yet, only its address.
fn member_of(list: &Value, name: &Name, address: IpAddr) -> Option<String> {
    let peer = format!("https://{}", SocketAddr::new(address, PEER_PORT));
    let is_it = |one: &&Value| {
        let peers = items(one, "/peerURLs");
        one["name"] == name.as_str() || peers.iter().any(|url| *url == peer.as_str())
    };
    let member = items(list, "/members").iter().find(is_it)?;
    Some(format!("{:x}", member["ID"].as_u64()?))
}

/// Asks a node's own etcd how it is; kubeadm has it tell that without encryption on loopback. It
/// gives a question up whose end it has seen.
const ASK: &str = r#"get() { printf 'GET %s HTTP/1.0\r\n\r\n' "$1" | socat -t4 -T4 - TCP:127.0.0.1:2381,shut-none 2>&1; }
get /health | tail -n 1; echo
get /metrics | grep -E '^etcd_server_(is_leader|is_learner) '"#;

/// What a member of etcd is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// It leads.
    Leader,
    /// It votes.
    Follower,
    /// It does not vote yet.
    Learner,
}

impl Part {
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Leader => "leader",
            Self::Follower => "follower",
            Self::Learner => "learner",
        }
    }
}

/// What part a node's own etcd has; else why it has none.
pub(super) fn part(inside: Inside<'_>) -> Result<Part, String> {
    let output = inside
        .run(&["sh", "-c", ASK], LIMIT, &mut |_| {})
        .map_err(|error| error.chain().join(": "))?;
    part_told(&String::from_utf8_lossy(&output.stdout))
}

/// How many members etcd has that vote, as a member tells it. One that is lost counts until it is
/// forgotten.
pub(super) fn voting_members(inside: Inside<'_>) -> Option<usize> {
    let list = etcdctl(inside, &["member", "list", "--write-out=json"]).ok()?;
    let list: Value = serde_json::from_slice(&list).ok()?;
    let learner = |one: &&Value| one["isLearner"] == true;
    let members = items(&list, "/members").iter();
    Some(members.filter(|one| !learner(one)).count())
}

fn part_told(told: &str) -> Result<Part, String> {
    let health = told.lines().next().unwrap_or_default().trim();
    if !health.contains("\"health\":\"true\"") {
        return Err(if health.is_empty() {
            "it does not answer".to_owned()
        } else {
            health.chars().take(200).collect()
        });
    }
    let is = |what: &str| told.contains(&format!("etcd_server_is_{what} 1"));
    Ok(match (is("leader"), is("learner")) {
        (true, _) => Part::Leader,
        (_, true) => Part::Learner,
        _ => Part::Follower,
    })
}

/// Waits until a control plane votes in etcd: before that, no other may be touched.
pub(super) fn await_voting(
    inside: Inside<'_>,
    context: &StepContext<'_>,
) -> Result<(), DriverError> {
    context.wait("its etcd", BACK, PAUSE, || {
        Ok(match part(inside) {
            Ok(Part::Learner) => Poll::Pending("it is still taking over the data".to_owned()),
            Ok(_) => Poll::Ready(()),
            Err(why) => Poll::Pending(why),
        })
    })
}

pub(super) fn etcdctl(inside: Inside<'_>, arguments: &[&str]) -> Result<Vec<u8>, DriverError> {
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
    fn members_are_found_by_name_or_address() {
        let list = json!({ "members": [
            { "ID": 7_034_526_391_234_717_014_u64, "name": "cp-1" },
            { "ID": 11_058_834_233_013_632_307_u64, "name": "cp-2" },
            { "ID": 10, "peerURLs": ["https://10.0.0.13:2380"] },
        ]});
        let of = |name: &str, address: &str| {
            member_of(&list, &name.parse().unwrap(), address.parse().unwrap())
        };
        assert_eq!(of("cp-2", "10.0.0.12").as_deref(), Some("9978df2488b4fd33"));
        assert_eq!(of("cp-3", "10.0.0.13").as_deref(), Some("a"));
        assert_eq!(of("cp-3", "10.0.0.1"), None);
    }

    #[test]
    fn what_etcd_tells_of_itself_is_read() {
        let well = "{\"health\":\"true\",\"reason\":\"\"}\n";
        let told = |rest: &str| part_told(&format!("{well}{rest}"));
        assert_eq!(told("etcd_server_is_leader 1\n"), Ok(Part::Leader));
        assert_eq!(told("etcd_server_is_leader 0\n"), Ok(Part::Follower));
        assert_eq!(told("etcd_server_is_learner 1\n"), Ok(Part::Learner));
        let ill = part_told("{\"health\":\"false\",\"reason\":\"RAFT NO LEADER\"}");
        assert!(ill.unwrap_err().contains("NO LEADER"));
        assert!(part_told("").is_err());
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
