//! `kill -9` of the program that applies, at many moments, and then again to the end.

use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::time::Duration;

use crate::lab::{Image, Lab};
use crate::life::assert_untouched;

/// When it is killed, in milliseconds after its start.
const MOMENTS: [u64; 16] = [
    2, 5, 8, 12, 18, 25, 35, 50, 70, 100, 140, 200, 280, 400, 600, 900,
];

/// `drive up|down FOLDER IMAGES DIGEST`: makes the lab's things, or removes them, like a
/// `steading` that is going to be killed.
pub fn drive(arguments: &[String]) -> ExitCode {
    let [what, machines, images, digest] = arguments else {
        return ExitCode::from(2);
    };
    let image = Image {
        images: images.into(),
        digest: serde_json::from_value(digest.clone().into()).unwrap(),
    };
    let lab = Lab::at(&image, Path::new(machines), 4);
    let (network, machine, forward) = (lab.network(), lab.machine(1, 2, 1), lab.forward(&["n1"]));
    if what == "up" {
        for step in [&network, &machine, &forward] {
            lab.apply(step);
        }
    } else {
        for step in [&forward, &machine, &network] {
            lab.teardown(step);
        }
    }
    // What it made stays.
    std::mem::forget(lab);
    ExitCode::SUCCESS
}

pub fn killed_anywhere(image: &Image) {
    let lab = Lab::new(image, 4);
    let (network, machine, forward) = (lab.network(), lab.machine(1, 2, 1), lab.forward(&["n1"]));
    for moment in MOMENTS {
        kill_after(&lab, image, "up", moment);
        // Also what is half made is seen, or is not there at all.
        for seen in lab.observe().into_values() {
            assert!(
                matches!(seen.presence, model::inventory::Presence::Ours { .. }),
                "killed after {moment} ms: {seen:?}"
            );
        }
        for step in [&network, &machine, &forward] {
            lab.apply(step);
            lab.assert_well(step);
        }
        assert_eq!(supervisors(&lab), 1, "killed after {moment} ms");
        kill_after(&lab, image, "down", moment);
        // What is still seen is removed as it is seen.
        let left: Vec<_> = lab.observe().into_keys().rev().collect();
        for step in [&forward, &machine, &network] {
            if left.contains(&step.address) {
                lab.teardown(step);
            }
        }
        assert!(lab.observe().is_empty());
        assert_untouched(&lab);
    }
}

fn kill_after(lab: &Lab, image: &Image, what: &str, moment: u64) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["drive", what])
        .arg(&lab.machines)
        .arg(&image.images)
        .arg(image.digest.as_str())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    std::thread::sleep(Duration::from_millis(moment));
    child.kill().unwrap();
    child.wait().unwrap();
}

/// How many supervisors run for the lab's machine.
fn supervisors(lab: &Lab) -> usize {
    let id = lab.scope.id.to_string();
    std::fs::read_dir("/proc")
        .unwrap()
        .flatten()
        .filter(|entry| {
            let read = |file: &str| std::fs::read(entry.path().join(file)).unwrap_or_default();
            let tagged = String::from_utf8_lossy(&read("environ")).contains(&id);
            tagged && read("comm").starts_with(b"s6-svscan")
        })
        .count()
}
