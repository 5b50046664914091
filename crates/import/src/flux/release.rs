//! A release of a chart.

use model::lab::{App, Chart, Component};
use model::name::Name;
use serde_json::Value;

use super::source::Sources;
use crate::draft::Draft;
use crate::fields::Fields;
use crate::{ImportError, names};

/// Charts that serve a whole cluster. Their catalog entries have the same names.
const SERVICES: [&str; 45] = [
    "actions-runner-controller",
    "argo-cd",
    "calico",
    "cert-manager",
    "cilium",
    "cloudflare-tunnel",
    "cloudflared",
    "cloudnative-pg",
    "coredns",
    "csi-driver-nfs",
    "csi-driver-smb",
    "democratic-csi",
    "descheduler",
    "envoy-gateway",
    "external-dns",
    "external-secrets",
    "flux-instance",
    "flux-operator",
    "gateway-helm",
    "generic-device-plugin",
    "grafana",
    "ingress-nginx",
    "intel-device-plugins-operator",
    "istio",
    "k8s-gateway",
    "keda",
    "kube-prometheus-stack",
    "kubelet-csr-approver",
    "loki",
    "longhorn",
    "metallb",
    "metrics-server",
    "multus",
    "node-feature-discovery",
    "nvidia-device-plugin",
    "openebs",
    "prometheus-operator-crds",
    "reloader",
    "rook-ceph",
    "rook-ceph-cluster",
    "snapshot-controller",
    "spegel",
    "traefik",
    "velero",
    "volsync",
];

/// Fields that only say how Flux itself goes about it.
const USUAL: [&str; 14] = [
    "interval",
    "timeout",
    "install",
    "upgrade",
    "rollback",
    "uninstall",
    "test",
    "maxHistory",
    "driftDetection",
    "persistentClient",
    "storageNamespace",
    "serviceAccountName",
    "chartRef",
    "suspend",
];

/// What is known of a chart.
pub(crate) struct Found {
    pub(crate) chart: String,
    pub(crate) repository: Option<String>,
    pub(crate) version: Option<String>,
}

/// Places a release as a component or an app.
pub(super) fn place(
    draft: &mut Draft,
    sources: &Sources,
    mut fields: Fields,
) -> Result<(), ImportError> {
    let mut metadata = fields.fields("metadata")?;
    let word = metadata.need("name")?;
    let mut spec = fields.fields("spec")?;
    let place = spec.place().to_owned();
    let found = chart(sources, &mut spec)?;
    let own = metadata.text("namespace")?;
    let namespace = spec.text("targetNamespace")?.or(own);
    let release = spec.text("releaseName")?.unwrap_or(word);
    let wanted = names::name(&release).ok_or_else(|| ImportError::WrongType {
        place: metadata.place_of("name"),
        wanted: "a name",
    })?;
    let name = names::free(&wanted, |name| {
        draft.lab.components.contains_key(name) || draft.lab.apps.contains_key(name)
    });
    let enabled = spec.flag("suspend")? != Some(true);
    let values = spec.any("values").unwrap_or_default();
    let values = draft
        .usable(&format!("{place}.values"), values)
        .unwrap_or_default();
    let needs = dependencies(draft, &mut spec)?;
    for usual in USUAL {
        spec.any(usual);
    }
    draft.rest(spec);
    fields.any("status");
    draft.rest(fields);
    let release = Release {
        place,
        name,
        namespace: namespace.as_deref().and_then(names::name),
        enabled,
        values,
        needs,
    };
    released(draft, release, found);
    Ok(())
}

/// Places what is known of a release: a chart that serves the whole cluster is a component, any
/// other an app.
pub(crate) fn released(draft: &mut Draft, release: Release, found: Found) {
    let catalog = names::name(&found.chart);
    match catalog.filter(|_| SERVICES.contains(&found.chart.as_str())) {
        Some(catalog) => component(draft, release, catalog, found),
        None => app(draft, release, found),
    }
}

/// What is known of a release.
pub(crate) struct Release {
    pub(crate) place: String,
    pub(crate) name: Name,
    pub(crate) namespace: Option<Name>,
    pub(crate) enabled: bool,
    pub(crate) values: Value,
    pub(crate) needs: Vec<Name>,
}

fn component(draft: &mut Draft, release: Release, catalog: Name, found: Found) {
    let name = release.name;
    if !release.needs.is_empty() {
        let all: Vec<&str> = release.needs.iter().map(Name::as_str).collect();
        let text = format!(
            "it waits for {}: Steading orders components itself",
            all.join(", ")
        );
        draft.unplaced(&format!("{}.dependsOn", release.place), text);
    }
    let version = found.version.map(|text| names::version(&text));
    draft.took(format!("the component {name}{}", at(version.as_deref())));
    let component = Component {
        catalog: Some(catalog).filter(|catalog| *catalog != name),
        namespace: release.namespace,
        version,
        chart_repository: found.repository,
        enabled: release.enabled,
        values: release.values,
        ..Component::default()
    };
    draft.lab.components.insert(name, component);
}

fn app(draft: &mut Draft, release: Release, found: Found) {
    let name = release.name;
    let version = found.version.map(|text| names::version(&text));
    let version = version.unwrap_or_else(|| {
        draft.derived(format!(
            "the newest version of the chart of {name}: none is written"
        ));
        "*".to_owned()
    });
    let repository = found.repository.unwrap_or_else(|| {
        let place = format!("{}.chart", release.place);
        draft.unplaced(
            &place,
            "nothing tells where it comes from; write its repository",
        );
        "unknown".to_owned()
    });
    draft.took(format!(
        "the app {name}, the chart {}{}",
        found.chart,
        at(Some(&version))
    ));
    let app = App {
        namespace: release.namespace,
        chart: Some(Chart {
            name: found.chart,
            repository,
            version,
            values: release.values,
        }),
        enabled: release.enabled,
        needs: release.needs,
        ..App::default()
    };
    draft.lab.apps.insert(name, app);
}

fn at(version: Option<&str>) -> String {
    version.map_or_else(String::new, |version| format!(", {version}"))
}

fn chart(sources: &Sources, spec: &mut Fields) -> Result<Found, ImportError> {
    let mut reference = spec.fields("chartRef")?;
    let mut chart = spec.fields("chart")?;
    let mut inner = chart.fields("spec")?;
    if let Some(name) = reference.text("name")? {
        let kind = reference
            .text("kind")?
            .unwrap_or_else(|| "OCIRepository".to_owned());
        let source = sources.find(&kind, &name);
        let url = source.map_or(name.as_str(), |source| source.url.as_str());
        let (repository, chart) = url.rsplit_once('/').unwrap_or(("", url));
        return Ok(Found {
            chart: chart.to_owned(),
            repository: source.map(|_| repository.to_owned()),
            version: source.and_then(|source| source.version.clone()),
        });
    }
    let name = inner.need("chart")?;
    let mut from = inner.fields("sourceRef")?;
    let kind = from.text("kind")?.unwrap_or_default();
    let source = sources.find(&kind, &from.text("name")?.unwrap_or_default());
    let version = inner.text("version")?;
    for usual in ["interval", "reconcileStrategy"] {
        inner.any(usual);
    }
    chart.put_back("spec", inner);
    spec.put_back("chart", chart);
    Ok(Found {
        // A chart in a git repository is named by its folder.
        chart: name.rsplit('/').next().unwrap_or(&name).to_owned(),
        repository: source.map(|source| source.url.clone()),
        version: version.or_else(|| source.and_then(|source| source.version.clone())),
    })
}

fn dependencies(draft: &mut Draft, spec: &mut Fields) -> Result<Vec<Name>, ImportError> {
    let mut needs = Vec::new();
    for mut one in spec.each("dependsOn")? {
        let name = one.text("name")?;
        needs.extend(name.as_deref().and_then(names::name));
        one.any("namespace");
        draft.rest(one);
    }
    Ok(needs)
}

#[cfg(test)]
mod tests {
    use super::SERVICES;

    #[test]
    fn the_list_is_in_order_and_its_names_are_names() {
        assert!(SERVICES.is_sorted());
        assert!(
            SERVICES
                .iter()
                .all(|name| crate::names::name(name).unwrap().as_str() == *name)
        );
    }
}
