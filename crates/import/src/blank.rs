//! Things of a lab with nothing but what they must have.

use std::collections::BTreeMap;

use ipnet::IpNet;
use model::dual::Dual;
use model::lab::{Cluster, Cni, Distribution, Network, Node, Role, Secret};
use model::name::Name;

/// A network of that range.
pub(crate) const fn network(cidr: Dual<IpNet>) -> Network {
    Network {
        site: None,
        cidr,
        gateway: None,
        router: None,
        mtu: None,
        over: None,
        vlan: None,
        wifi: None,
        overlay: None,
        dhcp: None,
        dns: None,
        isolated_from: Vec::new(),
        uplink: false,
    }
}

/// A cluster.
pub(crate) fn cluster(
    distribution: Distribution,
    pods: Dual<IpNet>,
    services: Dual<IpNet>,
    cni: Cni,
) -> Cluster {
    Cluster {
        distribution,
        endpoint: None,
        pods,
        pods_per_node: None,
        services,
        dns: None,
        api_service: None,
        domain: "cluster.local".to_owned(),
        cni,
        proxy: None,
        network: None,
        sans: Vec::new(),
        certificates: None,
        oidc: None,
        patches: Vec::new(),
    }
}

/// A node that is the host of its own name.
pub(crate) const fn node(cluster: Name, role: Role, on: Name) -> Node {
    Node {
        cluster,
        role,
        on,
        container: None,
        vm: None,
        address: None,
        addresses: BTreeMap::new(),
        labels: BTreeMap::new(),
        taints: None,
        patches: Vec::new(),
    }
}

/// A secret that is kept nowhere yet.
pub(crate) const fn secret() -> Secret {
    Secret {
        sops: None,
        field: None,
        env: None,
        external: None,
        generated: false,
        rotate: None,
    }
}
