//! The planner on a lab of fifty nodes: from nothing, and with nothing to do.

use std::collections::{BTreeMap, BTreeSet};
use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use model::digest::Digest;
use model::inventory::{Inventory, Observed};
use model::lab::{ContainerMachine, Machine, Role};
use model::plan::{Generation, LabId};
use model::quantity::Bytes;
use model::resource::{Address, Member, NodeMachine, Objects, Resource, Spec};
use planner::{Input, plan};

fn resource(address: &str, spec: Spec, needs: &[String]) -> Resource {
    let parse = |text: &str| text.parse::<Address>().expect("an address");
    Resource {
        address: parse(address),
        spec,
        needs: needs.iter().map(|need| parse(need)).collect(),
    }
}

fn lab(nodes: usize) -> Vec<Resource> {
    let name = |text: &str| text.parse().expect("a name");
    let mut all = Vec::new();
    let mut members = Vec::new();
    for n in 0..nodes {
        let machine = NodeMachine {
            host: name("here"),
            inside_host: false,
            shared_folder: false,
            machine: Machine::Container(ContainerMachine {
                cpu: 4,
                memory: Bytes::mebi(4096),
            }),
            image: Digest::of("image"),
            system: None,
            network: name("lan"),
            address: "10.0.0.1/16".parse().expect("an address"),
            gateway: "10.0.0.1".parse().expect("an address"),
            mtu: 1500,
            pod_mtu: 1450,
            pods: "10.244.0.0/16".parse().expect("a range"),
            hosts: BTreeMap::new(),
        };
        let member = Member {
            cluster: name("main"),
            role: if n == 0 {
                Role::ControlPlane
            } else {
                Role::Worker
            },
            first: n == 0,
            address: "10.0.0.1".parse().expect("an address"),
            endpoint: "10.0.0.1:6443".to_owned(),
            shared: None,
            planes: std::collections::BTreeMap::new(),
            kubernetes: "1.36.3".to_owned(),
            pods: "10.244.0.0/16".parse().expect("a range"),
            services: "10.96.0.0/16".parse().expect("a range"),
            dns: "10.96.0.10".parse().expect("an address"),
            domain: "cluster.local".to_owned(),
            sans: BTreeSet::new(),
            certificates: Default::default(),
            labels: BTreeMap::new(),
            taints: Vec::new(),
        };
        let (machine_at, member_at) = (format!("machine/n{n}"), format!("member/n{n}"));
        let mut needs = vec![machine_at.clone()];
        if n > 0 {
            needs.push("member/n0".to_owned());
        }
        all.push(resource(&machine_at, Spec::Machine(machine), &[]));
        all.push(resource(&member_at, Spec::Member(member), &needs));
        members.push(member_at);
    }
    for n in 0..50 {
        let object = serde_json::json!({ "kind": "Deployment", "spec": "x".repeat(2000) });
        let objects = Objects {
            cluster: name("main"),
            source: "app".to_owned(),
            namespace: name("default"),
            objects: vec![object; 4],
        };
        all.push(resource(
            &format!("app/a{n}"),
            Spec::Objects(objects),
            &members,
        ));
    }
    all
}

fn benchmarks(criterion: &mut Criterion) {
    let resources = lab(50);
    let nothing = Inventory::default();
    let mut standing = Inventory::default();
    for resource in &resources {
        let seen = Observed::ours(Some(resource.digest()), Some(resource.spec.clone()));
        standing.things.insert(resource.address.clone(), seen);
    }
    let name = "lab".parse().expect("a name");
    for (what, inventory) in [("from nothing", &nothing), ("nothing to do", &standing)] {
        criterion.bench_function(
            &format!("plan of 50 nodes and 50 apps, {what}"),
            |bencher| {
                bencher.iter(|| {
                    plan(black_box(&Input {
                        lab: &name,
                        lab_id: LabId(uuid::Uuid::nil()),
                        parent: Generation(0),
                        resources: &resources,
                        inventory,
                        forced: &Default::default(),
                    }))
                });
            },
        );
    }
}

criterion_group!(benches, benchmarks);
criterion_main!(benches);
