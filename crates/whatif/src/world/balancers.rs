//! Who hands out addresses of the network.

use model::lab::{Cni, Distribution, Lab};
use model::name::Name;

use super::names::Index;
use super::{Balancer, BalancerKind, World};
use crate::bits::Bits;
use crate::ids::{ClusterId, HostId, LinkId, NodeId};

impl World {
    pub(super) fn add_balancers(&mut self, lab: &Lab, index: &Index) {
        for (name, declared) in &lab.clusters {
            let Some(&id) = index.clusters.get(name) else {
                continue;
            };
            let found = self.metallb(lab, name, id, index).or_else(|| match &declared.cni {
                Cni::Cilium(cilium) if !cilium.load_balancer.is_empty() => {
                    let pool = cilium.load_balancer.first().map(|range| range.first());
                    let link = pool.and_then(|address| lab.network_of(address));
                    let link = link.and_then(|(name, _)| index.links.get(name)).copied();
                    let kind = match (&cilium.bgp, cilium.l2) {
                        (_, true) => BalancerKind::Leases,
                        (Some(bgp), false) => BalancerKind::Routes(hosts(&bgp.peers, index)),
                        (None, false) => BalancerKind::Unknown(
                            "Cilium hands out addresses, but nothing announces them (l2 or bgp)".to_owned(),
                        ),
                    };
                    Some(self.balancer(id, kind, link))
                }
                _ => None,
            });
            let found = found.or_else(|| match &declared.distribution {
                Distribution::K3s(k3s) | Distribution::Kairos(k3s)
                    if !k3s.disable.iter().any(|part| part == "servicelb") =>
                {
                    Some(self.balancer(id, BalancerKind::EveryNode, None))
                }
                _ => None,
            });
            self.clusters[id].balancer = found;
        }
    }

    fn metallb(&self, lab: &Lab, cluster: &Name, id: ClusterId, index: &Index) -> Option<Balancer> {
        let (_, metallb) = lab.components.iter().find(|(name, component)| {
            let here = lab.cluster_or_only(component.cluster.as_ref());
            component.enabled
                && component.entry(name).as_str() == "metallb"
                && here.is_some_and(|(name, _)| name == cluster)
        })?;
        let pool = metallb.texts("pool");
        let first = pool.first()?.split(['-', '/']).next()?.parse().ok()?;
        let link = lab
            .network_of(first)
            .and_then(|(name, _)| index.links.get(name))
            .copied();
        let l2 = metallb
            .settings
            .get("l2")
            .and_then(serde_json::Value::as_bool);
        let kind = if l2 == Some(false) {
            BalancerKind::Unknown(
                "the routers that MetalLB tells its addresses are not told".to_owned(),
            )
        } else {
            BalancerKind::Memberlist
        };
        Some(self.balancer(id, kind, link))
    }

    /// The nodes that can answer for addresses of a network: those that are in it.
    fn balancer(&self, cluster: ClusterId, kind: BalancerKind, link: Option<LinkId>) -> Balancer {
        let members = self.clusters[cluster].nodes.iter().filter(|node| {
            let links = &self.nodes[*node].links;
            link.is_none_or(|link| links.is_empty() || links.contains(&link))
        });
        let members: Vec<NodeId> = members.collect();
        Balancer {
            kind,
            speakers: Bits::of(self.nodes.len(), members),
        }
    }
}

fn hosts(names: &[Name], index: &Index) -> Vec<HostId> {
    names
        .iter()
        .filter_map(|name| index.hosts.get(name))
        .copied()
        .collect()
}
