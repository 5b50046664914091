//! The file system that the router's programs see: the node image, read only, with empty folders
//! where they write.

use std::fs;
use std::io;
use std::path::Path;

use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sched::{CloneFlags, unshare};

use crate::container::mounts;

/// Folders that programs write to, each empty at the start.
const WRITTEN: [&str; 4] = ["run", "tmp", "var/lib/chrony", "var/log"];

/// Puts the root together and makes it that of the calling process, in a mount namespace of its own.
/// `resolver`: a file that is seen as `/etc/resolv.conf`.
pub(super) fn enter(image: &Path, resolver: Option<&Path>) -> io::Result<()> {
    unshare(CloneFlags::CLONE_NEWNS)?;
    mounts::change("/", MsFlags::MS_PRIVATE | MsFlags::MS_REC)?;
    let root = image.join("rootfs");
    mounts::bind(&root, &root)?;
    for folder in WRITTEN {
        let place = root.join(folder);
        if place.is_dir() {
            mounts::tmpfs(&place, "mode=755,size=16m")?;
        }
    }
    mounts::devices(&root.join("dev"))?;
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC;
    mount(
        Some("proc"),
        &root.join("proc"),
        Some("proc"),
        flags,
        None::<&str>,
    )?;
    let names = root.join("etc/resolv.conf");
    if let Some(resolver) = resolver.filter(|file| file.is_file() && names.is_file()) {
        mounts::bind(resolver, &names)?;
    }
    mounts::read_only(&root)?;
    std::env::set_current_dir(&root)?;
    // As for a node: the old root lands on the new one's own place and is let go of there.
    nix::unistd::pivot_root(".", ".")?;
    umount2(".", MntFlags::MNT_DETACH)?;
    std::env::set_current_dir("/")?;
    fs::create_dir_all("/run/service")
}
