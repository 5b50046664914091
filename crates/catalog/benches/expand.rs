//! From a lab to its resources: one cluster of as many nodes as a file may have, with as many apps.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use model::lab::Lab;
use model::read::read;
use model::source::Source;

fn lab(size: usize) -> Lab {
    let mut text = "lab: large\nnetworks: { nodes: { cidr: 10.88.0.0/20 } }\nhosts: { here: { access: local } }\n\
         clusters: { main: { distribution: { kubeadm: { kubernetes: 1.36.3 } }, pods: 10.0.0.0/12, services: 10.96.0.0/16, cni: { flannel: {} } } }\nnodes:\n"
        .to_owned();
    for n in 0..size {
        let (a, b) = ((n + 16) / 256, (n + 16) % 256);
        let role = if n == 0 { "control-plane" } else { "worker" };
        writeln!(text, "  n{n}: {{ cluster: main, role: {role}, on: here, container: {{ cpu: 2, memory: 2Gi }}, address: 10.88.{a}.{b} }}").expect("a text grows");
    }
    text.push_str("apps:\n");
    for n in 0..size {
        writeln!(text, "  a{n}: {{ catalog: podinfo, expose: {{ forward: {{ service: podinfo, port: 9898 }} }} }}").expect("a text grows");
    }
    let reading = read(&[Source::new("lab.yaml", text.into_bytes())]);
    assert_eq!(reading.diagnostics, []);
    reading.lab.expect("its form is right")
}

fn expand(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("expansion");
    group.sample_size(10);
    for size in [50, 500] {
        let lab = lab(size);
        let resources = catalog::expand(&lab, &BTreeMap::new())
            .expect("nothing is wrong")
            .len();
        group.throughput(Throughput::Elements(resources as u64));
        group.bench_function(format!("{size} nodes and {size} apps"), |bench| {
            bench.iter(|| catalog::expand(black_box(&lab), &BTreeMap::new()));
        });
    }
    group.finish();
}

criterion_group!(benches, expand);
criterion_main!(benches);
