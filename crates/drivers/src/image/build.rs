//! Building a node image.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use model::digest::Digest;
use model::lab::Arch;
use model::resource::{Artifact, NodeImage};
use serde::{Deserialize, Serialize};

use super::ImageError;
use super::cache::{
    Cache, Fetching, Record as ArtifactRecord, Stored, beside, empty, remove_tree, store, sweep,
    take_turn,
};
use super::lab_lock::LabLock;
use super::recipe::{ImageRecipe, Recipe, arch_word};
use super::{bake, image_folder, program, rootfs};

/// What a built image is, written last.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Record {
    image: NodeImage,
    debian: BTreeMap<String, String>,
    /// The artifacts that are in it.
    artifacts: BTreeMap<String, ArtifactRecord>,
}

/// About what an image needs while it is built: its files, the unpacked store, and the archive in
/// between.
const SPACE: u64 = 1_400_000_000;

/// The container images of a node image, for nodes that run already and are upgraded.
pub(crate) const ARCHIVE: &str = "images.tar";

/// The folder of an image.
pub(super) fn folder(images: &Path, image: &NodeImage) -> PathBuf {
    image_folder(images, &Digest::of(image))
}

/// The architecture of an image: that of the programs in it.
pub(super) fn arch(image: &NodeImage) -> Arch {
    image
        .artifacts
        .iter()
        .map(|artifact| artifact.arch)
        .next()
        .unwrap_or_default()
}

/// Builds an image, unless it is there already, and compares it with `lab.lock`.
pub(super) fn build(
    image: &NodeImage,
    images: &Path,
    cache: &Cache,
    lock: &LabLock,
    how: &Fetching<'_>,
) -> Result<(), ImageError> {
    let target = folder(images, image);
    fs::create_dir_all(images).map_err(ImageError::io("creating", images))?;
    let _turn = take_turn(&target, how)?;
    if let Some(record) = read_record(&target) {
        return record.lock(lock);
    }
    let recipe = ImageRecipe::find("kubeadm", &image.kubernetes)?;
    let mut artifacts = BTreeMap::new();
    for artifact in &image.artifacts {
        let stored = cache.obtain(&Recipe::find(artifact.name.as_str())?, how)?;
        lock.artifact(artifact.name.as_str(), artifact.arch, &stored.record)?;
        artifacts.insert(artifact.name.to_string(), stored);
    }
    sweep(images)?;
    program::require_space("the node image", images, SPACE)?;
    let fresh = beside(&target, "new");
    empty(&fresh)?;
    let made = fill(&recipe, &artifacts, (image, lock), how, &fresh).and_then(|()| {
        remove_tree(&target)?;
        store(&fresh, &target)
    });
    made.map_err(|error| {
        let error = error.explain_space("the node image", images, SPACE);
        // The error that counts is the first one; what is left here is swept later.
        let _ = remove_tree(&fresh);
        error
    })
}

fn fill(
    recipe: &ImageRecipe,
    artifacts: &BTreeMap<String, Stored>,
    (image, lock): (&NodeImage, &LabLock),
    how: &Fetching<'_>,
    fresh: &Path,
) -> Result<(), ImageError> {
    let (root, store) = (fresh.join("rootfs"), fresh.join("containerd"));
    rootfs::debian(recipe, how, &root)?;
    let record = Record {
        image: image.clone(),
        debian: rootfs::versions(&root)?,
        artifacts: artifacts
            .iter()
            .map(|(name, stored)| (name.clone(), stored.record.clone()))
            .collect(),
    };
    record.lock(lock)?;
    program::told(how, "installing the node programs", || {
        rootfs::install_programs(recipe, artifacts, &root)
    })?;
    let archive = fresh.join(ARCHIVE);
    program::told(how, "packing the container images", || {
        bake::archive(recipe, artifacts, &root, how, &archive)
    })?;
    bake::bake(&root, &store, &archive, how)?;
    let path = fresh.join("image.json");
    let json = serde_json::to_vec_pretty(&record).map_err(|e| ImageError::BadRecipe {
        name: path.display().to_string(),
        why: e.to_string(),
    })?;
    crate::durable::write(&path, &json, 0o644).map_err(ImageError::io("writing", &path))?;
    program::told(how, "waiting until the image is on the disk", || {
        sync(fresh)
    })
}

/// Puts all that was written on disk, so that an image that is there after a power failure is
/// whole, too.
fn sync(folder: &Path) -> Result<(), ImageError> {
    File::open(folder)
        .and_then(|handle| nix::unistd::syncfs(handle).map_err(Into::into))
        .map_err(ImageError::io("storing", folder))
}

/// What a finished image is; `None` if there is none.
pub(super) fn read_record(target: &Path) -> Option<Record> {
    serde_json::from_slice(&fs::read(target.join("image.json")).ok()?).ok()
}

impl Record {
    /// The Kubernetes version.
    pub(super) fn kubernetes(&self) -> &str {
        &self.image.kubernetes
    }

    fn base(&self) -> String {
        format!("{}-{}", self.image.debian, arch_word(arch(&self.image)))
    }

    /// The artifacts with what is known of them.
    fn contents(&self) -> impl Iterator<Item = (&Artifact, &ArtifactRecord)> {
        self.image
            .artifacts
            .iter()
            .filter_map(|artifact| Some((artifact, self.artifacts.get(artifact.name.as_str())?)))
    }

    /// Whether `lab.lock` holds just this.
    pub(super) fn locked(&self, lock: &LabLock) -> bool {
        lock.holds_debian(&self.base(), &self.debian)
            && self.contents().all(|(artifact, record)| {
                lock.holds_artifact(artifact.name.as_str(), artifact.arch, record)
            })
    }

    /// Compares it with `lab.lock`.
    pub(super) fn check(&self, lock: &LabLock) -> Result<(), ImageError> {
        lock.check_debian(&self.base(), &self.debian)?;
        self.contents().try_for_each(|(artifact, record)| {
            lock.check_artifact(artifact.name.as_str(), artifact.arch, record)
        })
    }

    /// Compares it with `lab.lock` and records what is new. Nothing is recorded if anything
    /// differs.
    fn lock(&self, lock: &LabLock) -> Result<(), ImageError> {
        self.check(lock)?;
        lock.debian(&self.base(), &self.debian)?;
        self.contents().try_for_each(|(artifact, record)| {
            lock.artifact(artifact.name.as_str(), artifact.arch, record)
        })
    }
}
