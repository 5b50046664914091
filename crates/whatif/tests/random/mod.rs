//! Labs made up from a number: small ones with everything in them, and large ones of a given size.

#![allow(dead_code, reason = "every test and bench takes a part of it")]

use model::lab::Lab;
use serde_json::{Map, Value, json};
use whatif::semantics::Model;
use whatif::world::{Input, World};

/// Numbers that look like chance and are the same every time (xorshift64*).
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    pub fn below(&mut self, bound: usize) -> usize {
        usize::try_from((self.next() >> 33) % bound as u64).unwrap()
    }

    fn one_of<'a, T: ?Sized>(&mut self, all: &[&'a T]) -> &'a T {
        all[self.below(all.len())]
    }

    fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }
}

pub fn lab(value: Value) -> Lab {
    serde_json::from_value(value).unwrap()
}

pub fn model(lab: &Lab) -> Model {
    Model::new(World::of(Input {
        lab,
        manifests: &std::collections::BTreeMap::new(),
    }))
}

/// A small lab out of which everything can be made. `name` names its hosts.
pub fn small(seed: u64, name: &dyn Fn(usize) -> String) -> Value {
    let mut dice = Dice::new(seed);
    let count = 2 + dice.below(5);
    let sites = 1 + dice.below(2);
    let mut hosts = Map::new();
    let mut nodes = Map::new();
    let planes = 1 + dice.below(3);
    for at in 0..count {
        let host = json!({
            "site": format!("s{}", at % sites), "cpu": 8, "memory": "16Gi",
            "availability": if dice.chance(30) { "volatile" } else { "always" },
            "addresses": { "lan": format!("10.0.0.{}", 10 + at) },
            "disks": { "sys": { "roles": ["system"] }, "osd": {} },
        });
        hosts.insert(name(at), host);
        let control = at < planes;
        let sized = dice.chance(85);
        let mut node = json!({
            "cluster": "main", "role": if control { "control-plane" } else { "worker" }, "on": name(at),
            "labels": { "half": if at % 2 == 0 { "a" } else { "b" } },
        });
        if sized {
            node["vm"] = json!({ "cpu": 4, "memory": "8Gi" });
            node["address"] = json!(format!("10.0.0.{}", 50 + at));
        }
        if dice.chance(40) || count == planes {
            node["taints"] = json!([]);
        }
        nodes.insert(format!("n{at}"), node);
        if dice.chance(40) {
            let node = json!({ "cluster": "main", "role": "worker", "on": name(at),
                "vm": { "cpu": 2, "memory": "4Gi" }, "address": format!("10.0.0.{}", 80 + at) });
            nodes.insert(format!("m{at}"), node);
        }
    }
    let all: Vec<String> = (0..count).map(name).collect();
    let size = 1 + dice.below(3);
    let storage = json!({
        "ceph": { "external": {
            "monitors": all.iter().take(1 + dice.below(3)).collect::<Vec<_>>(),
            "osds": all.iter().map(|host| format!("{host}.osd")).collect::<Vec<_>>(),
            "pools": { "p": { "replicas": size, "min-replicas": 1 + dice.below(size) } },
            "classes": { "block": { "default": true } } } },
        "shares": { "nfs": { "server": name(0), "export": "/srv", "classes": { "shares": {} } } },
        "disks": { "local": { "classes": { "local": {} } } },
    });
    let mut apps = Map::new();
    for at in 0..3 + dice.below(5) {
        apps.insert(format!("app{at}"), small_app(&mut dice, at));
    }
    let endpoint = match dice.below(3) {
        0 => json!({ "vip": "10.0.0.200" }),
        1 => json!({ "node": "n0" }),
        _ => json!({ "dns": { "name": "api.lan.test", "network": "lan" } }),
    };
    let distribution = match dice.below(3) {
        0 => json!({ "talos": { "version": "1.12.4", "kubernetes": "1.36.2" } }),
        1 => json!({ "k3s": { "version": "1.36.2+k3s1" } }),
        _ => json!({ "kubeadm": { "kubernetes": "1.31.2" } }),
    };
    json!({
        "lab": "random",
        "sites": { "s0": {}, "s1": {} },
        "networks": { "lan": { "site": "s0", "cidr": "10.0.0.0/24", "router": name(count - 1),
            "dns": { "zone": "lan.test" } } },
        "hosts": hosts,
        "clusters": { "main": { "distribution": distribution, "endpoint": endpoint,
            "pods": "10.1.0.0/16", "services": "10.2.0.0/16", "cni": { "flannel": {} } } },
        "nodes": nodes,
        "storage": storage,
        "components": if dice.chance(60) {
            json!({ "metallb": { "pool": "10.0.0.240-10.0.0.250" }, "envoy-gateway": {}, "cloudflared": {} })
        } else {
            json!({ "envoy-gateway": {}, "vcluster": {} })
        },
        "apps": apps,
    })
}

fn small_app(dice: &mut Dice, at: usize) -> Value {
    let mut app =
        json!({ "catalog": dice.one_of(&["blog", "postgresql", "jellyfin", "unheard-of"]) });
    app["replicas"] = json!(1 + dice.below(3));
    if dice.chance(50) {
        app["requests"] = json!({ "memory": format!("{}Mi", 200 * (1 + dice.below(14))), "millicpu": 100 * dice.below(9) });
    }
    match dice.below(5) {
        0 => app["volumes"] = json!({ "data": {} }),
        1 => app["volumes"] = json!({ "data": { "class": "shares" } }),
        2 => app["volumes"] = json!({ "data": { "class": "local" } }),
        _ => {}
    }
    match dice.below(5) {
        0 => app["placement"] = json!({ "apart": dice.one_of(&["node", "host", "site"]) }),
        1 => app["placement"] = json!({ "labels": { "half": "a" } }),
        2 => app["placement"] = json!({ "volatile": false }),
        _ => {}
    }
    match dice.below(4) {
        0 => app["expose"] = json!({ "ingress": { "host": format!("a{at}.test") } }),
        1 => app["expose"] = json!({ "tunnel": { "host": format!("a{at}.test") } }),
        _ => {}
    }
    if at > 0 && dice.chance(30) {
        app["needs"] = json!([format!("app{}", dice.below(at))]);
    }
    app
}

/// A large lab: so many hosts with a node each, so many pods in half as many apps.
pub fn large(hosts: usize, pods: usize) -> Value {
    let mut dice = Dice::new(7);
    let mut all = Map::new();
    let mut nodes = Map::new();
    for at in 0..hosts {
        all.insert(
            format!("h{at:04}"),
            json!({ "site": "house", "cpu": 16, "memory": "64Gi", "addresses": { "lan": format!("10.{}.{}.2", at / 256, at % 256) } }),
        );
        nodes.insert(
            format!("n{at:04}"),
            json!({ "cluster": "main", "role": if at < 3 { "control-plane" } else { "worker" }, "on": format!("h{at:04}"), "taints": [],
                "vm": { "cpu": 16, "memory": "60Gi" }, "address": format!("10.{}.{}.3", at / 256, at % 256),
                "labels": { "third": (at % 3).to_string(), "quarter": (at % 4).to_string() } }),
        );
    }
    let mut apps = Map::new();
    for at in 0..pods / 2 {
        let mut app = json!({ "catalog": "blog", "replicas": 2, "stateless": true,
            "requests": { "memory": format!("{}Mi", 100 + 50 * dice.below(20)), "millicpu": 50 + 50 * dice.below(8) } });
        match dice.below(10) {
            0 | 1 => app["volumes"] = json!({ "data": {} }),
            2 => app["placement"] = json!({ "labels": { "third": dice.below(3).to_string() } }),
            3 => app["placement"] = json!({ "labels": { "quarter": dice.below(4).to_string() } }),
            4 | 5 => app["placement"] = json!({ "apart": "node" }),
            _ => {}
        }
        if dice.chance(30) {
            app["expose"] = json!({ "ingress": { "host": format!("a{at}.test") } });
        }
        apps.insert(format!("app{at:04}"), app);
    }
    let first: Vec<String> = (0..hosts.min(5)).map(|at| format!("h{at:04}")).collect();
    json!({
        "lab": "large",
        "sites": { "house": {} },
        "networks": { "lan": { "site": "house", "cidr": "10.0.0.0/8" } },
        "hosts": all,
        "clusters": { "main": { "distribution": { "talos": { "version": "1.12.4", "kubernetes": "1.36.2" } },
            "endpoint": { "vip": "10.255.0.1" }, "pods": "172.16.0.0/12", "services": "192.168.0.0/16", "cni": { "flannel": {} } } },
        "nodes": nodes,
        "storage": { "ceph": { "external": { "monitors": first.iter().take(3).collect::<Vec<_>>(),
            "osds": [], "classes": { "block": { "default": true } } } } },
        "components": { "metallb": { "pool": "10.255.1.1-10.255.1.99" }, "envoy-gateway": {} },
        "apps": apps,
    })
}
