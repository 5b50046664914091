//! Looking at what there is of a lab on this host.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use driver::Scope;
use model::digest::Digest;
use model::inventory::{Observed, Presence, Remedy};
use model::name::Name;
use model::resource::{Address, ForwardTarget, Kind, Resource, Spec};

use super::record::{self, Found};
use super::tags::{self, Tagged};
use super::{forward, health, host, network, power, preflight, router, trouble};

/// Everything of the lab, wanted or not.
pub(super) fn all(
    machines: &Path,
    scope: &Scope,
    wanted: &[&Resource],
) -> BTreeMap<Address, Observed> {
    let lab = record::lab_folder(machines, scope);
    if let Some(refusal) = preflight::not_root()
        && lab.exists()
    {
        // Others' processes do not show whose they are, so every answer would be a guess.
        return wanted
            .iter()
            .map(|resource| resource.address.clone())
            .chain(record::machines(&lab).into_iter().map(machine_address))
            .map(|address| (address, Observed::unseen(refusal.found.clone())))
            .collect();
    }
    let processes = tags::find(scope);
    let of = |address: &Address| processes.get(address).map_or(&[][..], Vec::as_slice);
    let mut seen = BTreeMap::new();
    for kind in [Kind::Network, Kind::Router] {
        for name in record::marked(&lab, scope, kind) {
            // Overwritten below where it is held.
            let gone = Observed::ours(None, None).fault("nothing holds it", None, Remedy::Repair);
            seen.insert(Address::new(kind, name), gone);
        }
    }
    let holders = holders(&processes);
    for (address, found) in &processes {
        let observed = match address.kind {
            Kind::Network => network(found),
            Kind::Router => router::look(scope, found, &holders),
            Kind::Forward => forward(found),
            _ => None,
        };
        seen.extend(observed.map(|observed| (address.clone(), observed)));
    }
    let nodes: BTreeSet<Address> = record::machines(&lab)
        .into_iter()
        .map(machine_address)
        .chain(processes.keys().cloned())
        .filter(|address| address.kind == Kind::Machine)
        .collect();
    seen.extend(hosts(machines, scope, &processes, &holders));
    // Looking into a machine takes some milliseconds each: look into all at once.
    std::thread::scope(|threads| {
        let looks: Vec<_> = nodes
            .into_iter()
            .map(|address| {
                let name = address.name.clone();
                let processes = of(&address);
                let holders = &holders;
                let look =
                    threads.spawn(move || machine(machines, scope, &name, processes, holders));
                (address, look)
            })
            .collect();
        for (address, look) in looks {
            let found = look
                .join()
                .unwrap_or_else(|_| Some(Observed::unseen("looking at it failed unexpectedly")));
            seen.extend(found.map(|found| (address, found)));
        }
    });
    // What is not ours is of interest only where it is in the way.
    let in_the_way = |address: &Address| wanted.iter().any(|resource| resource.address == *address);
    seen.retain(|address, found| {
        !matches!(found.presence, Presence::Foreign { .. }) || in_the_way(address)
    });
    seen
}

const fn machine_address(node: Name) -> Address {
    Address::new(Kind::Machine, node)
}

fn machine(
    machines: &Path,
    scope: &Scope,
    node: &Name,
    processes: &[Tagged],
    holders: &Holders,
) -> Option<Observed> {
    let record = match record::look(&record::folder(machines, scope, node), scope) {
        Found::Foreign(found) => return Some(Observed::foreign(found)),
        Found::Ours(record) => *record,
        // Killed on the first or on the last thing that is done to a machine.
        Found::Empty => return Some(Observed::ours(None, None)),
        // Processes whose folder somebody took away.
        Found::Nothing => {
            let first = processes.first()?;
            return Some(
                Observed::ours(None, None)
                    .fact("pid", first.pid.to_string())
                    .fault("its folder is gone", None, Remedy::Replace),
            );
        }
    };
    let seen = Observed::ours(record.digest, Some(Spec::Machine(record.spec.clone())))
        .fact("address", record.spec.address.addr().to_string())
        .fact("generation", record.generation.0.to_string());
    let Some(first) = processes.iter().find(|process| process.enterable()) else {
        return Some(seen.fault("it does not run", None, Remedy::Repair));
    };
    let seen = seen.fact("pid", first.pid.to_string());
    let mut seen = health::examine(seen, scope, node, &record.spec);
    let lab = record::lab_folder(machines, scope);
    seen = trouble::examine(seen, &lab, scope, node, (&record.spec, first.pid));
    // From inside, a link that is cut at its other end looks well.
    let socket = network::Socket::of(scope, &record.spec, |address| holders.get(address).copied());
    if let (true, Some(socket)) = (seen.faults.is_empty(), socket)
        && let Some(what) = network::port_fault(scope, node, &socket)
    {
        seen = seen.fault(what, None, Remedy::Repair);
    }
    Some(seen)
}

/// The processes that hold networks and hosts.
pub(super) type Holders = BTreeMap<Address, i32>;

/// Those among all processes of the lab.
pub(super) fn holders(processes: &BTreeMap<Address, Vec<Tagged>>) -> Holders {
    processes
        .iter()
        .filter(|(address, _)| matches!(address.kind, Kind::Network | Kind::Host))
        .filter_map(|(address, found)| Some((address.clone(), found.first()?.pid)))
        .collect()
}

/// The hosts of a replica: those that are held, were held, or are switched off.
fn hosts(
    machines: &Path,
    scope: &Scope,
    processes: &BTreeMap<Address, Vec<Tagged>>,
    holders: &Holders,
) -> BTreeMap<Address, Observed> {
    let lab = record::lab_folder(machines, scope);
    let names: BTreeSet<Name> = record::marked(&lab, scope, Kind::Host)
        .into_iter()
        .chain(power::all_off(&lab, scope))
        .chain(
            processes
                .keys()
                .filter(|address| address.kind == Kind::Host)
                .map(|address| address.name.clone()),
        )
        .collect();
    if names.is_empty() {
        return BTreeMap::new();
    }
    let alive: BTreeSet<Name> = record::machines(&lab)
        .into_iter()
        .filter(|node| processes.contains_key(&machine_address(node.clone())))
        .filter_map(|node| match record::look(&lab.join(node.as_str()), scope) {
            Found::Ours(record) if record.spec.inside_host => Some(record.spec.host),
            _ => None,
        })
        .collect();
    names
        .into_iter()
        .filter_map(|name| {
            let address = Address::new(Kind::Host, name.clone());
            let of = processes.get(&address).map_or(&[][..], Vec::as_slice);
            let seen = host::look(&lab, scope, &name, of, alive.contains(&name), holders)?;
            Some((address, seen))
        })
        .collect()
}

/// What a process tells of itself by its tag.
pub(super) fn started(process: &Tagged, spec: Option<Spec>) -> Observed {
    Observed::ours(process.digest(), spec)
        .fact("pid", process.pid.to_string())
        .fact("generation", process.generation().0.to_string())
}

/// What is known of a network by the processes that stand for it, and by a look inside.
pub(super) fn network(processes: &[Tagged]) -> Option<Observed> {
    let holder = processes.first()?;
    if holder.name != network::HOLDER {
        return Some(Observed::ours(None, None));
    }
    let spec = holder.spec();
    let mut seen = started(holder, spec.clone());
    if let Some(Spec::Network(spec)) = &spec {
        seen = seen.fact("cidr", spec.cidr.to_string());
        if let Some((what, cause)) = network::fault(holder.pid, spec) {
            seen = seen.fault(what, cause, Remedy::Repair);
        }
    }
    Some(seen)
}

/// What is known of a forwarder by the processes that stand for it.
pub(super) fn forward(processes: &[Tagged]) -> Option<Observed> {
    let forwarder = processes.first()?;
    let spec = forwarder.spec();
    let seen = started(forwarder, spec.clone());
    let Some(port) = forwarder.port().filter(|port| forward::listens(*port)) else {
        return Some(seen.fault("it does not listen", None, Remedy::Repair));
    };
    let scheme = match spec {
        Some(Spec::Forward(spec)) if matches!(spec.target, ForwardTarget::Api { .. }) => "https",
        _ => "http",
    };
    Some(
        seen.fact("port", port.to_string())
            .fact("url", format!("{scheme}://127.0.0.1:{port}")),
    )
}

/// Whether a thing was made from that digest to the end and is well.
pub(super) fn is_done(seen: &Observed, inputs: &Digest) -> bool {
    let made =
        matches!(&seen.presence, Presence::Ours { made_from: Some(from), .. } if from == inputs);
    made && seen.faults.is_empty()
}
