//! Labs of one cluster, of all distributions and pod networks that a lab knows.

use model::lab::Lab;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Map, Value, json};

/// What a lab is made of.
#[derive(Debug, Clone)]
struct Parts {
    third: u8,
    dual: bool,
    mtu: Option<u16>,
    planes: usize,
    workers: usize,
    bare: bool,
    distribution: Value,
    cni: Value,
    endpoint: u8,
    details: Details,
    around: Around,
}

/// Of the cluster and its nodes.
#[derive(Debug, Clone)]
struct Details {
    per_node: Option<u8>,
    proxy: Option<&'static str>,
    sans: Vec<String>,
    domain: &'static str,
    oidc: bool,
    labels: Vec<String>,
    taints: Option<Vec<(String, Option<String>, &'static str)>>,
    cpu: u32,
    memory: u32,
}

/// What runs in it.
#[derive(Debug, Clone)]
struct Around {
    components: Vec<&'static str>,
    metallb: Option<bool>,
    classes: [bool; 4],
    retain: bool,
    apps: [bool; 3],
}

fn distribution() -> impl Strategy<Value = Value> {
    let talos = (1_u8..20, 0_u8..20, prop::collection::btree_set("[a-z]{3,8}", 0..3)).prop_map(|(minor, patch, names)| {
        let extensions: Vec<String> = names.iter().map(|name| format!("siderolabs/{name}")).collect();
        json!({ "talos": {
            "version": format!("1.{minor}.{patch}"), "kubernetes": "1.35.2", "extensions": extensions
        } })
    });
    let k3s = (
        select(vec![None, Some("etcd")]),
        prop::collection::btree_set("[a-z]{3,8}", 0..3),
    )
        .prop_map(|(datastore, disable)| {
            let mut k3s = json!({ "version": "1.36.2+k3s1", "disable": disable });
            if let Some(datastore) = datastore {
                k3s["datastore"] = json!(datastore);
            }
            json!({ "k3s": k3s })
        });
    prop_oneof![
        3 => select(catalog::kubernetes_versions()).prop_map(|version| json!({ "kubeadm": { "kubernetes": version } })),
        2 => talos,
        2 => k3s,
        1 => Just(json!({ "nixos": { "release": "26.05" } })),
    ]
}

fn cni() -> impl Strategy<Value = Value> {
    let mtu = prop::option::of(1280_u16..9000);
    let flannel = (select(vec!["vxlan", "host-gw"]), mtu.clone()).prop_map(|(backend, mtu)| {
        let mtu = mtu.filter(|_| backend == "vxlan");
        json!({ "flannel": { "backend": backend, "mtu": mtu } })
    });
    let calico = (
        select(vec!["vxlan", "ipip", "wireguard", "none"]),
        any::<bool>(),
        select(vec!["iptables", "nftables", "ebpf"]),
        mtu.clone(),
        any::<bool>(),
        any::<bool>(),
    )
        .prop_map(|(encapsulation, cross, dataplane, mtu, bgp, controllers)| {
            let cross = cross && matches!(encapsulation, "vxlan" | "ipip");
            let mut calico = json!({
                "version": "3.31.4", "encapsulation": encapsulation, "cross-subnet": cross,
                "dataplane": dataplane, "mtu": mtu, "controllers": controllers,
            });
            if bgp {
                calico["bgp"] = json!({ "asn": 64_513, "peers": ["gateway"] });
            }
            json!({ "calico": calico })
        });
    let cilium = (
        select(vec!["vxlan", "geneve", "wireguard", "none"]),
        mtu,
        any::<[bool; 5]>(),
        prop::option::of("[a-z]{1,8}\\.example\\.net"),
    )
        .prop_map(
            |(encapsulation, mtu, [dsr, l2, bgp, pool, masquerade], api)| {
                let mut cilium = json!({
                    "version": "1.18.5", "encapsulation": encapsulation, "mtu": mtu,
                    "direct-return": dsr, "l2": l2, "masquerade-v6": masquerade, "api": api,
                });
                if bgp {
                    cilium["bgp"] = json!({ "asn": 64_513, "peers": ["gateway"] });
                }
                if pool {
                    cilium["load-balancer"] =
                        json!(["10.9.0.16/28", "10.9.0.40-10.9.0.49", "10.9.0.60"]);
                }
                json!({ "cilium": cilium })
            },
        );
    prop_oneof![flannel, calico, cilium]
}

fn details() -> impl Strategy<Value = Details> {
    let effect = select(vec!["NoSchedule", "PreferNoSchedule", "NoExecute"]);
    let taint = ("[a-z]{1,8}", prop::option::of("[a-z]{1,8}"), effect);
    (
        prop::option::of(22_u8..28),
        prop::option::of(select(vec!["iptables", "nftables", "ipvs", "none"])),
        prop::collection::vec("[a-z]{1,8}\\.example\\.org", 0..3),
        select(vec!["cluster.local", "home.arpa"]),
        any::<bool>(),
        prop::collection::vec("([a-z0-9]{1,12})?", 0..3),
        prop::option::of(prop::collection::vec(taint, 0..3)),
        1_u32..64,
        1_u32..128,
    )
        .prop_map(
            |(per_node, proxy, sans, domain, oidc, labels, taints, cpu, memory)| Details {
                per_node,
                proxy,
                sans,
                domain,
                oidc,
                labels,
                taints,
                cpu,
                memory,
            },
        )
}

fn around() -> impl Strategy<Value = Around> {
    let known = [
        "cert-manager",
        "external-dns",
        "grafana",
        "loki",
        "reloader",
    ];
    (
        prop::sample::subsequence(known.to_vec(), 0..=known.len()),
        prop::option::of(any::<bool>()),
        any::<[bool; 4]>(),
        any::<bool>(),
        any::<[bool; 3]>(),
    )
        .prop_map(|(components, metallb, classes, retain, apps)| Around {
            components,
            metallb,
            classes,
            retain,
            apps,
        })
}

/// Any such lab.
pub fn lab() -> impl Strategy<Value = Lab> {
    let size = (any::<u8>(), any::<bool>(), prop::option::of(1400_u16..9001));
    let nodes = (1_usize..4, 0_usize..5, any::<bool>(), 0_u8..4);
    (size, nodes, distribution(), cni(), details(), around()).prop_map(
        |(
            (third, dual, mtu),
            (planes, workers, bare, endpoint),
            distribution,
            cni,
            details,
            around,
        )| {
            let parts = Parts {
                third,
                dual,
                mtu,
                planes,
                workers,
                bare,
                distribution,
                cni,
                endpoint,
                details,
                around,
            };
            serde_json::from_value(without_nulls(parts.lab())).unwrap()
        },
    )
}

fn without_nulls(value: Value) -> Value {
    match value {
        Value::Object(map) => map
            .into_iter()
            .filter(|(_, value)| !value.is_null())
            .map(|(key, value)| (key, without_nulls(value)))
            .collect(),
        Value::Array(items) => items.into_iter().map(without_nulls).collect(),
        other => other,
    }
}

impl Parts {
    fn both(&self, four: String, six: String) -> Value {
        if self.dual {
            json!([four, six])
        } else {
            json!(four)
        }
    }

    fn address(&self, host: usize) -> Value {
        self.both(
            format!("10.9.{}.{host}", self.third),
            format!("fd09:{}::{host}", self.third),
        )
    }

    fn lab(&self) -> Value {
        let (nodes, hosts) = self.nodes();
        let third = self.third;
        let per_node = self.details.per_node.filter(|_| !self.dual);
        let endpoint = match self.endpoint {
            0 => Value::Null,
            1 => json!({ "vip": format!("10.9.{third}.250") }),
            2 => json!({ "dns": { "name": "api.example.net" } }),
            _ => json!({ "node": format!("plane-{}", self.planes) }),
        };
        let oidc = json!({ "issuer": "https://login.example.net", "client": "k", "username-claim": "email" });
        json!({
            "lab": "generated",
            "networks": { "lan": {
                "cidr": self.both(format!("10.9.{third}.0/24"), format!("fd09:{third}::/64")),
                "mtu": self.mtu,
            } },
            "hosts": hosts,
            "clusters": { "main": {
                "distribution": self.distribution,
                "cni": self.cni,
                "endpoint": endpoint,
                "pods": self.both("10.40.0.0/16".to_owned(), "fd40::/56".to_owned()),
                "pods-per-node": per_node,
                "services": self.both("10.50.0.0/20".to_owned(), "fd50::/112".to_owned()),
                "proxy": self.details.proxy,
                "sans": self.details.sans,
                "domain": self.details.domain,
                "oidc": self.details.oidc.then_some(oidc),
            } },
            "nodes": nodes,
            "storage": self.storage(),
            "components": self.components(),
            "apps": self.apps(),
        })
    }

    fn nodes(&self) -> (Value, Value) {
        let third = self.third;
        let mut nodes = Map::new();
        let mut hosts = Map::from_iter([
            (
                "big".to_owned(),
                json!({ "cpu": 512, "memory": "4Ti", "hypervisor": { "qemu": {} } }),
            ),
            (
                "gateway".to_owned(),
                json!({
                    "addresses": { "lan": format!("10.9.{third}.1") },
                    "bgp": { "asn": 64_600 },
                }),
            ),
        ]);
        let taints = self.details.taints.as_ref().map(|all| {
            let one = |(key, value, effect): &(String, Option<String>, &str)| {
                json!({ "key": key, "value": value, "effect": effect })
            };
            all.iter().map(one).collect::<Vec<_>>()
        });
        let labels: Map<String, Value> = self
            .details
            .labels
            .iter()
            .enumerate()
            .map(|(at, text)| (format!("example.net/l{at}"), json!(text)))
            .collect();
        let (cpu, memory) = (self.details.cpu, format!("{}Mi", self.details.memory * 100));
        for at in 0..self.planes + self.workers {
            let plane = at < self.planes;
            let (role, name) = if plane {
                ("control-plane", format!("plane-{}", at + 1))
            } else {
                ("worker", format!("worker-{at}"))
            };
            let mut node = json!({ "cluster": "main", "role": role, "labels": labels });
            if !plane || at == 0 {
                node["taints"] = json!(taints);
            }
            if self.bare {
                let host = format!("host-{at}");
                node["on"] = json!(host);
                hosts.insert(host, json!({
                    "arch": if at % 2 == 0 { "arm64" } else { "amd64" }, "cpu": cpu, "memory": memory,
                    "addresses": { "lan": self.address(at + 10) },
                }));
            } else {
                node["on"] = json!("big");
                node["vm"] = json!({ "cpu": cpu, "memory": memory });
                node["address"] = self.address(at + 10);
            }
            nodes.insert(name, node);
        }
        (Value::Object(nodes), Value::Object(hosts))
    }

    fn storage(&self) -> Value {
        let [external, rook, local, nfs] = self.around.classes;
        let reclaim = self.around.retain.then_some("retain");
        let mut storage = json!({});
        if external && !rook {
            storage["outside"] = json!({ "external": {
                "monitors": ["gateway"], "classes": { "blocks": { "default": true, "reclaim": reclaim } }
            } });
        }
        if rook {
            storage["inside"] = json!({ "rook": {
                "version": "1.18.2", "ceph": "19.2.3", "monitors": 5, "options": { "osd_memory_target": "2G" },
                "pools": {
                    "fast": { "replicas": 2, "min-replicas": 1, "failure-domain": "disk" },
                    "files": { "kind": "file", "failure-domain": "host" },
                },
                "classes": { "fast": { "pool": "fast", "reclaim": reclaim }, "files": { "pool": "files" } },
            } });
        }
        if local {
            storage["disks"] = json!({ "local": { "by": "openebs", "path": "/var/local", "classes": { "disk": {} } } });
        }
        if nfs {
            storage["shares"] = json!({ "nfs": { "server": "gateway", "export": "/tank/a", "classes": { "shares": { "reclaim": reclaim } } } });
        }
        storage
    }

    fn components(&self) -> Value {
        let mut components = Map::new();
        for (at, name) in self.around.components.iter().enumerate() {
            let mut one = json!({});
            if at % 2 == 0 {
                one["version"] = json!("2.3.4");
            }
            if at == 1 {
                one["address"] = json!("10.9.0.70");
                one["catalog"] = json!(name);
                components.insert(format!("my-{name}"), one);
            } else {
                components.insert((*name).to_owned(), one);
            }
        }
        if let Some(l2) = self.around.metallb {
            let mut one = json!({ "pool": ["10.9.0.64/27", "10.9.0.100-10.9.0.110"] });
            if l2 {
                one["l2"] = json!(true);
            }
            components.insert("metallb".to_owned(), one);
        }
        if self.around.retain {
            components.insert(
                "flux".to_owned(),
                json!({
                    "repository": "ssh://git@git.example.net/a.git", "path": "clusters/main"
                }),
            );
        }
        Value::Object(components)
    }

    fn apps(&self) -> Value {
        let [catalog, folder, chart] = self.around.apps;
        let mut apps = json!({});
        if catalog {
            apps["web"] = json!({ "catalog": "podinfo", "namespace": "shared" });
        }
        if folder {
            apps["mine"] = json!({ "manifests": "apps/mine" });
        }
        if chart {
            apps["photos"] = json!({ "chart": {
                "name": "immich", "repository": "unknown", "version": "0.10.3",
                "values": { "replicas": 2, "image": { "tag": "v1" } }
            } });
        }
        apps
    }
}
