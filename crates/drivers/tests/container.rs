//! Container machines for real: networks, machines and forwarders are made, broken, mended and
//! removed on this host, which must be as before afterwards.
//!
//! Needs root and a node image; without one of them it says so and passes. The image is looked for
//! in the folder that `STEADING_TEST_IMAGES` names, or in the usual one.

#![expect(
    clippy::print_stderr,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a test with a `main` of its own"
)]

#[path = "container/contract.rs"]
mod contract;
#[path = "container/forward.rs"]
mod forward;
#[path = "container/groups.rs"]
mod groups;
#[path = "container/host.rs"]
mod host;
#[path = "container/killed.rs"]
mod killed;
#[path = "container/lab.rs"]
mod lab;
#[path = "container/life.rs"]
mod life;
#[path = "container/router.rs"]
mod router;
#[path = "container/trouble.rs"]
mod trouble;

use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.first().map(String::as_str) {
        Some("internal") => internal(&arguments[1..]),
        // The part of a `steading` that is killed.
        Some("drive") => killed::drive(&arguments[1..]),
        // What a test runner asks for first.
        Some("--list") => ExitCode::SUCCESS,
        filter => tests(filter.unwrap_or_default()),
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

/// A test of machines that start from this image.
type Test = fn(&lab::Image);

fn tests(filter: &str) -> ExitCode {
    let image = match lab::image() {
        Ok(image) => image,
        Err(why) => {
            eprintln!("\n!!! SKIPPED: tests of container machines: {why}\n");
            return ExitCode::SUCCESS;
        }
    };
    let tests: [(&str, Test); 9] = [
        ("the_contract_is_kept", contract::the_contract_is_kept),
        ("groups_hold", groups::groups_hold),
        ("a_machine_lives", life::a_machine_lives),
        (
            "faults_are_named_and_mended",
            life::faults_are_named_and_mended,
        ),
        (
            "a_host_takes_its_machines_along",
            host::a_host_takes_its_machines_along,
        ),
        ("troubles_begin_and_end", trouble::troubles_begin_and_end),
        (
            "a_router_serves_its_networks",
            router::a_router_serves_its_networks,
        ),
        ("a_forward_leads_inside", forward::a_forward_leads_inside),
        ("killed_anywhere", killed::killed_anywhere),
    ];
    for (name, test) in tests {
        if name.contains(filter) || filter.starts_with('-') {
            let start = std::time::Instant::now();
            test(&image);
            println!(
                "test {name} ... ok ({:.1} s)",
                start.elapsed().as_secs_f32()
            );
        }
    }
    ExitCode::SUCCESS
}
