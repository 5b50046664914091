//! The simulated drivers keep the contract that the real ones keep.

#![expect(clippy::unwrap_used, reason = "a test")]

use std::collections::BTreeSet;

use driver::Scope;
use model::plan::LabId;
use model::resource::{Address, Fence, HostLink, Kind, Resource, Spec};
use model::source::Source;
use sim::World;
use testkit::contract::Case;
use uuid::Uuid;

fn resources() -> Vec<Resource> {
    let text = include_str!("../../../labs/quickstart/lab.yaml").to_owned();
    let name = "lab.yaml".to_owned();
    let lab = model::read::read(&[Source { name, text }]).lab.unwrap();
    // A replica has all kinds of things but one, which depends on what is observed.
    let lab = catalog::replica(&lab, Default::default()).lab;
    let mut resources = catalog::expand_replica(&lab).unwrap();
    resources.push(Resource {
        address: "fence/worker-2".parse().unwrap(),
        spec: Spec::Fence(Fence {
            cluster: "main".parse().unwrap(),
            host: "this-machine".parse().unwrap(),
        }),
        needs: BTreeSet::from(["member/worker-2".parse().unwrap()]),
    });
    let kinds: BTreeSet<Kind> = resources.iter().map(|one| one.address.kind).collect();
    assert!(
        Kind::ALL.iter().all(|kind| kinds.contains(kind)),
        "{kinds:?}"
    );
    resources
}

fn scope(id: u128) -> Scope {
    Scope {
        lab: "quickstart".parse().unwrap(),
        id: LabId(Uuid::from_u128(id)),
    }
}

/// That thing and everything that stands on it.
fn above<'a>(resources: &'a [Resource], address: &'a Address) -> BTreeSet<&'a Address> {
    let mut found = BTreeSet::from([address]);
    loop {
        let more: Vec<_> = resources
            .iter()
            .filter(|one| one.needs.iter().any(|need| found.contains(need)))
            .map(|one| &one.address)
            .filter(|address| !found.contains(address))
            .collect();
        if more.is_empty() {
            return found;
        }
        found.extend(more);
    }
}

/// A spec that the thing can become while it stands.
fn changed(spec: &Spec) -> Option<Spec> {
    let mut spec = spec.clone();
    match &mut spec {
        Spec::Network(network) => network.mtu -= 1,
        Spec::Host(host) => drop(host.links.insert(
            "san".parse().unwrap(),
            HostLink {
                mtu: 9000,
                speed: None,
            },
        )),
        Spec::Router(router) => router.uplink = !router.uplink,
        Spec::Machine(machine) => machine.mtu -= 1,
        Spec::Member(member) => drop(member.labels.insert("a".to_owned(), "b".to_owned())),
        Spec::Forward(forward) => forward.listen = Some(4711),
        Spec::Objects(objects) => objects.objects.push("another".into()),
        Spec::Artifact(_)
        | Spec::Image(_)
        | Spec::Connectivity(_)
        | Spec::Fence(_)
        | Spec::Remains => return None,
    }
    Some(spec)
}

#[test]
fn every_kind_keeps_the_contract() {
    let resources = resources();
    for resource in &resources {
        let world = World::new();
        let above = above(&resources, &resource.address);
        for below in resources.iter().filter(|one| !above.contains(&one.address)) {
            world.put(scope(1).id, below);
        }
        let registry = world.registry();
        let driver = registry.driver(resource.address.kind).unwrap();
        let case = Case::new(&**driver, scope(1), resource.clone());
        match changed(&resource.spec) {
            Some(spec) => case.change(spec).run(),
            None => case.run(),
        }
    }
}

#[test]
fn what_is_another_labs_is_refused_and_left() {
    let resources = resources();
    for resource in &resources {
        let shared = matches!(resource.spec, Spec::Artifact(_) | Spec::Image(_));
        if shared {
            continue;
        }
        let world = World::new();
        for other in &resources {
            world.put(scope(1).id, other);
        }
        // Removed with all that it holds, then put there by somebody else.
        let above = above(&resources, &resource.address);
        for gone in &above {
            world.vanish(gone);
        }
        world.put(scope(2).id, resource);
        let registry = world.registry();
        let driver = registry.driver(resource.address.kind).unwrap();
        Case::new(&**driver, scope(1), resource.clone()).run_foreign();
    }
}

#[test]
fn a_lost_control_plane_takes_its_cluster_along() {
    let resources = resources();
    let world = World::new();
    for resource in &resources {
        world.put(scope(1).id, resource);
    }
    assert_eq!(world.problems(scope(1).id, &resources), []);
    world.end(&"machine/control-plane-1".parse().unwrap(), "disk");
    let left = world.parts();
    let kinds: BTreeSet<_> = left
        .iter()
        .map(|(address, _)| address.kind.as_str())
        .collect();
    assert_eq!(
        kinds.into_iter().collect::<Vec<_>>(),
        [
            "artifact", "forward", "host", "image", "machine", "network", "router"
        ]
    );
}
