//! What a cluster of a lab shows: the objects that its API server would list. Made from what the
//! catalog derives (members, components) and from what each distribution is documented to write;
//! nothing of the import is used.

use std::collections::BTreeMap;
use std::net::IpAddr;

use import::Files;
use ipnet::IpNet;
use model::lab::{Cluster, Cni, Distribution, Endpoint, Flannel, Kubeadm, Lab, Node, Proxy, Role};
use model::name::Name;
use model::resource::{Kind, Member, Objects, Resource, Spec};
use serde_json::{Value, json};

use crate::{around, networks};

/// One cluster of a lab.
pub struct Shown<'a> {
    pub lab: &'a Lab,
    pub name: &'a Name,
    pub cluster: &'a Cluster,
    pub members: BTreeMap<Name, Member>,
    pub resources: Vec<Resource>,
    objects: Vec<Value>,
}

/// All resources of one cluster, as if kubeadm made it: what a member is does not depend on the
/// distribution.
pub fn resources(lab: &Lab, cluster: &Name) -> Vec<Resource> {
    let mut alone = lab.clone();
    alone.clusters.retain(|name, _| name == cluster);
    alone.nodes.retain(|_, node| node.cluster == *cluster);
    alone.apps.clear();
    alone.components.clear();
    for one in alone.clusters.values_mut() {
        let kubernetes = catalog::kubernetes_versions().remove(0);
        one.distribution = Distribution::Kubeadm(Kubeadm { kubernetes });
        // Of the others there are no components yet.
        if !matches!(one.cni, Cni::Flannel(_)) {
            one.cni = Cni::Flannel(Flannel::default());
        }
    }
    catalog::expand(&alone, &BTreeMap::new()).unwrap()
}

/// The members among resources.
pub fn members(resources: &[Resource]) -> BTreeMap<Name, Member> {
    let member = |one: &Resource| match &one.spec {
        Spec::Member(member) => Some((one.address.name.clone(), member.clone())),
        _ => None,
    };
    resources.iter().filter_map(member).collect()
}

/// The addresses that kubelet tells of a node.
pub fn told_addresses(lab: &Lab, node: &Node) -> Vec<IpAddr> {
    let Some(main) = lab.node_address(node) else {
        return Vec::new();
    };
    let network = lab.network_of(main).map(|(name, _)| name);
    let all = lab.node_addresses(node).into_iter();
    let here = all
        .filter(|(of, _)| Some(*of) == network)
        .map(|(_, one)| one);
    let other = here.filter(|one| one.is_ipv6() != main.is_ipv6()).take(1);
    std::iter::once(main).chain(other).collect()
}

/// The dump of a cluster.
pub fn dump(lab: &Lab, name: &Name) -> Files {
    let resources = resources(lab, name);
    let mut shown = Shown {
        lab,
        name,
        cluster: &lab.clusters[name],
        members: members(&resources),
        resources,
        objects: Vec::new(),
    };
    shown.about();
    shown.nodes();
    shown.control_plane();
    shown.proxy();
    networks::show(&mut shown);
    around::show(&mut shown);
    let objects = shown.objects.into_iter().enumerate();
    objects
        .map(|(at, one)| (format!("{at}.json"), one.to_string()))
        .collect()
}

impl Shown<'_> {
    pub fn add(&mut self, object: Value) {
        self.objects.push(object);
    }

    pub fn config_map(&mut self, namespace: &str, name: &str, data: Value) {
        self.add(json!({
            "apiVersion": "v1", "kind": "ConfigMap",
            "metadata": { "name": name, "namespace": namespace }, "data": data,
        }));
    }

    pub fn daemon_set(&mut self, name: &str, image: &str, args: Value, env: Value) {
        self.add(json!({
            "apiVersion": "apps/v1", "kind": "DaemonSet",
            "metadata": { "name": name, "namespace": "kube-system" },
            "spec": { "template": { "spec": { "containers": [
                { "name": name, "image": image, "args": args, "env": env }
            ] } } },
        }));
    }

    /// The objects of a component of the cluster, as the catalog makes them.
    pub fn component(&self, name: &str) -> Vec<Value> {
        let of = |one: &Resource| match &one.spec {
            Spec::Objects(objects) if one.address.kind == Kind::Component => {
                (one.address.name.as_str() == name).then(|| objects.objects.clone())
            }
            _ => None,
        };
        self.resources.iter().find_map(of).unwrap_or_default()
    }

    pub fn ranges(ranges: impl Iterator<Item = IpNet>) -> String {
        let all: Vec<String> = ranges.map(|range| range.to_string()).collect();
        all.join(",")
    }

    fn first(&self) -> &Member {
        self.members.values().find(|member| member.first).unwrap()
    }

    /// The host of the API's address.
    fn endpoint(&self) -> String {
        match &self.cluster.endpoint {
            Some(Endpoint::Vip(vip)) => vip.to_string(),
            Some(Endpoint::Dns(dns)) => dns.name.clone(),
            Some(Endpoint::Node(node)) => self.members[node].address.to_string(),
            None => self.first().address.to_string(),
        }
    }

    fn version(&self) -> String {
        match &self.cluster.distribution {
            Distribution::K3s(k3s) | Distribution::Kairos(k3s) | Distribution::K3os(k3s) => {
                format!("v{}", k3s.version)
            }
            other => format!("v{}", other.kubernetes().unwrap_or("1.36.2")),
        }
    }

    fn system(&self) -> String {
        match &self.cluster.distribution {
            Distribution::Talos(talos) => format!("Talos (v{})", talos.version),
            Distribution::Nixos(nixos) => format!("NixOS {} (Yarara)", nixos.release),
            Distribution::Kairos(_) => "Kairos 3.6".to_owned(),
            Distribution::K3os(_) => "k3OS v0.21".to_owned(),
            _ => "Debian GNU/Linux 13 (trixie)".to_owned(),
        }
    }

    fn about(&mut self) {
        let full = format!("{}-{}", self.lab.lab, self.name);
        let host = match self.endpoint() {
            host if host.contains(':') => format!("[{host}]"),
            host => host,
        };
        let server = match self.cluster.distribution {
            // Through a forward of Steading's.
            Distribution::Kubeadm(_) => "https://127.0.0.1:23456".to_owned(),
            _ => format!("https://{host}:6443"),
        };
        self.add(json!({
            "kind": "Config",
            "contexts": [{ "name": full, "context": { "cluster": full } }],
            "clusters": [{ "name": full, "cluster": { "server": server } }],
        }));
        self.add(json!({ "serverVersion": { "gitVersion": self.version() } }));
        let planes = self
            .members
            .values()
            .filter(|one| one.role == Role::ControlPlane);
        let endpoints: Vec<Value> = planes
            .map(|one| json!({ "addresses": [one.address] }))
            .collect();
        self.add(json!({
            "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice",
            "metadata": {
                "name": "kubernetes", "namespace": "default",
                "labels": { "kubernetes.io/service-name": "kubernetes" },
            },
            "endpoints": endpoints,
        }));
        let services = self.cluster.services.first();
        let mut hosts = services.hosts();
        let first = if services.addr().is_ipv6() {
            hosts.nth(1)
        } else {
            hosts.next()
        };
        let api = self.cluster.api_service.or(first);
        let dns = self.cluster.dns.or_else(|| catalog::dns_address(&services));
        for (namespace, name, address) in [
            ("default", "kubernetes", api),
            ("kube-system", "kube-dns", dns),
        ] {
            self.add(json!({
                "apiVersion": "v1", "kind": "Service",
                "metadata": { "name": name, "namespace": namespace },
                "spec": { "clusterIP": address, "type": "ClusterIP" },
            }));
        }
        for object in self.component("coredns") {
            self.add(object);
        }
    }

    fn nodes(&mut self) {
        let members: Vec<(Name, Member)> = self.members.clone().into_iter().collect();
        for (position, (name, member)) in members.into_iter().enumerate() {
            let node = &self.lab.nodes[&name];
            let host = self.lab.host_of(node).unwrap();
            let (cpu, memory) = node.machine().map_or((host.cpu, host.memory), |machine| {
                let (cpu, memory) = machine.size();
                (Some(cpu), Some(memory))
            });
            let arch = serde_json::to_value(host.arch).unwrap();
            let told = told_addresses(self.lab, node);
            let mut addresses: Vec<Value> = told
                .iter()
                .map(|one| json!({ "type": "InternalIP", "address": one }))
                .collect();
            addresses.push(json!({ "type": "Hostname", "address": name }));
            let ranges: Vec<String> = self
                .cluster
                .pods
                .iter()
                .map(|range| self.part(range, position).to_string())
                .collect();
            let memory = memory.map_or_else(|| "8Gi".to_owned(), |m| format!("{}Ki", m.0 / 1024));
            self.add(json!({
                "apiVersion": "v1", "kind": "Node",
                "metadata": {
                    "name": name,
                    "labels": self.labels(&name, &member, &arch),
                    "annotations": self.annotations(&member, &told),
                },
                "spec": { "podCIDR": ranges.first(), "podCIDRs": ranges, "taints": member.taints },
                "status": {
                    "addresses": addresses,
                    "capacity": { "cpu": cpu.unwrap_or(4).to_string(), "memory": memory, "pods": "110" },
                    "nodeInfo": {
                        "architecture": arch, "kubeletVersion": self.version(), "osImage": self.system(),
                    },
                },
            }));
        }
    }

    /// A node's part of a range. What `pods-per-node` says is of the family that it can be of.
    fn part(&self, range: IpNet, position: usize) -> IpNet {
        let usual = if range.addr().is_ipv6() { 64 } else { 24 };
        let dual = self.cluster.pods.iter().count() > 1;
        let said = self.cluster.pods_per_node.filter(|length| {
            *length <= range.max_prefix_len()
                && *length >= range.prefix_len()
                && (!dual || (*length > 32) == range.addr().is_ipv6())
        });
        let length = said.unwrap_or(usual).max(range.prefix_len());
        range
            .subnets(length)
            .unwrap()
            .nth(position)
            .unwrap_or(range)
    }

    fn labels(&self, name: &Name, member: &Member, arch: &Value) -> Value {
        let mut labels = json!({
            "kubernetes.io/hostname": name, "kubernetes.io/os": "linux", "kubernetes.io/arch": arch,
            "beta.kubernetes.io/arch": arch,
        });
        let plane = member.role == Role::ControlPlane;
        match &self.cluster.distribution {
            Distribution::Nixos(_) => {}
            _ if plane => labels["node-role.kubernetes.io/control-plane"] = json!(""),
            _ => {}
        }
        if let Distribution::Talos(talos) = &self.cluster.distribution {
            for extension in &talos.extensions {
                let short = extension.rsplit('/').next().unwrap();
                labels[format!("extensions.talos.dev/{short}")] = json!("v1");
            }
        }
        if let Distribution::K3s(k3s) = &self.cluster.distribution {
            use model::lab::Datastore::{Etcd, Sqlite};
            let several = self.lab.control_planes(self.name).count() > 1;
            let etcd = k3s.datastore.unwrap_or(if several { Etcd } else { Sqlite }) == Etcd;
            if plane && etcd {
                labels["node-role.kubernetes.io/etcd"] = json!("true");
            }
        }
        for (key, value) in &member.labels {
            labels[key] = json!(value);
        }
        labels
    }

    fn annotations(&self, member: &Member, addresses: &[IpAddr]) -> Value {
        let mut annotations = json!({
            "node.alpha.kubernetes.io/ttl": "0",
            // As the driver of members writes it.
            "steading.dev/spec": json!(member).to_string(),
        });
        networks::annotate(self, &mut annotations, addresses);
        if let Distribution::K3s(k3s) = &self.cluster.distribution {
            let mut words = vec!["agent".to_owned()];
            if member.role == Role::ControlPlane {
                words = [
                    "server",
                    "--cluster-cidr",
                    &Self::ranges(self.cluster.pods.iter()),
                ]
                .map(str::to_owned)
                .to_vec();
                words.push(format!(
                    "--service-cidr={}",
                    Self::ranges(self.cluster.services.iter())
                ));
                let mut more =
                    |name: &str, value: &str| words.extend([format!("--{name}"), value.to_owned()]);
                k3s.disable.iter().for_each(|one| more("disable", one));
                self.cluster
                    .sans
                    .iter()
                    .for_each(|one| more("tls-san", one));
                more("cluster-domain", &self.cluster.domain);
                if self.cluster.proxy == Some(Proxy::None) {
                    words.push("--disable-kube-proxy".to_owned());
                }
            }
            annotations["k3s.io/node-args"] = json!(json!(words).to_string());
        }
        annotations
    }

    /// What tells how the control plane was set up.
    fn control_plane(&mut self) {
        let pods = Self::ranges(self.cluster.pods.iter());
        let services = Self::ranges(self.cluster.services.iter());
        match &self.cluster.distribution {
            Distribution::Kubeadm(_) => self.kubeadm_config(&pods, &services),
            Distribution::Talos(_) => {}
            // Nothing but the range of Services, which every API server writes down.
            _ => {
                let all: Vec<String> = self
                    .cluster
                    .services
                    .iter()
                    .map(|one| one.to_string())
                    .collect();
                self.add(json!({
                    "apiVersion": "networking.k8s.io/v1", "kind": "ServiceCIDR",
                    "metadata": { "name": "kubernetes" }, "spec": { "cidrs": all },
                }));
                return;
            }
        }
        let mut flags = vec![format!("--service-cluster-ip-range={services}")];
        if let Some(oidc) = &self.cluster.oidc {
            flags.push(format!("--oidc-issuer-url={}", oidc.issuer));
            flags.push(format!("--oidc-client-id={}", oidc.client));
            flags.extend(
                oidc.username_claim
                    .as_ref()
                    .map(|claim| format!("--oidc-username-claim={claim}")),
            );
        }
        let manager = vec![
            format!("--cluster-cidr={pods}"),
            "--allocate-node-cidrs=true".to_owned(),
        ];
        for (program, flags) in [
            ("kube-apiserver", flags),
            ("kube-controller-manager", manager),
        ] {
            let command: Vec<String> = std::iter::once(program.to_owned()).chain(flags).collect();
            self.add(json!({
                "apiVersion": "v1", "kind": "Pod",
                "metadata": {
                    "name": format!("{program}-a"), "namespace": "kube-system",
                    "labels": { "tier": "control-plane", "component": program },
                },
                "spec": { "containers": [{ "name": program, "image": "x", "command": command }] },
            }));
        }
    }

    fn kubeadm_config(&mut self, pods: &str, services: &str) {
        let first = self.first();
        let endpoint = match self.endpoint() {
            host if host.contains(':') => format!("[{host}]:6443"),
            host => format!("{host}:6443"),
        };
        let sans: Vec<&String> = first.sans.iter().collect();
        let config = json!({
            "apiVersion": "kubeadm.k8s.io/v1beta4", "kind": "ClusterConfiguration",
            "clusterName": first.cluster, "kubernetesVersion": format!("v{}", first.kubernetes),
            "controlPlaneEndpoint": endpoint,
            "certificatesDir": "/etc/kubernetes/pki", "encryptionAlgorithm": "ECDSA-P256",
            "caCertificateValidityPeriod": "87600h0m0s", "certificateValidityPeriod": "8760h0m0s",
            "imageRepository": "registry.k8s.io", "dns": {}, "proxy": {}, "scheduler": {},
            "etcd": { "local": { "dataDir": "/var/lib/etcd" } },
            "networking": { "podSubnet": pods, "serviceSubnet": services, "dnsDomain": first.domain },
            "apiServer": { "certSANs": sans },
            "controllerManager": { "extraArgs": [
                { "name": "kube-api-qps", "value": "100" }, { "name": "kube-api-burst", "value": "200" }
            ] },
        });
        let data = json!({ "ClusterConfiguration": config.to_string() });
        self.config_map("kube-system", "kubeadm-config", data);
    }

    fn proxy(&mut self) {
        let mode = match self.cluster.proxy {
            Some(Proxy::None) => return,
            Some(Proxy::Iptables) => "iptables",
            Some(Proxy::Ipvs) => "ipvs",
            // What Steading runs where nothing is said.
            Some(Proxy::Nftables) | None => "nftables",
        };
        match &self.cluster.distribution {
            Distribution::Kubeadm(_) => {
                let config = json!({ "kind": "KubeProxyConfiguration", "mode": mode });
                let data = json!({ "config.conf": config.to_string() });
                self.config_map("kube-system", "kube-proxy", data);
                self.daemon_set(
                    "kube-proxy",
                    "registry.k8s.io/kube-proxy:v1",
                    json!([]),
                    json!([]),
                );
            }
            Distribution::Talos(_) => {
                let args = json!([format!("--proxy-mode={mode}")]);
                self.daemon_set(
                    "kube-proxy",
                    "registry.k8s.io/kube-proxy:v1",
                    args,
                    json!([]),
                );
            }
            // Inside another program, or a service of the operating system.
            _ => {}
        }
    }

    /// The record that Steading keeps of what it brought.
    pub fn record(&mut self, kind: &str, name: &Name, source: String, namespace: &Name) {
        let spec = Spec::Objects(Objects {
            cluster: self.name.clone(),
            source,
            namespace: namespace.clone(),
            objects: Vec::new(),
        });
        self.add(json!({
            "apiVersion": "v1", "kind": "ConfigMap",
            "metadata": {
                "name": format!("record-{kind}-{name}"), "namespace": "steading-system",
                "labels": { "steading.dev/lab": "x", "steading.dev/record": "true" },
                "annotations": { "steading.dev/address": format!("{kind}/{name}") },
            },
            "data": { "spec": json!(spec).to_string(), "objects": "[]" },
        }));
    }
}
