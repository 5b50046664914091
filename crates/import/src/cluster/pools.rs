//! Ways in: addresses for Services, ingresses, gateways.

use std::net::IpAddr;

use model::lab::Component;
use model::name::Name;
use serde_json::{Value, json};

use super::objects::{Object, Objects};
use crate::draft::Draft;
use crate::names;

/// The words of controllers of ingresses and gateways, each with the catalog entry that it is.
const CONTROLLERS: [(&str, &str); 6] = [
    ("k8s.io/ingress-nginx", "ingress-nginx"),
    ("traefik.io/ingress-controller", "traefik"),
    ("traefik.io/gateway-controller", "traefik"),
    (
        "gateway.envoyproxy.io/gatewayclass-controller",
        "envoy-gateway",
    ),
    ("istio.io/gateway-controller", "istio"),
    ("tailscale.com/ts-ingress", "tailscale-operator"),
];

/// Whether a component of that catalog entry is declared.
pub(super) fn has(draft: &Draft, entry: &str) -> bool {
    let mut all = draft.lab.components.iter();
    all.any(|(name, component)| component.entry(name).as_str() == entry)
}

/// The component of a catalog entry, made where none is declared.
pub(super) fn component<'a>(draft: &'a mut Draft, entry: &'static str) -> &'a mut Component {
    let known = draft.lab.components.iter();
    let mut known = known.filter(|(name, one)| one.entry(name).as_str() == entry);
    let name = known
        .next()
        .map_or_else(|| names::known(entry), |(name, _)| name.clone());
    draft.lab.components.entry(name).or_default()
}

/// Pools of addresses that `MetalLB` gives to Services.
pub(super) fn load_balancers(draft: &mut Draft, objects: &Objects) {
    let of = |kind| objects.of(kind).filter(|one| one.group == "metallb.io");
    let mut pool: Vec<Value> = Vec::new();
    for one in of("IPAddressPool") {
        pool.extend(
            one.texts("/spec/addresses")
                .into_iter()
                .map(|text| json!(text.replace(' ', ""))),
        );
        draft.took(format!("the pool {} of MetalLB", one.name));
        if one.at("/spec/autoAssign") == Some(&Value::Bool(false))
            || one.at("/spec/serviceAllocation").is_some()
        {
            one.keep(
                draft,
                "a pool with rules of its own; its addresses were taken",
            );
        }
    }
    let l2: Vec<&Object> = of("L2Advertisement").collect();
    for one in &l2 {
        let only = ["nodeSelectors", "interfaces", "ipAddressPools"];
        if only
            .iter()
            .any(|field| one.at(&format!("/spec/{field}")).is_some())
        {
            one.keep(draft, "addresses are answered for with rules of their own");
        }
    }
    let peers: Vec<&Object> = of("BGPPeer").chain(of("BGPAdvertisement")).collect();
    for peer in &peers {
        peer.keep(draft, "routes are told to a router by MetalLB");
    }
    if pool.is_empty() && l2.is_empty() && peers.is_empty() {
        return;
    }
    let metallb = component(draft, "metallb");
    if !pool.is_empty() {
        metallb
            .settings
            .insert("pool".to_owned(), Value::Array(pool));
    }
    if !l2.is_empty() {
        metallb.settings.insert("l2".to_owned(), json!(true));
    }
}

/// Controllers of ingresses and gateways that no release and no record told.
pub(super) fn ingresses(draft: &mut Draft, objects: &Objects) {
    for kind in ["IngressClass", "GatewayClass"] {
        for class in objects.of(kind) {
            let by = class
                .text("/spec/controller")
                .or_else(|| class.text("/spec/controllerName"));
            let by = by.unwrap_or_default();
            let entry = CONTROLLERS.iter().find(|(word, _)| *word == by);
            match entry {
                // k3s brings it along; where it is left out, it is not there.
                Some((_, "traefik"))
                    if class.label("app.kubernetes.io/managed-by") == Some("Helm")
                        && !has(draft, "traefik") =>
                {
                    draft.took("traefik, which k3s brings along");
                }
                Some((_, entry)) => {
                    let there = has(draft, entry);
                    component(draft, entry);
                    if !there {
                        draft.derived(format!(
                            "the component {entry}: {} is its own",
                            class.place()
                        ));
                    }
                }
                None if by.starts_with("io.cilium/") => {
                    draft.took(format!("{}, which is Cilium's own", class.place()));
                }
                None => class.keep(draft, "nobody that a lab knows by this word"),
            }
        }
    }
}

/// Addresses of Services for clients outside: those of a component are its own.
pub(super) fn addresses(draft: &mut Draft, objects: &Objects) {
    let outside = |one: &&Object| one.text("/spec/type") == Some("LoadBalancer");
    for service in objects.of("Service").filter(outside) {
        let given = service.text("/status/loadBalancer/ingress/0/ip");
        let address: Option<IpAddr> = given
            .or_else(|| service.text("/spec/loadBalancerIP"))
            .and_then(|text| text.parse().ok());
        let owner = owner(service);
        let component = owner.and_then(|owner| draft.lab.components.get_mut(&owner));
        match (address, component) {
            (Some(address), Some(component)) if component.address.is_none() => {
                component.address = Some(address);
            }
            (Some(address), _) => draft.unplaced(
                &service.place(),
                format!("it has the address {address} for clients outside"),
            ),
            (None, _) => draft.unplaced(
                &service.place(),
                "it waits for an address for clients outside",
            ),
        }
    }
}

/// The release, or the resource of Steading's, that an object belongs to.
fn owner(object: &Object) -> Option<Name> {
    let release = object.annotation("meta.helm.sh/release-name");
    let ours = object.annotation("steading.dev/address");
    let ours = ours.and_then(|address| address.strip_prefix("component/"));
    names::name(release.or(ours)?)
}
