//! A lab of container machines on this machine.

use std::net::{IpAddr, Ipv4Addr};

use ipnet::Ipv4Net;
use model::dual::Dual;
use model::lab::{Accepted, Access, ContainerMachine, Endpoint, Node, Role};
use model::name::Name;
use model::quantity::Bytes;

use super::ranges::Taken;
use super::{
    Found, Machine, Proposal, Refused, Wanted, dual, host, main_cluster, place_app, place_cluster,
};
use crate::draft::Draft;
use crate::yaml::Comments;
use crate::{blank, names};

/// What each machine gets where there is enough.
/// The place in the nodes' network of the address that control planes share; theirs follow.
const PLANES: u32 = 10;
const USUAL: Bytes = Bytes::mebi(2048);
/// What a control plane and a worker in namespaces need at least (rule S017).
const LEAST: (Bytes, Bytes) = (Bytes::mebi(1700), Bytes::mebi(512));
/// kubeadm wants so many processor threads of a control plane.
const LEAST_CPU: u32 = 2;

/// The machines of a lab: how many, and how large.
#[derive(Debug, Clone, Copy)]
struct Sizes {
    planes: u8,
    workers: u8,
    plane: Bytes,
    worker: Bytes,
}

impl Sizes {
    fn machines(self) -> usize {
        usize::from(self.planes) + usize::from(self.workers)
    }

    fn memory(self) -> u64 {
        let all = |count: u8, one: Bytes| one.0.saturating_mul(u64::from(count));
        all(self.planes, self.plane).saturating_add(all(self.workers, self.worker))
    }
}

/// Proposes a lab on this machine. `virtualisation`: what is known of KVM here, in a sentence.
///
/// # Errors
/// [`Refused`], where this machine is too small or no address range is free.
pub fn local(
    machine: &Machine,
    wanted: &Wanted,
    virtualisation: &str,
) -> Result<Proposal, Refused> {
    let sizes = sizes(machine, wanted)?;
    let mut draft = Draft::new(wanted.name.clone());
    let mut comments = Comments::new();
    let here = names::known("this-machine");
    let found = Found {
        name: here.clone(),
        access: Access::Local,
        machine: machine.clone(),
    };
    host::place(&mut draft, std::slice::from_ref(&found));
    comments.insert(format!("hosts.{here}"), virtualisation.to_owned());
    let mut taken = Taken::default();
    taken.by(machine);
    place_cluster(
        &mut draft,
        &mut comments,
        &mut taken,
        (&wanted.kubernetes, sizes.machines()),
    )?;
    let nodes = super::free(
        &mut taken,
        "nodes",
        [[10, 88, 0, 0], [10, 89, 0, 0]],
        [24; 3],
        |_| true,
    )?;
    let network = names::free(&names::known("nodes"), |name| {
        draft.lab.networks.contains_key(name)
    });
    draft
        .lab
        .networks
        .insert(network.clone(), blank::network(dual(nodes)));
    comments.insert(
        format!("networks.{network}"),
        "Exists only inside this lab: no link or route of it appears on this machine.".to_owned(),
    );
    place_nodes(
        &mut draft,
        &here,
        sizes,
        (wanted.cpu.unwrap_or(LEAST_CPU), nodes),
    );
    comments.insert(
        "nodes".to_owned(),
        "Each a container machine here. Its size is what Kubernetes is shown, and its limit."
            .to_owned(),
    );
    if sizes.planes > 1 {
        let accepted = Accepted {
            code: "S019".to_owned(),
            at: "nodes".to_owned(),
            because: "all of this lab is on one machine".to_owned(),
        };
        draft.lab.accepts.push(accepted);
        if let Some(cluster) = draft.lab.clusters.get_mut(&super::main_cluster()) {
            let shared = u32::from(nodes.network()) + PLANES;
            let shared = IpAddr::V4(Ipv4Addr::from(shared));
            cluster.endpoint = Some(Endpoint::Vip(shared));
        }
    }
    if wanted.app {
        place_app(&mut draft, &mut comments);
    }
    let header = format!(
        "# {}: Kubernetes on this machine, as steading init proposed it. Change it as you like;\n\
         # steading check says what does not fit, steading plan what would be done, steading up does it.\n",
        wanted.name
    );
    Ok(Proposal::new(draft, header, comments))
}

/// How many machines there are and how large, as wanted or as this machine has room for.
fn sizes(machine: &Machine, wanted: &Wanted) -> Result<Sizes, Refused> {
    let planes = wanted.control_planes.unwrap_or(1);
    let cpu = wanted.cpu.unwrap_or(LEAST_CPU);
    let small = wanted.memory.is_some_and(|memory| memory < LEAST.0);
    if cpu < LEAST_CPU || small {
        return Err(Refused::Size);
    }
    let workers = match wanted.workers {
        Some(workers) => vec![workers],
        None => vec![2, 1, 0],
    };
    let memory = match wanted.memory {
        Some(memory) => vec![(memory, memory)],
        None => vec![(USUAL, USUAL), (USUAL, Bytes::mebi(1024)), LEAST],
    };
    let mut last = None;
    for workers in workers {
        for (plane, worker) in &memory {
            let sizes = Sizes {
                planes,
                workers,
                plane: *plane,
                worker: *worker,
            };
            if sizes.memory() <= machine.memory.0 {
                return Ok(sizes);
            }
            last = Some(sizes);
        }
    }
    Err(last.map_or(Refused::Size, |sizes| Refused::Memory {
        machines: sizes.machines(),
        needed: Bytes(sizes.memory()),
        has: machine.memory,
    }))
}

fn place_nodes(draft: &mut Draft, here: &Name, sizes: Sizes, (cpu, range): (u32, Ipv4Net)) {
    let kinds = [
        (
            Role::ControlPlane,
            "control-plane",
            sizes.planes,
            sizes.plane,
            PLANES,
        ),
        (Role::Worker, "worker", sizes.workers, sizes.worker, 20),
    ];
    for (role, word, count, memory, base) in kinds {
        for number in 1..=count {
            let address = u32::from(range.network()) + base + u32::from(number);
            let node = Node {
                container: Some(ContainerMachine { cpu, memory }),
                address: Some(Dual::one(IpAddr::V4(Ipv4Addr::from(address)))),
                ..blank::node(main_cluster(), role, here.clone())
            };
            if let Some(name) = names::name(&format!("{word}-{number}")) {
                draft.lab.nodes.insert(name, node);
            }
        }
    }
    draft.derived(format!(
        "nodes: {}, each a container machine on {here}",
        sizes.machines()
    ));
}
