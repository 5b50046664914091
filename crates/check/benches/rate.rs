//! A lab of 10,000 resources: at least 10,000 of them a second are wanted, on one core. The rules
//! by themselves, and from the text to the findings.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use model::read::read;
use testkit::large;

/// Resources by houses.
const HOUSES: [usize; 2] = [10, 100];

fn rate(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("large lab");
    group.sample_size(10);
    for houses in HOUSES {
        let resources = houses * large::PER_HOUSE;
        let sources = large::lab(houses);
        let reading = read(&sources);
        assert_eq!(reading.diagnostics, []);
        let lab = reading.lab.expect("its form is right");
        let facts = check::Facts::default();
        assert_eq!(check::check(&lab, &facts), []);
        group.throughput(Throughput::Elements(resources as u64));
        group.bench_function(format!("reading {resources} resources"), |bench| {
            bench.iter(|| black_box(read(&sources)));
        });
        group.bench_function(format!("the rules over {resources} resources"), |bench| {
            bench.iter(|| check::check(black_box(&lab), &facts));
        });
    }
    group.finish();
}

criterion_group!(benches, rate);
criterion_main!(benches);
