//! The size that a machine shows: made-up `cpuinfo`, `meminfo` and topology files, bound over the
//! host's inside the node, so that Kubernetes schedules as it would on the declared hardware.

use std::fmt::Write as _;
use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::path::Path;

use model::lab::ContainerMachine;

/// Writes the files of a machine of that size into a folder that is made anew:
/// `cpuinfo`, `meminfo`, `cpu/` (for `/sys/devices/system/cpu`) and `node/` (for `…/node`).
pub(super) fn write(folder: &Path, size: &ContainerMachine) -> io::Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder)?;
    }
    fs::create_dir_all(folder)?;
    let cpuinfo = (0..size.cpu).fold(String::new(), |mut text, n| {
        // Writing to a String cannot fail.
        let _ = write!(
            text,
            "processor\t: {n}\nvendor_id\t: Steading\nmodel name\t: declared processor\n\
             cpu MHz\t\t: 2000.000\nphysical id\t: 0\nsiblings\t: {0}\ncore id\t\t: {n}\n\
             cpu cores\t: {0}\n\n",
            size.cpu
        );
        text
    });
    fs::write(folder.join("cpuinfo"), cpuinfo)?;
    let kib = size.memory.0 / 1024;
    let meminfo = format!(
        "MemTotal:       {kib} kB\nMemFree:        {kib} kB\nMemAvailable:   {kib} kB\n\
         Buffers:        0 kB\nCached:         0 kB\nSwapCached:     0 kB\n\
         SwapTotal:      0 kB\nSwapFree:       0 kB\n"
    );
    fs::write(folder.join("meminfo"), meminfo)?;
    processors(&folder.join("cpu"), size.cpu)?;
    memory_node(&folder.join("node"), size, kib)
}

fn range(cpus: u32) -> String {
    match cpus {
        1 => "0\n".to_owned(),
        n => format!("0-{}\n", n - 1),
    }
}

fn processors(folder: &Path, cpus: u32) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    for file in ["online", "possible", "present"] {
        fs::write(folder.join(file), range(cpus))?;
    }
    for n in 0..cpus {
        let topology = folder.join(format!("cpu{n}/topology"));
        fs::create_dir_all(&topology)?;
        fs::write(topology.join("core_id"), format!("{n}\n"))?;
        fs::write(topology.join("physical_package_id"), "0\n")?;
        fs::write(folder.join(format!("cpu{n}/online")), "1\n")?;
    }
    Ok(())
}

fn memory_node(folder: &Path, size: &ContainerMachine, kib: u64) -> io::Result<()> {
    let node = folder.join("node0");
    fs::create_dir_all(&node)?;
    for file in [
        "online",
        "possible",
        "has_cpu",
        "has_memory",
        "has_normal_memory",
    ] {
        fs::write(folder.join(file), "0\n")?;
    }
    fs::write(node.join("cpulist"), range(size.cpu))?;
    fs::write(node.join("distance"), "10\n")?;
    fs::write(
        node.join("meminfo"),
        format!("Node 0 MemTotal:       {kib} kB\nNode 0 MemFree:        {kib} kB\n"),
    )?;
    for n in 0..size.cpu {
        symlink(format!("../../cpu/cpu{n}"), node.join(format!("cpu{n}")))?;
    }
    Ok(())
}
