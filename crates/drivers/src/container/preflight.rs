//! What this host must have, found out before anything is made and named with the cure.

use std::fs;
use std::path::Path;
use std::process::Command;

use driver::Refusal;

use crate::HostPaths;

/// Programs of the host that container machines need, and the Debian packages that have them.
const TOOLS: [(&str, &str); 4] = [
    ("ip", "iproute2"),
    ("nsenter", "util-linux"),
    ("setpriv", "util-linux"),
    ("unshare", "util-linux"),
];

/// inotify instances that one node takes, counted on a running three-node lab: containerd 2,
/// kubelet 6, kube-proxy, flannel and the control plane's programs up to 7.
const INOTIFY_PER_NODE: u64 = 15;

/// File systems that the kernel must know.
const FILE_SYSTEMS: [&str; 2] = ["overlay", "tmpfs"];

/// Space that must be free for a node: its logs and data; its image is shared.
const SPACE_PER_NODE: u64 = 512 << 20;

/// What keeps a container machine from being made here, if anything.
pub(super) fn refusal(paths: &HostPaths) -> Option<Refusal> {
    not_root()
        .or_else(missing_tool)
        .or_else(missing_file_system)
        .or_else(too_few_inotify_instances)
        .or_else(|| too_little_space(&paths.machines))
}

fn refuse(found: impl Into<String>, hint: impl Into<String>) -> Refusal {
    Refusal {
        found: found.into(),
        hint: hint.into(),
    }
}

fn not_root() -> Option<Refusal> {
    (!nix::unistd::geteuid().is_root()).then(|| {
        refuse(
            "container machines need root: to make network, mount and process namespaces, to \
             mount the nodes' file systems in them, and to make control groups",
            "run it with sudo; nothing outside those namespaces and groups is changed",
        )
    })
}

fn missing_tool() -> Option<Refusal> {
    let (tool, package) = TOOLS.iter().find(|(tool, _)| {
        let found = Command::new(tool).arg("--version").output();
        found.is_err_and(|error| error.kind() == std::io::ErrorKind::NotFound)
    })?;
    Some(refuse(
        format!("the program {tool} is not installed"),
        format!("apt-get install {package}"),
    ))
}

fn missing_file_system() -> Option<Refusal> {
    let known = fs::read_to_string("/proc/filesystems").ok()?;
    let knows = |name: &str| {
        known
            .lines()
            .any(|line| line.split_whitespace().last() == Some(name))
    };
    let missing = FILE_SYSTEMS.iter().find(|name| !knows(name))?;
    Some(refuse(
        format!("the kernel does not have the file system {missing}"),
        format!("load its module: modprobe {missing}"),
    ))
}

fn too_few_inotify_instances() -> Option<Refusal> {
    let limit: u64 = fs::read_to_string("/proc/sys/fs/inotify/max_user_instances")
        .ok()?
        .trim()
        .parse()
        .ok()?;
    let used = inotify_instances();
    (used + INOTIFY_PER_NODE > limit).then(|| {
        refuse(
            format!(
                "{used} of {limit} inotify instances are in use, and a node takes about \
                 {INOTIFY_PER_NODE}: its container runtime would fail"
            ),
            "raise the limit: sysctl fs.inotify.max_user_instances=1024",
        )
    })
}

/// inotify instances in use on this host.
fn inotify_instances() -> u64 {
    let Ok(processes) = fs::read_dir("/proc") else {
        return 0;
    };
    let count = processes
        .flatten()
        .filter_map(|process| fs::read_dir(process.path().join("fd")).ok())
        .flat_map(|files| files.flatten())
        .filter_map(|file| fs::read_link(file.path()).ok())
        .filter(|target| target.as_os_str() == "anon_inode:inotify")
        .count();
    count as u64
}

fn too_little_space(machines: &Path) -> Option<Refusal> {
    let existing = machines.ancestors().find(|path| path.exists())?;
    let data = nix::sys::statvfs::statvfs(existing).ok()?;
    let free = data.blocks_available() * data.fragment_size();
    (free < SPACE_PER_NODE).then(|| {
        refuse(
            format!(
                "{} MB are free below {}, and a node needs {} MB",
                free / 1_000_000,
                machines.display(),
                SPACE_PER_NODE / 1_000_000
            ),
            "make space there",
        )
    })
}
