//! Control groups of the lab: everything below `steading/<lab>-<id>/`, in every hierarchy.
//!
//! On version 1 each controller has a tree of its own. On version 2 there is one, and processes may
//! stand only at its leaves; there a node has a control group namespace of its own, whose root is
//! the node's group, so that it sees and reaches no other. (Writable below a read-only mount, as on
//! version 1, is not to be had there: runc crosses no mount on the way to a group.)
//! Sources: kernel documentation, `cgroup-v1/` and `cgroup-v2.rst`.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use driver::Scope;
use model::lab::ContainerMachine;
use model::name::Name;
use model::resource::NodeMachine;
use nix::sched::{CloneFlags, unshare};

/// The mount point of all hierarchies.
pub(super) const ROOT: &str = "/sys/fs/cgroup";
/// Our part of each.
const OURS: &str = "steading";
/// On version 2: the leaf below a node's group that holds its own processes.
const SYSTEM: &str = "system";
/// How the groups of a replica's hosts end: no node can be called so.
const HOST: &str = "host";
/// Kubelet's name for the group of a node's pods.
const PODS: &str = "kubepods";
/// The period of processor limits, in microseconds: the kernel's default.
const PERIOD: u64 = 100_000;
/// Controllers that are handed down where there are any.
const WANTED: [&str; 6] = ["cpu", "cpuset", "hugetlb", "io", "memory", "pids"];
/// Controllers without which kubelet does not start.
const NEEDED: [&str; 4] = ["cpu", "cpuset", "memory", "pids"];

/// The name of a lab's groups, folders and links.
#[must_use]
pub(super) fn lab_name(scope: &Scope) -> String {
    format!("{}-{}", scope.lab, scope.id.short())
}

/// The group of a node, as the host names it. The nodes of a replica's host are below one group of
/// the host.
#[must_use]
pub(super) fn node_cgroup(scope: &Scope, node: &Name, spec: &NodeMachine) -> String {
    let lab = lab_name(scope);
    if spec.inside_host {
        return format!("/{OURS}/{lab}/{}.{HOST}/{node}", spec.host);
    }
    format!("/{OURS}/{lab}/{node}")
}

/// A node's group, as the node itself names it (kubelet's `--cgroup-root`).
pub(super) fn inside(group: &str) -> &str {
    if unified() { "/" } else { group }
}

/// Whether this host has version 2 only.
pub(super) fn unified() -> bool {
    Path::new(ROOT).join("cgroup.controllers").exists()
}

/// A controller that Kubernetes needs and that this host does not have, if any.
pub(super) fn missing_controller() -> Option<&'static str> {
    let root = Path::new(ROOT);
    let unified = fs::read_to_string(root.join("cgroup.controllers")).ok();
    NEEDED.into_iter().find(|controller| match &unified {
        Some(list) => !list.split_whitespace().any(|word| word == *controller),
        None => !root.join(controller).join("cgroup.procs").exists(),
    })
}

/// Whether nothing can be handed down to groups of ours: on version 2, inside another container whose
/// own processes stand in the group that it sees as the root. The real root may hold some.
pub(super) fn root_is_occupied() -> bool {
    let root = Path::new(ROOT);
    // The real root has no type.
    if !unified() || !root.join("cgroup.type").exists() {
        return false;
    }
    let read = |file: &str| fs::read_to_string(root.join(file)).unwrap_or_default();
    let handed = read("cgroup.subtree_control");
    let lacks = |controller: &&str| !handed.split_whitespace().any(|word| word == *controller);
    NEEDED.iter().any(lacks) && !read("cgroup.procs").trim().is_empty()
}

/// The root of every hierarchy: one on version 2, one per controller on version 1.
pub(super) fn hierarchies() -> Vec<PathBuf> {
    if unified() {
        return vec![PathBuf::from(ROOT)];
    }
    let Ok(entries) = fs::read_dir(ROOT) else {
        return Vec::new();
    };
    let mut roots: Vec<PathBuf> = entries
        .flatten()
        // `cpu,cpuacct` and the like are reached through links, too: take each once.
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
        .map(|entry| entry.path())
        .filter(|path| path.join("cgroup.procs").exists())
        .collect();
    roots.sort();
    roots
}

/// Makes the groups of a node, sets its limits, and puts the calling process into them; on version
/// 2 also into a namespace of them.
pub(super) fn enter_node(group: &str, size: &ContainerMachine) -> io::Result<()> {
    if unified() {
        return enter_unified(group.trim_start_matches('/'), size);
    }
    for root in hierarchies() {
        let path = root.join(group.trim_start_matches('/'));
        clear(&path);
        make(&root, group.trim_start_matches('/'))?;
        limit(&path, size)?;
        make_for_pods(&path, size.cpu)?;
        enter(&path)?;
    }
    Ok(())
}

/// The same on version 2. The root of a new namespace is the group that its maker stands in, and
/// one that hands controllers down takes no process: so the node's group is made anew, entered, and
/// left for its leaf before it hands down anything.
fn enter_unified(group: &str, size: &ContainerMachine) -> io::Result<()> {
    let root = Path::new(ROOT);
    let path = root.join(group);
    remove_below(&path)?;
    make(root, group)?;
    limit(&path, size)?;
    enter(&path)?;
    unshare(CloneFlags::CLONE_NEWCGROUP)?;
    fs::create_dir(path.join(SYSTEM))?;
    enter(&path.join(SYSTEM))?;
    delegate(&path)?;
    // As on version 1: what is there, kubelet only updates, also with more processors than there
    // are, for which it could not make it.
    fs::create_dir(path.join(PODS))
}

/// Puts the calling process into a group.
fn enter(group: &Path) -> io::Result<()> {
    fs::write(group.join("cgroup.procs"), "0")
}

/// Makes the group of the node's pods, on version 1. Where it is missing in any hierarchy, kubelet
/// makes it and fails unless it can give it the declared processors: with more of them than the
/// host has the kernel refuses the range, with fewer it refuses to take some away once there are
/// groups below that have them all. A group that is there in every hierarchy it only updates.
/// Source: Kubernetes, `pkg/kubelet/cm/cgroup_v1_manager_linux.go`.
fn make_for_pods(node: &Path, declared: u32) -> io::Result<()> {
    make(node, PODS)?;
    let file = node.join(PODS).join("cpuset.cpus");
    if !file.exists() || declared >= processors(&fs::read_to_string(&file)?) {
        return Ok(());
    }
    match declared {
        0 | 1 => fs::write(file, "0"),
        more => fs::write(file, format!("0-{}", more - 1)),
    }
}

/// How many processors a list such as `0-3,8` names.
fn processors(list: &str) -> u32 {
    let number = |text: &str| text.trim().parse::<u32>().ok();
    list.split(',')
        .filter_map(|part| match part.split_once('-') {
            Some((first, last)) => Some(number(last)?.saturating_sub(number(first)?) + 1),
            None => number(part).map(|_| 1),
        })
        .sum()
}

/// Removes the groups that the pods of an earlier run left. Kubelet would ask the container runtime
/// for each of them and wait three seconds each time, as long as no pod starts. A group that
/// cannot be removed only costs that.
fn clear(node: &Path) {
    let entries = fs::read_dir(node).into_iter().flatten().flatten();
    for entry in entries {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            let _ = remove_below(&entry.path());
        }
    }
}

/// Makes a group for other processes of the lab and puts the calling process into it.
pub(super) fn enter_lab(scope: &Scope) -> io::Result<()> {
    for root in hierarchies() {
        let group = format!("{OURS}/{}/lab", lab_name(scope));
        make(&root, &group)?;
        enter(&root.join(group))?;
    }
    Ok(())
}

/// Makes a group below a root, with what each group on the way needs to be usable. Another lab
/// that goes down takes the group of all labs with it where it finds that empty: then once more.
fn make(root: &Path, group: &str) -> io::Result<()> {
    for _ in 0..10 {
        match make_each(root, group) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            other => return other,
        }
    }
    make_each(root, group)
}

fn make_each(root: &Path, group: &str) -> io::Result<()> {
    let mut path = root.to_owned();
    for part in Path::new(group) {
        if unified() {
            delegate(&path)?;
        }
        let above = path.clone();
        path.push(part);
        match fs::create_dir(&path) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
            Ok(()) | Err(_) => {}
        }
        for file in ["cpuset.cpus", "cpuset.mems"] {
            // Version 1 starts with none, and then nothing may enter.
            let (own, inherited) = (path.join(file), above.join(file));
            if !unified() && own.exists() && fs::read_to_string(&own)?.trim().is_empty() {
                fs::write(own, fs::read_to_string(inherited)?.trim())?;
            }
        }
    }
    Ok(())
}

/// Hands the controllers of a version 2 group to the groups below it.
fn delegate(path: &Path) -> io::Result<()> {
    let available = fs::read_to_string(path.join("cgroup.controllers"))?;
    let handed = fs::read_to_string(path.join("cgroup.subtree_control"))?;
    for controller in WANTED {
        let has = |list: &str| list.split_whitespace().any(|word| word == controller);
        if has(&available) && !has(&handed) {
            let file = path.join("cgroup.subtree_control");
            let written = fs::write(file, format!("+{controller}"));
            // Without the others pods run, only less well limited.
            if NEEDED.contains(&controller) {
                written?;
            }
        }
    }
    Ok(())
}

fn limit(path: &Path, size: &ContainerMachine) -> io::Result<()> {
    let memory = size.memory.0;
    let quota = quota(size, None);
    for (file, value) in [
        ("memory.limit_in_bytes", memory.to_string()),
        ("memory.max", memory.to_string()),
        ("cpu.cfs_quota_us", quota.to_string()),
        ("cpu.max", format!("{quota} {PERIOD}")),
    ] {
        let path = path.join(file);
        if path.exists() {
            fs::write(path, value)?;
        }
    }
    Ok(())
}

/// The processor time that a node gets in a period, in microseconds: what is declared, or of a slow
/// host that part of what this machine can give.
fn quota(size: &ContainerMachine, percent: Option<u8>) -> u64 {
    let declared = u64::from(size.cpu);
    let Some(percent) = percent else {
        return declared * PERIOD;
    };
    let here = std::thread::available_parallelism().map_or(1, std::num::NonZero::get) as u64;
    // Less than a millisecond in a period the kernel refuses.
    (declared.min(here) * PERIOD * u64::from(percent) / 100).max(1000)
}

/// The files that limit a node's processor time, one for each version.
fn quota_file(root: &Path, group: &str) -> Option<(PathBuf, bool)> {
    let path = root.join(group.trim_start_matches('/'));
    let first = path.join("cpu.cfs_quota_us");
    let second = path.join("cpu.max");
    (first.exists().then_some((first, false))).or_else(|| second.exists().then_some((second, true)))
}

/// Holds a node that runs to its processors, or to a part of them.
pub(super) fn hold(group: &str, size: &ContainerMachine, percent: Option<u8>) -> io::Result<()> {
    let quota = quota(size, percent);
    for root in hierarchies() {
        match quota_file(&root, group) {
            Some((file, true)) => fs::write(file, format!("{quota} {PERIOD}"))?,
            Some((file, false)) => fs::write(file, quota.to_string())?,
            None => {}
        }
    }
    Ok(())
}

/// Whether a node is held to them; also where nothing can be read of it.
pub(super) fn is_held(group: &str, size: &ContainerMachine, percent: Option<u8>) -> bool {
    let wanted = quota(size, percent);
    hierarchies().iter().all(|root| {
        let Some((file, _)) = quota_file(root, group) else {
            return true;
        };
        let text = fs::read_to_string(file).unwrap_or_default();
        let told = text.split_whitespace().next();
        told.and_then(|number| number.parse().ok())
            .is_none_or(|quota: u64| quota == wanted)
    })
}

/// The files that a process writes itself into to stand in the groups of a node.
pub(super) fn entries(group: &str) -> Vec<PathBuf> {
    hierarchies()
        .iter()
        .map(|root| leaf(&root.join(group.trim_start_matches('/'))).join("cgroup.procs"))
        .collect()
}

/// The group of a node's own processes: on version 2 only a leaf may hold any.
fn leaf(node: &Path) -> PathBuf {
    if unified() {
        node.join(SYSTEM)
    } else {
        node.to_owned()
    }
}

/// Removes the groups of a node, whose processes are gone.
pub(super) fn remove_node(group: &str) -> io::Result<()> {
    remove(group)
}

/// Removes the group of the lab's other processes, if they are gone.
pub(super) fn remove_lab(scope: &Scope) -> io::Result<()> {
    remove(&format!("/{OURS}/{}/lab", lab_name(scope)))
}

fn remove(group: &str) -> io::Result<()> {
    let group = Path::new(group.trim_start_matches('/'));
    for root in hierarchies() {
        remove_below(&root.join(group))?;
        // The groups above, up to ours, go with the last one in them; others keep them.
        for above in group
            .ancestors()
            .skip(1)
            .filter(|above| above.starts_with(OURS))
        {
            let _ = fs::remove_dir(root.join(above));
        }
    }
    Ok(())
}

fn remove_below(path: &Path) -> io::Result<()> {
    let entries = match fs::read_dir(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        other => other?,
    };
    for entry in entries {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            remove_below(&entry.path())?;
        }
    }
    // A group stays busy for a moment after its last process is gone.
    for _ in 0..100 {
        match fs::remove_dir(path) {
            Err(error) if error.raw_os_error() == Some(nix::libc::EBUSY) => {
                std::thread::sleep(std::time::Duration::from_millis(20));
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            other => return other,
        }
    }
    fs::remove_dir(path)
}

#[cfg(test)]
mod tests {
    use model::lab::ContainerMachine;
    use model::quantity::Bytes;

    use super::{PERIOD, processors, quota};

    #[test]
    fn a_slow_host_gets_a_part_of_what_this_machine_has() {
        let here = std::thread::available_parallelism().unwrap().get() as u64;
        let size = |cpu| ContainerMachine {
            cpu,
            memory: Bytes::mebi(1),
        };
        assert_eq!(quota(&size(1000), None), 1000 * PERIOD);
        assert_eq!(quota(&size(1000), Some(20)), here * PERIOD / 5);
        assert_eq!(quota(&size(1), Some(50)), PERIOD / 2);
        assert_eq!(quota(&size(1), Some(1)), 1000);
    }

    #[test]
    fn lists_of_processors_are_counted() {
        for (list, count) in [
            ("0", 1),
            ("0-1\n", 2),
            ("0-3,8", 5),
            ("2,4-5", 3),
            ("\n", 0),
        ] {
            assert_eq!(processors(list), count, "{list:?}");
        }
    }
}
