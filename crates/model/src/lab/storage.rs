//! Where data is kept: Ceph, ZFS, local disks, NFS, object stores.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Named;
use super::secret::SecretRef;
use crate::name::Name;
use crate::quantity::Bytes;

/// A place for data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Storage {
    /// A Ceph cluster on hosts, outside Kubernetes.
    External(ExternalCeph),
    /// A Ceph cluster that Rook runs in a Kubernetes cluster.
    Rook(Rook),
    /// A ZFS pool on a host.
    Zfs(Zfs),
    /// Folders or volumes on the nodes' own disks.
    Local(Local),
    /// An NFS server.
    Nfs(Nfs),
    /// A folder that all nodes see, where they are containers of one machine.
    Folder(Folder),
    /// An object store.
    Object(ObjectStore),
}

impl Storage {
    /// Its kind, as the lab file writes it.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::External(_) => "external",
            Self::Rook(_) => "rook",
            Self::Zfs(_) => "zfs",
            Self::Local(_) => "local",
            Self::Nfs(_) => "nfs",
            Self::Folder(_) => "folder",
            Self::Object(_) => "object",
        }
    }

    /// Its classes of volumes.
    #[must_use]
    pub fn classes(&self) -> &Named<Class> {
        static NONE: Named<Class> = Named::new();
        match self {
            Self::External(ceph) => &ceph.classes,
            Self::Rook(rook) => &rook.classes,
            Self::Zfs(zfs) => &zfs.classes,
            Self::Local(local) => &local.classes,
            Self::Nfs(nfs) => &nfs.classes,
            Self::Folder(folder) => &folder.classes,
            Self::Object(_) => &NONE,
        }
    }

    /// Ceph's pools, wherever it runs.
    #[must_use]
    pub const fn pools(&self) -> Option<&Named<Pool>> {
        match self {
            Self::External(ceph) => Some(&ceph.pools),
            Self::Rook(rook) => Some(&rook.pools),
            Self::Zfs(_) | Self::Local(_) | Self::Nfs(_) | Self::Folder(_) | Self::Object(_) => {
                None
            }
        }
    }

    /// Ceph's disks, wherever it runs, as `HOST.DISK`.
    #[must_use]
    pub fn osds(&self) -> &[HostDisk] {
        match self {
            Self::External(ceph) => &ceph.osds,
            Self::Rook(rook) => &rook.osds,
            Self::Zfs(_) | Self::Local(_) | Self::Nfs(_) | Self::Folder(_) | Self::Object(_) => &[],
        }
    }
}

/// A Ceph cluster on hosts.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct ExternalCeph {
    /// Its version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(example = "19.2.3")]
    pub version: Option<String>,
    /// The hosts with monitors.
    #[schemars(example = serde_json::json!(["nas"]))]
    pub monitors: Vec<Name>,
    /// The disks that data lies on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(example = serde_json::json!(["nas.disk-1", "nas.disk-2"]))]
    pub osds: Vec<HostDisk>,
    /// Its pools.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub pools: Named<Pool>,
    /// Classes of volumes for Kubernetes.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub classes: Named<Class>,
}

/// A Ceph cluster that Rook runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Rook {
    /// The Kubernetes cluster that it runs in. Default: the only one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"main")]
    pub cluster: Option<Name>,
    /// Rook's version, without `v`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(example = "1.18.0")]
    pub version: Option<String>,
    /// Ceph's version, without `v`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(example = "19.2.3")]
    pub ceph: Option<String>,
    /// How many monitors. Default: 3.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(example = 3)]
    pub monitors: Option<u32>,
    /// How many managers. Default: 2.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(example = 2)]
    pub managers: Option<u32>,
    /// The disks that data lies on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(example = serde_json::json!(["nas.disk-1", "nas.disk-2"]))]
    pub osds: Vec<HostDisk>,
    /// Its pools.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub pools: Named<Pool>,
    /// Classes of volumes for Kubernetes.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub classes: Named<Class>,
    /// Options of Ceph's central configuration, each as `option: value`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(example = serde_json::json!({ "osd_memory_target": "2G" }))]
    pub options: BTreeMap<String, String>,
}

/// A disk of a host: `HOST.DISK`, by their names in the lab file.
#[derive(
    Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(transparent)]
#[schemars(example = "nas.disk-1")]
pub struct HostDisk(pub String);

impl HostDisk {
    /// Host and disk; `None` where the text is not of that form.
    #[must_use]
    pub fn parts(&self) -> Option<(Name, Name)> {
        let (host, disk) = self.0.split_once('.')?;
        Some((host.parse().ok()?, disk.parse().ok()?))
    }
}

/// A pool of Ceph.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Pool {
    /// What it serves. Default: block.
    #[serde(default)]
    pub kind: PoolKind,
    /// How many copies. Default: 3.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(example = 3)]
    pub replicas: Option<u32>,
    /// How many copies must be written before a write is confirmed (Ceph's `min_size`). Default:
    /// more than half of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(example = 2)]
    pub min_replicas: Option<u32>,
    /// What two copies never share. Default: a host.
    #[serde(default)]
    pub failure_domain: FailureDomain,
}

/// What a pool of Ceph serves.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum PoolKind {
    /// Block devices (RBD).
    #[default]
    Block,
    /// Files (CephFS).
    File,
    /// Objects (RGW).
    Object,
}

/// What two copies never share.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum FailureDomain {
    /// A disk.
    Disk,
    /// A host.
    #[default]
    Host,
    /// A site.
    Site,
}

/// A ZFS pool.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Zfs {
    /// The host that it lies on.
    #[schemars(example = &"nas")]
    pub on: Name,
    /// Its virtual devices: data is spread over them, each survives the loss of some disks.
    pub vdevs: Vec<Vdev>,
    /// Disks of the host that cache reads (L2ARC).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(example = serde_json::json!(["nvme-1"]))]
    pub l2arc: Vec<Name>,
    /// Disks of the host that log synchronous writes (SLOG).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(example = serde_json::json!(["nvme-2"]))]
    pub slog: Vec<Name>,
    /// Equal blocks are stored once.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub dedup: bool,
    /// How often everything is read and compared with its checksums.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scrub: Option<crate::duration::Period>,
    /// Classes of volumes for Kubernetes.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub classes: Named<Class>,
}

/// A virtual device of a ZFS pool: disks of the host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Vdev {
    /// All disks hold the same.
    Mirror(#[schemars(example = serde_json::json!(["disk-1", "disk-2"]))] Vec<Name>),
    /// Any one may fail.
    Raidz1(#[schemars(example = serde_json::json!(["disk-1", "disk-2", "disk-3"]))] Vec<Name>),
    /// Any two may fail.
    Raidz2(
        #[schemars(example = serde_json::json!(["disk-1", "disk-2", "disk-3", "disk-4"]))]
        Vec<Name>,
    ),
    /// Any three may fail.
    Raidz3(
        #[schemars(example = serde_json::json!(["disk-1", "disk-2", "disk-3", "disk-4", "disk-5"]))]
         Vec<Name>,
    ),
    /// None may fail.
    Stripe(#[schemars(example = serde_json::json!(["disk-1"]))] Vec<Name>),
}

impl Vdev {
    /// Its disks.
    #[must_use]
    pub fn disks(&self) -> &[Name] {
        match self {
            Self::Mirror(disks)
            | Self::Raidz1(disks)
            | Self::Raidz2(disks)
            | Self::Raidz3(disks)
            | Self::Stripe(disks) => disks,
        }
    }

    /// How many of its disks may fail.
    #[must_use]
    pub fn may_fail(&self) -> usize {
        match self {
            Self::Mirror(disks) => disks.len().saturating_sub(1),
            Self::Raidz1(_) => 1,
            Self::Raidz2(_) => 2,
            Self::Raidz3(_) => 3,
            Self::Stripe(_) => 0,
        }
    }
}

/// Volumes on the nodes' own disks.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Local {
    /// The Kubernetes cluster. Default: the only one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"main")]
    pub cluster: Option<Name>,
    /// The component that makes the volumes, such as `openebs`. Default: Steading makes them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"openebs")]
    pub by: Option<Name>,
    /// The folder on the nodes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(example = "/var/lib/volumes")]
    pub path: Option<String>,
    /// Classes of volumes for Kubernetes.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub classes: Named<Class>,
}

/// An NFS server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Nfs {
    /// The host that serves it.
    #[schemars(example = &"nas")]
    pub server: Name,
    /// The folder that it exports.
    #[schemars(example = "/tank/media")]
    pub export: String,
    /// Classes of volumes for Kubernetes.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub classes: Named<Class>,
}

/// A folder that all nodes see, where they are containers of one machine. Its volumes are attached
/// to nodes as those of a real storage are. It lasts as long as the nodes' own disks.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Folder {
    /// Classes of volumes for Kubernetes.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub classes: Named<Class>,
}

/// An object store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct ObjectStore {
    /// Who runs it.
    pub provider: ObjectProvider,
    /// The bucket.
    #[schemars(example = &"home")]
    pub bucket: String,
    /// Where it answers. Default: the provider's own address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(example = "s3.eu-central-003.backblazeb2.com")]
    pub endpoint: Option<String>,
    /// The key's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<SecretRef>,
    /// The key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_key: Option<SecretRef>,
}

/// Who runs an object store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ObjectProvider {
    /// Backblaze B2.
    B2,
    /// Amazon S3.
    S3,
    /// Anything that speaks S3.
    Compatible,
}

/// A class of volumes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Class {
    /// Volumes that name no class get this one.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub default: bool,
    /// The pool that they lie in, where the storage has several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"fast")]
    pub pool: Option<Name>,
    /// What happens to a volume that is no longer claimed. Default: it is deleted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reclaim: Option<Reclaim>,
}

/// What happens to a volume that is no longer claimed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Reclaim {
    /// It is deleted.
    Delete,
    /// It is kept.
    Retain,
}

/// A volume of an app.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Volume {
    /// Its size.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(example = "20Gi")]
    pub size: Option<Bytes>,
    /// Its class, as `STORAGE.CLASS`, or the only class of that name. Default: the default class.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(example = "rook.block")]
    pub class: Option<String>,
    /// Several pods may write to it at once.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub shared: bool,
    /// Why it is in no backup, where that is meant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(example = "it can be downloaded again")]
    pub no_backup: Option<String>,
    /// The node that it lies on, for a volume on a node's own disk.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(example = "worker-1")]
    pub on: Option<Name>,
    /// The folder on that node.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(example = "/var/lib/media")]
    pub path: Option<String>,
}
