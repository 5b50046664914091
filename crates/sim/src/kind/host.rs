//! What stands on the host itself: artifacts, images, networks, machines, forwards.

use model::digest::Digest;
use model::inventory::{Observed, Remedy};
use model::plan::LabId;
use model::resource::{Address, Forwarder, Kind, NodeImage, NodeMachine, Spec};

use crate::state::{Record, State, part};

/// An image is made from its artifacts.
pub(super) fn image(state: &State, image: &NodeImage) -> Result<(), String> {
    let missing = image.artifacts.iter().find(|artifact| {
        !state.records.iter().any(|(address, record)| {
            record.spec == Spec::Artifact((*artifact).clone()) && state.has(address, part::CONTENT)
        })
    });
    missing.map_or(Ok(()), |artifact| {
        Err(format!("artifact {} is missing", artifact.name))
    })
}

/// A disk is made from an image and never changes to another; a link needs its network, and an
/// address that nobody else has.
pub(super) fn machine(
    state: &State,
    address: &Address,
    machine: &NodeMachine,
    name: &str,
) -> Result<(), String> {
    match name {
        part::DISK => {
            let found = state.records.iter().any(|(address, record)| {
                matches!(&record.spec, Spec::Image(image) if Digest::of(image) == machine.image)
                    && state.has(address, part::CONTENT)
            });
            found.then_some(()).ok_or("its image is missing".to_owned())
        }
        part::PROCESS => match state.part(address, part::DISK).map(|disk| &disk.spec) {
            Some(Spec::Machine(disk)) if disk.image == machine.image => Ok(()),
            _ => Err("its disk was made from another image".to_owned()),
        },
        _ => {
            let network = Address::new(Kind::Network, machine.network.clone());
            if !state.has(&network, part::PROCESS) {
                return Err(format!("{network} does not exist"));
            }
            let rival = state.parts.iter().find(|other| {
                other.name == part::LINK
                    && other.address != *address
                    && matches!(&other.spec, Spec::Machine(other)
                        if other.network == machine.network && other.address == machine.address)
            });
            rival.map_or(Ok(()), |rival| {
                Err(format!(
                    "{} is {}'s address",
                    machine.address, rival.address
                ))
            })
        }
    }
}

/// A port has one listener.
pub(super) fn forward(state: &State, address: &Address, forward: &Forwarder) -> Result<(), String> {
    let rival = state.parts.iter().find(|other| {
        other.address != *address
            && matches!(&other.spec, Spec::Forward(other)
                if other.listen.is_some() && other.listen == forward.listen)
    });
    rival.map_or(Ok(()), |rival| {
        Err(format!("{} listens on that port", rival.address))
    })
}

/// How a thing on the host is seen.
pub(super) fn see(
    state: &State,
    lab: LabId,
    address: &Address,
    record: &Record,
) -> Option<Observed> {
    let cached = matches!(address.kind, Kind::Artifact | Kind::Image);
    if cached && (record.digest.is_none() || !state.has(address, part::CONTENT)) {
        // What a killed build leaves is not mistaken for a result.
        return None;
    }
    if !matches!(
        address.kind,
        Kind::Artifact
            | Kind::Image
            | Kind::Network
            | Kind::Router
            | Kind::Host
            | Kind::Machine
            | Kind::Forward
    ) {
        return None;
    }
    if record.owner != lab && !cached {
        return Some(Observed::foreign(format!(
            "{address} of lab {}",
            record.owner
        )));
    }
    let begun = |(name, _): &(&str, _)| state.part(address, name).is_some();
    if record.digest.is_none() && !super::parts(address, &record.spec).iter().any(begun) {
        // As in the world: killed at the very first, a thing cannot tell what it was to be.
        return Some(Observed::ours(None, None));
    }
    let mut seen = Observed::ours(record.digest.clone(), Some(record.spec.clone()))
        .fact("generation", record.generation.0.to_string());
    if !cached {
        for (name, _) in super::parts(address, &record.spec) {
            if !state.has(address, name) {
                seen = match name {
                    part::DISK => seen.fault("its disk is lost", None, Remedy::Replace),
                    part::PROCESS => seen.fault("it does not run", None, Remedy::Repair),
                    _ => seen.fault(format!("it has no {name}"), None, Remedy::Repair),
                };
            }
        }
    }
    Some(seen)
}
