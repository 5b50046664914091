//! What load balancers hand out.

use model::lab::Cni;
use model::range::AddressRange;

use crate::Subject;

/// A range that a load balancer hands out.
pub(crate) struct Pool {
    /// Where it stands.
    pub(crate) field: String,
    /// `None`: what stands there is no range.
    pub(crate) range: Option<AddressRange>,
}

/// The pools of all pod networks and components that are there.
pub(crate) fn pools(lab: &Subject<'_>) -> Vec<Pool> {
    let cilium = lab.clusters.iter().flat_map(|(name, cluster)| {
        let ranges = match &cluster.cni {
            Cni::Cilium(cilium) => cilium.load_balancer.as_slice(),
            _ => &[],
        };
        ranges.iter().map(move |range| Pool {
            field: format!("clusters.{name}.cni.cilium.load-balancer"),
            range: Some(*range),
        })
    });
    let enabled = lab.components.iter().filter(|(_, one)| one.enabled);
    let components = enabled.flat_map(|(name, component)| {
        ["pool", "pools"].into_iter().flat_map(move |setting| {
            let ranges = component.texts(setting).into_iter();
            ranges.map(move |text| Pool {
                field: format!("components.{name}.{setting}"),
                range: text.parse().ok(),
            })
        })
    });
    cilium.chain(components).collect()
}
