//! What Steading drives, one module per target.

mod bounded;
mod contained;
pub mod container;
mod durable;
pub mod image;
pub mod kube;
pub mod kubeadm;
pub mod kvm;
mod leaving;
pub mod probe;

use std::collections::BTreeMap;
use std::path::PathBuf;

use driver::{DriverError, Scope};
use model::name::Name;

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

/// The ports on 127.0.0.1 that lead into a lab. The container module knows them; the Kubernetes
/// driver reaches API servers through the forward `<cluster>-api`.
pub trait Forwards: Send + Sync {
    /// Every forward that carries the lab's tag and listens now, with its port.
    ///
    /// # Errors
    /// Where the processes of this machine could not be looked at.
    fn listening(&self, scope: &Scope) -> Result<BTreeMap<Name, u16>, DriverError>;

    /// The port of the forward of that name, if it listens now.
    ///
    /// # Errors
    /// As [`Forwards::listening`].
    fn listening_port(&self, scope: &Scope, forward: &str) -> Result<Option<u16>, DriverError> {
        Ok(self.listening(scope)?.get(forward).copied())
    }
}
