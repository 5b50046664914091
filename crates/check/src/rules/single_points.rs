//! S022: What everything counts on is known to be one.

use model::diagnostic::Severity;
use model::lab::{Distribution, Endpoint, Overlay, Storage};
use model::name::Name;

use crate::finding::Findings;
use crate::{Rule, Subject};

pub(super) const RULE: Rule = Rule {
    code: "S022",
    title: "What everything counts on is known to be one.",
    text: "One server that all others need takes them along: the coordination server of an overlay, one control plane that is the address of several, a DNS or DHCP server beside the router, one machine that serves all files. That may be meant; then it is accepted with a reason, and not a surprise. Source: published labs with one overlay server, one named control plane, one DNS server that was power-cycled by hand.",
    sees: "All that it needs stands in the lab file.",
    severity: Severity::Warning,
    check,
};

fn check(lab: &Subject<'_>, findings: &mut Findings<'_>) {
    let accept = "make it two, or accept it: accepts: [ { code: S022, at: …, because: … } ]";
    for (name, network) in &lab.networks {
        let server = match &network.overlay {
            Some(Overlay::Headscale(headscale)) => headscale.on.as_ref(),
            Some(Overlay::Wireguard(wireguard)) => wireguard.server.as_ref(),
            _ => None,
        };
        let beside = |server: Option<&Name>| {
            server
                .filter(|one| Some(*one) != network.router.as_ref())
                .cloned()
        };
        let dhcp = beside(network.dhcp.as_ref().and_then(|dhcp| dhcp.server.as_ref()));
        let dns = beside(network.dns.as_ref().and_then(|dns| dns.server.as_ref()));
        let all = [(server.cloned(), "overlay"), (dhcp, "dhcp"), (dns, "dns")];
        for (server, field) in all {
            if let Some(server) = server {
                findings.add(
                    format!("all of {name} counts on {server}"),
                    &[
                        (format!("networks.{name}.{field}"), "needs it"),
                        (format!("hosts.{server}"), "the only one"),
                    ],
                    accept,
                );
            }
        }
    }
    for (name, cluster) in &lab.clusters {
        let several = lab.control_planes(name).count() > 1;
        let by_kubeadm = matches!(cluster.distribution, Distribution::Kubeadm(_));
        let (node, at) = match &cluster.endpoint {
            Some(Endpoint::Node(node)) => (Some(node), ".endpoint.node"),
            // kubeadm's endpoint is then the first one's own address.
            None if by_kubeadm => (lab.control_planes(name).next().map(|(node, _)| node), ""),
            _ => (None, ""),
        };
        if let (Some(node), true) = (node, several) {
            findings.add(
                format!("the API of {name} goes with {node}, although there are others"),
                &[(format!("clusters.{name}{at}"), "")],
                "write endpoint: { vip: ADDRESS }, which the control planes hand to each other",
            );
        }
    }
    for (name, storage) in &lab.storage {
        let (host, kind) = match storage {
            Storage::Nfs(nfs) => (&nfs.server, "nfs.server"),
            Storage::Zfs(zfs) if !zfs.classes.is_empty() => (&zfs.on, "zfs.on"),
            _ => continue,
        };
        findings.add(
            format!("the volumes of {name} count on {host}"),
            &[(format!("storage.{name}.{kind}"), "the only one")],
            accept,
        );
    }
}

#[test]
fn the_only_one_is_found_unless_it_is_accepted() {
    let accepts = "accepts: [ { code: S022, at: hosts.relay, because: it is rented } ]";
    crate::example::home_breaks("S022", accepts, "accepts: []");
    crate::example::home_breaks(
        "S022",
        "endpoint: { vip: 10.0.0.100 }",
        "endpoint: { node: cp1 }",
    );
    crate::example::home_breaks(
        "S022",
        "dns: { zone: home.example.net, server: rb,",
        "dns: { zone: home.example.net, server: nuc1,",
    );
    crate::example::home_breaks(
        "S199",
        accepts,
        "accepts: [ { code: S022, at: hosts.relay, because: a }, { code: S001, at: hosts, because: b } ]",
    );
}

#[test]
fn several_control_planes_want_an_address_of_their_own() {
    let several = crate::example::codes("role: worker,", "role: control-plane,");
    assert!(several.contains(&"S022".to_owned()), "{several:?}");
    let ha = include_str!("../../../../labs/quickstart-ha/lab.yaml");
    let of = |text: &str| crate::example::codes_of(text, &crate::Facts::default());
    assert_eq!(of(ha), [""; 0]);
    assert_eq!(
        of(&ha.replace("    endpoint: { vip: 10.89.0.100 }\n", "")),
        ["S022"]
    );
}
