//! What a cluster tells of itself: the objects that an import reads, out of any cluster that a
//! kubeconfig leads to. Only reads.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;

use driver::DriverError;
use kube::config::{KubeConfigOptions, Kubeconfig};
use serde_json::{Value, json};

use super::client::{ApiError, Cluster, Request};

/// Objects in one answer: few enough for a slow line, as Helm's are large.
const PAGE: u32 = 100;
/// More of one kind are not read: no lab has them.
const MOST: usize = 20_000;
/// How long one answer may take.
const LIMIT: Duration = Duration::from_secs(60);

/// Objects of the core, by their paths and what is asked of each.
const CORE: [(&str, &str); 10] = [
    ("nodes", ""),
    ("services", ""),
    // Only those that other programs tell their settings by.
    ("configmaps", "fieldSelector=metadata.name%3Dkubeadm-config"),
    ("configmaps", "fieldSelector=metadata.name%3Dkubelet-config"),
    ("configmaps", "fieldSelector=metadata.name%3Dkube-proxy"),
    ("configmaps", "fieldSelector=metadata.name%3Dcilium-config"),
    ("configmaps", "fieldSelector=metadata.name%3Dcalico-config"),
    ("configmaps", "labelSelector=steading.dev%2Frecord"),
    // The programs of a control plane, which kubelet runs from files.
    (
        "namespaces/kube-system/pods",
        "labelSelector=tier%3Dcontrol-plane",
    ),
    // Helm's releases. No other secret is asked for.
    (
        "secrets",
        "fieldSelector=type%3Dhelm.sh%2Frelease.v1&labelSelector=status%21%3Dsuperseded",
    ),
];

/// Further objects of the core, which go by different names in different clusters.
const NAMED: [(&str, &str); 5] = [
    ("configmaps", "coredns"),
    ("configmaps", "kube-flannel-cfg"),
    ("configmaps", "flannel"),
    ("configmaps", "ceph-csi-config"),
    ("configmaps", "rook-ceph-csi-config"),
];

/// Objects of groups, each at the version that the server prefers.
const GROUPS: [(&str, &[&str]); 15] = [
    ("apps", &["daemonsets", "deployments", "statefulsets"]),
    (
        "discovery.k8s.io",
        &["endpointslices?labelSelector=kubernetes.io%2Fservice-name%3Dkubernetes"],
    ),
    ("networking.k8s.io", &["ingressclasses", "servicecidrs"]),
    ("storage.k8s.io", &["storageclasses", "csidrivers"]),
    ("gateway.networking.k8s.io", &["gatewayclasses"]),
    (
        "metallb.io",
        &[
            "ipaddresspools",
            "l2advertisements",
            "bgpadvertisements",
            "bgppeers",
        ],
    ),
    (
        "cilium.io",
        &[
            "ciliumloadbalancerippools",
            "ciliuml2announcementpolicies",
            "ciliumbgpclusterconfigs",
            "ciliumbgppeeringpolicies",
        ],
    ),
    (
        "crd.projectcalico.org",
        &[
            "ippools",
            "bgpconfigurations",
            "bgppeers",
            "felixconfigurations",
        ],
    ),
    ("operator.tigera.io", &["installations"]),
    (
        "ceph.rook.io",
        &[
            "cephclusters",
            "cephblockpools",
            "cephfilesystems",
            "cephobjectstores",
        ],
    ),
    (
        "source.toolkit.fluxcd.io",
        &["gitrepositories", "ocirepositories", "helmrepositories"],
    ),
    ("kustomize.toolkit.fluxcd.io", &["kustomizations"]),
    ("helm.toolkit.fluxcd.io", &["helmreleases"]),
    ("fluxcd.controlplane.io", &["fluxinstances"]),
    ("argoproj.io", &["applications"]),
];

/// What runs, beside what an import reads: by group, with the kinds of each.
const RUNNING: [(&str, &[&str]); 4] = [
    ("", &["pods", "persistentvolumes", "persistentvolumeclaims"]),
    ("policy", &["poddisruptionbudgets"]),
    ("storage.k8s.io", &["volumeattachments"]),
    ("networking.k8s.io", &["ingresses"]),
];

/// The objects that an import reads, and all that runs: pods, volumes and where they are attached,
/// disruption budgets, ways in.
///
/// # Errors
/// As [`dump`].
pub fn dump_running(
    kubeconfig: &[PathBuf],
    context: Option<&str>,
) -> Result<BTreeMap<String, String>, DriverError> {
    read(kubeconfig, context, &RUNNING)
}

/// The objects of a cluster that an import reads, a file for each. What the server refuses to show
/// is among them as the `Status` that it answered.
///
/// # Errors
/// Where the kubeconfig cannot be used, or the server does not answer.
pub fn dump(
    kubeconfig: &[PathBuf],
    context: Option<&str>,
) -> Result<BTreeMap<String, String>, DriverError> {
    read(kubeconfig, context, &[])
}

fn read(
    kubeconfig: &[PathBuf],
    context: Option<&str>,
    further: &[(&str, &[&str])],
) -> Result<BTreeMap<String, String>, DriverError> {
    let doing = || DriverError::new("reading the kubeconfig");
    let mut merged = Kubeconfig::default();
    for path in kubeconfig {
        let one =
            Kubeconfig::read_from(path).map_err(|error| doing().caused_by(error.to_string()))?;
        merged = merged
            .merge(one)
            .map_err(|error| doing().caused_by(error.to_string()))?;
    }
    let mut reading = Reading {
        cluster: Cluster::by_kubeconfig(merged.clone(), &options(context))?,
        files: BTreeMap::new(),
    };
    reading.add("kubeconfig", &without_secrets(&merged, context));
    let version = reading
        .ask("/version")
        .map_err(|error| error.during("asking the cluster"))?;
    reading.add("version", &json!({ "serverVersion": version }));
    for (plural, query) in CORE {
        reading.list("", &format!("/api/v1/{plural}"), plural, query)?;
    }
    for (plural, name) in NAMED {
        let query = format!("fieldSelector=metadata.name%3D{name}");
        reading.list("", &format!("/api/v1/{plural}"), plural, &query)?;
    }
    let preferred = reading.preferred()?;
    for (group, plurals) in GROUPS.iter().chain(further) {
        let root = match preferred.get(*group) {
            Some(version) => format!("/apis/{version}"),
            None if group.is_empty() => "/api/v1".to_owned(),
            None => continue,
        };
        for plural in *plurals {
            let (plural, query) = plural.split_once('?').unwrap_or((plural, ""));
            reading.list(group, &format!("{root}/{plural}"), plural, query)?;
        }
    }
    Ok(reading.files)
}

fn options(context: Option<&str>) -> KubeConfigOptions {
    KubeConfigOptions {
        context: context.map(str::to_owned),
        ..KubeConfigOptions::default()
    }
}

/// The context that is used and where its server is: nothing else of the file.
fn without_secrets(config: &Kubeconfig, context: Option<&str>) -> Value {
    let wanted = context.or(config.current_context.as_deref());
    let used = config
        .contexts
        .iter()
        .find(|one| Some(one.name.as_str()) == wanted);
    let cluster = used
        .and_then(|used| used.context.as_ref())
        .map(|context| context.cluster.clone());
    let server = config
        .clusters
        .iter()
        .find(|one| Some(&one.name) == cluster.as_ref())
        .and_then(|one| one.cluster.as_ref())
        .and_then(|one| one.server.clone());
    json!({
        "kind": "Config",
        "contexts": [{ "name": wanted, "context": { "cluster": cluster } }],
        "clusters": [{ "name": cluster, "cluster": { "server": server } }],
    })
}

struct Reading {
    cluster: Cluster,
    files: BTreeMap<String, String>,
}

impl Reading {
    fn ask(&self, path: &str) -> Result<Value, ApiError> {
        let request = Request::get(path).within(LIMIT);
        self.cluster.send(request)
    }

    fn add(&mut self, name: &str, value: &Value) {
        let mut key = format!("{name}.json");
        let mut number = 2;
        while self.files.contains_key(&key) {
            key = format!("{name} ({number}).json");
            number += 1;
        }
        self.files.insert(key, value.to_string());
    }

    /// The version of each group that the server prefers, as `GROUP/VERSION`.
    fn preferred(&self) -> Result<BTreeMap<String, String>, DriverError> {
        let groups = self
            .ask("/apis")
            .map_err(|error| error.during("asking which kinds there are"))?;
        let groups = groups["groups"].as_array().cloned().unwrap_or_default();
        Ok(groups
            .iter()
            .filter_map(|group| {
                let version = group["preferredVersion"]["groupVersion"].as_str()?;
                Some((group["name"].as_str()?.to_owned(), version.to_owned()))
            })
            .collect())
    }

    /// All objects of a kind. A kind that the server does not know has none.
    fn list(
        &mut self,
        group: &str,
        path: &str,
        plural: &str,
        query: &str,
    ) -> Result<(), DriverError> {
        let mut more = String::new();
        let mut seen = BTreeSet::new();
        loop {
            let at = format!("{path}?limit={PAGE}&{query}{more}");
            let list = match self.ask(&at) {
                Ok(list) => list,
                Err(error) if error.not_found() => return Ok(()),
                Err(ApiError::Status {
                    code: 401 | 403, ..
                }) => {
                    let refused = json!({
                        "kind": "Status",
                        "reason": "Forbidden",
                        "details": { "group": group, "kind": plural },
                    });
                    self.files.insert(
                        format!("refused/{plural}.{group}.json"),
                        refused.to_string(),
                    );
                    return Ok(());
                }
                Err(error) => return Err(error.during(format!("reading {plural}"))),
            };
            self.add_items(&list);
            let next = list["metadata"]["continue"].as_str().unwrap_or_default();
            // A server that repeats itself must not keep us.
            if next.is_empty() || !seen.insert(next.to_owned()) || self.files.len() > MOST {
                return Ok(());
            }
            more = format!("&continue={}", super::object::segment(next));
        }
    }

    fn add_items(&mut self, list: &Value) {
        let kind = list["kind"].as_str().unwrap_or_default();
        let kind = kind.strip_suffix("List").unwrap_or(kind).to_owned();
        let version = list["apiVersion"].clone();
        for item in list["items"].as_array().into_iter().flatten() {
            let mut item = item.clone();
            item["kind"] = json!(kind);
            item["apiVersion"] = version.clone();
            trim(&mut item);
            let of = |field: &str| {
                item["metadata"][field]
                    .as_str()
                    .unwrap_or_default()
                    .to_owned()
            };
            let (namespace, name) = (of("namespace"), of("name"));
            let group = version.as_str().and_then(|text| text.split_once('/'));
            let group = group.map_or("", |(group, _)| group);
            self.add(&format!("{kind}.{group}/{namespace}/{name}"), &item);
        }
    }
}

/// Takes out what is large and tells nothing.
fn trim(item: &mut Value) {
    if let Some(metadata) = item["metadata"].as_object_mut() {
        metadata.remove("managedFields");
        if let Some(annotations) = metadata
            .get_mut("annotations")
            .and_then(Value::as_object_mut)
        {
            annotations.remove("kubectl.kubernetes.io/last-applied-configuration");
        }
    }
    if let Some(status) = item.get_mut("status").and_then(Value::as_object_mut) {
        status.remove("images");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_kubeconfig_only_names_and_the_server_are_taken() {
        let text = json!({
            "current-context": "b",
            "contexts": [
                { "name": "a", "context": { "cluster": "one", "user": "me" } },
                { "name": "b", "context": { "cluster": "two", "user": "me" } }
            ],
            "clusters": [
                { "name": "one", "cluster": { "server": "https://10.0.0.1:6443" } },
                { "name": "two", "cluster": { "server": "https://10.0.0.2:6443" } }
            ],
            "users": [{ "name": "me", "user": { "token": "PLAIN" } }]
        });
        let config: Kubeconfig = serde_json::from_value(text).unwrap();
        let kept = without_secrets(&config, None);
        assert_eq!(
            kept["clusters"][0]["cluster"]["server"],
            "https://10.0.0.2:6443"
        );
        assert!(!kept.to_string().contains("PLAIN"), "{kept}");
        let kept = without_secrets(&config, Some("a"));
        assert_eq!(kept["contexts"][0]["context"]["cluster"], "one");
    }

    #[test]
    fn what_is_large_and_tells_nothing_is_left_out() {
        let mut item = json!({
            "metadata": {
                "name": "a", "managedFields": [1],
                "annotations": { "kubectl.kubernetes.io/last-applied-configuration": "x", "kept": "y" }
            },
            "status": { "images": [1], "capacity": {} }
        });
        trim(&mut item);
        let wanted = json!({
            "metadata": { "name": "a", "annotations": { "kept": "y" } },
            "status": { "capacity": {} }
        });
        assert_eq!(item, wanted);
    }
}
