//! kubeadm and Kubernetes for real: a cluster of two container nodes is made, tried, broken,
//! mended and removed.
//!
//! Needs root and the node image of the quickstart lab; without one of them it says so and passes.
//! The image is looked for in the folder that `STEADING_TEST_IMAGES` names, or in the usual one.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a test, though without the usual harness"
)]

#[path = "cluster/contract.rs"]
mod contract;
#[path = "cluster/lab.rs"]
mod lab;
#[path = "cluster/objects.rs"]
mod objects;

use std::process::ExitCode;

use testkit::host_snapshot::HostSnapshot;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.first().map(String::as_str) {
        Some("internal") => internal(&arguments[1..]),
        // What a test runner asks for first.
        Some("--list") => ExitCode::SUCCESS,
        _ => tests(),
    }
}

fn internal(arguments: &[String]) -> ExitCode {
    match drivers::container::internal(arguments) {
        Some(Ok(code)) => u8::try_from(code).map_or(ExitCode::FAILURE, ExitCode::from),
        Some(Err(error)) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
        None => ExitCode::from(2),
    }
}

type Test = fn(&lab::Lab);

fn tests() -> ExitCode {
    let folder = lab::folder();
    let before = HostSnapshot::take(&[&folder]);
    let lab = match lab::Lab::new(&folder) {
        Ok(lab) => lab,
        Err(why) => {
            eprintln!("\n!!! SKIPPED: tests of Kubernetes: {why}\n");
            return ExitCode::SUCCESS;
        }
    };
    // One after the other, on one cluster: each leaves it as it found it.
    let tests: [(&str, Test); 9] = [
        (
            "a_control_plane_keeps_the_contract",
            contract::control_plane,
        ),
        ("a_worker_keeps_the_contract", contract::worker),
        ("components_keep_the_contract", contract::components),
        (
            "a_skipped_version_is_refused",
            contract::a_skipped_version_is_refused,
        ),
        ("changed_objects_are_told_and_mended", objects::drift),
        ("what_is_declared_no_more_is_pruned", objects::pruned),
        ("what_is_not_ours_is_refused", objects::foreign),
        ("a_broken_app_tells_its_cause", objects::cause),
        ("a_lost_node_joins_again", contract::a_lost_node_joins_again),
    ];
    for (name, test) in tests {
        let start = std::time::Instant::now();
        test(&lab);
        println!(
            "test {name} ... ok ({:.1} s)",
            start.elapsed().as_secs_f32()
        );
    }
    drop(lab);
    // Also what kubelet writes to the whole machine's settings: it must not have reached them.
    // Groups, processes and listeners may be those of another lab that came or went meanwhile.
    let mut changes = before.changes(&HostSnapshot::take(&[&folder]));
    let of_others = ["cgroup", "process", "listen"];
    changes.retain(|line| !of_others.iter().any(|kind| line[2..].starts_with(kind)));
    assert_eq!(changes, Vec::<String>::new());
    println!("test the_host_is_as_before ... ok");
    ExitCode::SUCCESS
}
