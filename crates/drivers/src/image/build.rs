//! Building a node image.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use model::digest::Digest;
use model::lab::Arch;
use model::resource::NodeImage;
use serde::{Deserialize, Serialize};

use super::ImageError;
use super::cache::{Cache, Fetching, Stored, remove_tree, take_turn};
use super::lab_lock::LabLock;
use super::recipe::{ImageRecipe, Recipe, arch_word};
use super::{bake, image_folder, rootfs};

/// What a built image is, written last.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Record {
    image: NodeImage,
    debian: BTreeMap<String, String>,
}

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
    let base = format!("{}-{}", image.debian, arch_word(how.arch));
    if let Some(record) = read_record(&target) {
        return lock.debian(&base, &record.debian);
    }
    let recipe = ImageRecipe::find("kubeadm")?;
    let mut artifacts = BTreeMap::new();
    for artifact in &image.artifacts {
        let stored = cache.obtain(&Recipe::find(artifact.name.as_str())?, how)?;
        lock.artifact(artifact.name.as_str(), &stored.record)?;
        artifacts.insert(artifact.name.to_string(), stored);
    }
    // What an earlier, killed build left; its processes and mounts died with it.
    let fresh = target.with_extension("new");
    remove_tree(&fresh)?;
    let debian = fill(&recipe, &artifacts, how, &fresh)?;
    lock.debian(&base, &debian)?;
    let record = Record {
        image: image.clone(),
        debian,
    };
    let path = fresh.join("image.json");
    let json = serde_json::to_vec_pretty(&record).map_err(|e| ImageError::BadRecipe {
        name: path.display().to_string(),
        why: e.to_string(),
    })?;
    crate::durable::write(&path, &json, 0o644).map_err(ImageError::io("writing", &path))?;
    fs::rename(&fresh, &target).map_err(ImageError::io("storing", &target))
}

fn fill(
    recipe: &ImageRecipe,
    artifacts: &BTreeMap<String, Stored>,
    how: &Fetching<'_>,
    fresh: &Path,
) -> Result<BTreeMap<String, String>, ImageError> {
    let (root, store) = (fresh.join("rootfs"), fresh.join("containerd"));
    fs::create_dir_all(fresh).map_err(ImageError::io("creating", fresh))?;
    rootfs::debian(recipe, how, &root)?;
    let debian = rootfs::versions(&root)?;
    (how.doing)("installing the node programs");
    rootfs::install_programs(recipe, artifacts, &root)?;
    (how.doing)("packing the container images");
    let archive = fresh.join("images.tar");
    bake::archive(recipe, artifacts, &root, how, &archive)?;
    bake::bake(&root, &store, &archive, how)?;
    Ok(debian)
}

fn read_record(target: &Path) -> Option<Record> {
    serde_json::from_slice(&fs::read(target.join("image.json")).ok()?).ok()
}
