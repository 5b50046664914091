//! How long it takes to refuse lab files that mean harm: at most 50 ms is wanted for each file, and for a
//! folder in proportion: ten times the values, half a second.

use criterion::{Criterion, criterion_group, criterion_main};
use model::read::read;
use model::render::render;
use model::source::Source;

#[path = "../tests/inputs/mod.rs"]
mod inputs;

fn hostile(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("hostile");
    group.sample_size(10);
    for input in inputs::all() {
        let sources = [Source::new("lab.yaml", input.bytes)];
        group.bench_function(input.name, |bench| {
            bench.iter(|| {
                let reading = read(&sources);
                render(&reading.diagnostics, &sources, false)
            });
        });
    }
    for folder in inputs::folders() {
        let files = folder.files.into_iter().enumerate();
        let sources: Vec<Source> = files
            .map(|(n, bytes)| Source::new(format!("{n}.yaml"), bytes))
            .collect();
        group.bench_function(format!("a folder: {}", folder.name), |bench| {
            bench.iter(|| {
                let reading = read(&sources);
                render(&reading.diagnostics, &sources, false)
            });
        });
    }
    group.finish();
}

criterion_group!(benches, hostile);
criterion_main!(benches);
