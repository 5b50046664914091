//! S036: Every thing has one owner.

use std::collections::BTreeMap;

use model::diagnostic::Severity;
use model::lab::{Distribution, Expose};

use crate::finding::Findings;
use crate::{Rule, Subject};

pub(super) const RULE: Rule = Rule {
    code: "S036",
    title: "Every thing has one owner.",
    text: "Two apps with one USB stick, an app and a service of the host itself (`by`) with one, one name at an ingress or one address take it from each other. A distribution that brings cluster DNS and a component that brings it, too, write the same objects by turns. Sources: a published lab with two Zigbee bridges on one stick, and one with DNS from its distribution and from its own manifests.",
    sees: "The lab file; which service of a host uses a USB device only where `by` says so. Objects in manifests are compared when they are applied: one that is not ours is refused then.",
    severity: Severity::Error,
    check,
};

fn check(lab: &Subject<'_>, findings: &mut Findings<'_>) {
    let mut owners = Owners::default();
    services(lab, &mut owners, findings);
    apps(lab, &mut owners, findings);
    machines(lab, &mut owners, findings);
    components(lab, &mut owners, findings);
}

/// What belongs to somebody: by its name, whose it is and where that stands.
#[derive(Default)]
struct Owners(BTreeMap<String, (String, String)>);

impl Owners {
    fn own(&mut self, what: String, owner: String, field: String, findings: &mut Findings<'_>) {
        if let Some((other, place)) = self.0.get(&what) {
            findings.add(
                format!("{what} belongs to {other} and to {owner}"),
                &[(field, "here"), (place.clone(), "and here")],
                "give it to one of them",
            );
        } else {
            self.0.insert(what, (owner, field));
        }
    }
}

/// Devices that services of the hosts themselves use.
fn services(lab: &Subject<'_>, owners: &mut Owners, findings: &mut Findings<'_>) {
    for (name, host) in &lab.hosts {
        for (device, service) in host
            .usb
            .iter()
            .filter_map(|(name, usb)| Some((name, usb.by?)))
        {
            let word = serde_json::to_value(service).unwrap_or_default();
            let word = word.as_str().unwrap_or_default();
            let field = format!("hosts.{name}.usb.{device}.by");
            if !host.runs.contains(&service) {
                findings.add(
                    format!("{name} does not run {word}, which {device} belongs to"),
                    &[(field, ""), (format!("hosts.{name}"), "does not run it")],
                    format!("add {word} to runs of {name}, or leave by out"),
                );
                continue;
            }
            let what = format!("the device {name}.{device}");
            owners.own(what, format!("{word} on {name} itself"), field, findings);
        }
    }
}

/// What apps use and are reached by.
fn apps(lab: &Subject<'_>, owners: &mut Owners, findings: &mut Findings<'_>) {
    for (name, app) in lab.apps.iter().filter(|(_, app)| app.enabled) {
        for (position, device) in app
            .devices
            .iter()
            .enumerate()
            .filter(|(_, one)| is_usb(lab, one))
        {
            let field = format!("apps.{name}.devices[{position}]");
            owners.own(
                format!("the device {device}"),
                name.to_string(),
                field,
                findings,
            );
        }
        let (host, kind) = match &app.expose {
            Some(Expose::Ingress(ingress)) => (Some(ingress.host.clone()), "ingress.host"),
            Some(Expose::Tunnel(ingress)) => (Some(ingress.host.clone()), "tunnel.host"),
            Some(Expose::LoadBalancer(one)) => {
                (one.address.map(|a| a.to_string()), "load-balancer.address")
            }
            Some(Expose::Forward(_)) | None => (None, ""),
        };
        if let Some(host) = host {
            owners.own(
                host,
                name.to_string(),
                format!("apps.{name}.expose.{kind}"),
                findings,
            );
        }
    }
}

/// Devices that virtual machines are given.
fn machines(lab: &Subject<'_>, owners: &mut Owners, findings: &mut Findings<'_>) {
    for (name, node) in &lab.nodes {
        for (position, device) in node.vm.iter().flat_map(|vm| &vm.devices).enumerate() {
            let what = format!("the device {}.{device}", node.on);
            owners.own(
                what,
                name.to_string(),
                format!("nodes.{name}.vm.devices[{position}]"),
                findings,
            );
        }
    }
}

/// What components are reached by, and cluster DNS.
fn components(lab: &Subject<'_>, owners: &mut Owners, findings: &mut Findings<'_>) {
    for (name, component) in lab.components.iter().filter(|(_, one)| one.enabled) {
        if let Some(address) = component.address {
            owners.own(
                address.to_string(),
                name.to_string(),
                format!("components.{name}.address"),
                findings,
            );
        }
        let cluster = lab.cluster_or_only(component.cluster.as_ref());
        if let (Some((_, cluster)), "coredns") = (cluster, component.entry(name).as_str())
            && brings_dns(&cluster.distribution)
        {
            findings.add(
                format!("{} brings cluster DNS already", cluster.distribution.word()),
                &[(format!("components.{name}"), "a second one")],
                "leave one of them out",
            );
        }
    }
}

/// Whether a device of a host, `HOST.DEVICE`, is one that only one can use.
fn is_usb(lab: &Subject<'_>, device: &str) -> bool {
    device.split_once('.').is_some_and(|(host, device)| {
        lab.hosts
            .get(host)
            .is_some_and(|host| host.usb.contains_key(device))
    })
}

fn brings_dns(distribution: &Distribution) -> bool {
    match distribution {
        Distribution::K3s(k3s) | Distribution::Kairos(k3s) | Distribution::K3os(k3s) => {
            !k3s.disable.iter().any(|part| part == "coredns")
        }
        Distribution::Talos(_) | Distribution::Nixos(_) => true,
        Distribution::Kubeadm(_) => false,
    }
}

#[test]
fn what_two_claim_is_found() {
    let second = "apps:\n  bridge: { manifests: apps/bridge, devices: [ nuc1.zigbee ] }\n";
    crate::example::home_breaks("S036", "apps:\n", second);
    let name = "apps:\n  other: { manifests: apps/o, expose: { ingress: { host: ha.home.example.net } } }\n";
    crate::example::home_breaks("S036", "apps:\n", name);
    crate::example::home_breaks("S036", "components:\n", "components:\n  coredns: {}\n");
}

#[test]
fn a_stick_that_the_host_uses_itself_is_found() {
    let stick = "zigbee: { id: \"10c4:ea60\" } } }";
    let used = "zigbee: { id: \"10c4:ea60\", by: zigbee } }, runs: [ zigbee ] }";
    crate::example::home_breaks("S036", stick, used);
    let nobody = crate::example::HOME.replace("    devices: [ nuc1.zigbee ]\n", "");
    let codes = |text: &str| crate::example::codes_of(text, &crate::Facts::default());
    assert_eq!(codes(&nobody.replace(stick, used)), [""; 0]);
    let not_run = used.replace(", runs: [ zigbee ]", "");
    assert_eq!(codes(&nobody.replace(stick, &not_run)), ["S036"]);
}
