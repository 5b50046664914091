//! What runs in a cluster besides itself: storage, components, apps, as their own objects.

use std::io::Write as _;

use base64::Engine as _;
use flate2::Compression;
use flate2::write::GzEncoder;
use model::lab::{
    App, AppSource, Class, Component, FailureDomain, PoolKind, Reclaim, Rook, Storage,
};
use model::name::Name;
use serde_json::{Value, json};

use crate::networks::peer;
use crate::render::Shown;

pub fn show(shown: &mut Shown<'_>) {
    let lab = shown.lab;
    for storage in lab.storage.values() {
        if in_it(shown, cluster_of(storage)) {
            show_storage(shown, storage);
        }
    }
    for (name, component) in &lab.components {
        if component.enabled && in_it(shown, component.cluster.as_ref()) {
            show_component(shown, name, component);
        }
    }
    for (name, app) in &lab.apps {
        if app.enabled && in_it(shown, app.cluster.as_ref()) {
            show_app(shown, name, app);
        }
    }
}

/// Whether something is in the cluster that is shown.
fn in_it(shown: &Shown<'_>, cluster: Option<&Name>) -> bool {
    let found = shown.lab.cluster_or_only(cluster);
    found.is_some_and(|(name, _)| name == shown.name)
}

pub fn cluster_of(storage: &Storage) -> Option<&Name> {
    match storage {
        Storage::Rook(rook) => rook.cluster.as_ref(),
        Storage::Local(local) => local.cluster.as_ref(),
        _ => None,
    }
}

fn show_storage(shown: &mut Shown<'_>, storage: &Storage) {
    if let Storage::Rook(rook) = storage {
        show_rook(shown, rook);
    }
    if let Storage::External(ceph) = storage {
        let monitors: Vec<String> = ceph
            .monitors
            .iter()
            .map(|host| format!("{}:6789", peer(shown, host)))
            .collect();
        let config = json!([{ "clusterID": "x", "monitors": monitors }]).to_string();
        shown.config_map(
            "ceph-csi",
            "ceph-csi-config",
            json!({ "config.json": config }),
        );
    }
    for (name, class) in storage.classes() {
        let (by, parameters, annotation) = match storage {
            Storage::External(_) => ("rbd.csi.ceph.com", json!({}), None),
            Storage::Rook(rook) => {
                let pool = class.pool.as_ref().and_then(|pool| rook.pools.get(pool));
                let file = pool.is_some_and(|pool| pool.kind == PoolKind::File);
                let by = if file {
                    "rook-ceph.cephfs.csi.ceph.com"
                } else {
                    "rook-ceph.rbd.csi.ceph.com"
                };
                (by, json!({}), None)
            }
            Storage::Local(local) if local.by.is_some() => {
                let settings = local.path.as_ref().map(|path| {
                    format!("- name: StorageType\n  value: hostpath\n- name: BasePath\n  value: {path}\n")
                });
                ("openebs.io/local", json!({}), settings)
            }
            Storage::Local(_) => ("kubernetes.io/no-provisioner", json!({}), None),
            Storage::Nfs(nfs) => {
                let server = peer(shown, &nfs.server);
                (
                    "nfs.csi.k8s.io",
                    json!({ "server": server, "share": nfs.export }),
                    None,
                )
            }
            Storage::Zfs(_) | Storage::Folder(_) | Storage::Object(_) => continue,
        };
        let made = made(name, class, by, parameters, annotation);
        shown.add(made);
    }
}

fn made(
    name: &Name,
    class: &Class,
    by: &str,
    mut parameters: Value,
    settings: Option<String>,
) -> Value {
    if let Some(pool) = &class.pool {
        parameters["pool"] = json!(pool);
    }
    let mut annotations = json!({
        "storageclass.kubernetes.io/is-default-class": class.default.to_string(),
    });
    if let Some(settings) = settings {
        annotations["cas.openebs.io/config"] = json!(settings);
    }
    json!({
        "apiVersion": "storage.k8s.io/v1", "kind": "StorageClass",
        "metadata": { "name": name, "annotations": annotations },
        "provisioner": by, "parameters": parameters,
        "reclaimPolicy": if class.reclaim == Some(Reclaim::Retain) { "Retain" } else { "Delete" },
    })
}

fn show_rook(shown: &mut Shown<'_>, rook: &Rook) {
    let object = |kind: &str, name: &str, spec: Value| {
        json!({
            "apiVersion": "ceph.rook.io/v1", "kind": kind,
            "metadata": { "name": name, "namespace": "rook-ceph" }, "spec": spec,
        })
    };
    let ceph = rook.ceph.as_deref().unwrap_or("19.2.3");
    let version = rook.version.as_deref().unwrap_or("1.18.0");
    shown.add(object(
        "CephCluster",
        "rook-ceph",
        json!({
            "cephVersion": { "image": format!("quay.io/ceph/ceph:v{ceph}") },
            "mon": { "count": rook.monitors.unwrap_or(3) },
            "mgr": { "count": rook.managers.unwrap_or(2) },
            "cephConfig": { "global": rook.options },
        }),
    ));
    shown.add(json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": { "name": "rook-ceph-operator", "namespace": "rook-ceph" },
        "spec": { "template": { "spec": { "containers": [
            { "image": format!("docker.io/rook/ceph:v{version}") }
        ] } } },
    }));
    for (name, pool) in &rook.pools {
        let domain = match pool.failure_domain {
            FailureDomain::Disk => "osd",
            FailureDomain::Host => "host",
            FailureDomain::Site => "zone",
        };
        let mut inner = json!({
            "failureDomain": domain, "replicated": { "size": pool.replicas.unwrap_or(3) },
        });
        if let Some(min) = pool.min_replicas {
            inner["parameters"] = json!({ "min_size": min.to_string() });
        }
        let (kind, spec) = match pool.kind {
            PoolKind::Block => ("CephBlockPool", inner),
            PoolKind::File => ("CephFilesystem", json!({ "dataPools": [inner] })),
            PoolKind::Object => ("CephObjectStore", json!({ "dataPool": inner })),
        };
        shown.add(object(kind, name.as_str(), spec));
    }
}

fn show_component(shown: &mut Shown<'_>, name: &Name, component: &Component) {
    let entry = component.entry(name);
    let version = component.version.as_deref().unwrap_or("1.0.0");
    shown.record("component", name, format!("{entry} {version}"), name);
    if let Some(address) = component.address {
        shown.add(json!({
            "apiVersion": "v1", "kind": "Service",
            "metadata": {
                "name": name, "namespace": name,
                "annotations": { "steading.dev/address": format!("component/{name}") },
            },
            "spec": { "type": "LoadBalancer" },
            "status": { "loadBalancer": { "ingress": [{ "ip": address }] } },
        }));
    }
    let pool = component.texts("pool");
    if entry.as_str() == "metallb" && !pool.is_empty() {
        let object = |kind: &str, spec: Value| {
            json!({
                "apiVersion": "metallb.io/v1beta1", "kind": kind,
                "metadata": { "name": "lan", "namespace": "metallb-system" }, "spec": spec,
            })
        };
        shown.add(object("IPAddressPool", json!({ "addresses": pool })));
        if component.settings.get("l2") == Some(&json!(true)) {
            shown.add(object("L2Advertisement", json!({})));
        }
    }
    if let (Some(repository), Some(path)) = (component.text("repository"), component.text("path")) {
        let object = |group: &str, kind: &str, spec: Value| {
            json!({
                "apiVersion": format!("{group}.toolkit.fluxcd.io/v1"), "kind": kind,
                "metadata": { "name": "flux-system", "namespace": "flux-system" }, "spec": spec,
            })
        };
        shown.add(object(
            "source",
            "GitRepository",
            json!({ "url": repository, "interval": "1m" }),
        ));
        let spec = json!({ "path": format!("./{path}"), "interval": "10m", "prune": true });
        shown.add(object("kustomize", "Kustomization", spec));
    }
}

fn show_app(shown: &mut Shown<'_>, name: &Name, app: &App) {
    let namespace = app.namespace.as_ref().unwrap_or(name);
    match app.source() {
        Some(AppSource::Catalog(entry)) => {
            shown.record("app", name, format!("{entry} 1.0.0"), namespace);
        }
        Some(AppSource::Manifests(folder)) => {
            shown.record("app", name, folder.to_owned(), namespace);
        }
        Some(AppSource::Chart(chart)) => {
            let release = json!({
                "name": name, "namespace": namespace, "version": 3,
                "chart": {
                    "metadata": { "name": chart.name, "version": chart.version },
                    "templates": [{ "name": "a", "data": "eA==" }],
                },
                "config": chart.values,
            });
            let secret = helm_secret(namespace.as_str(), name.as_str(), 3, "deployed", &release);
            shown.add(secret);
        }
        None => {}
    }
}

/// A release as Helm keeps it.
pub fn helm_secret(
    namespace: &str,
    name: &str,
    number: u32,
    status: &str,
    release: &Value,
) -> Value {
    let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
    packed.write_all(release.to_string().as_bytes()).unwrap();
    let engine = base64::engine::general_purpose::STANDARD;
    let once = engine.encode(packed.finish().unwrap());
    json!({
        "apiVersion": "v1", "kind": "Secret", "type": "helm.sh/release.v1",
        "metadata": {
            "name": format!("sh.helm.release.v1.{name}.v{number}"), "namespace": namespace,
            "labels": {
                "owner": "helm", "name": name, "status": status, "version": number.to_string()
            },
        },
        "data": { "release": engine.encode(once) },
    })
}
