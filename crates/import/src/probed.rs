//! Labs out of what machines tell of themselves: this one, or others that were asked over SSH.
//!
//! Who calls runs [`PROBE`] there and gives what it printed to [`read`]. [`local`] proposes
//! container machines on this machine, [`remote`] makes every machine that was asked a host and
//! most of them nodes. What is proposed passes `check`, or it is refused here.

mod facts;
mod host;
mod local;
mod ranges;
mod remote;

use std::collections::BTreeMap;

use ipnet::{IpNet, Ipv4Net};
use model::dual::Dual;
use model::lab::{App, Cni, Distribution, Expose, Flannel, Forward, Kubeadm};
use model::name::Name;
use model::quantity::Bytes;

pub use facts::{DiskFacts, InterfaceFacts, Machine, ProbeError, Route, UsbFacts, read};
pub use host::Found;
pub use local::local;
pub use remote::remote;

use crate::draft::Draft;
use crate::yaml::Comments;
use crate::{ImportError, Imported, blank, names, text};
use ranges::Taken;

/// The script that a machine is asked with: POSIX sh, to be read from standard input.
pub const PROBE: &str = include_str!("probed/probe.sh");

/// The most control planes that are proposed: etcd's own advice.
pub const MOST_CONTROL_PLANES: u8 = 7;
/// The most workers that are proposed: those that a /24 has addresses for.
pub const MOST_WORKERS: u8 = 200;

/// What a person wants of the lab. What is `None` is for the machine to decide.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// The lab's name.
    pub name: Name,
    /// How many control planes.
    pub control_planes: Option<u8>,
    /// How many workers.
    pub workers: Option<u8>,
    /// The processor threads of each container machine.
    pub cpu: Option<u32>,
    /// The memory of each container machine.
    pub memory: Option<Bytes>,
    /// The version of Kubernetes.
    pub kubernetes: String,
    /// Whether there is a first app.
    pub app: bool,
}

/// Why nothing can be proposed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refused {
    /// The machine is too small for what is wanted.
    #[error("{machines} machines need {needed} of memory, and this machine has {has}")]
    Memory {
        /// How many machines.
        machines: usize,
        /// What they need together.
        needed: Bytes,
        /// What there is.
        has: Bytes,
    },
    /// A machine would be too small for Kubernetes.
    #[error("a control plane needs 2 processors and 1700Mi at least, a worker 1 and 512Mi")]
    Size,
    /// Every range is taken.
    #[error("no private address range is free for {what}: used are {taken}")]
    Ranges {
        /// What needs one.
        what: &'static str,
        /// What is taken.
        taken: String,
    },
}

/// A lab as it is proposed, with its comments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proposal {
    /// The lab, and what there is to tell about it.
    pub imported: Imported,
    header: String,
    style: text::Style,
}

impl Proposal {
    fn new(draft: Draft, header: String, comments: Comments) -> Self {
        let omitted = ["domain", "cni.flannel.backend"];
        Self {
            imported: draft.finish(),
            header,
            style: text::Style {
                comments,
                omitted: omitted
                    .iter()
                    .map(|field| format!("clusters.main.{field}"))
                    .collect(),
            },
        }
    }

    /// The lab file.
    ///
    /// # Errors
    /// Where the lab is more than one lab file can hold.
    pub fn text(&self) -> Result<String, ImportError> {
        text::of(&self.imported.lab, &self.header, &self.style)
    }
}

/// The only cluster's name.
fn main_cluster() -> Name {
    names::known("main")
}

/// Places the cluster, with ranges that nobody uses.
fn place_cluster(
    draft: &mut Draft,
    comments: &mut Comments,
    taken: &mut Taken,
    (kubernetes, nodes): (&str, usize),
) -> Result<(), Refused> {
    let used = taken.told();
    // The usual ones: flannel's and kubeadm's documentation have them.
    let room = |length: &u8| *length == 16 || nodes <= 16;
    let pods = free(
        taken,
        "pods",
        [[10, 244, 0, 0], [10, 245, 0, 0]],
        [16, 20, 20],
        room,
    )?;
    let services = free(
        taken,
        "Services",
        [[10, 96, 0, 0], [10, 97, 0, 0]],
        [16, 20, 24],
        |_| true,
    )?;
    let distribution = Distribution::Kubeadm(Kubeadm {
        kubernetes: kubernetes.to_owned(),
    });
    let cni = Cni::Flannel(Flannel::default());
    let cluster = blank::cluster(distribution, dual(pods), dual(services), cni);
    draft.lab.clusters.insert(main_cluster(), cluster);
    let text = if used.is_empty() {
        "Ranges of their own.".to_owned()
    } else {
        format!("Ranges that nothing here uses. In use: {used}.")
    };
    comments.insert("clusters.main.pods".to_owned(), text);
    draft.derived(format!(
        "clusters.main: {pods} for pods and {services} for Services, which nothing uses"
    ));
    Ok(())
}

/// A free range of the first of some lengths for which there is one.
fn free(
    taken: &mut Taken,
    what: &'static str,
    usual: [[u8; 4]; 2],
    lengths: [u8; 3],
    fits: impl Fn(&u8) -> bool,
) -> Result<Ipv4Net, Refused> {
    lengths
        .iter()
        .filter(|length| fits(length))
        .find_map(|length| taken.free(&usual, *length))
        .ok_or_else(|| Refused::Ranges {
            what,
            taken: taken.told(),
        })
}

const fn dual(range: Ipv4Net) -> Dual<IpNet> {
    Dual::one(IpNet::V4(range))
}

/// Places the first app.
fn place_app(draft: &mut Draft, comments: &mut Comments) {
    let podinfo = names::known("podinfo");
    let forward = Forward {
        service: podinfo.clone(),
        port: 9898,
        listen: None,
    };
    let app = App {
        catalog: Some(podinfo.clone()),
        settings: BTreeMap::from([("replicas".to_owned(), 2.into())]),
        expose: Some(Expose::Forward(forward)),
        ..App::default()
    };
    draft.lab.apps.insert(podinfo, app);
    let text = "Something that answers: steading up tells its address on this machine.";
    comments.insert("apps".to_owned(), text.to_owned());
}
