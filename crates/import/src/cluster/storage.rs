//! Classes of volumes, and who makes them.

use std::collections::BTreeMap;
use std::net::IpAddr;

use model::dual::Dual;
use model::lab::{
    Class, ExternalCeph, FailureDomain, Host, HostAddress, Local, Nfs, Pool, PoolKind, Reclaim,
    Rook, Service, Storage,
};
use model::name::Name;
use serde_json::Value;

use super::objects::{Object, Objects};
use crate::draft::Draft;
use crate::names;

/// Programs that make volumes on the nodes' own disks, with the component that they belong to.
const LOCAL: [(&str, Option<&str>); 5] = [
    ("openebs.io/local", Some("openebs")),
    ("local.csi.openebs.io", Some("openebs")),
    ("zfs.csi.openebs.io", Some("openebs")),
    ("rancher.io/local-path", None),
    ("kubernetes.io/no-provisioner", None),
];

/// Places storage and its classes.
pub(super) fn place(draft: &mut Draft, objects: &Objects) {
    let mut drivers = Vec::new();
    for class in objects.of("StorageClass") {
        let by = class.text("/provisioner").unwrap_or_default().to_owned();
        place_class(draft, objects, class, &by);
        drivers.push(by);
    }
    if let Some(cluster) = rook_cluster(objects) {
        // A Ceph without a class of volumes is still there.
        rook(draft, objects, cluster);
    }
    for driver in objects.of("CSIDriver") {
        if drivers.contains(&driver.name) {
            draft.took(format!(
                "the storage driver {}, by its classes",
                driver.name
            ));
        } else {
            draft.unplaced(
                &driver.place(),
                "a storage driver of which there is no class",
            );
        }
    }
}

fn place_class(draft: &mut Draft, objects: &Objects, object: &Object, by: &str) {
    let Some(name) = names::name(&object.name) else {
        return;
    };
    let class = Class {
        default: object.annotation("storageclass.kubernetes.io/is-default-class") == Some("true"),
        pool: object.text("/parameters/pool").and_then(names::name),
        reclaim: (object.text("/reclaimPolicy") == Some("Retain")).then_some(Reclaim::Retain),
    };
    let ceph = by
        .strip_suffix(".rbd.csi.ceph.com")
        .or_else(|| by.strip_suffix(".cephfs.csi.ceph.com"));
    let plain = matches!(by, "rbd.csi.ceph.com" | "cephfs.csi.ceph.com");
    let local = LOCAL.iter().find(|(known, _)| *known == by);
    let told = match (rook_cluster(objects), local) {
        (Some(cluster), _) if ceph.is_some() => {
            rook(draft, objects, cluster)
                .classes
                .insert(name.clone(), class);
            "Rook"
        }
        _ if ceph.is_some() || plain => {
            external(draft, objects).classes.insert(name.clone(), class);
            "a Ceph outside the cluster"
        }
        (_, Some((_, component))) => {
            place_local(draft, object, *component, &name, class);
            "the nodes' own disks"
        }
        _ if by == "nfs.csi.k8s.io" && place_nfs(draft, object, &name, &class) => "an NFS server",
        _ => {
            object.keep(draft, "a class of a storage that a lab has no word for");
            return;
        }
    };
    draft.took(format!("the class of volumes {name}, on {told}"));
}

/// The storage of that name, made where it is not there yet.
fn entry<'a>(
    draft: &'a mut Draft,
    name: &str,
    make: impl FnOnce() -> Storage,
) -> Option<&'a mut Storage> {
    let name = names::name(name)?;
    Some(draft.lab.storage.entry(name).or_insert_with(make))
}

fn place_local(
    draft: &mut Draft,
    object: &Object,
    component: Option<&str>,
    class: &Name,
    value: Class,
) {
    let path = object
        .text("/parameters/basePath")
        .map(str::to_owned)
        .or_else(|| {
            // OpenEBS keeps its settings as a YAML text in an annotation.
            let text = object.annotation("cas.openebs.io/config")?;
            let settings = crate::document::yaml("cas.openebs.io/config", text).ok()?;
            let all = settings.first()?.as_array()?;
            let path = all.iter().find(|one| one["name"] == "BasePath")?;
            Some(path["value"].as_str()?.to_owned())
        });
    let name = component.unwrap_or("local");
    let found = entry(draft, name, || Storage::Local(Local::default()));
    if let Some(Storage::Local(local)) = found {
        local.by = component.and_then(names::name);
        local.path = local.path.take().or(path);
        local.classes.insert(class.clone(), value);
    }
}

fn place_nfs(draft: &mut Draft, object: &Object, class: &Name, value: &Class) -> bool {
    let (Some(server), Some(export)) = (
        object.text("/parameters/server"),
        object.text("/parameters/share"),
    ) else {
        return false;
    };
    let Some(host) = outside_host(draft, server, "nfs") else {
        return false;
    };
    if let Some(host) = draft.lab.hosts.get_mut(&host)
        && !host.runs.contains(&Service::Nfs)
    {
        host.runs.push(Service::Nfs);
    }
    let export = export.to_owned();
    let name = format!("nfs-{host}-{export}");
    let found = entry(draft, &name, || {
        Storage::Nfs(Nfs {
            server: host,
            export,
            classes: BTreeMap::new(),
        })
    });
    if let Some(Storage::Nfs(nfs)) = found {
        nfs.classes.insert(class.clone(), value.clone());
    }
    true
}

/// The host that has an address or a name: one of the lab, or a new one.
fn outside_host(draft: &mut Draft, at: &str, wanted: &str) -> Option<Name> {
    let address = at.parse::<IpAddr>().ok();
    if let Some(address) = address {
        let mut nodes = draft.lab.nodes.iter();
        let node = nodes.find(|(_, node)| {
            node.address
                .is_some_and(|own| own.iter().any(|one| one == address))
        });
        let mut hosts = draft.lab.hosts.iter();
        let host = hosts.find(|(_, host)| {
            host.addresses
                .values()
                .any(|one| one.fixed().contains(&address))
        });
        if let Some(name) = host
            .map(|(name, _)| name)
            .or(node.map(|(_, node)| &node.on))
        {
            return Some(name.clone());
        }
    }
    let wanted = match address {
        Some(_) => names::name(wanted)?,
        None => names::name(at.split('.').next().unwrap_or(at))?,
    };
    if address.is_none() && draft.lab.hosts.contains_key(&wanted) {
        return Some(wanted);
    }
    let name = names::free(&wanted, |name| draft.lab.hosts.contains_key(name));
    let mut host = Host::default();
    if let Some(address) = address {
        match draft
            .lab
            .network_of(address)
            .map(|(network, _)| network.clone())
        {
            Some(network) => {
                let fixed = HostAddress::Fixed(Dual::one(address));
                host.addresses.insert(network, fixed);
            }
            None => draft.unplaced(
                &format!("hosts.{name}"),
                format!("its address {address} is in no network of the nodes"),
            ),
        }
    }
    draft.derived(format!(
        "the host {name}: volumes of the cluster lie on {at}"
    ));
    draft.lab.hosts.insert(name.clone(), host);
    Some(name)
}

/// A Ceph that Rook runs in this cluster.
fn rook_cluster(objects: &Objects) -> Option<&Object> {
    let mut all = objects.of("CephCluster");
    all.find(|one| !one.flag("/spec/external/enable"))
}

fn rook<'a>(draft: &'a mut Draft, objects: &Objects, cluster: &Object) -> &'a mut Rook {
    let name = names::known("rook");
    if !draft.lab.storage.contains_key(&name) {
        let made = read_rook(draft, objects, cluster);
        draft.took(format!("Rook's Ceph with {} pools", made.pools.len()));
        draft.lab.storage.insert(name.clone(), Storage::Rook(made));
    }
    match draft.lab.storage.get_mut(&name) {
        Some(Storage::Rook(rook)) => rook,
        _ => unreachable!("it was put there as Rook"),
    }
}

fn read_rook(draft: &mut Draft, objects: &Objects, cluster: &Object) -> Rook {
    let count = |at: &str| cluster.number(at).and_then(|count| count.try_into().ok());
    let mut pools = BTreeMap::new();
    let kinds = [
        ("CephBlockPool", PoolKind::Block, ""),
        ("CephFilesystem", PoolKind::File, "/dataPools/0"),
        ("CephObjectStore", PoolKind::Object, "/dataPool"),
    ];
    for (kind, serves, at) in kinds {
        for object in objects.of(kind) {
            let number = |field: &str| {
                let found = object.number(&format!("/spec{at}/replicated/{field}"));
                found.and_then(|count| count.try_into().ok())
            };
            let min = object
                .text(&format!("/spec{at}/parameters/min_size"))
                .and_then(|text| text.parse().ok());
            let failure = object.text(&format!("/spec{at}/failureDomain"));
            let pool = Pool {
                kind: serves,
                replicas: number("size"),
                min_replicas: min,
                failure_domain: match failure {
                    Some("osd") => FailureDomain::Disk,
                    Some("zone" | "datacenter" | "region") => FailureDomain::Site,
                    _ => FailureDomain::Host,
                },
            };
            if let Some(name) = names::name(&object.name) {
                pools.insert(name, pool);
            }
        }
    }
    for field in ["storage", "placement", "resources"] {
        if let Some(value) = cluster.at(&format!("/spec/{field}")) {
            let place = format!("{}: spec.{field}", cluster.place());
            if let Some(value) = draft.without_secrets(&place, value.clone()) {
                draft.unplaced(&place, crate::yaml::write(&value).trim_end());
            }
        }
    }
    let ceph = cluster.text("/spec/cephVersion/image").and_then(|image| {
        let tag = image.rsplit_once(':')?.1;
        Some(names::version(tag.split('-').next().unwrap_or(tag)))
    });
    Rook {
        cluster: None,
        version: objects.image("rook/ceph").and_then(|(_, version)| version),
        ceph,
        monitors: count("/spec/mon/count"),
        managers: count("/spec/mgr/count"),
        osds: Vec::new(),
        pools,
        classes: BTreeMap::new(),
        options: options(cluster),
    }
}

/// Options of Ceph, which Rook keeps by their section.
fn options(cluster: &Object) -> BTreeMap<String, String> {
    let sections = cluster.at("/spec/cephConfig").and_then(Value::as_object);
    let all = sections.into_iter().flat_map(|all| all.values());
    all.filter_map(Value::as_object)
        .flatten()
        .filter_map(|(option, value)| Some((option.clone(), value.as_str()?.to_owned())))
        .filter(|(option, value)| {
            !crate::secrecy::is_secret_word(option) && !crate::secrecy::looks_secret(value)
        })
        .collect()
}

/// A Ceph outside this cluster: its driver knows the monitors' addresses.
fn external<'a>(draft: &'a mut Draft, objects: &Objects) -> &'a mut ExternalCeph {
    let name = names::known("ceph");
    if !draft.lab.storage.contains_key(&name) {
        let mut monitors = Vec::new();
        for map in objects.of("ConfigMap") {
            let Some(text) = map
                .data("config.json")
                .or_else(|| map.data("csi-cluster-config-json"))
            else {
                continue;
            };
            let clusters: Value = serde_json::from_str(text).unwrap_or_default();
            for cluster in clusters.as_array().into_iter().flatten() {
                for at in cluster["monitors"].as_array().into_iter().flatten() {
                    let (host, _) = names::host_and_port(at.as_str().unwrap_or_default());
                    let host = outside_host(draft, &host, "ceph");
                    monitors.extend(host.filter(|host| !monitors.contains(host)));
                }
            }
        }
        for monitor in &monitors {
            if let Some(host) = draft.lab.hosts.get_mut(monitor)
                && !host.runs.contains(&Service::CephMon)
            {
                host.runs.push(Service::CephMon);
            }
        }
        let ceph = ExternalCeph {
            monitors,
            ..ExternalCeph::default()
        };
        draft
            .lab
            .storage
            .insert(name.clone(), Storage::External(ceph));
    }
    match draft.lab.storage.get_mut(&name) {
        Some(Storage::External(ceph)) => ceph,
        _ => unreachable!("it was put there as an outside one"),
    }
}
