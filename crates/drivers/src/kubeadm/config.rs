//! kubeadm's configuration files, rendered from a [`Member`]. API version: `kubeadm.k8s.io/v1beta4`
//! (Kubernetes 1.31 and later).

use model::duration::Period;
use model::lab::{Role, Taint};
use model::name::Name;
use model::resource::Member;
use serde_json::{Map, Value, json};

use driver::DriverError;

use super::endpoint;

/// Where containerd listens in a node.
const CRI_SOCKET: &str = "unix:///run/containerd/containerd.sock";

/// Where a joining node finds the API server and its short-lived credential.
pub(crate) const DISCOVERY: &str = "/etc/kubernetes/steading/discovery.conf";

/// Preflight checks that a node of ours may fail, and why that is right.
const IGNORED_CHECKS: [&str; 3] = [
    // It wants the kernel's build configuration, which a container node has no file of.
    "SystemVerification",
    // It counts real processors and real memory; the lab declares what Kubernetes is shown.
    "NumCPU",
    "Mem",
];

/// Phases of `kubeadm init` that are left out, and why.
const SKIPPED_PHASES: [&str; 3] = [
    // CoreDNS is a catalog component.
    "addon/coredns",
    // Nodes join with short-lived certificates; the roles that this phase grants are granted by us.
    "bootstrap-token",
    // It prints a token.
    "show-join-command",
];

/// Arguments of the controller manager. At its start every controller fetches an account of its
/// own; at the default of 20 requests per second that takes five seconds, in which no joining
/// node gets its certificate.
const CONTROLLER_MANAGER: [(&str, &str); 2] = [("kube-api-qps", "100"), ("kube-api-burst", "200")];

/// How long kubeadm tries one call of the API. The first waits until the API server is up, which at
/// the default of one minute fails on a slow machine.
const API_CALL: &str = "4m0s";

/// A node that is to become a member of a cluster.
pub(crate) struct NodeConfig<'a> {
    /// Its name.
    pub(crate) name: &'a Name,
    /// What it shall be.
    pub(crate) member: &'a Member,
    /// The cgroup below which kubelet makes its own, where the machine shares its host's
    /// hierarchy.
    pub(crate) cgroup_root: Option<String>,
    /// Whether kubeadm repeats its phases on a cluster that stands: then its files and ports are
    /// there, as they should be.
    pub(crate) repeated: bool,
    /// Whether etcd's data lies there already, out of a snapshot.
    pub(crate) has_data: bool,
}

impl NodeConfig<'_> {
    /// The file for `kubeadm init --config`.
    ///
    /// # Errors
    /// Where the endpoint is not `host:port`.
    pub(crate) fn init(&self) -> Result<String, DriverError> {
        let member = self.member;
        let init = json!({
            "apiVersion": "kubeadm.k8s.io/v1beta4",
            "kind": "InitConfiguration",
            "nodeRegistration": self.registration(),
            "localAPIEndpoint": self.local_endpoint()?,
            "skipPhases": SKIPPED_PHASES,
            "timeouts": { "kubernetesAPICall": API_CALL },
        });
        let mut api_server = json!({ "certSANs": self.sans() });
        if member.shared.is_some() {
            // The balancer listens on the shared address at the same port.
            api_server["extraArgs"] = json!([{ "name": "permit-port-sharing", "value": "true" }]);
        }
        let mut cluster = json!({
            "apiVersion": "kubeadm.k8s.io/v1beta4",
            "kind": "ClusterConfiguration",
            "clusterName": member.cluster,
            "kubernetesVersion": format!("v{}", member.kubernetes),
            "controlPlaneEndpoint": member.endpoint,
            "certificatesDir": "/etc/kubernetes/pki",
            // As Steading's own authorities; also far quicker to make than RSA.
            "encryptionAlgorithm": "ECDSA-P256",
            "networking": {
                "podSubnet": member.pods.to_string(),
                "serviceSubnet": member.services.to_string(),
                "dnsDomain": member.domain,
            },
            "apiServer": api_server,
            "controllerManager": { "extraArgs": self.controller_manager() },
        });
        for (field, period) in [
            ("certificateValidityPeriod", member.certificates.leaves),
            ("caCertificateValidityPeriod", member.certificates.authority),
        ] {
            if let Some(period) = period {
                cluster[field] = json!(go_duration(period));
            }
        }
        yaml(&[init, cluster, self.kubelet(), self.kube_proxy()])
    }

    /// The file for `kubeadm upgrade apply --config` and `kubeadm upgrade node --config`.
    ///
    /// # Errors
    /// None that could be met.
    pub(crate) fn upgrade(&self) -> Result<String, DriverError> {
        let mut ignored = self.ignored();
        // CoreDNS is a catalog component, not kubeadm's; and kubeadm's trial job waits for a pause
        // program that ends when it is asked for its version.
        let ours = ["CoreDNSMigration", "CoreDNSUnsupportedPlugins", "CreateJob"];
        ignored.extend(ours.map(str::to_owned));
        let common = |mut phase: Value| {
            phase["certificateRenewal"] = json!(true);
            phase["etcdUpgrade"] = json!(true);
            phase["imagePullPolicy"] = json!("IfNotPresent");
            phase["ignorePreflightErrors"] = json!(ignored);
            phase
        };
        let upgrade = json!({
            "apiVersion": "kubeadm.k8s.io/v1beta4",
            "kind": "UpgradeConfiguration",
            "apply": common(json!({
                "kubernetesVersion": format!("v{}", self.member.kubernetes),
                // It asks nothing, and repeats what an interrupted one left.
                "forceUpgrade": true,
                "skipPhases": ["addon/coredns", "bootstrap-token"],
            })),
            "node": common(json!({ "skipPhases": ["addon/coredns"] })),
        });
        yaml(&[upgrade])
    }

    /// The file for `kubeadm join --config`.
    ///
    /// # Errors
    /// Where the endpoint is not `host:port`.
    pub(crate) fn join(&self) -> Result<String, DriverError> {
        let mut join = json!({
            "apiVersion": "kubeadm.k8s.io/v1beta4",
            "kind": "JoinConfiguration",
            "nodeRegistration": self.registration(),
            "discovery": { "file": { "kubeConfigPath": DISCOVERY } },
            "timeouts": { "kubernetesAPICall": API_CALL },
        });
        if self.member.role == Role::ControlPlane {
            join["controlPlane"] = json!({ "localAPIEndpoint": self.local_endpoint()? });
        }
        yaml(&[join])
    }

    fn registration(&self) -> Value {
        let mut arguments = vec![json!({
            "name": "node-ip", "value": self.member.address.to_string()
        })];
        if let Some(root) = &self.cgroup_root {
            // A flag, because the cluster-wide kubelet configuration cannot differ from node to
            // node.
            arguments.push(json!({ "name": "cgroup-root", "value": root }));
        }
        json!({
            "name": self.name,
            "criSocket": CRI_SOCKET,
            "imagePullPolicy": "IfNotPresent",
            "taints": taints(&self.member.taints),
            "kubeletExtraArgs": arguments,
            "ignorePreflightErrors": self.ignored(),
        })
    }

    fn ignored(&self) -> Vec<String> {
        if self.repeated {
            return vec!["all".to_owned()];
        }
        let mut checks = IGNORED_CHECKS.map(str::to_owned).to_vec();
        if self.has_data {
            checks.push("DirAvailable--var-lib-etcd".to_owned());
        }
        if self.member.shared.is_some() {
            // The balancer listens there already, on the shared address.
            checks.push(format!("Port-{}", endpoint::port(self.member)));
        }
        checks
    }

    fn local_endpoint(&self) -> Result<Value, DriverError> {
        let port = self.member.endpoint.rsplit_once(':').map(|(_, port)| port);
        let port: u16 = port.and_then(|text| text.parse().ok()).ok_or_else(|| {
            DriverError::new("rendering kubeadm's configuration").caused_by(format!(
                "endpoint {:?} is not host:port",
                self.member.endpoint
            ))
        })?;
        Ok(json!({ "advertiseAddress": self.member.address.to_string(), "bindPort": port }))
    }

    /// Names that the API server answers to beside those that kubeadm adds. 127.0.0.1 is where
    /// forwarders listen.
    fn sans(&self) -> Vec<String> {
        let mut sans = self.member.sans.clone();
        sans.insert("127.0.0.1".to_owned());
        sans.insert("localhost".to_owned());
        sans.into_iter().collect()
    }

    fn controller_manager(&self) -> Vec<Value> {
        let mut all = CONTROLLER_MANAGER
            .map(|(name, value)| (name, value.to_owned()))
            .to_vec();
        if let Some(leaves) = self.member.certificates.leaves {
            // It signs those of kubelets, which ask for new ones by themselves.
            all.push(("cluster-signing-duration", go_duration(leaves)));
        }
        let argument = |(name, value)| json!({ "name": name, "value": value });
        all.into_iter().map(argument).collect()
    }

    fn kubelet(&self) -> Value {
        json!({
            "apiVersion": "kubelet.config.k8s.io/v1beta1",
            "kind": "KubeletConfiguration",
            "clusterDNS": [self.member.dns.to_string()],
            "clusterDomain": self.member.domain,
            // Nodes have no systemd to ask for groups.
            "cgroupDriver": "cgroupfs",
            // Hosts with cgroup v1 work; kubelet refuses them since 1.35 unless told.
            "failCgroupV1": false,
            "failSwapOn": false,
            // A container node sees the disk and the page cache of its whole host: what it
            // measures of them says nothing about itself. Memory is limited by its cgroup.
            "localStorageCapacityIsolation": false,
            "evictionHard": {
                "memory.available": "0%",
                "nodefs.available": "0%",
                "nodefs.inodesFree": "0%",
                "imagefs.available": "0%",
                "imagefs.inodesFree": "0%",
            },
            // Images come with the node; one that was collected could not be had again.
            "imageGCHighThresholdPercent": 100,
            "imageGCLowThresholdPercent": 99,
            // kube-proxy works with nftables.
            "makeIPTablesUtilChains": false,
        })
    }

    fn kube_proxy(&self) -> Value {
        json!({
            "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
            "kind": "KubeProxyConfiguration",
            "mode": "nftables",
            "clusterCIDR": self.member.pods.to_string(),
            // 0 leaves the host's conntrack settings alone: a node may not write them.
            "conntrack": {
                "maxPerCore": 0,
                "min": 0,
                "tcpCloseWaitTimeout": "0s",
                "tcpEstablishedTimeout": "0s",
            },
        })
    }
}

/// Taints as Kubernetes writes them. An empty list is not the same as none: none makes kubeadm
/// taint control planes.
pub(crate) fn taints(taints: &[Taint]) -> Vec<Value> {
    let one = |taint: &Taint| {
        let mut fields = Map::new();
        fields.insert("key".to_owned(), json!(taint.key));
        if let Some(value) = &taint.value {
            fields.insert("value".to_owned(), json!(value));
        }
        fields.insert("effect".to_owned(), json!(taint.effect));
        Value::Object(fields)
    };
    taints.iter().map(one).collect()
}

/// A length of time as Go reads it, which knows no days.
fn go_duration(period: Period) -> String {
    format!("{}s", period.0.as_secs())
}

/// The kubeconfig that a joining node finds the API server by.
pub(crate) fn discovery(endpoint: &str, ca: &str, certificate: &str, key: &str) -> Value {
    use base64::Engine as _;
    let encode = |text: &str| base64::engine::general_purpose::STANDARD.encode(text);
    json!({
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{
            "name": "cluster",
            "cluster": {
                "server": format!("https://{endpoint}"),
                "certificate-authority-data": encode(ca),
            },
        }],
        "users": [{
            "name": "joining",
            "user": {
                "client-certificate-data": encode(certificate),
                "client-key-data": encode(key),
            },
        }],
        "contexts": [{
            "name": "join",
            "context": { "cluster": "cluster", "user": "joining" },
        }],
        "current-context": "join",
    })
}

fn yaml(documents: &[Value]) -> Result<String, DriverError> {
    let mut text = String::new();
    for document in documents {
        let one = serde_saphyr::to_string(document).map_err(|error| {
            DriverError::new("rendering kubeadm's configuration").caused_by(error)
        })?;
        text.push_str("---\n");
        text.push_str(&one);
    }
    Ok(text)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use model::lab::TaintEffect;

    pub(crate) fn member(role: Role, first: bool) -> Member {
        Member {
            cluster: "main".parse().unwrap(),
            role,
            first,
            address: "10.88.0.11".parse().unwrap(),
            endpoint: "10.88.0.11:6443".to_owned(),
            shared: None,
            planes: std::collections::BTreeMap::new(),
            kubernetes: "1.36.3".to_owned(),
            pods: "10.244.0.0/16".parse().unwrap(),
            services: "10.96.0.0/16".parse().unwrap(),
            dns: "10.96.0.10".parse().unwrap(),
            domain: "cluster.local".to_owned(),
            sans: ["control-plane-1".to_owned()].into(),
            certificates: Default::default(),
            labels: [("disk".to_owned(), "ssd".to_owned())].into(),
            taints: vec![Taint {
                key: "node-role.kubernetes.io/control-plane".to_owned(),
                value: None,
                effect: TaintEffect::NoSchedule,
            }],
        }
    }

    #[test]
    fn init_configuration() {
        let name = "control-plane-1".parse().unwrap();
        let member = member(Role::ControlPlane, true);
        let config = NodeConfig {
            name: &name,
            member: &member,
            cgroup_root: Some("/steading/quickstart-0a1b2c3d/control-plane-1".to_owned()),
            repeated: false,
            has_data: false,
        };
        insta::assert_snapshot!(config.init().unwrap());
    }

    #[test]
    fn what_is_told_of_certificates_is_in_it() {
        let name = "control-plane-1".parse().unwrap();
        let mut member = member(Role::ControlPlane, true);
        let config = |member: &Member| {
            let config = NodeConfig {
                name: &name,
                member,
                cgroup_root: None,
                repeated: false,
                has_data: false,
            };
            config.init().unwrap()
        };
        let silent = config(&member);
        member.certificates.renew_before = Some("10d".parse().unwrap());
        assert_eq!(config(&member), silent, "that is Steading's own");
        member.certificates.leaves = Some("90d".parse().unwrap());
        member.certificates.authority = Some("5y".parse().unwrap());
        let told = config(&member);
        let more = told.lines().filter(|line| !silent.contains(line));
        let more: Vec<&str> = more.map(str::trim).collect();
        let wanted = [
            "value: 7776000s",
            "certificateValidityPeriod: 7776000s",
            "caCertificateValidityPeriod: 157680000s",
        ];
        for line in wanted {
            assert!(more.contains(&line), "{line}: {more:#?}");
        }
    }

    #[test]
    fn join_configurations() {
        let name = "worker-1".parse().unwrap();
        for (role, snapshot) in [
            (Role::Worker, "join_worker"),
            (Role::ControlPlane, "join_control_plane"),
        ] {
            let mut member = member(role, false);
            member.taints.clear();
            let config = NodeConfig {
                name: &name,
                member: &member,
                cgroup_root: None,
                repeated: false,
                has_data: false,
            };
            insta::assert_snapshot!(snapshot, config.join().unwrap());
        }
    }

    #[test]
    fn an_endpoint_without_port_is_refused() {
        let name = "control-plane-1".parse().unwrap();
        let mut member = member(Role::ControlPlane, true);
        member.endpoint = "control-plane-1".to_owned();
        let config = NodeConfig {
            name: &name,
            member: &member,
            cgroup_root: None,
            repeated: false,
            has_data: false,
        };
        assert!(config.init().is_err());
    }
}
