//! How a cluster was set up, from wherever its distribution keeps that.

use std::net::IpAddr;

use ipnet::IpNet;
use model::dual::Dual;
use model::lab::{Certificates, Patch, Proxy};
use serde_json::Value;

use super::nodes::Seen;
use super::objects::{Object, Objects};
use super::terms;
use crate::draft::Draft;
use crate::fields::Fields;
use crate::{ImportError, document, networks};

/// How a cluster was set up.
#[derive(Debug, Default)]
pub(super) struct Settings {
    /// kubeadm keeps its configuration in it.
    pub(super) kubeadm: bool,
    pub(super) name: Option<String>,
    pub(super) endpoint: Option<String>,
    pub(super) domain: Option<String>,
    pub(super) sans: Vec<String>,
    pub(super) certificates: Option<Certificates>,
    pub(super) patches: Vec<Patch>,
    pods: Option<String>,
    services: Option<String>,
    /// Arguments of k3s, as its nodes tell them.
    k3s: Vec<(String, String)>,
}

/// Fields of kubeadm's configuration that are its defaults or that Steading sets itself.
const USUAL: [&str; 7] = [
    "apiVersion",
    "kind",
    "certificatesDir",
    "encryptionAlgorithm",
    "kubernetesVersion",
    "dns",
    "proxy",
];

impl Settings {
    pub(super) fn read(
        draft: &mut Draft,
        objects: &Objects,
        nodes: &[Seen<'_>],
    ) -> Result<Self, ImportError> {
        let mut settings = Self::default();
        if let Some(map) = objects.named("ConfigMap", "kubeadm-config") {
            settings.kubeadm(draft, map)?;
        }
        for node in nodes {
            settings.k3s_arguments(node.object);
        }
        let k3s = |name: &str| settings.k3s(name).next().map(str::to_owned);
        let domain = k3s("cluster-domain");
        let sans: Vec<String> = settings.k3s("tls-san").map(str::to_owned).collect();
        settings.sans.extend(sans);
        settings.domain = settings.domain.or(domain).or_else(|| told_domain(objects));
        Ok(settings)
    }

    fn kubeadm(&mut self, draft: &mut Draft, map: &Object) -> Result<(), ImportError> {
        let place = map.place();
        let text = map.data("ClusterConfiguration").unwrap_or_default();
        let Some(value) = document::yaml(&place, text)?.into_iter().next() else {
            return Ok(());
        };
        self.kubeadm = true;
        let mut fields = Fields::of(format!("{place}: "), value)?;
        self.name = fields.text("clusterName")?;
        self.endpoint = fields.text("controlPlaneEndpoint")?;
        let mut networking = fields.fields("networking")?;
        self.pods = networking.text("podSubnet")?;
        self.services = networking.text("serviceSubnet")?;
        self.domain = networking.text("dnsDomain")?;
        fields.put_back("networking", networking);
        let mut server = fields.fields("apiServer")?;
        self.sans = server.texts("certSANs")?;
        server.any("timeoutForControlPlane");
        fields.put_back("apiServer", server);
        self.certificates = terms::told(&mut fields)?;
        for usual in USUAL {
            fields.any(usual);
        }
        if fields
            .any("imageRepository")
            .is_some_and(|one| one != "registry.k8s.io")
        {
            draft.unplaced(&place, "imageRepository: images come from a mirror");
        }
        let mut etcd = fields.fields("etcd")?;
        let mut local = etcd.fields("local")?;
        if let Some(folder) = local.text("dataDir")?.filter(|at| at != "/var/lib/etcd") {
            local.put("dataDir", folder.into());
        }
        etcd.put_back("local", local);
        fields.put_back("etcd", etcd);
        self.patch(draft, &place, fields);
        Ok(())
    }

    /// What a lab has no fields for is a patch, as kubeadm reads it.
    fn patch(&mut self, draft: &mut Draft, place: &str, fields: Fields) {
        let rest = Value::Object(fields.rest());
        let Some(Value::Object(rest)) = draft.usable(place, rest) else {
            return;
        };
        // What kubeadm and Steading write of themselves.
        let own = |key: &str, value: &Value| {
            value.as_object().is_some_and(serde_json::Map::is_empty)
                || (key == "controllerManager" && is_ours(value))
        };
        let kept: serde_json::Map<String, Value> = rest
            .into_iter()
            .filter(|(key, value)| !own(key, value))
            .collect();
        if !kept.is_empty() {
            let mut patch = serde_json::Map::from_iter([(
                "kind".to_owned(),
                Value::from("ClusterConfiguration"),
            )]);
            patch.extend(kept);
            self.patches.push(Patch::Kubeadm(Value::Object(patch)));
        }
    }

    /// k3s writes its arguments to its node, secrets crossed out.
    fn k3s_arguments(&mut self, node: &Object) {
        let Some(text) = node.annotation("k3s.io/node-args") else {
            return;
        };
        let words: Vec<String> = serde_json::from_str(text).unwrap_or_default();
        let mut words = words.into_iter().peekable();
        while let Some(word) = words.next() {
            let Some(word) = word.strip_prefix("--") else {
                continue;
            };
            let (name, value) = match word.split_once('=') {
                Some((name, value)) => (name, value.to_owned()),
                None => {
                    let value = words.next_if(|next| !next.starts_with("--"));
                    (word, value.unwrap_or_default())
                }
            };
            let one = (name.to_owned(), value);
            if !self.k3s.contains(&one) {
                self.k3s.push(one);
            }
        }
    }

    /// The values of an argument of k3s.
    pub(super) fn k3s(&self, name: &str) -> impl Iterator<Item = &str> {
        let all = self.k3s.iter().filter(move |(known, _)| known == name);
        all.map(|(_, value)| value.as_str())
    }

    /// The pods' ranges, from the first that tells them: how the cluster was set up, its pod
    /// network, its nodes' own ranges.
    pub(super) fn pods(
        &self,
        draft: &mut Draft,
        objects: &Objects,
        nodes: &[Seen<'_>],
        of_cni: &[IpNet],
    ) -> Result<Dual<IpNet>, ImportError> {
        let told = self
            .pods
            .clone()
            .or_else(|| objects.flag("kube-controller-manager", "cluster-cidr"))
            .or_else(|| self.all_k3s("cluster-cidr"))
            .or_else(|| objects.flag("kube-proxy", "cluster-cidr"))
            .or_else(|| proxy_field(objects, "clusterCIDR"));
        let mut found = match told {
            Some(text) => ranges("the pods' range", &text)?,
            None => of_cni.to_vec(),
        };
        // A pod network may tell of one family only.
        for range in around(nodes) {
            if found
                .iter()
                .all(|one| one.addr().is_ipv6() != range.addr().is_ipv6())
            {
                draft.derived(format!(
                    "the pods' range {range}, around those of the nodes"
                ));
                found.push(range);
            }
        }
        or_usual(draft, &found, "pods", "10.244.0.0/16")
    }

    /// The Services' ranges.
    pub(super) fn services(
        &self,
        draft: &mut Draft,
        objects: &Objects,
    ) -> Result<Dual<IpNet>, ImportError> {
        let told = self
            .services
            .clone()
            .or_else(|| objects.flag("kube-apiserver", "service-cluster-ip-range"))
            .or_else(|| self.all_k3s("service-cidr"))
            .or_else(|| {
                let object = objects.named("ServiceCIDR", "kubernetes")?;
                Some(object.texts("/spec/cidrs").join(","))
            });
        let mut found = told.map_or_else(
            || Ok(Vec::new()),
            |text| ranges("the Services' range", &text),
        )?;
        if found.is_empty()
            && let Some(address) = service(objects, "kubernetes")
        {
            let length = if address.is_ipv6() { 112 } else { 16 };
            found.extend(IpNet::new(address, length).map(|range| range.trunc()));
            draft.derived(format!(
                "the Services' range around {address}: nothing tells how large it is"
            ));
        }
        // kubeadm's default (its `DefaultServicesSubnet`).
        or_usual(draft, &found, "services", "10.96.0.0/12")
    }

    fn all_k3s(&self, name: &str) -> Option<String> {
        let all: Vec<&str> = self.k3s(name).collect();
        (!all.is_empty()).then(|| all.join(","))
    }
}

/// What Steading's own kubeadm configuration sets.
fn is_ours(value: &Value) -> bool {
    let arguments = value["extraArgs"].as_array();
    arguments.is_some_and(|all| {
        all.iter().all(|one| {
            matches!(
                one["name"].as_str(),
                Some("kube-api-qps" | "kube-api-burst" | "cluster-signing-duration")
            )
        })
    }) && value.as_object().is_some_and(|fields| fields.len() == 1)
}

/// The ranges, or the usual one where the account that reads may not see any.
fn or_usual(
    draft: &mut Draft,
    found: &[IpNet],
    what: &str,
    usual: &'static str,
) -> Result<Dual<IpNet>, ImportError> {
    if let Some(ranges) = networks::dual(found) {
        return Ok(ranges);
    }
    let text = format!("{usual}, the usual range: nothing that could be read tells it");
    draft.unplaced(&format!("clusters.{what}"), text);
    Ok(Dual::one(usual.parse().map_err(|_| ImportError::TooMuch)?))
}

fn ranges(what: &str, text: &str) -> Result<Vec<IpNet>, ImportError> {
    let parts = text
        .split(',')
        .map(str::trim)
        .filter(|part| !part.is_empty());
    let wrong = || ImportError::WrongType {
        place: what.to_owned(),
        wanted: "a range of addresses, or one of each family",
    };
    parts
        .map(|part| part.parse().map_err(|_| wrong()))
        .collect()
}

/// The smallest ranges that hold those of all nodes, but none smaller than usual.
fn around(nodes: &[Seen<'_>]) -> Vec<IpNet> {
    let mut found = Vec::new();
    for v6 in [false, true] {
        let all: Vec<IpNet> = nodes
            .iter()
            .flat_map(|node| &node.pods)
            .filter(|range| range.addr().is_ipv6() == v6)
            .copied()
            .collect();
        let Some(first) = all.first() else {
            continue;
        };
        let usual = if v6 { 56 } else { 16 };
        let mut range = IpNet::new(first.addr(), first.prefix_len().min(usual)).unwrap_or(*first);
        while !all.iter().all(|one| range.contains(one)) {
            let Some(wider) = range.supernet() else {
                break;
            };
            range = wider;
        }
        found.push(range.trunc());
    }
    found
}

/// How large each node's part is, where it is not as usual.
pub(super) fn per_node(draft: &mut Draft, nodes: &[Seen<'_>]) -> Option<u8> {
    let of = |v6: bool, usual: u8| {
        let mut all = nodes.iter().flat_map(|node| &node.pods);
        let found = all.find(|range| range.addr().is_ipv6() == v6)?;
        Some(found.prefix_len()).filter(|length| *length != usual)
    };
    let (four, six) = (of(false, 24), of(true, 64));
    if let (Some(four), Some(six)) = (four, six) {
        draft.unplaced(
            "the nodes' parts of the pods' range",
            format!("/{six} of IPv6 beside /{four} of IPv4: a lab has a place for one of them"),
        );
    }
    four.or(six)
}

/// The cluster's address of a Service.
pub(super) fn service(objects: &Objects, name: &str) -> Option<IpAddr> {
    objects
        .named("Service", name)?
        .text("/spec/clusterIP")?
        .parse()
        .ok()
}

/// The domain that the cluster's DNS answers for, or else that kubelet tells pods.
fn told_domain(objects: &Objects) -> Option<String> {
    let of_dns = || {
        let file = objects.named("ConfigMap", "coredns")?.data("Corefile")?;
        let line = file
            .lines()
            .find_map(|line| line.trim().strip_prefix("kubernetes "))?;
        let domain = line.split_whitespace().next()?.trim_end_matches('.');
        (domain != "{").then(|| domain.to_owned())
    };
    let of_kubelet = || {
        let map = objects.named("ConfigMap", "kubelet-config")?;
        let value = document::yaml("kubelet-config", map.data("kubelet")?).ok()?;
        Some(value.first()?["clusterDomain"].as_str()?.to_owned())
    };
    of_dns().or_else(of_kubelet)
}

fn proxy_field(objects: &Objects, field: &str) -> Option<String> {
    let map = objects.named("ConfigMap", "kube-proxy")?;
    let value = document::yaml("kube-proxy", map.data("config.conf")?).ok()?;
    let text = value.first()?[field].as_str()?;
    (!text.is_empty()).then(|| text.to_owned())
}

/// Who carries Service addresses, where that is told and not what Steading does by itself.
pub(super) fn proxy(draft: &mut Draft, objects: &Objects, settings: &Settings) -> Option<Proxy> {
    if !settings.k3s.is_empty() {
        return settings
            .k3s("disable-kube-proxy")
            .next()
            .map(|_| Proxy::None);
    }
    let set = objects.of("DaemonSet").any(|set| set.name == "kube-proxy");
    let map = objects.named("ConfigMap", "kube-proxy");
    // Where programs run outside of pods, nothing tells of them.
    if !set && map.is_none() {
        let inside = objects
            .flag("kube-apiserver", "service-cluster-ip-range")
            .is_some();
        return (inside || settings.kubeadm).then_some(Proxy::None);
    }
    let mode = proxy_field(objects, "mode").or_else(|| objects.flag("kube-proxy", "proxy-mode"));
    match mode.as_deref() {
        Some("nftables") if settings.kubeadm => {
            draft.derived("kube-proxy with nftables, as Steading runs it by itself");
            None
        }
        Some("nftables") => Some(Proxy::Nftables),
        Some("ipvs") => Some(Proxy::Ipvs),
        _ => Some(Proxy::Iptables),
    }
}
