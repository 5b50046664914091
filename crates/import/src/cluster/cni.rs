//! The pod network, by what it keeps in the cluster.

use std::net::IpAddr;

use ipnet::IpNet;
use model::dual::Dual;
use model::lab::{
    Bgp, BgpRouter, Calico, CalicoDataplane, Cilium, Cni, Encapsulation, Flannel, FlannelBackend,
    Host, HostAddress, TailnetCni,
};
use model::name::Name;
use model::range::AddressRange;
use serde_json::Value;

use super::nodes::{Seen, in_tailnet};
use super::objects::Objects;
use crate::draft::Draft;
use crate::names;

/// The pod network, and the ranges that it gives pods addresses from.
pub(super) struct Found {
    pub(super) cni: Cni,
    pub(super) pods: Vec<IpNet>,
}

/// Finds it. Hosts that it speaks BGP with are placed.
pub(super) fn find(draft: &mut Draft, objects: &Objects, nodes: &[Seen<'_>]) -> Found {
    if let Some(found) = cilium(draft, objects, nodes) {
        return found;
    }
    if let Some(found) = calico(draft, objects, nodes) {
        return found;
    }
    if let Some(found) = flannel(draft, objects, nodes) {
        return found;
    }
    let over = nodes.iter().all(|node| {
        node.addresses
            .first()
            .is_some_and(|address| in_tailnet(*address))
    });
    let cni = if over {
        draft.derived("the pod network tailnet: none that keeps anything in the cluster, and the nodes speak over a tailnet");
        Cni::Tailnet(TailnetCni {
            network: names::known("tailnet"),
            mtu: None,
            image: None,
        })
    } else {
        let sets: Vec<String> = objects
            .of("DaemonSet")
            .map(super::objects::Object::place)
            .collect();
        let text = format!(
            "flannel was written, for want of a better word: the pod network is none of flannel, Calico, Cilium. What runs on every node: {}",
            sets.join(", ")
        );
        draft.unplaced("the pod network", text);
        Cni::Flannel(Flannel::default())
    };
    Found {
        cni,
        pods: Vec::new(),
    }
}

/// The MTU in pods, unless it is what would be derived anyway.
fn unusual(
    draft: &mut Draft,
    told: Option<u64>,
    encapsulation: Encapsulation,
    v6: bool,
) -> Option<u16> {
    let told = u16::try_from(told?).ok().filter(|mtu| *mtu > 0)?;
    let usual = model::lab::ETHERNET_MTU.saturating_sub(encapsulation.overhead(v6));
    if told == usual {
        draft.derived(format!(
            "networks with Ethernet's MTU, as pods have {told} bytes"
        ));
        return None;
    }
    Some(told)
}

/// Whether the nodes reach each other by IPv6 alone.
fn only_v6(nodes: &[Seen<'_>]) -> bool {
    nodes
        .iter()
        .flat_map(|node| &node.addresses)
        .all(IpAddr::is_ipv6)
}

fn flannel(draft: &mut Draft, objects: &Objects, nodes: &[Seen<'_>]) -> Option<Found> {
    let conf = objects.of("ConfigMap").find_map(|map| {
        let conf: Value = serde_json::from_str(map.data("net-conf.json")?).ok()?;
        Some((map.place(), conf))
    });
    // k3s runs flannel inside itself; flannel then only leaves its marks on nodes.
    let mark = nodes.iter().find_map(|node| {
        node.object
            .annotation("flannel.alpha.coreos.com/backend-type")
    });
    let (place, conf) = match (conf, mark) {
        (Some((place, conf)), _) => (place, conf),
        (None, Some(_)) => ("k3s' flannel".to_owned(), Value::Null),
        (None, None) => return None,
    };
    let word = conf["Backend"]["Type"].as_str().or(mark).unwrap_or("vxlan");
    let backend = match word {
        "host-gw" => FlannelBackend::HostGw,
        "vxlan" => FlannelBackend::Vxlan,
        other => {
            let other = super::objects::harmless(other);
            draft.unplaced(
                &place,
                format!("its backend {other}: a lab has vxlan and host-gw; vxlan was written"),
            );
            FlannelBackend::Vxlan
        }
    };
    // What flannel is told is the size outside; it takes its header off by itself.
    let outside = conf["Backend"]["MTU"].as_u64();
    let encapsulation = match backend {
        FlannelBackend::Vxlan => Encapsulation::Vxlan,
        FlannelBackend::HostGw => Encapsulation::None,
    };
    let v6 = only_v6(nodes);
    let inside = outside.map(|mtu| mtu.saturating_sub(encapsulation.overhead(v6).into()));
    let mtu = unusual(draft, inside, encapsulation, v6);
    let pods = ["Network", "IPv6Network"]
        .iter()
        .filter_map(|field| conf[*field].as_str()?.parse().ok());
    Some(Found {
        pods: pods.collect(),
        cni: Cni::Flannel(Flannel { backend, mtu }),
    })
}

fn calico(draft: &mut Draft, objects: &Objects, nodes: &[Seen<'_>]) -> Option<Found> {
    let (_, version) = objects.image("calico/node")?;
    let pools: Vec<_> = objects
        .of("IPPool")
        .filter(|pool| pool.group.ends_with("projectcalico.org") && !pool.flag("/spec/disabled"))
        .collect();
    let mode = |field: &str| {
        let all = pools.iter().filter_map(|pool| pool.text(field));
        all.map(str::to_owned).find(|mode| mode != "Never")
    };
    let (vxlan, ipip) = (mode("/spec/vxlanMode"), mode("/spec/ipipMode"));
    let felix = objects.named("FelixConfiguration", "default");
    let set = |field: &str| felix.is_some_and(|felix| felix.flag(field));
    let encrypted = set("/spec/wireguardEnabled");
    let encapsulation = match (encrypted, &vxlan, &ipip) {
        (true, ..) => Encapsulation::Wireguard,
        (false, Some(_), _) => Encapsulation::Vxlan,
        (false, None, Some(_)) => Encapsulation::Ipip,
        (false, None, None) => Encapsulation::None,
    };
    let cross = vxlan.or(ipip).is_some_and(|mode| mode == "CrossSubnet");
    let operator = objects.named("Installation", "default");
    let configured = |field: &str| operator.and_then(|one| one.text(field));
    let dataplane = configured("/spec/calicoNetwork/linuxDataplane");
    let dataplane = if set("/spec/bpfEnabled") || dataplane == Some("BPF") {
        CalicoDataplane::Ebpf
    } else if dataplane == Some("Nftables")
        || felix.and_then(|one| one.text("/spec/nftablesMode")) == Some("Enabled")
    {
        CalicoDataplane::Nftables
    } else {
        CalicoDataplane::Iptables
    };
    let mtu = operator
        .and_then(|one| one.number("/spec/calicoNetwork/mtu"))
        .or_else(|| {
            objects
                .named("ConfigMap", "calico-config")?
                .data("veth_mtu")?
                .parse()
                .ok()
        })
        .or_else(|| felix.and_then(|one| one.number("/spec/vxlanMTU")));
    let mtu = unusual(draft, mtu, encapsulation, only_v6(nodes));
    let bgp = calico_bgp(draft, objects, nodes);
    Some(Found {
        pods: pools
            .iter()
            .filter_map(|pool| pool.text("/spec/cidr")?.parse().ok())
            .collect(),
        cni: Cni::Calico(Calico {
            version: version.or_else(|| configured("/status/calicoVersion").map(names::version)),
            encapsulation,
            cross_subnet: cross,
            dataplane,
            mtu,
            bgp,
            network: None,
            controllers: objects
                .named("Deployment", "calico-kube-controllers")
                .is_some(),
        }),
    })
}

fn calico_bgp(draft: &mut Draft, objects: &Objects, nodes: &[Seen<'_>]) -> Option<Bgp> {
    let mut peers = Vec::new();
    for peer in objects
        .of("BGPPeer")
        .filter(|one| one.group.ends_with("projectcalico.org"))
    {
        let address = peer.text("/spec/peerIP").and_then(|text| text.parse().ok());
        let asn = peer
            .number("/spec/asNumber")
            .and_then(|asn| asn.try_into().ok());
        match (address, asn) {
            (Some(address), Some(asn)) => peers.extend(router(draft, nodes, address, asn)),
            _ => peer.keep(draft, "a BGP peer that is no single router"),
        }
    }
    let configuration = objects.named("BGPConfiguration", "default");
    // Calico's own number where none is set (its `BGPConfiguration`).
    let asn = configuration.and_then(|one| one.number("/spec/asNumber"));
    (!peers.is_empty()).then(|| Bgp {
        asn: asn.and_then(|asn| asn.try_into().ok()).unwrap_or(64512),
        peers,
        speakers: None,
    })
}

/// The router that the cluster speaks BGP with: a host of the lab, by its address.
fn router(draft: &mut Draft, nodes: &[Seen<'_>], address: IpAddr, asn: u32) -> Option<Name> {
    let (network, _) = draft.lab.network_of(address)?;
    let network = network.clone();
    let known = draft.lab.hosts.iter().find(|(_, host)| {
        host.addresses
            .values()
            .any(|one| one.fixed().contains(&address))
    });
    if let Some((name, _)) = known {
        return Some(name.clone());
    }
    let name = names::free(&names::known("router"), |name| {
        draft.lab.hosts.contains_key(name)
    });
    let host = Host {
        addresses: [(network, HostAddress::Fixed(Dual::one(address)))].into(),
        bgp: Some(BgpRouter {
            asn,
            neighbours: nodes.iter().map(|node| node.name.clone()).collect(),
        }),
        ..Host::default()
    };
    draft.derived(format!(
        "the host {name}: {address} speaks BGP with the cluster"
    ));
    draft.lab.hosts.insert(name.clone(), host);
    Some(name)
}

fn cilium(draft: &mut Draft, objects: &Objects, nodes: &[Seen<'_>]) -> Option<Found> {
    let config = objects.named("ConfigMap", "cilium-config")?;
    let is = |key: &str| config.data(key) == Some("true");
    let tunnel = config
        .data("tunnel-protocol")
        .or_else(|| config.data("tunnel"));
    let native = config.data("routing-mode") == Some("native") || tunnel == Some("disabled");
    let encapsulation = match (is("enable-wireguard"), native, tunnel) {
        (true, ..) => Encapsulation::Wireguard,
        (false, true, _) => Encapsulation::None,
        (false, false, Some("geneve")) => Encapsulation::Geneve,
        (false, false, _) => Encapsulation::Vxlan,
    };
    let agent = objects.image("cilium/cilium");
    let api = agent
        .as_ref()
        .and_then(|(one, _)| one.variable("KUBERNETES_SERVICE_HOST"));
    let mut pods = Vec::new();
    for key in [
        "cluster-pool-ipv4-cidr",
        "cluster-pool-ipv6-cidr",
        "ipv4-native-routing-cidr",
    ] {
        let all = config.data(key).unwrap_or_default().split([',', ' ']);
        let v6 = key.contains("ipv6");
        let known = pods
            .iter()
            .any(|range: &IpNet| range.addr().is_ipv6() == v6);
        pods.extend(
            all.filter(|_| !known)
                .filter_map(|text| text.parse::<IpNet>().ok()),
        );
    }
    let mtu = config.data("mtu").and_then(|text| text.parse().ok());
    let mtu = unusual(draft, mtu, encapsulation, only_v6(nodes));
    let pools = objects.of("CiliumLoadBalancerIPPool").flat_map(|pool| {
        let blocks = [pool.list("/spec/blocks"), pool.list("/spec/cidrs")];
        blocks
            .into_iter()
            .flatten()
            .filter_map(block)
            .collect::<Vec<_>>()
    });
    let load_balancer = pools.collect();
    let policies = objects.of("CiliumL2AnnouncementPolicy").next().is_some();
    let cilium = Cilium {
        version: agent.and_then(|(_, version)| version),
        encapsulation,
        mtu,
        direct_return: matches!(config.data("bpf-lb-mode"), Some("dsr" | "hybrid")),
        load_balancer,
        l2: is("enable-l2-announcements") && policies,
        bgp: cilium_bgp(draft, objects, nodes),
        api: api.map(str::to_owned),
        masquerade_v6: config.data("enable-ipv6-masquerade") != Some("false"),
    };
    Some(Found {
        cni: Cni::Cilium(cilium),
        pods,
    })
}

/// Addresses of a pool: a prefix, or a first and a last one.
fn block(block: &Value) -> Option<AddressRange> {
    let text = |field: &str| block[field].as_str();
    match (text("cidr"), text("start")) {
        (Some(prefix), _) => prefix.parse().ok(),
        (None, Some(start)) => {
            let stop = text("stop").unwrap_or(start);
            format!("{start}-{stop}").parse().ok()
        }
        (None, None) => None,
    }
}

fn cilium_bgp(draft: &mut Draft, objects: &Objects, nodes: &[Seen<'_>]) -> Option<Bgp> {
    let number = |value: &Value| value.as_u64().and_then(|asn| u32::try_from(asn).ok());
    let mut found: Option<Bgp> = None;
    for config in objects.of("CiliumBGPClusterConfig") {
        for instance in config.list("/spec/bgpInstances") {
            let Some(asn) = number(&instance["localASN"]) else {
                continue;
            };
            let peers = instance["peers"].as_array().into_iter().flatten();
            let peers: Vec<Name> = peers
                .filter_map(|peer| {
                    let address = peer["peerAddress"].as_str()?.parse().ok()?;
                    router(draft, nodes, address, number(&peer["peerASN"])?)
                })
                .collect();
            match &mut found {
                Some(bgp) => bgp.peers.extend(peers),
                None => {
                    found = Some(Bgp {
                        asn,
                        peers,
                        speakers: None,
                    });
                }
            }
        }
    }
    for policy in objects.of("CiliumBGPPeeringPolicy") {
        policy.keep(draft, "BGP as Cilium had it before CiliumBGPClusterConfig");
    }
    found
}

#[cfg(test)]
mod tests {
    use super::block;

    #[test]
    fn pools_are_prefixes_or_ranges() {
        let read =
            |text: &str| block(&serde_json::from_str(text).unwrap()).map(|one| one.to_string());
        assert_eq!(read(r#"{"cidr":"10.0.0.0/28"}"#).unwrap(), "10.0.0.0/28");
        assert_eq!(
            read(r#"{"start":"10.0.0.1","stop":"10.0.0.9"}"#).unwrap(),
            "10.0.0.1-10.0.0.9"
        );
        assert!(read("{}").is_none());
    }
}
