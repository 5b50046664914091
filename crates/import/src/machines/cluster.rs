//! The cluster that Talos machines form.

use std::collections::BTreeSet;
use std::net::IpAddr;

use ipnet::IpNet;
use model::dual::Dual;
use model::lab::{
    Calico, Cilium, Cluster, Cni, Distribution, Endpoint, EndpointName, Flannel, Patch, Proxy,
    Talos,
};
use model::name::Name;

use super::{ClusterFacts, NodeFacts};
use crate::draft::Draft;
use crate::{ImportError, blank, names, networks};

/// Places the cluster.
pub(super) fn place(
    draft: &mut Draft,
    name: &Name,
    facts: &mut ClusterFacts,
    nodes: &[NodeFacts],
    vips: &BTreeSet<IpAddr>,
    (extensions, kernel_args): (Vec<String>, Vec<String>),
) -> Result<(), ImportError> {
    let mut version = |found: Option<String>, what: &str| {
        found.map_or_else(
            || {
                draft.derived(format!(
                    "{what} latest: no version is written; write the one that runs"
                ));
                "latest".to_owned()
            },
            |text| names::version(&text),
        )
    };
    let talos = Talos {
        version: version(facts.talos.take(), "Talos"),
        kubernetes: version(facts.kubernetes.take(), "Kubernetes"),
        extensions,
        kernel_args,
        kubeprism: facts.kubeprism,
        contract: None,
        talosctl: None,
    };
    // Talos' own defaults (its package constants, DefaultIPv4PodNet and DefaultIPv4ServiceNet).
    let pods = range(draft, &facts.pods, "pods", "10.244.0.0/16", &facts.file)?;
    let services = range(
        draft,
        &facts.services,
        "services",
        "10.96.0.0/12",
        &facts.file,
    )?;
    let endpoint = endpoint(draft, facts, nodes, vips);
    let cni = cni(draft, facts);
    let patches = std::mem::take(&mut facts.patches);
    let domain = facts.domain.take();
    let cluster = Cluster {
        endpoint,
        domain: domain.unwrap_or_else(|| "cluster.local".to_owned()),
        proxy: facts.no_proxy.then_some(Proxy::None),
        sans: std::mem::take(&mut facts.sans),
        patches: patches.into_iter().map(Patch::Talos).collect(),
        ..blank::cluster(Distribution::Talos(talos), pods, services, cni)
    };
    draft.took(format!("the cluster {name}"));
    draft.lab.clusters.insert(name.clone(), cluster);
    Ok(())
}

fn range(
    draft: &mut Draft,
    found: &[IpNet],
    what: &str,
    default: &str,
    file: &str,
) -> Result<Dual<IpNet>, ImportError> {
    if let Some(ranges) = networks::dual(found) {
        for more in found
            .iter()
            .filter(|one| ranges.iter().all(|range| range != **one))
        {
            draft.unplaced(
                &format!("{file}: {what}"),
                format!("a further range: {more}"),
            );
        }
        return Ok(ranges);
    }
    draft.derived(format!(
        "{what} {default}: Talos' default, as none is written"
    ));
    let range = default.parse().map_err(|_| ImportError::Missing {
        place: format!("{file}: {what}"),
    })?;
    Ok(Dual::one(range))
}

fn endpoint(
    draft: &mut Draft,
    facts: &mut ClusterFacts,
    nodes: &[NodeFacts],
    vips: &BTreeSet<IpAddr>,
) -> Option<Endpoint> {
    let place = format!("{}: endpoint", facts.file);
    let url = facts.endpoint.take();
    let (host, port) = url.as_deref().map(names::host_and_port).unwrap_or_default();
    if let Some(port) = port.filter(|port| *port != 6443) {
        draft.unplaced(&place, format!("its port {port}: Steading uses 6443"));
    }
    let address: Option<IpAddr> = host.parse().ok();
    for vip in vips
        .iter()
        .filter(|vip| address.is_some_and(|a| a != **vip))
    {
        draft.unplaced(&place, format!("a further shared address: {vip}"));
    }
    match address {
        Some(address) => {
            let node = nodes.iter().find(|node| {
                let all = node.interfaces.iter().flat_map(|i| &i.addresses);
                node.address == Some(address) || all.map(IpNet::addr).any(|a| a == address)
            });
            Some(node.map_or(Endpoint::Vip(address), |node| {
                Endpoint::Node(node.name.clone())
            }))
        }
        None if host.is_empty() => vips.first().map(|vip| Endpoint::Vip(*vip)),
        None => Some(Endpoint::Dns(EndpointName {
            name: host,
            network: None,
            address: vips.first().copied(),
        })),
    }
}

fn cni(draft: &mut Draft, facts: &ClusterFacts) -> Cni {
    let word = facts.cni.as_deref().unwrap_or("flannel");
    if word.contains("flannel") || word.contains("canal") {
        return Cni::Flannel(Flannel::default());
    }
    if word.contains("calico") {
        return Cni::Calico(Calico {
            controllers: true,
            ..Calico::default()
        });
    }
    if !word.contains("cilium") {
        let text = "cilium: the file leaves the pod network to somebody else and does not say to whom; write the one that runs";
        draft.derived(text);
        draft.unplaced(&format!("{}: the pod network", facts.file), text);
    }
    Cni::Cilium(Cilium {
        masquerade_v6: true,
        ..Cilium::default()
    })
}
