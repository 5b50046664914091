//! One machine configuration.

use std::net::IpAddr;

use ipnet::IpNet;
use model::lab::{Arch, Role};
use serde_json::Value;

use super::Found;
use crate::fields::Fields;
use crate::interfaces;
use crate::machines::NodeFacts;
use crate::networks::Interface;
use crate::patch_facts::take;
use crate::talhelper::ranges;
use crate::{ImportError, names};

/// Talos' secrets, by their places. They are never read, whatever they hold.
const SECRETS: [&[&str]; 13] = [
    &["machine", "token"],
    &["machine", "ca"],
    &["machine", "acceptedCAs"],
    &["cluster", "id"],
    &["cluster", "secret"],
    &["cluster", "token"],
    &["cluster", "bootstrapToken"],
    &["cluster", "aescbcEncryptionSecret"],
    &["cluster", "secretboxEncryptionSecret"],
    &["cluster", "ca"],
    &["cluster", "aggregatorCA"],
    &["cluster", "serviceAccount"],
    &["cluster", "etcd", "ca"],
];

/// Images whose tags tell the Kubernetes version.
const KUBERNETES: [&[&str]; 5] = [
    &["machine", "kubelet", "image"],
    &["cluster", "apiServer", "image"],
    &["cluster", "controllerManager", "image"],
    &["cluster", "scheduler", "image"],
    &["cluster", "proxy", "image"],
];

/// Reads a file.
pub(super) fn file(
    found: &mut Found,
    file: &str,
    documents: Vec<Value>,
) -> Result<(), ImportError> {
    let mut hostname = None;
    let mut config = None;
    for document in documents {
        if document.pointer("/machine/type").is_some() {
            if config.replace(document).is_some() {
                let place = format!("{file}: machine");
                return Err(ImportError::Twice { place });
            }
            continue;
        }
        let mut fields = Fields::of(format!("{file}: "), document)?;
        let kind = fields
            .text("kind")?
            .unwrap_or_else(|| "document".to_owned());
        if kind == "HostnameConfig" {
            hostname = fields.text("hostname")?;
            fields.any("apiVersion");
            fields.any("auto");
            found.leftover.push(fields);
        } else {
            let short: String = kind.chars().take(60).collect();
            let whole = Value::Object(fields.rest());
            let named = serde_json::json!({ short: whole });
            found.leftover.push(Fields::of(format!("{file}: "), named)?);
        }
    }
    let Some(mut config) = config else {
        return Ok(());
    };
    for path in SECRETS {
        if take(&mut config, path).is_some() {
            found.secrets.push(format!("{file}: {}", path.join(".")));
        }
    }
    versions(found, file, &mut config);
    let mut top = Fields::of(format!("{file}: "), config)?;
    top.any("version");
    top.any("debug");
    top.any("persist");
    let mut machine = top.fields("machine")?;
    let mut cluster = top.fields("cluster")?;
    self::cluster(found, file, &mut cluster)?;
    node(found, file, hostname, &mut machine)?;
    top.put_back("machine", machine);
    top.put_back("cluster", cluster);
    found.patches.push(Value::Object(top.rest()));
    Ok(())
}

/// Versions out of the names of images. An image that is another than Talos' own stays a patch.
fn versions(found: &mut Found, file: &str, config: &mut Value) {
    let tag = |image: &str| image.rsplit_once(':').map(|(_, tag)| tag.to_owned());
    for path in KUBERNETES {
        let pointer = format!("/{}", path.join("/"));
        let Some(image) = config.pointer(&pointer).and_then(Value::as_str) else {
            continue;
        };
        let own = ["ghcr.io/siderolabs/kubelet", "registry.k8s.io/kube-"];
        let Some(version) = tag(image).filter(|_| own.iter().any(|name| image.starts_with(name)))
        else {
            continue;
        };
        let known = found
            .cluster
            .kubernetes
            .get_or_insert_with(|| version.clone());
        if *known == version {
            take(config, path);
        } else {
            let line = format!("Kubernetes {known}, which {file} has in another version, too");
            found.derived.push(line);
        }
    }
    let image = config
        .pointer("/machine/install/image")
        .and_then(Value::as_str);
    let Some((image, version)) = image.and_then(|image| Some((image.to_owned(), tag(image)?)))
    else {
        return;
    };
    let known = found.cluster.talos.get_or_insert_with(|| version.clone());
    let plain = image.starts_with("ghcr.io/siderolabs/installer:");
    if *known == version && plain {
        take(config, &["machine", "install", "image"]);
    } else {
        found.derived.push(format!(
            "Talos {known}, from the installer's image in {file}, which stays as a patch: its schematic tells no extensions by itself"
        ));
    }
}

fn cluster(found: &mut Found, file: &str, fields: &mut Fields) -> Result<(), ImportError> {
    let mut control = fields.fields("controlPlane")?;
    let endpoint: Option<String> = control.parsed("endpoint", "an address")?;
    fields.put_back("controlPlane", control);
    let name = fields.text("clusterName")?;
    let mut network = fields.fields("network")?;
    let pods = ranges(&mut network, "podSubnets")?;
    let services = ranges(&mut network, "serviceSubnets")?;
    let domain = network.text("dnsDomain")?;
    fields.put_back("network", network);
    let mut api = fields.fields("apiServer")?;
    let sans = api.texts("certSANs")?;
    fields.put_back("apiServer", api);

    let facts = &mut found.cluster;
    if facts.file.is_empty() {
        file.clone_into(&mut facts.file);
    }
    if facts.name.is_empty() {
        facts.name = name.unwrap_or_default();
    }
    agree(
        &mut found.derived,
        &mut facts.endpoint,
        endpoint,
        file,
        "endpoint",
    );
    agree(
        &mut found.derived,
        &mut facts.domain,
        domain,
        file,
        "domain",
    );
    for (known, new, what) in [
        (&mut facts.pods, pods, "pods"),
        (&mut facts.services, services, "services"),
    ] {
        if known.is_empty() {
            *known = new;
        } else if !new.is_empty() && *known != new {
            found.derived.push(differs(what, file));
        }
    }
    for san in sans {
        if !facts.sans.contains(&san) {
            facts.sans.push(san);
        }
    }
    Ok(())
}

/// The first that is told counts.
fn agree(
    told: &mut Vec<String>,
    known: &mut Option<String>,
    new: Option<String>,
    file: &str,
    what: &str,
) {
    match (&known, new) {
        (None, new) => *known = new,
        (Some(same), Some(new)) if *same != new => told.push(differs(what, file)),
        (Some(_), _) => {}
    }
}

fn differs(what: &str, file: &str) -> String {
    format!("the cluster's {what} from its first control plane; {file} says otherwise")
}

fn role(machine: &mut Fields) -> Result<Role, ImportError> {
    match machine.need("type")?.as_str() {
        "controlplane" | "init" => Ok(Role::ControlPlane),
        "worker" | "join" => Ok(Role::Worker),
        _ => Err(ImportError::WrongType {
            place: machine.place_of("type"),
            wanted: "controlplane or worker",
        }),
    }
}

fn node(
    found: &mut Found,
    file: &str,
    hostname: Option<String>,
    machine: &mut Fields,
) -> Result<(), ImportError> {
    let role = role(machine)?;
    let mut network = machine.fields("network")?;
    let word = network.text("hostname")?.or(hostname);
    let (mut interfaces, leftover) = interfaces::read(&mut network, "interfaces")?;
    found.leftover.extend(leftover);
    machine.put_back("network", network);
    let stem = file
        .rsplit('/')
        .next()
        .unwrap_or(file)
        .split(".y")
        .next()
        .unwrap_or(file);
    let name =
        names::name(word.as_deref().unwrap_or(stem)).ok_or_else(|| ImportError::Missing {
            place: machine.place_of("network.hostname"),
        })?;
    if word.as_deref() != Some(name.as_str()) {
        found
            .derived
            .push(format!("the name {name} of the node in {file}"));
    }
    let mut install = machine.fields("install")?;
    let disk = install.text("disk")?;
    let kernel_args = install.texts("extraKernelArgs")?;
    install.any("wipe");
    machine.put_back("install", install);
    let place = machine.place_of("nodeTaints");
    let mut taints = Vec::new();
    for (key, text) in machine.words("nodeTaints")? {
        taints.push(interfaces::taint(&place, key, &text)?);
    }
    let address = main_address(&mut interfaces);
    found.nodes.push(NodeFacts {
        place: format!("{file}: machine"),
        name,
        role,
        address,
        interfaces,
        disk,
        arch: Arch::Amd64,
        labels: machine.words("nodeLabels")?.into_iter().collect(),
        taints: (!taints.is_empty()).then_some(taints),
        extensions: Vec::new(),
        kernel_args,
        patches: Vec::new(),
    });
    Ok(())
}

/// The address of the interface with a way out, else of the first that has one.
fn main_address(interfaces: &mut [Interface]) -> Option<IpAddr> {
    let first = |interface: &Interface| interface.addresses.first().map(IpNet::addr);
    interfaces
        .iter()
        .filter(|interface| !interface.gateways.is_empty())
        .find_map(first)
        .or_else(|| interfaces.iter().find_map(first))
}
