//! What pod networks keep in a cluster, by their own documentation.

use std::net::IpAddr;

use ipnet::IpNet;
use model::lab::{
    Calico, CalicoDataplane, Cilium, Cni, Distribution, Encapsulation, FlannelBackend,
};
use model::name::Name;
use model::topology::Topology;
use serde_json::{Value, json};

use crate::render::Shown;

/// What they write on nodes.
pub fn annotate(shown: &Shown<'_>, annotations: &mut Value, addresses: &[IpAddr]) {
    match &shown.cluster.cni {
        Cni::Flannel(flannel) => {
            let word = match flannel.backend {
                FlannelBackend::Vxlan => "vxlan",
                FlannelBackend::HostGw => "host-gw",
            };
            annotations["flannel.alpha.coreos.com/backend-type"] = json!(word);
        }
        Cni::Calico(_) => {
            for address in addresses {
                let Some((_, network)) = shown.lab.network_of(*address) else {
                    continue;
                };
                let length = network.cidr.around(*address).unwrap().prefix_len();
                let own = IpNet::new(*address, length).unwrap();
                let family = if address.is_ipv6() { "6" } else { "4" };
                annotations[format!("projectcalico.org/IPv{family}Address")] = json!(own);
            }
        }
        Cni::Cilium(_) | Cni::Tailnet(_) => {}
    }
}

/// Its objects.
pub fn show(shown: &mut Shown<'_>) {
    match shown.cluster.cni.clone() {
        Cni::Flannel(_) if matches!(shown.cluster.distribution, Distribution::K3s(_)) => {}
        Cni::Flannel(_) => {
            for object in shown.component("flannel") {
                shown.add(object);
            }
        }
        Cni::Calico(calico) => show_calico(shown, &calico),
        Cni::Cilium(cilium) => show_cilium(shown, &cilium),
        Cni::Tailnet(tailnet) => {
            let image = tailnet.image.unwrap_or_default();
            shown.daemon_set("pod-routes", &image, json!([]), json!([]));
        }
    }
}

/// The address of a host in the network between the nodes.
pub fn peer(shown: &Shown<'_>, host: &Name) -> IpAddr {
    let network = shown.lab.cluster_network(shown.name, shown.cluster);
    let all = shown.lab.host_addresses(&shown.lab.hosts[host]);
    let found = all.iter().find(|(of, _)| Some(*of) == network);
    found.or_else(|| all.first()).unwrap().1
}

fn calico(kind: &str, name: &str, spec: Value) -> Value {
    json!({
        "apiVersion": "crd.projectcalico.org/v1", "kind": kind,
        "metadata": { "name": name }, "spec": spec,
    })
}

fn show_calico(shown: &mut Shown<'_>, of: &Calico) {
    let mode = |wanted: Encapsulation| match (of.encapsulation == wanted, of.cross_subnet) {
        (false, _) => "Never",
        (true, false) => "Always",
        (true, true) => "CrossSubnet",
    };
    for (number, range) in shown.cluster.pods.iter().enumerate() {
        let name = format!("pool-{number}");
        shown.add(calico(
            "IPPool",
            &name,
            json!({
                "cidr": range, "vxlanMode": mode(Encapsulation::Vxlan),
                "ipipMode": mode(Encapsulation::Ipip), "blockSize": 26,
            }),
        ));
    }
    shown.add(calico("FelixConfiguration", "default", json!({
        "bpfEnabled": of.dataplane == CalicoDataplane::Ebpf,
        "nftablesMode": if of.dataplane == CalicoDataplane::Nftables { "Enabled" } else { "Disabled" },
        "wireguardEnabled": of.encapsulation == Encapsulation::Wireguard,
    })));
    let mtu = catalog::pod_mtu(&Topology::of(shown.lab), shown.name, shown.cluster);
    shown.config_map(
        "kube-system",
        "calico-config",
        json!({ "veth_mtu": mtu.to_string() }),
    );
    let version = of.version.as_deref().unwrap_or("3.32.0");
    let image = format!("quay.io/calico/node:v{version}");
    shown.daemon_set("calico-node", &image, json!([]), json!([]));
    if of.controllers {
        shown.add(json!({
            "apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": { "name": "calico-kube-controllers", "namespace": "kube-system" },
        }));
    }
    if let Some(bgp) = &of.bgp {
        shown.add(calico(
            "BGPConfiguration",
            "default",
            json!({ "asNumber": bgp.asn }),
        ));
        for host in &bgp.peers {
            let asn = shown.lab.hosts[host]
                .bgp
                .as_ref()
                .map_or(64_999, |router| router.asn);
            let spec = json!({ "peerIP": peer(shown, host), "asNumber": asn });
            shown.add(calico("BGPPeer", host.as_str(), spec));
        }
    }
}

fn show_cilium(shown: &mut Shown<'_>, of: &Cilium) {
    let mtu = catalog::pod_mtu(&Topology::of(shown.lab), shown.name, shown.cluster);
    let mut config = json!({
        "routing-mode": if of.encapsulation == Encapsulation::None { "native" } else { "tunnel" },
        "tunnel-protocol": if of.encapsulation == Encapsulation::Geneve { "geneve" } else { "vxlan" },
        "enable-wireguard": (of.encapsulation == Encapsulation::Wireguard).to_string(),
        "bpf-lb-mode": if of.direct_return { "dsr" } else { "snat" },
        "enable-l2-announcements": of.l2.to_string(),
        "enable-ipv6-masquerade": of.masquerade_v6.to_string(),
        "mtu": mtu.to_string(),
    });
    for range in shown.cluster.pods.iter() {
        let family = if range.addr().is_ipv6() { 6 } else { 4 };
        config[format!("cluster-pool-ipv{family}-cidr")] = json!(range);
    }
    shown.config_map("kube-system", "cilium-config", config);
    let version = of.version.as_deref().unwrap_or("1.19.0");
    let image = format!("quay.io/cilium/cilium:v{version}@sha256:0123");
    let api = of
        .api
        .iter()
        .map(|api| json!({ "name": "KUBERNETES_SERVICE_HOST", "value": api }));
    let env = Value::from_iter(api);
    shown.daemon_set("cilium", &image, json!([]), env);
    let object = |kind: &str, spec: Value| {
        json!({
            "apiVersion": "cilium.io/v2", "kind": kind,
            "metadata": { "name": "a" }, "spec": spec,
        })
    };
    if !of.load_balancer.is_empty() {
        let blocks: Vec<Value> = of
            .load_balancer
            .iter()
            .map(|range| match range.to_string().split_once('-') {
                Some((start, stop)) => json!({ "start": start, "stop": stop }),
                None if range.to_string().contains('/') => json!({ "cidr": range }),
                None => json!({ "start": range }),
            })
            .collect();
        shown.add(object(
            "CiliumLoadBalancerIPPool",
            json!({ "blocks": blocks }),
        ));
    }
    if of.l2 {
        shown.add(object(
            "CiliumL2AnnouncementPolicy",
            json!({ "loadBalancerIPs": true }),
        ));
    }
    if let Some(bgp) = &of.bgp {
        let peers: Vec<Value> = bgp
            .peers
            .iter()
            .map(|host| {
                let asn = shown.lab.hosts[host]
                    .bgp
                    .as_ref()
                    .map_or(64_999, |router| router.asn);
                json!({ "name": host, "peerASN": asn, "peerAddress": peer(shown, host) })
            })
            .collect();
        let spec =
            json!({ "bgpInstances": [{ "name": "a", "localASN": bgp.asn, "peers": peers }] });
        shown.add(object("CiliumBGPClusterConfig", spec));
    }
}
