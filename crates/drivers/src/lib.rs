//! What Steading drives, one module per target.

pub mod container;
pub mod image;
pub mod kube;
pub mod kubeadm;

use std::path::PathBuf;

/// Where things are on this machine. Drivers read no environment; the front end fills this in.
#[derive(Debug, Clone)]
pub struct HostPaths {
    /// The artifact cache, under the user's XDG cache folder.
    pub cache: PathBuf,
    /// Unpacked node images, `<digest>/…`; on one file system with `machines`.
    pub images: PathBuf,
    /// The disks of container machines, `<lab>-<id>/<node>/…`.
    pub machines: PathBuf,
    /// The offline folder to take artifacts from first.
    pub artifacts: Option<PathBuf>,
    /// The running program itself, to be started again for work inside namespaces.
    pub program: PathBuf,
}
