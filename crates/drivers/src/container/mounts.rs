//! The file system that a node sees, put together inside its own mount namespace. The host's
//! mounts are never touched: the first thing done is to stop anything from spreading back.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;

use super::cgroup;
use model::resource::SHARED_FOLDER;
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sched::{CloneFlags, unshare};

/// Device files that a node gets, each bound from the host's.
const DEVICES: [&str; 9] = [
    "null", "zero", "full", "random", "urandom", "tty", "kmsg", "fuse", "net/tun",
];

/// System settings that kubelet and containerd want to write and that belong to the whole machine.
/// Inside a node they are small files that hold the wanted values; the host's never change.
/// Source: kubelet's `container_manager_linux.go`, `setupKernelTunables`.
const SETTINGS: [(&str, &str); 6] = [
    ("vm/overcommit_memory", "1\n"),
    ("vm/panic_on_oom", "0\n"),
    ("kernel/panic", "10\n"),
    ("kernel/panic_on_oops", "1\n"),
    ("kernel/keys/root_maxkeys", "1000000\n"),
    ("kernel/keys/root_maxbytes", "25000000\n"),
];

/// Folders of the node that lie on real directories: the container runtime cannot put an overlay
/// on an overlay, and a database wants a real file system.
const REAL: [(&str, &str); 3] = [
    ("containerd", "var/lib/containerd"),
    ("kubelet", "var/lib/kubelet"),
    ("etcd", "var/lib/etcd"),
];

/// Where the parts of a node's file system are.
pub(super) struct Place<'a> {
    /// The machine's folder.
    pub(super) folder: &'a Path,
    /// The image below it.
    pub(super) image: &'a Path,
    /// The node's own control group, the only one that it may write below.
    pub(super) group: &'a str,
    /// The folder that it shares with the other machines of the lab.
    pub(super) shared: Option<&'a Path>,
}

/// Puts together the root of a node and makes it the root of the calling process, which must be
/// process 1 of a new process namespace in a new network namespace. The mount namespace is left
/// here, not by the launcher: a new root would become the launcher's as well.
pub(super) fn enter(place: &Place<'_>) -> io::Result<()> {
    let Place {
        folder,
        image,
        group,
        shared,
    } = *place;
    unshare(CloneFlags::CLONE_NEWNS)?;
    change("/", MsFlags::MS_PRIVATE | MsFlags::MS_REC)?;
    let root = folder.join("merged");
    overlay(folder, image, &root)?;
    for (own, inside) in REAL {
        bind(&folder.join(own), &root.join(inside))?;
    }
    if let Some(shared) = shared {
        bind(shared, &root.join(SHARED_FOLDER.trim_start_matches('/')))?;
    }
    tmpfs(&root.join("run"), "mode=755")?;
    tmpfs(&root.join("tmp"), "mode=1777")?;
    devices(&root.join("dev"))?;
    system(&root.join("sys"), &folder.join("shown"))?;
    control_groups(&root.join("sys/fs/cgroup"), group)?;
    // The rest of /sys are switches of the whole machine. What is mounted below stays as it is.
    read_only(&root.join("sys"))?;
    processes(&root.join("proc"), &folder.join("shown"))?;
    std::env::set_current_dir(&root)?;
    // The old root lands on the new one's own place and is let go of there (pivot_root(2)).
    nix::unistd::pivot_root(".", ".")?;
    umount2(".", MntFlags::MNT_DETACH)?;
    std::env::set_current_dir("/")?;
    // Pods may ask for mounts that spread between them and the node.
    change("/", MsFlags::MS_SHARED | MsFlags::MS_REC)
}

pub(super) fn change(path: &str, flags: MsFlags) -> io::Result<()> {
    mount(None::<&str>, path, None::<&str>, flags, None::<&str>)?;
    Ok(())
}

fn overlay(folder: &Path, image: &Path, root: &Path) -> io::Result<()> {
    for part in ["upper", "work", "merged", "containerd", "kubelet", "etcd"] {
        fs::create_dir_all(folder.join(part))?;
    }
    fs::set_permissions(folder.join("etcd"), fs::Permissions::from_mode(0o700))?;
    let options = format!(
        "lowerdir={},upperdir={},workdir={}",
        option(&image.join("rootfs"))?,
        option(&folder.join("upper"))?,
        option(&folder.join("work"))?
    );
    let none = MsFlags::empty();
    mount(
        Some("overlay"),
        root,
        Some("overlay"),
        none,
        Some(options.as_str()),
    )?;
    Ok(())
}

/// A path as a value among overlay's options, where comma, colon and backslash mean something.
/// Source: kernel, `fs/overlayfs/params.c`.
fn option(path: &Path) -> io::Result<String> {
    let text = path
        .to_str()
        .ok_or_else(|| io::Error::other(format!("{} is not UTF-8", path.display())))?;
    Ok(text
        .chars()
        .flat_map(|c| {
            matches!(c, ',' | ':' | '\\')
                .then_some('\\')
                .into_iter()
                .chain([c])
        })
        .collect())
}

pub(super) fn bind(from: &Path, to: &Path) -> io::Result<()> {
    if from.is_dir() {
        fs::create_dir_all(to)?;
    } else if !to.exists() {
        if let Some(above) = to.parent() {
            fs::create_dir_all(above)?;
        }
        File::create(to)?;
    }
    let flags = MsFlags::MS_BIND | MsFlags::MS_REC;
    mount(Some(from), to, None::<&str>, flags, None::<&str>)?;
    Ok(())
}

pub(super) fn read_only(path: &Path) -> io::Result<()> {
    let flags = MsFlags::MS_BIND | MsFlags::MS_REMOUNT | MsFlags::MS_RDONLY;
    mount(None::<&str>, path, None::<&str>, flags, None::<&str>)?;
    Ok(())
}

pub(super) fn tmpfs(path: &Path, options: &str) -> io::Result<()> {
    fs::create_dir_all(path)?;
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
    mount(Some("tmpfs"), path, Some("tmpfs"), flags, Some(options))?;
    Ok(())
}

pub(super) fn devices(dev: &Path) -> io::Result<()> {
    fs::create_dir_all(dev)?;
    let none = MsFlags::MS_NOSUID;
    mount(
        Some("tmpfs"),
        dev,
        Some("tmpfs"),
        none,
        Some("mode=755,size=64k"),
    )?;
    for device in DEVICES {
        let host = Path::new("/dev").join(device);
        if host.exists() {
            bind(&host, &dev.join(device))?;
        }
    }
    tmpfs(&dev.join("shm"), "mode=1777")?;
    let terminals = dev.join("pts");
    fs::create_dir_all(&terminals)?;
    let options = "newinstance,ptmxmode=0666,mode=620";
    mount(
        Some("devpts"),
        &terminals,
        Some("devpts"),
        none,
        Some(options),
    )?;
    for (target, link) in [
        ("pts/ptmx", "ptmx"),
        ("/proc/self/fd", "fd"),
        ("/proc/self/fd/0", "stdin"),
        ("/proc/self/fd/1", "stdout"),
        ("/proc/self/fd/2", "stderr"),
    ] {
        symlink(target, dev.join(link))?;
    }
    Ok(())
}

fn system(sys: &Path, shown: &Path) -> io::Result<()> {
    mount(
        Some("sysfs"),
        sys,
        Some("sysfs"),
        MsFlags::empty(),
        None::<&str>,
    )?;
    bind(&shown.join("cpu"), &sys.join("devices/system/cpu"))?;
    let node = sys.join("devices/system/node");
    if node.exists() {
        bind(&shown.join("node"), &node)?;
    }
    Ok(())
}

/// The control groups: the host's to look at, the node's own to write. On version 2 the node's own
/// only, which are all that there are in its namespace.
fn control_groups(place: &Path, group: &str) -> io::Result<()> {
    if cgroup::unified() {
        let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC;
        mount(Some("cgroup2"), place, Some("cgroup2"), flags, None::<&str>)?;
        return Ok(());
    }
    bind(Path::new(cgroup::ROOT), place)?;
    for hierarchy in cgroup::hierarchies() {
        // The same path below the node's own root.
        let below = hierarchy.strip_prefix(cgroup::ROOT).unwrap_or(&hierarchy);
        let top = place.join(below);
        let own = top.join(group.trim_start_matches('/'));
        bind(&own, &own)?;
        read_only(&top)?;
    }
    // On version 1 what holds the hierarchies is a mount of its own.
    read_only(place)
}

fn processes(proc: &Path, shown: &Path) -> io::Result<()> {
    mount(
        Some("proc"),
        proc,
        Some("proc"),
        MsFlags::empty(),
        None::<&str>,
    )?;
    bind(&shown.join("cpuinfo"), &proc.join("cpuinfo"))?;
    bind(&shown.join("meminfo"), &proc.join("meminfo"))?;
    let settings = proc.join("sys");
    bind(&settings, &settings)?;
    // The network's settings are the node's own: they belong to its network namespace.
    bind(&settings.join("net"), &settings.join("net"))?;
    read_only(&settings)?;
    // Whoever writes here restarts the whole machine.
    let sysrq = proc.join("sysrq-trigger");
    if sysrq.exists() {
        bind(&sysrq, &sysrq)?;
        read_only(&sysrq)?;
    }
    let values = shown.join("settings");
    fs::create_dir_all(&values)?;
    for (name, value) in SETTINGS {
        let path = settings.join(name);
        if path.exists() {
            let file = values.join(name.replace('/', "."));
            fs::write(&file, value)?;
            bind(&file, &path)?;
        }
    }
    Ok(())
}
