//! Machines and networks of EC2 and Linode.

use std::collections::BTreeMap;
use std::net::IpAddr;

use ipnet::IpNet;
use model::dual::Dual;
use model::lab::{Arch, Cloud, Host, HostAddress, Instance as Rented, Network, Power, Site};
use model::name::Name;

use super::Instance;
use crate::draft::Draft;
use crate::networks;
use crate::{ImportError, blank, names};

/// Places what a lab has fields for; gives back the others.
pub(super) fn place(
    draft: &mut Draft,
    instances: Vec<Instance>,
) -> Result<Vec<Instance>, ImportError> {
    let rank = |instance: &Instance| match instance.kind.as_str() {
        "aws_vpc" => 0,
        "aws_subnet" => 1,
        "aws_instance" | "linode_instance" => 2,
        _ => 3,
    };
    let mut ordered = instances;
    ordered.sort_by_key(rank);
    let mut ids = BTreeMap::new();
    let mut rest = Vec::new();
    for mut instance in ordered {
        match rank(&instance) {
            0 | 1 => network(draft, &mut ids, &mut instance)?,
            2 if instance.kind == "aws_instance" => ec2(draft, &ids, &mut instance)?,
            2 => linode(draft, &mut instance)?,
            _ => rest.push(instance),
        }
    }
    Ok(rest)
}

/// The name that a person gave it, else Terraform's own.
fn name(instance: &mut Instance, taken: impl Fn(&Name) -> bool) -> Result<Name, ImportError> {
    let mut tags = instance.attributes.fields("tags").unwrap_or_default();
    let tag = tags.text("Name").unwrap_or_default();
    let label = instance.attributes.text("label").unwrap_or_default();
    let wanted = tag
        .or(label)
        .filter(|text| !crate::secrecy::looks_secret(text))
        .and_then(|text| names::name(&text))
        .or_else(|| names::name(&instance.label));
    let wanted = wanted.ok_or_else(|| ImportError::Missing {
        place: format!("{}: a name", instance.address),
    })?;
    Ok(names::free(&wanted, taken))
}

fn network(
    draft: &mut Draft,
    ids: &mut BTreeMap<String, Name>,
    instance: &mut Instance,
) -> Result<(), ImportError> {
    let v4: Option<IpNet> = instance.attributes.parsed("cidr_block", "a range")?;
    let v6: Option<IpNet> = instance.attributes.parsed("ipv6_cidr_block", "a range")?;
    let ranges: Vec<IpNet> = v4.into_iter().chain(v6).collect();
    let Some(cidr) = networks::dual(&ranges) else {
        draft.unplaced(&instance.address, "a network without a range");
        return Ok(());
    };
    let zone = instance.attributes.text("availability_zone")?;
    let name = name(instance, |name| draft.lab.networks.contains_key(name))?;
    let over = instance
        .attributes
        .text("vpc_id")?
        .and_then(|id| ids.get(&id).cloned());
    if let Some(id) = instance.attributes.text("id")? {
        ids.insert(id, name.clone());
    }
    let site = zone.and_then(|zone| site(draft, &zone));
    draft.took(format!("the network {name}, {}", instance.address));
    let network = Network {
        site,
        over,
        ..blank::network(cidr)
    };
    draft.lab.networks.insert(name, network);
    Ok(())
}

/// The sites of a zone and its region; gives the zone's.
fn site(draft: &mut Draft, zone: &str) -> Option<Name> {
    let region = region_of(zone);
    let of_region = names::name(region)?;
    let of_zone = names::name(zone)?;
    draft
        .lab
        .sites
        .entry(of_region.clone())
        .or_insert_with(|| Site {
            region: Some(region.to_owned()),
            ..Site::default()
        });
    if of_zone != of_region {
        draft
            .lab
            .sites
            .entry(of_zone.clone())
            .or_insert_with(|| Site {
                within: Some(of_region),
                ..Site::default()
            });
    }
    Some(of_zone)
}

/// A zone of EC2 is its region with a letter.
fn region_of(zone: &str) -> &str {
    zone.trim_end_matches(|c: char| c.is_ascii_alphabetic())
}

fn ec2(
    draft: &mut Draft,
    ids: &BTreeMap<String, Name>,
    instance: &mut Instance,
) -> Result<(), ImportError> {
    let name = name(instance, |name| draft.lab.hosts.contains_key(name))?;
    let size = instance.attributes.need("instance_type")?;
    let zone = instance.attributes.need("availability_zone")?;
    let image = instance.attributes.text("ami")?;
    let private: Option<IpAddr> = instance.attributes.parsed("private_ip", "an address")?;
    let subnet = instance
        .attributes
        .text("subnet_id")?
        .and_then(|id| ids.get(&id).cloned());
    let public = instance.attributes.text("public_ip")?;
    if let Some(public) = public {
        draft.unplaced(&format!("{}.public_ip", instance.address), public);
    }
    if instance
        .attributes
        .text("user_data")
        .unwrap_or_default()
        .is_some()
    {
        draft.left_out(&format!("{}.user_data", instance.address));
    }
    let mut host = host(Cloud::Ec2(Rented {
        region: region_of(&zone).to_owned(),
        zone: Some(zone.clone()),
        image,
        first_boot: None,
        subnet: subnet.clone(),
        size,
    }));
    host.site = site(draft, &zone);
    let network = subnet.or_else(|| {
        private
            .and_then(|a| draft.lab.network_of(a))
            .map(|(name, _)| name.clone())
    });
    match (network, private) {
        (Some(network), Some(address)) => {
            host.addresses
                .insert(network, HostAddress::Fixed(Dual::one(address)));
        }
        (None, Some(address)) => {
            draft.unplaced(
                &format!("{}.private_ip", instance.address),
                address.to_string(),
            );
        }
        (_, None) => {}
    }
    add(draft, name, host, instance);
    Ok(())
}

fn linode(draft: &mut Draft, instance: &mut Instance) -> Result<(), ImportError> {
    let name = name(instance, |name| draft.lab.hosts.contains_key(name))?;
    let region = instance.attributes.need("region")?;
    let size = instance.attributes.need("type")?;
    let image = instance.attributes.text("image")?;
    for field in ["ip_address", "private_ip_address"] {
        if let Some(address) = instance.attributes.parsed::<IpAddr>(field, "an address")? {
            draft.unplaced(
                &format!("{}.{field}", instance.address),
                address.to_string(),
            );
        }
    }
    let mut host = host(Cloud::Linode(Rented {
        size,
        region: region.clone(),
        zone: None,
        image,
        first_boot: None,
        subnet: None,
    }));
    host.site = names::name(&region);
    if let Some(of_region) = &host.site {
        draft
            .lab
            .sites
            .entry(of_region.clone())
            .or_insert_with(|| Site {
                region: Some(region),
                ..Site::default()
            });
    }
    add(draft, name, host, instance);
    Ok(())
}

fn host(cloud: Cloud) -> Host {
    let size = cloud.instance().size.split('.').next().unwrap_or_default();
    // EC2's types with a g behind their number, such as t4g and c7gn, have ARM processors.
    let arm = matches!(cloud, Cloud::Ec2(_))
        && size
            .trim_start_matches(|c: char| c.is_ascii_alphabetic())
            .trim_start_matches(|c: char| c.is_ascii_digit())
            .starts_with('g');
    Host {
        arch: if arm { Arch::Arm64 } else { Arch::Amd64 },
        power: Some(Power::Provider),
        cloud: Some(cloud),
        ..Host::default()
    }
}

fn add(draft: &mut Draft, name: Name, host: Host, instance: &Instance) {
    draft.took(format!("the host {name}, {}", instance.address));
    if let Some(text) = super::unread(&instance.attributes) {
        draft.unplaced(&instance.address, text);
    }
    draft.lab.hosts.insert(name, host);
}
