//! What NixOS configurations say of Kubernetes.

use ipnet::IpNet;
use model::dual::Dual;
use model::lab::{Cluster, Cni, Datastore, Distribution, Flannel, K3s, Nixos, Role};
use model::name::Name;

use super::Machine;
use crate::draft::Draft;
use crate::{blank, names};

/// What a host says of its cluster.
#[derive(Debug)]
pub(super) struct Member {
    name: Name,
    role: Role,
    kind: Kind,
    pods: Option<IpNet>,
    services: Option<IpNet>,
    disable: Vec<String>,
    etcd: bool,
    version: Option<String>,
}

#[derive(Debug, PartialEq, Eq)]
enum Kind {
    K3s,
    Kubernetes,
}

/// What a host says of its cluster, if it says anything.
pub(super) fn member(machine: &mut Machine, name: Name) -> Option<Member> {
    if machine.on("services.k3s.enable") {
        return Some(k3s(machine, name));
    }
    let roles = machine.take("services.kubernetes.roles");
    let roles = roles.and_then(|roles| {
        roles
            .texts()
            .or_else(|| roles.text().map(|one| vec![one.to_owned()]))
    })?;
    let master = roles.iter().any(|role| role == "master");
    Some(Member {
        name,
        role: if master {
            Role::ControlPlane
        } else {
            Role::Worker
        },
        kind: Kind::Kubernetes,
        pods: range(machine.text("services.kubernetes.clusterCidr")),
        services: range(machine.text("services.kubernetes.apiserver.serviceClusterIpRange")),
        disable: Vec::new(),
        etcd: false,
        version: machine.text("system.stateVersion"),
    })
}

fn range(text: Option<String>) -> Option<IpNet> {
    text?.parse().ok()
}

fn k3s(machine: &mut Machine, name: Name) -> Member {
    let role = machine.text("services.k3s.role");
    let etcd = machine.on("services.k3s.clusterInit");
    // The token is never read; where a file holds it, that is told by its path alone.
    let disable = machine
        .take("services.k3s.disable")
        .and_then(|list| list.texts());
    let mut member = Member {
        name,
        role: if role.as_deref() == Some("agent") {
            Role::Worker
        } else {
            Role::ControlPlane
        },
        kind: Kind::K3s,
        pods: None,
        services: None,
        disable: disable.unwrap_or_default(),
        etcd,
        version: package(machine),
    };
    let flags = machine.take("services.k3s.extraFlags");
    let flags = flags.map(|flags| {
        flags
            .texts()
            .unwrap_or_else(|| flags.text().into_iter().map(str::to_owned).collect())
    });
    let flags = flags.unwrap_or_default().join(" ");
    let mut words = flags
        .split([' ', '=', '\n', '\t'])
        .filter(|word| !word.is_empty());
    while let Some(word) = words.next() {
        match word {
            "--cluster-cidr" => member.pods = words.next().and_then(|text| text.parse().ok()),
            "--service-cidr" => member.services = words.next().and_then(|text| text.parse().ok()),
            "--disable" => member.disable.extend(words.next().map(str::to_owned)),
            _ => {}
        }
    }
    member
}

/// The version in the name of a package, such as `pkgs.k3s_1_33`.
fn package(machine: &mut Machine) -> Option<String> {
    let name = machine.text("services.k3s.package")?;
    let (_, version) = name.rsplit_once("k3s_")?;
    Some(version.replace('_', "."))
}

/// Places the cluster that the members form: one for each way of installing it.
pub(super) fn place(draft: &mut Draft, members: Vec<Member>) {
    let (k3s, plain): (Vec<Member>, Vec<Member>) =
        members.into_iter().partition(|one| one.kind == Kind::K3s);
    for group in [k3s, plain] {
        if group.is_empty() {
            continue;
        }
        let name = names::free(&names::known("main"), |name| {
            draft.lab.clusters.contains_key(name)
        });
        let cluster = cluster(draft, &name, &group);
        draft.took(format!("the cluster {name}, {} nodes", group.len()));
        draft.lab.clusters.insert(name.clone(), cluster);
        for member in group {
            let node = blank::node(name.clone(), member.role, member.name.clone());
            draft.lab.nodes.insert(member.name, node);
        }
    }
}

fn cluster(draft: &mut Draft, name: &Name, group: &[Member]) -> Cluster {
    let k3s = group.iter().any(|one| one.kind == Kind::K3s);
    // The defaults of k3s (its cli package), and of NixOS' kubernetes modules.
    let defaults = if k3s {
        ("10.42.0.0/16", "10.43.0.0/16")
    } else {
        ("10.1.0.0/16", "10.0.0.0/24")
    };
    let mut range = |found: Option<IpNet>, what: &str, default: &str| {
        found.unwrap_or_else(|| {
            draft.derived(format!(
                "{what} {default} of the cluster {name}: the default, as none is written"
            ));
            default
                .parse()
                .unwrap_or_else(|_| IpNet::from(std::net::IpAddr::from([0, 0, 0, 0])))
        })
    };
    let pods = range(group.iter().find_map(|one| one.pods), "pods", defaults.0);
    let services = range(
        group.iter().find_map(|one| one.services),
        "services",
        defaults.1,
    );
    let version = group.iter().find_map(|one| one.version.clone());
    let version = version.unwrap_or_else(|| {
        draft.derived(format!(
            "the version latest of the cluster {name}: none is written; write the one that runs"
        ));
        "latest".to_owned()
    });
    draft.derived(format!(
        "flannel for the cluster {name}: its default; write another if one is installed"
    ));
    let mut disable: Vec<String> = group.iter().flat_map(|one| one.disable.clone()).collect();
    disable.sort();
    disable.dedup();
    let distribution = if k3s {
        Distribution::K3s(K3s {
            version,
            datastore: group.iter().any(|one| one.etcd).then_some(Datastore::Etcd),
            disable,
        })
    } else {
        Distribution::Nixos(Nixos {
            release: version,
            kubernetes: None,
            require_signatures: true,
        })
    };
    let cni = Cni::Flannel(Flannel::default());
    blank::cluster(distribution, Dual::one(pods), Dual::one(services), cni)
}
