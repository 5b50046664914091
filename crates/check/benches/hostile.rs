//! Labs with full sections, valid in form, wrong in what they say: from the text to the findings
//! as they are shown. At most 50 ms is wanted for each file, and for a folder as full as may be
//! (five files with full sections) half a second.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use model::diagnostic::told;
use model::read::read;
use model::render::render;
use model::source::Source;

/// A section never has more entries in one file,
const FULL: usize = 500;
/// and never more than so many files have together.
const FILES: usize = 5;

/// Which address things have, and what they refer to.
struct Lab {
    network: fn(usize) -> String,
    refers: &'static str,
}

impl Lab {
    fn sources(&self, files: usize) -> Vec<Source> {
        let files = (0..files).map(|file| self.source(file));
        files.collect()
    }

    fn source(&self, file: usize) -> Source {
        // Long names that differ little: the nearest one is costly to find.
        let name = |n: usize| format!("{}-{n:04}", "x".repeat(58));
        let each = |entry: &dyn Fn(usize) -> String| -> String {
            let numbers = file * FULL..(file + 1) * FULL;
            let entries = numbers.map(|n| format!("  {}: {{ {} }}\n", name(n), entry(n)));
            entries.collect()
        };
        let to = |n: usize| format!("{}{}", self.refers, &name(n)[self.refers.len()..]);
        let networks = each(&|n| format!("cidr: {}.0/24", (self.network)(n)));
        let hosts = each(&|_| "access: local".to_owned());
        let clusters = each(&|n| {
            let most = FULL * FILES;
            let (pods, services) = ((self.network)(n + most), (self.network)(n + 2 * most));
            format!(
                "distribution: {{ kubeadm: {{ kubernetes: 1.36.3 }} }}, pods: {pods}.0/24, services: {services}.0/24, cni: {{ flannel: {{}} }}"
            )
        });
        let nodes = each(&|n| {
            let (to, address) = (to(n), (self.network)(n));
            format!(
                "cluster: {to}, role: control-plane, on: {to}, container: {{ cpu: 2, memory: 2Gi }}, address: {address}.7"
            )
        });
        let apps = each(&|n| format!("catalog: podinfo, cluster: {}", to(n)));
        let lab = if file == 0 { "lab: full\n" } else { "" };
        let text = format!(
            "{lab}networks:\n{networks}hosts:\n{hosts}clusters:\n{clusters}nodes:\n{nodes}apps:\n{apps}"
        );
        Source::new(format!("lab-{file}.yaml"), text.into_bytes())
    }
}

fn found(sources: &[Source]) -> usize {
    let reading = read(sources);
    let mut findings = reading.diagnostics;
    let lab = reading.lab.expect("its form is right");
    let facts = check::Facts {
        unread: reading.unread,
        ..check::Facts::default()
    };
    findings.extend(check::check(&lab, &facts));
    reading.index.locate(&mut findings);
    let findings = told(findings);
    black_box(render(&findings, sources, false));
    findings.len()
}

fn hostile(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("full lab");
    group.sample_size(10);
    let apart = |n: usize| format!("10.{}.{}", n / 250, n % 250);
    let together = |_: usize| "10.0.0".to_owned();
    for (name, network, refers, wrong) in [
        (
            "nothing wrong in it",
            apart as fn(usize) -> String,
            "",
            false,
        ),
        ("no name exists", apart, "y", true),
        ("all addresses are one", together, "", true),
        ("everything at once", together, "y", true),
    ] {
        for (files, what) in [(1, "a file"), (FILES, "a folder")] {
            let sources = Lab { network, refers }.sources(files);
            let findings = found(&sources);
            // Services of /24 are of the least size that is allowed: nothing is found in the first.
            assert_eq!(findings > 0, wrong, "{name}: {findings} findings");
            let name = format!("{what}, {name}");
            group.bench_function(name, |bench| bench.iter(|| found(&sources)));
        }
    }
    group.finish();
}

criterion_group!(benches, hostile);
criterion_main!(benches);
