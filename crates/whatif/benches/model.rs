//! Placements, answers with times, and proofs, each of a lab of the size that its goal names.

#[path = "../tests/random/mod.rs"]
mod random;

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use random::{lab, large, model};
use whatif::bits::Bits;
use whatif::events::Scenario;
use whatif::ids::{ElementId, NodeId, WorkloadId};
use whatif::place::schedule::Scheduler;
use whatif::prove::{Bound, Target, check_all, check_all_naively, compile};
use whatif::semantics::{Course, Model};
use whatif::timeline::Asker;
use whatif::world::{Element, Failure};

/// P1: decisions of the scheduler with all its filters.
fn decisions(c: &mut Criterion) {
    let mut group = c.benchmark_group("decisions");
    for (nodes, pods) in [(50, 600), (5000, 600)] {
        let model = model(&lab(large(nodes, pods)));
        let alive = Bits::of(model.world.nodes.len(), model.world.nodes.ids());
        let mut scheduler = Scheduler::new(&model);
        let mut at = Vec::new();
        scheduler.place_all(&mut at);
        group.throughput(Throughput::Elements(at.len() as u64));
        group.bench_function(format!("{nodes} nodes"), |b| {
            b.iter(|| {
                scheduler.reset(&alive);
                black_box(scheduler.place_all(&mut at))
            });
        });
    }
    group.finish();
}

/// Every set of at most three hosts.
fn triples(model: &Model) -> Vec<Failure> {
    let hosts: Vec<ElementId> = hosts(model);
    let mut all = Vec::new();
    for (a, one) in hosts.iter().enumerate() {
        for (b, two) in hosts.iter().enumerate().skip(a) {
            for three in hosts.iter().skip(b) {
                let mut failure = model.world.no_failure();
                for element in [one, two, three] {
                    failure.insert(*element);
                }
                all.push(failure);
            }
        }
    }
    all
}

fn hosts(model: &Model) -> Vec<ElementId> {
    let hosts = model.world.hosts.ids();
    hosts
        .map(|host| model.world.element(Element::Host(host)))
        .collect()
}

/// P2 and P4: the whole answer with its times.
fn answers(c: &mut Criterion) {
    let mut group = c.benchmark_group("answers");
    for (hosts, pods) in [(16, 300), (64, 1000)] {
        let model = model(&lab(large(hosts, pods)));
        let scenario = Scenario::new(&model.world)
            .off(&model.world, "h0007")
            .expect("a host");
        let mut asker = Asker::new(&model);
        group.throughput(Throughput::Elements(1));
        group.bench_function(
            format!("one host off, timeline, {hosts} hosts {pods} pods"),
            |b| {
                b.iter(|| black_box(asker.timeline(&scenario).1.len()));
            },
        );
    }
    let model = model(&lab(large(16, 300)));
    let sets = triples(&model);
    let mut asker = Asker::new(&model);
    let mut scenario = Scenario::new(&model.world);
    group.throughput(Throughput::Elements(sets.len() as u64));
    group.bench_function("up to three of 16 hosts, 300 pods", |b| {
        b.iter(|| {
            let mut away = 0;
            for failure in &sets {
                scenario.fail_only(failure);
                away += asker
                    .ask(&scenario)
                    .iter()
                    .filter(|fate| fate.away.is_some())
                    .count();
            }
            black_box(away)
        });
    });
    group.finish();
}

/// What is copied and changed in place must say the same as what is put together anew: the places
/// of all pods, of some of the sets.
fn compare_with_naive(
    model: &Model,
    base: &Scheduler<'_>,
    at: &[(WorkloadId, NodeId)],
    sets: &[Failure],
) {
    let mut fast = base.clone();
    for failure in sets.iter().step_by(997) {
        let stays = |node: NodeId| {
            let host = model.world.nodes[node].host;
            !failure.has(model.world.element(Element::Host(host)))
        };
        let alive: Vec<NodeId> = model
            .world
            .nodes
            .ids()
            .filter(|node| stays(*node))
            .collect();
        let alive = Bits::of(model.world.nodes.len(), alive);
        fast.copy_from(base, &alive);
        let mut naive = Scheduler::new(model);
        naive.reset(&alive);
        for (workload, node) in at {
            if stays(*node) {
                naive.put(*workload, *node);
            } else {
                fast.gone(*workload, *node);
            }
        }
        for (workload, node) in at.iter().filter(|(_, node)| !stays(*node)) {
            let (one, other) = (fast.place(*workload), naive.place(*workload));
            assert_eq!(one, other, "a pod of {workload:?} that was on {node:?}");
        }
    }
}

/// P3, first half: every set of at most three of 64 hosts, with its pods placed anew.
fn replaced(c: &mut Criterion) {
    let model = model(&lab(large(64, 1000)));
    let sets = triples(&model);
    let mut base = Scheduler::new(&model);
    let mut at: Vec<(WorkloadId, NodeId)> = Vec::new();
    base.place_all(&mut at);
    at.sort_by_key(|(_, node)| *node);
    let mut scheduler = base.clone();
    compare_with_naive(&model, &base, &at, &sets);
    let mut group = c.benchmark_group("replaced");
    group.sample_size(10);
    group.throughput(Throughput::Elements(sets.len() as u64));
    group.bench_function("up to three of 64 hosts, 1000 pods", |b| {
        b.iter(|| {
            let mut nowhere = 0;
            let mut alive = Bits::of(model.world.nodes.len(), model.world.nodes.ids());
            let all = alive.clone();
            for failure in &sets {
                alive.copy_from(&all);
                for (id, node) in model.world.nodes.iter() {
                    if failure.has(model.world.element(Element::Host(node.host))) {
                        alive.remove(id);
                    }
                }
                scheduler.copy_from(&base, &alive);
                for (workload, node) in &at {
                    if !alive.has(*node) {
                        scheduler.gone(*workload, *node);
                    }
                }
                for (workload, node) in &at {
                    if !alive.has(*node) && scheduler.place(*workload).is_none() {
                        nowhere += 1;
                    }
                }
            }
            black_box(nowhere)
        });
    });
    group.finish();
}

/// P3, second half: all subsets of 24 hosts, 64 at once; the naive evaluator is the oracle on 14.
fn subsets(c: &mut Criterion) {
    let model = model(&lab(large(24, 300)));
    let world = &model.world;
    let mut targets: Vec<Target> = world.workloads.ids().map(Target::Reached).collect();
    targets.extend(world.clusters.ids().map(Target::Api));
    let hosts = hosts(&model);
    let course = Course::UNLESS_UNKNOWN;
    let few = &hosts[..14];
    let oracle = check_all_naively(&model, course, &targets, few, Bound::All);
    assert_eq!(
        check_all(&compile(&model, course, &targets, few), Bound::All),
        oracle
    );
    let circuit = compile(&model, course, &targets, &hosts);
    println!("gates: {}", circuit.len());
    let mut group = c.benchmark_group("subsets");
    group.sample_size(10);
    group.throughput(Throughput::Elements(1 << 24));
    group.bench_function("all of 24 hosts, 300 pods", |b| {
        b.iter(|| black_box(check_all(&circuit, Bound::All)));
    });
    group.finish();
}

criterion_group!(benches, decisions, answers, replaced, subsets);
criterion_main!(benches);
