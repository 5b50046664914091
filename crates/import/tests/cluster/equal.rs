//! When a lab that was imported from a cluster is equivalent to the lab that the cluster was made
//! from: they agree in everything that the cluster shows.
//!
//! A cluster shows: its members with name, role, addresses, size, architecture, labels and taints;
//! its distribution and versions; the ranges of pods and Services, the nodes' parts, the addresses
//! of DNS and of the API in it, its domain; where its API answers and by which further names; its
//! pod network with encapsulation, packet size, pools and BGP; who carries Services; classes of
//! volumes and what Rook is told; components and apps by name, source and version; the addresses of
//! components; pools and repositories.
//!
//! A cluster does not show: hosts (which machine a node runs on, their hardware, power and
//! networks), networks beyond the addresses in them, names that only the lab file has (of networks,
//! of storage), what is declared but disabled, settings, exposure, volumes and needs of apps, where
//! secrets are kept, users, backups, promises, accepted findings, patches; of Talos: kernel
//! arguments, `KubePrism`, contract, further names of the certificate; of NixOS: kube-proxy, which
//! is no pod there, and the same names; of k3s: its proxy's mode, and flannel's packet size.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use model::lab::{
    App, AppSource, Cluster, Cni, Component, Datastore, Distribution, Endpoint, FlannelBackend,
    Lab, Proxy, Reclaim, Storage,
};
use model::name::Name;
use model::resource::Member;
use model::topology::Topology;
use serde_json::{Value, json};

use crate::around::cluster_of;
use crate::render::{members, resources, told_addresses};

/// Panics where the imported lab is not equivalent to the lab's cluster of that name.
pub fn assert_equivalent(lab: &Lab, name: &Name, imported: &Lab) {
    assert_eq!(imported.lab, lab.lab, "the lab's name");
    let names: Vec<&Name> = imported.clusters.keys().collect();
    assert_eq!(names, [name], "the clusters");
    let (wanted, found) = (&lab.clusters[name], &imported.clusters[name]);
    assert_eq!(of_members(lab, name), of_members(imported, name), "members");
    nodes(lab, name, imported);
    distribution(lab, name, wanted, found);
    cluster(wanted, found);
    assert_eq!(
        endpoint(lab, name),
        endpoint(imported, name),
        "the endpoint"
    );
    cni(lab, name, imported);
    assert_eq!(classes(lab, Some(name)), classes(imported, None), "classes");
    rook(lab, imported);
    components(lab, name, imported);
    apps(lab, name, imported);
}

/// The members as the catalog derives them, without what the distribution does not show.
fn of_members(lab: &Lab, name: &Name) -> BTreeMap<Name, Member> {
    let mut all = members(&resources(lab, name));
    let shown = matches!(
        lab.clusters[name].distribution,
        Distribution::Kubeadm(_) | Distribution::K3s(_)
    );
    for member in all.values_mut() {
        if !shown {
            member.sans.clear();
        }
        // They follow from the hosts, which an import names after their nodes.
        let follows = ["steading.dev/host", "steading.dev/site"];
        member
            .labels
            .retain(|label, _| !follows.contains(&label.as_str()));
        // Compared apart; a declared one is no part of it.
        member.dns = IpAddr::from([0, 0, 0, 0]);
    }
    all
}

fn nodes(lab: &Lab, name: &Name, imported: &Lab) {
    assert_eq!(imported.nodes.len(), lab.nodes_of(name).count());
    for (node_name, node) in lab.nodes_of(name) {
        let theirs = &imported.nodes[node_name];
        let addresses: BTreeSet<IpAddr> = told_addresses(lab, node).into_iter().collect();
        let found: BTreeSet<IpAddr> = told_addresses(imported, theirs).into_iter().collect();
        assert_eq!(found, addresses, "the addresses of {node_name}");
        let host = lab.host_of(node).unwrap();
        let as_host = imported.host_of(theirs).unwrap();
        assert_eq!(as_host.arch, host.arch, "{node_name}");
        let (cpu, memory) = node.machine().map_or((host.cpu, host.memory), |machine| {
            let (cpu, memory) = machine.size();
            (Some(cpu), Some(memory))
        });
        assert!(cpu.is_none() || as_host.cpu == cpu, "{node_name}");
        // Kernels count in 1024 bytes.
        let kibi = |memory: model::quantity::Bytes| memory.0 / 1024;
        let (memory, found) = (memory.map(kibi), as_host.memory.map(kibi));
        assert!(memory.is_none() || found == memory, "{node_name}");
    }
}

fn distribution(lab: &Lab, name: &Name, wanted: &Cluster, found: &Cluster) {
    match (&wanted.distribution, &found.distribution) {
        (Distribution::Talos(wanted), Distribution::Talos(found)) => {
            assert_eq!(found.version, wanted.version);
            assert_eq!(found.kubernetes, wanted.kubernetes);
            let sorted = |all: &[String]| all.iter().cloned().collect::<BTreeSet<_>>();
            assert_eq!(sorted(&found.extensions), sorted(&wanted.extensions));
        }
        (Distribution::K3s(wanted), Distribution::K3s(found)) => {
            assert_eq!(
                (&found.version, &found.disable),
                (&wanted.version, &wanted.disable)
            );
            let several = lab.control_planes(name).count() > 1;
            let usual = if several {
                Datastore::Etcd
            } else {
                Datastore::Sqlite
            };
            assert_eq!(
                found.datastore.unwrap_or(usual),
                wanted.datastore.unwrap_or(usual)
            );
        }
        (Distribution::Nixos(wanted), Distribution::Nixos(found)) => {
            assert_eq!(found.release, wanted.release);
            assert!(wanted.kubernetes.is_none() || found.kubernetes == wanted.kubernetes);
        }
        (wanted, found) => assert_eq!(found, wanted),
    }
}

fn cluster(wanted: &Cluster, found: &Cluster) {
    assert_eq!(found.pods, wanted.pods);
    assert_eq!(found.services, wanted.services);
    let usual = |length: u8| !matches!(length, 24 | 64);
    assert_eq!(
        found.pods_per_node,
        wanted.pods_per_node.filter(|length| usual(*length))
    );
    let dns = |one: &Cluster| {
        one.dns
            .or_else(|| catalog::dns_address(&one.services.first()))
    };
    assert_eq!(dns(found), dns(wanted));
    assert_eq!(found.api_service, wanted.api_service);
    if matches!(
        wanted.distribution,
        Distribution::Kubeadm(_) | Distribution::Talos(_)
    ) {
        assert_eq!(found.oidc, wanted.oidc);
    }
    let kubeadm = matches!(wanted.distribution, Distribution::Kubeadm(_));
    let proxy = match (&wanted.distribution, wanted.proxy) {
        (Distribution::Nixos(_), _) | (_, None) => return,
        (Distribution::K3s(_), Some(proxy)) => Some(proxy).filter(|one| *one == Proxy::None),
        (_, Some(Proxy::Nftables)) if kubeadm => None,
        (_, proxy) => proxy,
    };
    assert_eq!(found.proxy, proxy);
}

/// Where the API answers.
fn endpoint(lab: &Lab, name: &Name) -> String {
    let of = |node: &Name| lab.node_address(&lab.nodes[node]).unwrap().to_string();
    match &lab.clusters[name].endpoint {
        Some(Endpoint::Vip(vip)) => vip.to_string(),
        Some(Endpoint::Dns(dns)) => dns.name.clone(),
        Some(Endpoint::Node(node)) => of(node),
        None => of(lab.control_planes(name).next().unwrap().0),
    }
}

fn cni(lab: &Lab, name: &Name, imported: &Lab) {
    let (wanted, found) = (&lab.clusters[name].cni, &imported.clusters[name].cni);
    assert_eq!(found.word(), wanted.word());
    assert_eq!(found.encapsulation(), wanted.encapsulation());
    let quiet = match wanted {
        Cni::Flannel(flannel) => {
            flannel.backend == FlannelBackend::HostGw
                || matches!(lab.clusters[name].distribution, Distribution::K3s(_))
        }
        _ => false,
    };
    if !quiet {
        let mtu = |lab: &Lab| catalog::pod_mtu(&Topology::of(lab), name, &lab.clusters[name]);
        assert_eq!(mtu(imported), mtu(lab), "the packet size in pods");
    }
    let bgp = |lab: &Lab| {
        let bgp = lab.clusters[name].cni.bgp()?;
        let peers = bgp
            .peers
            .iter()
            .flat_map(|host| lab.host_addresses(&lab.hosts[host]));
        Some((
            bgp.asn,
            peers.map(|(_, address)| address).collect::<BTreeSet<_>>(),
        ))
    };
    match (bgp(lab), bgp(imported)) {
        (Some((asn, peers)), Some((found, told))) => {
            assert_eq!(found, asn);
            assert!(told.is_subset(&peers), "{told:?} of {peers:?}");
        }
        (wanted, found) => assert_eq!(found, wanted),
    }
    let version = |told: &Option<String>, found: &Option<String>| {
        assert!(told.is_none() || found == told, "{found:?}, not {told:?}");
    };
    match (wanted, found) {
        (Cni::Calico(wanted), Cni::Calico(found)) => {
            version(&wanted.version, &found.version);
            assert_eq!(
                (found.cross_subnet, found.dataplane, found.controllers),
                (wanted.cross_subnet, wanted.dataplane, wanted.controllers)
            );
        }
        (Cni::Cilium(wanted), Cni::Cilium(found)) => {
            version(&wanted.version, &found.version);
            assert_eq!(found.load_balancer, wanted.load_balancer);
            assert_eq!(
                (
                    found.direct_return,
                    found.l2,
                    &found.api,
                    found.masquerade_v6
                ),
                (
                    wanted.direct_return,
                    wanted.l2,
                    &wanted.api,
                    wanted.masquerade_v6
                )
            );
        }
        _ => {}
    }
}

/// The classes of volumes, with what each lies on.
fn classes(lab: &Lab, cluster: Option<&Name>) -> BTreeMap<Name, Value> {
    let mut all = BTreeMap::new();
    for storage in lab.storage.values() {
        let here = lab
            .cluster_or_only(cluster_of(storage))
            .map(|(name, _)| name);
        if cluster.is_some() && here != cluster {
            continue;
        }
        let addresses = |hosts: &[Name]| -> BTreeSet<String> {
            let all = hosts
                .iter()
                .flat_map(|host| lab.host_addresses(&lab.hosts[host]));
            let nodes = lab
                .nodes
                .values()
                .filter(|node| node.machine().is_none() && hosts.contains(&node.on));
            let nodes = nodes.filter_map(|node| lab.node_address(node));
            let v4 = all
                .map(|(_, address)| address)
                .chain(nodes)
                .filter(IpAddr::is_ipv4);
            v4.map(|address| address.to_string()).collect()
        };
        let on = match storage {
            Storage::External(ceph) => json!(addresses(&ceph.monitors)),
            Storage::Nfs(nfs) => json!([addresses(std::slice::from_ref(&nfs.server)), nfs.export]),
            Storage::Local(local) => json!([local.by, local.path]),
            Storage::Rook(_) | Storage::Zfs(_) | Storage::Folder(_) | Storage::Object(_) => {
                Value::Null
            }
        };
        for (name, class) in storage.classes() {
            let retain = class.reclaim == Some(Reclaim::Retain);
            let told = json!([storage.word(), class.default, class.pool, retain, on]);
            all.insert(name.clone(), told);
        }
    }
    all
}

fn rook(lab: &Lab, imported: &Lab) {
    let of = |lab: &Lab| {
        lab.storage.values().find_map(|storage| match storage {
            Storage::Rook(rook) => Some(rook.clone()),
            _ => None,
        })
    };
    let (Some(wanted), Some(found)) = (of(lab), of(imported)) else {
        return;
    };
    assert!(wanted.version.is_none() || found.version == wanted.version);
    assert!(wanted.ceph.is_none() || found.ceph == wanted.ceph);
    assert_eq!(found.monitors, Some(wanted.monitors.unwrap_or(3)));
    assert_eq!(found.managers, Some(wanted.managers.unwrap_or(2)));
    assert_eq!(found.options, wanted.options);
    let pools = |rook: &model::lab::Rook| {
        let mut pools = rook.pools.clone();
        for pool in pools.values_mut() {
            pool.replicas = Some(pool.replicas.unwrap_or(3));
        }
        pools
    };
    assert_eq!(pools(&found), pools(&wanted));
}

fn components(lab: &Lab, name: &Name, imported: &Lab) {
    let here = |one: &Component| {
        let cluster = lab.cluster_or_only(one.cluster.as_ref());
        one.enabled && cluster.is_some_and(|(cluster, _)| cluster == name)
    };
    let wanted: BTreeMap<_, _> = lab.components.iter().filter(|(_, one)| here(one)).collect();
    let names: BTreeSet<&Name> = imported.components.keys().collect();
    assert_eq!(names, wanted.keys().copied().collect(), "components");
    for (name, wanted) in wanted {
        let found = &imported.components[name];
        assert_eq!(found.entry(name), wanted.entry(name));
        assert_eq!(found.address, wanted.address, "{name}");
        assert!(
            wanted.version.is_none() || found.version == wanted.version,
            "{name}"
        );
        assert_eq!(found.texts("pool"), wanted.texts("pool"), "{name}");
        for setting in ["l2", "path", "repository"] {
            assert_eq!(
                found.settings.get(setting),
                wanted.settings.get(setting),
                "{name}"
            );
        }
    }
}

fn apps(lab: &Lab, name: &Name, imported: &Lab) {
    let here = |one: &App| {
        let cluster = lab.cluster_or_only(one.cluster.as_ref());
        one.enabled && one.source().is_some() && cluster.is_some_and(|(cluster, _)| cluster == name)
    };
    let told = |name: &Name, app: &App| {
        let source = match app.source() {
            Some(AppSource::Catalog(entry)) => format!("catalog {entry}"),
            Some(AppSource::Manifests(folder)) => format!("manifests {folder}"),
            Some(AppSource::Chart(chart)) => {
                format!("chart {} {} {}", chart.name, chart.version, chart.values)
            }
            None => String::new(),
        };
        (
            name.clone(),
            (
                source,
                app.namespace.clone().unwrap_or_else(|| name.clone()),
            ),
        )
    };
    let wanted: BTreeMap<_, _> = lab
        .apps
        .iter()
        .filter(|(_, app)| here(app))
        .map(|(name, app)| told(name, app))
        .collect();
    let found: BTreeMap<_, _> = imported
        .apps
        .iter()
        .map(|(name, app)| told(name, app))
        .collect();
    assert_eq!(found, wanted, "apps");
}
