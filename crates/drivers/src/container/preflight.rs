//! What this host must have, found out before anything is made and named with the cure.

use std::fs;
use std::io::Read as _;
use std::path::Path;
use std::process::Command;

use driver::Refusal;
use model::quantity::Bytes;
use model::resource::NodeMachine;
use nix::errno::Errno;
use nix::unistd::{AccessFlags, access};

use crate::HostPaths;

/// Programs of the host that container machines need, and the Debian packages that have them.
const TOOLS: [(&str, &str); 4] = [
    ("ip", "iproute2"),
    ("nsenter", "util-linux"),
    ("setpriv", "util-linux"),
    ("unshare", "util-linux"),
];

/// inotify instances that one node takes, counted on a running three-node lab: kubelet 6,
/// containerd and kube-proxy one each.
const INOTIFY_PER_NODE: u64 = 8;
/// Those that a control plane takes beyond: the API server 6, the controller manager 2, kubelet
/// one more. Counted on eleven nodes, three of them control planes, which take 120.
const INOTIFY_PER_CONTROL_PLANE: u64 = 9;
/// Those that the controller manager takes beyond that leads its cluster.
const INOTIFY_OF_THE_LEADER: u64 = 5;

/// File systems that the kernel must know.
const FILE_SYSTEMS: [&str; 2] = ["overlay", "tmpfs"];

/// Kernel features: the option that builds them in, and the module.
const FEATURES: [(&str, &str); 4] = [
    ("CONFIG_BRIDGE", "bridge"),
    ("CONFIG_VETH", "veth"),
    ("CONFIG_VXLAN", "vxlan"),
    ("CONFIG_NF_TABLES", "nf_tables"),
];

/// Disk that must be free for a node: its logs and data; its image is shared.
const DISK_PER_NODE: u64 = 512 << 20;
/// Memory that must be free for a node that runs nothing but Kubernetes itself.
const MEMORY_PER_NODE: u64 = 300 << 20;

/// What keeps these machines, all of them together, from being made here, if anything; so many of
/// them are to be control planes.
pub(super) fn refusal(
    paths: &HostPaths,
    machines: &[&NodeMachine],
    planes: u64,
) -> Option<Refusal> {
    let nodes = machines.len() as u64;
    not_root()
        .or_else(missing_tool)
        .or_else(missing_file_system)
        .or_else(missing_feature)
        .or_else(missing_controller)
        .or_else(|| too_few_inotify_instances(nodes, planes))
        .or_else(|| too_little_space(&paths.machines, nodes))
        .or_else(|| too_little_memory(nodes))
}

fn refuse(found: impl Into<String>, hint: impl Into<String>) -> Refusal {
    Refusal {
        found: found.into(),
        hint: hint.into(),
    }
}

/// Refuses where the program does not run as root.
pub(super) fn not_root() -> Option<Refusal> {
    (!nix::unistd::geteuid().is_root()).then(|| {
        refuse(
            "container machines need root: to make network, mount and process namespaces, to \
             mount the nodes' file systems in them, to make control groups, and to see which \
             processes belong to the lab",
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
    // Where modules can be loaded, mounting does that.
    let missing = FILE_SYSTEMS
        .iter()
        .find(|name| !knows(name) && !kernel_has(name))?;
    Some(refuse(
        format!("the kernel does not have the file system {missing}"),
        "start a kernel that has it, such as Debian's or Ubuntu's own",
    ))
}

fn missing_feature() -> Option<Refusal> {
    let config = kernel_configuration()?;
    let (option, module) = FEATURES.iter().find(|(option, module)| {
        let set = |value: &str| {
            config
                .lines()
                .any(|line| line == format!("{option}={value}"))
        };
        !(set("y") || set("m") && kernel_has(module))
    })?;
    Some(refuse(
        format!("the kernel does not have {module} ({option})"),
        "start a kernel that has it, such as Debian's or Ubuntu's own",
    ))
}

fn missing_controller() -> Option<Refusal> {
    if let Some(missing) = super::cgroup::missing_controller() {
        return Some(refuse(
            format!("the control group controller {missing} is not to be had here"),
            format!("enable it: kernel parameter cgroup_enable={missing}, then start anew"),
        ));
    }
    if super::cgroup::root_is_occupied() {
        return Some(refuse(
            "this is a container, and the control group that it has as its root holds processes: \
             then no controller can be handed down to nodes",
            "run it outside of that container, or move all of them to a group below: mkdir \
             /sys/fs/cgroup/init, then write each number of cgroup.procs to init/cgroup.procs",
        ));
    }
    let hierarchies = super::cgroup::hierarchies();
    let closed = hierarchies.iter().find(|root| {
        let wanted = AccessFlags::W_OK;
        access(root.as_path(), wanted).is_err_and(|errno| errno == Errno::EROFS)
    })?;
    Some(refuse(
        format!("{} is mounted read-only", closed.display()),
        "run it outside of that container, or give the container its control groups writable",
    ))
}

/// The configuration that the running kernel was built with, where the host keeps it as a file.
/// Nothing is loaded or tried to find out; what is not known shows when it is used.
fn kernel_configuration() -> Option<String> {
    if let Ok(file) = fs::File::open("/proc/config.gz") {
        let mut text = String::new();
        let read = flate2::read::GzDecoder::new(file).read_to_string(&mut text);
        return read.is_ok().then_some(text);
    }
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").ok()?;
    fs::read_to_string(format!("/boot/config-{}", release.trim())).ok()
}

/// Whether a module is in the kernel, is loaded, or lies ready to be loaded.
fn kernel_has(module: &str) -> bool {
    if Path::new("/sys/module").join(module).exists() {
        return true;
    }
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let modules = Path::new("/lib/modules").join(release.trim());
    ["modules.builtin", "modules.dep"].iter().any(|list| {
        fs::read_to_string(modules.join(list)).is_ok_and(|text| {
            // `kernel/net/bridge/bridge.ko.zst: …`
            text.contains(&format!("/{module}.ko"))
        })
    })
}

fn too_few_inotify_instances(nodes: u64, planes: u64) -> Option<Refusal> {
    let limit: u64 = fs::read_to_string("/proc/sys/fs/inotify/max_user_instances")
        .ok()?
        .trim()
        .parse()
        .ok()?;
    if nodes == 0 {
        return None;
    }
    let needed = inotify_needed(nodes, planes);
    let used = inotify_instances();
    (used + needed > limit).then(|| {
        let enough = (used + needed).next_power_of_two().max(1024);
        refuse(
            format!(
                "{used} of {limit} inotify instances are in use, and {nodes} more nodes take \
                 about {needed}: their container runtimes would fail"
            ),
            format!("raise the limit: sysctl fs.inotify.max_user_instances={enough}"),
        )
    })
}

const fn inotify_needed(nodes: u64, planes: u64) -> u64 {
    let leader = if planes > 0 { INOTIFY_OF_THE_LEADER } else { 0 };
    nodes * INOTIFY_PER_NODE + planes * INOTIFY_PER_CONTROL_PLANE + leader
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

fn too_little_space(machines: &Path, nodes: u64) -> Option<Refusal> {
    let existing = machines.ancestors().find(|path| path.exists())?;
    let data = nix::sys::statvfs::statvfs(existing).ok()?;
    let free = data.blocks_available() * data.fragment_size();
    let needed = nodes * DISK_PER_NODE;
    (free < needed).then(|| {
        refuse(
            format!(
                "{} are free below {}, and {nodes} more nodes need {}",
                whole_mebi(free),
                machines.display(),
                whole_mebi(needed)
            ),
            "make space there",
        )
    })
}

fn too_little_memory(nodes: u64) -> Option<Refusal> {
    let table = fs::read_to_string("/proc/meminfo").ok()?;
    let kib: u64 = table
        .lines()
        .find_map(|line| line.strip_prefix("MemAvailable:"))?
        .trim()
        .trim_end_matches(" kB")
        .parse()
        .ok()?;
    let (free, needed) = (kib * 1024, nodes * MEMORY_PER_NODE);
    (free < needed).then(|| {
        refuse(
            format!(
                "{} of memory are free, and {nodes} more nodes need at least {}",
                whole_mebi(free),
                whole_mebi(needed)
            ),
            "end something else, or declare fewer nodes",
        )
    })
}

fn whole_mebi(bytes: u64) -> Bytes {
    Bytes::mebi(bytes >> 20)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_nodes_than_the_host_carries_are_refused_with_the_cure() {
        assert_eq!(inotify_needed(11, 3), 120, "as counted");
        assert_eq!(inotify_needed(1, 0), 8, "a worker that comes back");
        let refusal = too_few_inotify_instances(100_000_000, 0).unwrap();
        assert!(refusal.hint.contains("fs.inotify.max_user_instances="));
        assert!(too_little_space(Path::new("/no/such/folder"), 1 << 30).is_some());
        assert!(too_little_memory(1 << 30).is_some());
        assert!(too_little_space(Path::new("/no/such/folder"), 0).is_none());
    }
}
