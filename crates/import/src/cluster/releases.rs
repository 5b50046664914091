//! What was brought into the cluster: by Steading, by Helm, by Flux, by Argo CD, by hand.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read as _;

use base64::Engine as _;
use model::lab::{App, Cni, Component};
use serde_json::{Value, json};

use super::objects::{Object, Objects, harmless};
use super::pools::{component, has};
use crate::draft::Draft;
use crate::fields::Fields;
use crate::flux::{self, Found, Release};
use crate::{ImportError, names};

/// No release is larger, unpacked.
const LARGEST: u64 = 32 << 20;

/// Components that every cluster of Steading's has.
const ALWAYS: [&str; 3] = ["coredns", "netcheck", "flannel"];

/// Charts of what a lab declares under `clusters`.
const OF_THE_CLUSTER: [&str; 6] = [
    "calico",
    "cilium",
    "coredns",
    "flannel",
    "tigera-operator",
    "traefik-crd",
];

/// Places all of it.
pub(super) fn place(draft: &mut Draft, objects: &Objects) -> Result<(), ImportError> {
    records(draft, objects);
    let by_flux = by_flux(draft, objects)?;
    helm(draft, objects, &by_flux)?;
    argo(draft, objects)?;
    by_hand(draft, objects);
    Ok(())
}

/// What Steading itself brought, by its own records.
fn records(draft: &mut Draft, objects: &Objects) {
    for map in objects
        .of("ConfigMap")
        .filter(|map| map.label("steading.dev/record").is_some())
    {
        let address = map.annotation("steading.dev/address").unwrap_or_default();
        let spec: Value = map
            .data("spec")
            .and_then(|text| serde_json::from_str(text).ok())
            .unwrap_or_default();
        // The kind of the resource stands around it.
        let spec = spec
            .as_object()
            .and_then(|kinds| kinds.values().next())
            .unwrap_or(&spec);
        let source = spec["source"].as_str().unwrap_or_default();
        let (entry, version) = source.split_once(' ').unwrap_or((source, ""));
        let namespace = spec["namespace"].as_str().and_then(names::name);
        let Some((kind, name)) = address.split_once('/') else {
            continue;
        };
        let Some(name) = names::name(name).filter(|name| !ALWAYS.contains(&name.as_str())) else {
            continue;
        };
        let catalog = names::name(entry).filter(|_| !entry.contains('/'));
        match kind {
            "component" => {
                let version = Some(version.to_owned()).filter(|version| !version.is_empty());
                draft.took(format!("the component {name}, which Steading brought"));
                let one = Component {
                    catalog: catalog.filter(|catalog| *catalog != name),
                    version,
                    ..Component::default()
                };
                draft.lab.components.insert(name, one);
            }
            "app" => {
                draft.took(format!("the app {name}, which Steading brought"));
                draft.derived(format!("the app {name} without its settings, ways in and needs: its objects do not tell which were declared"));
                let app = App {
                    manifests: catalog.is_none().then(|| entry.to_owned()),
                    catalog,
                    namespace: namespace.filter(|namespace| *namespace != name),
                    ..App::default()
                };
                draft.lab.apps.insert(name, app);
            }
            _ => {}
        }
    }
}

/// Flux' objects; gives the releases that it looks after, by namespace and name.
fn by_flux(
    draft: &mut Draft,
    objects: &Objects,
) -> Result<BTreeSet<(String, String)>, ImportError> {
    let mut theirs = BTreeSet::new();
    let mut documents = Vec::new();
    let root = root(draft, objects);
    for object in objects
        .all()
        .iter()
        .filter(|one| one.group.ends_with("toolkit.fluxcd.io"))
    {
        if root && object.name == "flux-system" {
            continue;
        }
        if object.kind == "HelmRelease" {
            let namespace = object
                .text("/spec/targetNamespace")
                .unwrap_or(&object.namespace);
            let usual = object.text("/spec/targetNamespace").map_or_else(
                || object.name.clone(),
                |namespace| format!("{namespace}-{}", object.name),
            );
            let release = object
                .text("/spec/releaseName")
                .map_or(usual, str::to_owned);
            theirs.insert((namespace.to_owned(), release));
        }
        let mut value = object.value.clone();
        if let Some(fields) = value.as_object_mut() {
            fields.remove("status");
        }
        documents.push(Fields::of(format!("{}: ", object.place()), value)?);
    }
    flux::place(draft, documents)?;
    Ok(theirs)
}

/// The repository that Flux itself follows.
fn root(draft: &mut Draft, objects: &Objects) -> bool {
    let instance = objects.of("FluxInstance").next();
    let sync = |field: &str| instance?.text(&format!("/spec/sync/{field}"));
    let of = |kind| {
        objects
            .of(kind)
            .find(|one| one.name == "flux-system" && one.group.ends_with("fluxcd.io"))
    };
    let url = sync("url").or_else(|| of("GitRepository")?.text("/spec/url"));
    let path = sync("path").or_else(|| of("Kustomization")?.text("/spec/path"));
    let Some(url) = url.map(|url| harmless(url).to_owned()) else {
        return false;
    };
    let path = path.map(|path| path.trim_start_matches("./").to_owned());
    let version = objects.named("Deployment", "source-controller");
    let version = version
        .and_then(|one| one.label("app.kubernetes.io/version"))
        .map(names::version);
    draft.took(format!("Flux, which follows {url}"));
    let flux = component(draft, "flux");
    if flux.version.is_none() {
        flux.version = version;
    }
    flux.settings.insert("repository".to_owned(), json!(url));
    if let Some(path) = path {
        flux.settings.insert("path".to_owned(), json!(path));
    }
    true
}

/// Helm's releases: the newest of each.
fn helm(
    draft: &mut Draft,
    objects: &Objects,
    by_flux: &BTreeSet<(String, String)>,
) -> Result<(), ImportError> {
    let mut newest: BTreeMap<(String, String), (u64, &Object)> = BTreeMap::new();
    for secret in objects
        .of("Secret")
        .filter(|one| one.text("/type") == Some("helm.sh/release.v1"))
    {
        let label = |name: &str| secret.label(name).unwrap_or_default();
        if matches!(label("status"), "superseded" | "uninstalled") {
            continue;
        }
        let key = (secret.namespace.clone(), label("name").to_owned());
        let number = label("version").parse().unwrap_or(0);
        if newest.get(&key).is_none_or(|(known, _)| *known < number) {
            newest.insert(key, (number, secret));
        }
    }
    for (key, (_, secret)) in newest {
        if by_flux.contains(&key) {
            continue;
        }
        let release = unpack(secret)?;
        place_release(draft, secret, &release);
    }
    Ok(())
}

/// A release as Helm keeps it: JSON, packed, and written in base64 twice.
fn unpack(secret: &Object) -> Result<Value, ImportError> {
    let wrong = || ImportError::WrongType {
        place: format!("{}: data.release", secret.place()),
        wanted: "a release of Helm 3",
    };
    let engine = base64::engine::general_purpose::STANDARD;
    let text = secret.data("release").ok_or_else(wrong)?;
    let once = engine.decode(text).map_err(|_| wrong())?;
    let packed = engine.decode(once.trim_ascii()).map_err(|_| wrong())?;
    let mut json = Vec::new();
    let mut reader = flate2::read::GzDecoder::new(&*packed).take(LARGEST + 1);
    reader.read_to_end(&mut json).map_err(|_| wrong())?;
    if json.len() as u64 > LARGEST {
        return Err(wrong());
    }
    serde_json::from_slice(&json).map_err(|_| wrong())
}

fn place_release(draft: &mut Draft, secret: &Object, release: &Value) {
    let text = |pointer: &str| release.pointer(pointer).and_then(Value::as_str);
    let (Some(name), Some(chart)) = (text("/name"), text("/chart/metadata/name")) else {
        draft.unplaced(&secret.place(), "a release without a name or a chart");
        return;
    };
    let version = text("/chart/metadata/version").map(names::version);
    let values = release.get("config").cloned().unwrap_or_default();
    let place = format!("Helm release {}/{name}", secret.namespace);
    if OF_THE_CLUSTER.contains(&chart) || (chart == "traefik" && secret.namespace == "kube-system")
    {
        of_the_cluster(draft, &place, chart, version.as_deref(), values);
        return;
    }
    let values = draft
        .usable(&format!("{place}.values"), values)
        .unwrap_or_default();
    let Some(wanted) = names::name(name) else {
        draft.unplaced(
            &place,
            format!("the chart {chart}: its name is none of a lab"),
        );
        return;
    };
    // A component that is known already, by Steading's own record or by what it made.
    let found = Found {
        chart: chart.to_owned(),
        repository: None,
        version,
    };
    let release = Release {
        place,
        name: names::free(&wanted, |name| {
            draft.lab.components.contains_key(name) || draft.lab.apps.contains_key(name)
        }),
        namespace: names::name(&secret.namespace),
        enabled: true,
        values,
        needs: Vec::new(),
    };
    flux::released(draft, release, found);
}

/// Charts of parts that a lab declares elsewhere: their version counts, their values are kept.
fn of_the_cluster(
    draft: &mut Draft,
    place: &str,
    chart: &str,
    version: Option<&str>,
    values: Value,
) {
    let version = version.unwrap_or("unknown");
    draft.took(format!(
        "{place}: the chart {chart} {version}, a part of the cluster itself"
    ));
    for cluster in draft.lab.clusters.values_mut() {
        match &mut cluster.cni {
            Cni::Cilium(cilium) if chart == "cilium" && cilium.version.is_none() => {
                cilium.version = Some(version.to_owned());
            }
            _ => {}
        }
    }
    if let Some(values) = draft.without_secrets(&format!("{place}.values"), values) {
        draft.unplaced(
            &format!("{place}.values"),
            crate::yaml::write(&values).trim_end(),
        );
    }
}

/// Argo CD's applications: charts are apps and components, folders of a repository are told.
fn argo(draft: &mut Draft, objects: &Objects) -> Result<(), ImportError> {
    let mut any = false;
    for object in objects
        .of("Application")
        .filter(|one| one.group == "argoproj.io")
    {
        any = true;
        let sources: Vec<Value> = match object.at("/spec/source") {
            Some(one) => vec![one.clone()],
            None => object.list("/spec/sources").to_vec(),
        };
        for source in sources {
            let source = Fields::of(format!("{}: spec.source", object.place()), source)?;
            application(draft, object, source)?;
        }
    }
    if any && !has(draft, "argocd") && !has(draft, "argo-cd") {
        let version = objects
            .image("argoproj/argocd")
            .and_then(|(_, version)| version);
        component(draft, "argocd").version = version;
        draft.derived("the component argocd: the cluster has applications of it");
    }
    Ok(())
}

fn application(draft: &mut Draft, object: &Object, mut source: Fields) -> Result<(), ImportError> {
    let repository = source.text("repoURL")?.map(|url| harmless(&url).to_owned());
    let version = source.text("targetRevision")?;
    let namespace = object.text("/spec/destination/namespace");
    let Some(chart) = source.text("chart")? else {
        let path = source.text("path")?.unwrap_or_default();
        draft.unplaced(
            &object.place(),
            format!(
                "Argo CD brings the folder {path} of {} at {}",
                repository.unwrap_or_default(),
                version.as_deref().map_or("its newest state", harmless)
            ),
        );
        draft.rest(source);
        return Ok(());
    };
    let mut helm = source.fields("helm")?;
    let mut values = helm.any("valuesObject").unwrap_or_default();
    if let Some(text) = helm.text("values")? {
        let read = crate::document::yaml(&object.place(), &text)?;
        values = read.into_iter().next().unwrap_or_default();
    }
    let name = helm
        .text("releaseName")?
        .unwrap_or_else(|| object.name.clone());
    source.put_back("helm", helm);
    draft.rest(source);
    let values = draft
        .usable(&format!("{}.values", object.place()), values)
        .unwrap_or_default();
    let Some(wanted) = names::name(&name) else {
        return Ok(());
    };
    let release = Release {
        place: object.place(),
        name: names::free(&wanted, |name| {
            draft.lab.components.contains_key(name) || draft.lab.apps.contains_key(name)
        }),
        namespace: namespace.and_then(names::name),
        enabled: true,
        values,
        needs: Vec::new(),
    };
    flux::released(
        draft,
        release,
        Found {
            chart,
            repository,
            version,
        },
    );
    Ok(())
}

/// Workloads that nobody looks after: told by their names.
fn by_hand(draft: &mut Draft, objects: &Objects) {
    let mut found: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for kind in ["Deployment", "StatefulSet", "DaemonSet"] {
        for one in objects.of(kind) {
            if !is_looked_after(one) {
                let all = found.entry(&one.namespace).or_default();
                all.push(format!("{kind} {}", one.name));
            }
        }
    }
    for (namespace, all) in found {
        draft.unplaced(
            &format!("namespace {namespace}"),
            format!(
                "no release, no source and no lab looks after these: {}",
                all.join(", ")
            ),
        );
    }
}

/// Namespaces of what a cluster itself consists of.
const OF_THE_SYSTEM: [&str; 6] = [
    "kube-system",
    "kube-flannel",
    "calico-system",
    "calico-apiserver",
    "tigera-operator",
    "flux-system",
];

fn is_looked_after(object: &Object) -> bool {
    let labels = [
        "helm.toolkit.fluxcd.io/name",
        "kustomize.toolkit.fluxcd.io/name",
        "argocd.argoproj.io/instance",
        "steading.dev/lab",
    ];
    let owned = !object.list("/metadata/ownerReferences").is_empty();
    OF_THE_SYSTEM.contains(&object.namespace.as_str())
        || owned
        || labels.iter().any(|label| object.label(label).is_some())
        || object.label("app.kubernetes.io/managed-by") == Some("Helm")
        || object
            .annotation("argocd.argoproj.io/tracking-id")
            .is_some()
        || object.annotation("meta.helm.sh/release-name").is_some()
}
