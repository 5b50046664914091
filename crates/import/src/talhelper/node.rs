//! One node of a `talconfig.yaml`.

use std::net::IpAddr;

use ipnet::IpNet;
use model::lab::{Arch, Role, Taint};
use serde_json::{Map, Value, json};

use super::patches::Reader;
use crate::fields::Fields;
use crate::interfaces;
use crate::machines::NodeFacts;
use crate::networks::Interface;
use crate::{ImportError, names};

/// Fields that a node takes over from its role, unless it has them itself.
const FROM_ROLE: [&str; 15] = [
    "installDisk",
    "machineSpec",
    "schematic",
    "networkInterfaces",
    "nodeLabels",
    "nodeTaints",
    "nodeAnnotations",
    "nameservers",
    "certSANs",
    "kernelModules",
    "machineDisks",
    "machineFiles",
    "talosImageURL",
    "disableSearchDomain",
    "extensions",
];

/// Lists of patches, which a node has in addition to those of its role.
const PATCHES: [&str; 3] = ["patches", "inlinePatch", "configPatches"];

/// Fields that are Talos' own, by their places in its machine configuration.
const TALOS: [(&str, &[&str]); 8] = [
    ("nameservers", &["machine", "network", "nameservers"]),
    (
        "disableSearchDomain",
        &["machine", "network", "disableSearchDomain"],
    ),
    ("certSANs", &["machine", "certSANs"]),
    ("nodeAnnotations", &["machine", "nodeAnnotations"]),
    ("kernelModules", &["machine", "kernel", "modules"]),
    ("machineDisks", &["machine", "disks"]),
    ("machineFiles", &["machine", "files"]),
    ("talosImageURL", &["machine", "install", "image"]),
];

/// Takes what its nodes take over from a role.
pub(super) fn forget(role: &mut Fields) {
    for field in FROM_ROLE.iter().chain(&PATCHES) {
        role.any(field);
    }
}

/// Reads a node; one entry with several addresses stands for several machines.
pub(super) fn read(
    mut fields: Fields,
    roles: &[Fields; 2],
    reader: &mut Reader<'_>,
) -> Result<Vec<NodeFacts>, ImportError> {
    let control_plane = fields.flag("controlPlane")?.unwrap_or(false);
    let [planes, workers] = roles;
    let mut role = if control_plane { planes } else { workers }.clone();
    let mut patches = Vec::new();
    if fields.flag("overridePatches")? != Some(true) {
        patches.extend(reader.patches(&mut role)?);
    }
    for field in FROM_ROLE {
        if let (false, Some(value)) = (fields.has(field), role.any(field)) {
            fields.put(field, value);
        }
    }
    let word = fields.need("hostname")?;
    let name = names::name(&word).ok_or_else(|| ImportError::WrongType {
        place: fields.place_of("hostname"),
        wanted: "a name",
    })?;
    if name.as_str() != word {
        reader.derived.push(format!("the name {name} for {word}"));
    }
    let addresses = addresses(&mut fields)?;
    let mut place = fields.place().to_owned();
    place.push_str(&format!(" ({name})"));
    patches.extend(reader.patches(&mut fields)?);
    patches.extend(talos(&mut fields));
    let (interfaces, leftover) = interfaces::read(&mut fields, "networkInterfaces")?;
    reader.leftover.extend(leftover);
    let (extensions, kernel_args) = schematic(&mut fields)?;
    let facts = NodeFacts {
        place,
        name,
        role: if control_plane {
            Role::ControlPlane
        } else {
            Role::Worker
        },
        address: None,
        interfaces,
        disk: fields.text("installDisk")?,
        arch: arch(&mut fields)?,
        labels: fields.words("nodeLabels")?.into_iter().collect(),
        taints: taints(&mut fields)?,
        extensions,
        kernel_args,
        patches,
    };
    reader.leftover.push(fields);
    Ok(several(facts, addresses, reader))
}

fn addresses(fields: &mut Fields) -> Result<Vec<IpAddr>, ImportError> {
    let text = fields.need("ipAddress")?;
    if text.contains("${") {
        fields.put("ipAddress", Value::String(text));
        return Ok(Vec::new());
    }
    let mut addresses = Vec::new();
    for part in text.split(',') {
        addresses.push(part.trim().parse().map_err(|_| ImportError::WrongType {
            place: fields.place_of("ipAddress"),
            wanted: "an address",
        })?);
    }
    Ok(addresses)
}

/// Several addresses of one family are several machines; one of each is one machine with both.
fn several(facts: NodeFacts, addresses: Vec<IpAddr>, reader: &mut Reader<'_>) -> Vec<NodeFacts> {
    let both = matches!(addresses.as_slice(), [one, other] if one.is_ipv6() != other.is_ipv6());
    if addresses.len() < 2 || both {
        return vec![one(facts, &addresses, reader)];
    }
    reader.derived.push(format!(
        "{} nodes for the entry {}, which has as many addresses",
        addresses.len(),
        facts.name
    ));
    let each = addresses
        .into_iter()
        .enumerate()
        .map(|(position, address)| {
            let numbered = names::name(&format!("{}-{}", facts.name, position + 1));
            NodeFacts {
                place: facts.place.clone(),
                name: numbered.unwrap_or_else(|| facts.name.clone()),
                address: Some(address),
                interfaces: facts.interfaces.clone(),
                disk: facts.disk.clone(),
                labels: facts.labels.clone(),
                taints: facts.taints.clone(),
                extensions: facts.extensions.clone(),
                kernel_args: facts.kernel_args.clone(),
                patches: facts.patches.clone(),
                ..facts
            }
        });
    each.collect()
}

/// One machine with all its addresses.
fn one(mut facts: NodeFacts, addresses: &[IpAddr], reader: &mut Reader<'_>) -> NodeFacts {
    facts.address = addresses.first().copied();
    let written = |address: &IpAddr| {
        let all = facts.interfaces.iter().flat_map(|one| &one.addresses);
        all.map(IpNet::addr).any(|known| known == *address)
    };
    let further: Vec<IpNet> = addresses
        .iter()
        .skip(1)
        .filter(|address| !written(address))
        .filter_map(|address| IpNet::new(*address, if address.is_ipv6() { 64 } else { 24 }).ok())
        .collect();
    for address in further {
        reader.derived.push(format!(
            "the range {}: no prefix is written for {}",
            address.trunc(),
            facts.name
        ));
        facts.interfaces.push(Interface {
            addresses: vec![address],
            ..Interface::default()
        });
    }
    facts
}

/// Fields that only Talos has, as a patch.
fn talos(fields: &mut Fields) -> Option<Value> {
    let mut patch = Map::new();
    for (field, path) in TALOS {
        if let Some(value) = fields.any(field) {
            let nested = path
                .iter()
                .rev()
                .fold(value, |inner, part| json!({ *part: inner }));
            merge(&mut patch, nested);
        }
    }
    (!patch.is_empty()).then_some(Value::Object(patch))
}

/// Joins two maps that have no value at the same place.
fn merge(into: &mut Map<String, Value>, from: Value) {
    let Value::Object(from) = from else { return };
    for (key, value) in from {
        match into.get_mut(&key) {
            Some(Value::Object(known)) => merge(known, value),
            _ => {
                into.insert(key, value);
            }
        }
    }
}

fn arch(fields: &mut Fields) -> Result<Arch, ImportError> {
    let mut spec = fields.fields("machineSpec")?;
    let word = spec.text("arch")?;
    if let Some(mode) = spec.text("mode")?.filter(|mode| mode != "metal") {
        spec.put("mode", mode.into());
    }
    fields.put_back("machineSpec", spec);
    match word.as_deref() {
        None | Some("amd64") => Ok(Arch::Amd64),
        Some("arm64") => Ok(Arch::Arm64),
        Some(_) => Err(ImportError::WrongType {
            place: fields.place_of("machineSpec.arch"),
            wanted: "amd64 or arm64",
        }),
    }
}

fn schematic(fields: &mut Fields) -> Result<(Vec<String>, Vec<String>), ImportError> {
    let mut schematic = fields.fields("schematic")?;
    let mut customization = schematic.fields("customization")?;
    let mut system = customization.fields("systemExtensions")?;
    let extensions = system.texts("officialExtensions")?;
    let kernel_args = customization.texts("extraKernelArgs")?;
    customization.put_back("systemExtensions", system);
    schematic.put_back("customization", customization);
    fields.put_back("schematic", schematic);
    Ok((extensions, kernel_args))
}

fn taints(fields: &mut Fields) -> Result<Option<Vec<Taint>>, ImportError> {
    let place = fields.place_of("nodeTaints");
    let words = fields.words("nodeTaints")?;
    let taints = words
        .into_iter()
        .map(|(key, text)| interfaces::taint(&place, key, &text))
        .collect::<Result<Vec<_>, _>>()?;
    Ok((!taints.is_empty()).then_some(taints))
}
