//! A lab of machines that were asked over SSH.

use std::net::IpAddr;

use model::dual::Dual;
use model::lab::{Accepted, Host, HostAddress, Node, Role};
use model::name::Name;
use model::quantity::Bytes;

use super::ranges::Taken;
use super::{
    Found, Proposal, Refused, Wanted, facts, host, main_cluster, place_app, place_cluster,
};
use crate::draft::Draft;
use crate::yaml::Comments;
use crate::{blank, names};

/// Processor threads and memory that kubeadm wants of a control plane and of a worker (rule S017).
const LEAST: [(Role, u32, Bytes); 2] = [
    (Role::ControlPlane, 2, Bytes::mebi(1700)),
    (Role::Worker, 1, Bytes::mebi(2048)),
];

/// Proposes a lab of machines, in their order, and notes those that could not be read.
///
/// # Errors
/// [`Refused`], where no address range is free.
pub fn remote(
    found: &[Found],
    unread: &[(Name, String)],
    wanted: &Wanted,
) -> Result<Proposal, Refused> {
    let mut draft = Draft::new(wanted.name.clone());
    let mut comments = Comments::new();
    let mut hosts: Vec<Found> = Vec::new();
    for one in found {
        let name = names::free(&one.name, |name| {
            hosts.iter().any(|other| other.name == *name)
        });
        hosts.push(Found {
            name,
            ..one.clone()
        });
    }
    host::place(&mut draft, &hosts);
    for (name, why) in unread {
        draft.unplaced(
            &format!("hosts.{name}"),
            format!("was asked and not read: {}", facts::clean_to(why, 400)),
        );
    }
    let nodes = place_nodes(&mut draft, &hosts, wanted);
    if nodes > 0 {
        let mut taken = Taken::default();
        for one in &hosts {
            taken.by(&one.machine);
        }
        place_cluster(
            &mut draft,
            &mut comments,
            &mut taken,
            (&wanted.kubernetes, nodes),
        )?;
        let text = "Each is its host: with none of container: and vm:, Kubernetes runs on the host itself.";
        comments.insert("nodes".to_owned(), text.to_owned());
        if wanted.app {
            place_app(&mut draft, &mut comments);
        }
    }
    let header = format!(
        "# {}: machines as they told of themselves, with a cluster on them as steading init proposed it.\n\
         # Change it as you like; steading check says what does not fit.\n",
        wanted.name
    );
    Ok(Proposal::new(draft, header, comments))
}

/// Places the nodes, each the host itself; gives how many there are.
fn place_nodes(draft: &mut Draft, hosts: &[Found], wanted: &Wanted) -> usize {
    let lan = names::known("lan");
    let mut planes = Vec::new();
    let mut workers = Vec::new();
    let most = usize::from(wanted.control_planes.unwrap_or(1));
    for one in hosts {
        let Some(host) = draft.lab.hosts.get(&one.name) else {
            continue;
        };
        let address = address_in(host, &lan).filter(|address| !is_router(draft, *address));
        let Some(address) = address else {
            let why = "it has no address in lan of its own, or it is its router";
            draft.derived(format!("{} is no node: {why}", one.name));
            continue;
        };
        let fits = |role: Role| {
            let enough = |(for_role, cpu, memory): &(Role, u32, Bytes)| {
                *for_role == role && host.cpu >= Some(*cpu) && host.memory >= Some(*memory)
            };
            LEAST.iter().any(enough)
        };
        if planes.len() < most && fits(Role::ControlPlane) {
            planes.push((one.name.clone(), address));
        } else if fits(Role::Worker) {
            workers.push((one.name.clone(), address));
        } else {
            draft.derived(format!("{} is no node: it is too small", one.name));
        }
    }
    // An even number of control planes gains nothing over one fewer (rule S103).
    if planes.len() < most && planes.len() > 1 && planes.len().is_multiple_of(2) {
        workers.splice(0..0, planes.pop());
    }
    if let Some(count) = wanted.workers {
        workers.truncate(usize::from(count));
    }
    if planes.is_empty() {
        draft.derived("there is no cluster: no machine can be its control plane");
        return 0;
    }
    if planes.len() > 1 {
        draft.lab.accepts.push(Accepted {
            code: "S022".to_owned(),
            at: format!("clusters.{}", main_cluster()),
            because: "which address is free is not known here; write endpoint: { vip: ADDRESS }"
                .to_owned(),
        });
    }
    let roles = [(Role::ControlPlane, planes), (Role::Worker, workers)];
    for (role, members) in roles {
        for (name, address) in members {
            let node = Node {
                address: Some(Dual::one(address)),
                ..blank::node(main_cluster(), role, name.clone())
            };
            draft.lab.nodes.insert(name, node);
        }
    }
    draft.derived(format!(
        "nodes: {}, each the host of its name",
        draft.lab.nodes.len()
    ));
    draft.lab.nodes.len()
}

fn address_in(host: &Host, network: &Name) -> Option<IpAddr> {
    host.addresses
        .get(network)
        .and_then(|address| match address {
            HostAddress::Fixed(address) => Some(address.first()),
            HostAddress::Dhcp(_) => None,
        })
}

fn is_router(draft: &Draft, address: IpAddr) -> bool {
    let mut networks = draft.lab.networks.values();
    networks.any(|network| network.routers().contains(&address))
}
