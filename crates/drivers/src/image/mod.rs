//! Artifacts and node images.
//!
//! ```text
//!  recipe (catalog) ──► source: offline folder │ release │ build ──► cache
//!                                                                      │
//!  mmdebstrap ──► root file system ◄── programs ◄──────────────────────┤
//!                       │                                              │
//!                 its containerd ◄── OCI archive ◄─────────────────────┘
//!                       └──► images/<digest>/{rootfs,containerd,image.json}
//! ```
//! Everything is named by what it is made from and renamed into place when it is whole: a killed
//! build leaves nothing that could be mistaken for a result.

mod bake;
mod build;
mod cache;
mod error;
mod lab_lock;
mod oci;
mod program;
pub mod recipe;
mod rootfs;
mod source;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use driver::{Driver, DriverError, Precheck, Refusal, Scope, StepContext};
use model::inventory::Observed;
use model::plan::Step;
use model::resource::{Address, Artifact, Kind, NodeImage, Resource, Spec};

pub(crate) use build::ARCHIVE;
pub use error::ImageError;
pub use lab_lock::LabLock;

use crate::HostPaths;
use cache::{Cache, Fetching};
use recipe::Recipe;

/// The driver of artifacts and node images.
pub struct ImageDriver {
    paths: HostPaths,
    cache: Cache,
    lock: Arc<LabLock>,
}

impl ImageDriver {
    /// A driver that keeps artifacts and images in these places and records them in that lock.
    #[must_use]
    pub fn new(paths: HostPaths, lock: Arc<LabLock>) -> Self {
        let cache = Cache::new(&paths.cache);
        Self { paths, cache, lock }
    }

    fn fetch(&self, artifact: &Artifact, context: &StepContext<'_>) -> Result<(), ImageError> {
        let recipe = Recipe::find(artifact.name.as_str())?;
        let doing = |what: &str| context.doing(what);
        let stop = || context.cancel.requested();
        let how = Fetching {
            offline: self.paths.artifacts.as_deref(),
            arch: artifact.arch,
            doing: &doing,
            stop: &stop,
        };
        let stored = self.cache.obtain(&recipe, &how)?;
        self.lock
            .artifact(&recipe.name, artifact.arch, &stored.record)
    }

    fn build(&self, image: &NodeImage, context: &StepContext<'_>) -> Result<(), ImageError> {
        let doing = |what: &str| context.doing(what);
        let stop = || context.cancel.requested();
        let how = Fetching {
            offline: self.paths.artifacts.as_deref(),
            arch: build::arch(image),
            doing: &doing,
            stop: &stop,
        };
        build::build(image, &self.paths.images, &self.cache, &self.lock, &how)
    }

    /// Looks for a thing. What is in the cache but not recorded in this lab's lock is not there
    /// for this lab: applying it records it, or finds that it differs.
    fn see(&self, resource: &Resource) -> Option<Observed> {
        let seen = || Observed::ours(Some(resource.digest()), Some(resource.spec.clone()));
        match &resource.spec {
            Spec::Artifact(artifact) => {
                let recipe = Recipe::find(artifact.name.as_str()).ok()?;
                let record = self.cache.find(&recipe, artifact.arch)?.record;
                self.lock
                    .holds_artifact(&recipe.name, artifact.arch, &record)
                    .then(|| seen().fact("source", record.source))
            }
            Spec::Image(image) => {
                let folder = build::folder(&self.paths.images, image);
                build::read_record(&folder)?
                    .locked(&self.lock)
                    .then(|| seen().fact("folder", folder.display().to_string()))
            }
            _ => None,
        }
    }

    /// Finds what differs from this lab's lock before anything is written.
    fn check(&self, resource: &Resource) -> Result<(), ImageError> {
        match &resource.spec {
            Spec::Artifact(artifact) => {
                let recipe = Recipe::find(artifact.name.as_str())?;
                let Some(stored) = self.cache.find(&recipe, artifact.arch) else {
                    return Ok(());
                };
                self.lock
                    .check_artifact(&recipe.name, artifact.arch, &stored.record)
            }
            Spec::Image(image) => build::read_record(&build::folder(&self.paths.images, image))
                .map_or(Ok(()), |record| record.check(&self.lock)),
            _ => Ok(()),
        }
    }
}

/// The folder of a node image below the folder of all images.
#[must_use]
pub fn image_folder(images: &Path, digest: &model::digest::Digest) -> std::path::PathBuf {
    images.join(digest.short())
}

/// The Kubernetes version that a node image in a folder is for.
pub(crate) fn kubernetes_in(folder: &Path) -> Option<String> {
    build::read_record(folder).map(|record| record.kubernetes().to_owned())
}

/// Where a node that runs finds the programs of another version of Kubernetes.
pub(crate) fn staged(kubernetes: &str) -> String {
    format!("/var/lib/containerd/steading/{kubernetes}")
}

impl Driver for ImageDriver {
    fn kinds(&self) -> &'static [Kind] {
        &[Kind::Artifact, Kind::Image]
    }

    fn observe(
        &self,
        _scope: &Scope,
        wanted: &[&Resource],
    ) -> Result<BTreeMap<Address, Observed>, DriverError> {
        Ok(wanted
            .iter()
            .filter_map(|resource| Some((resource.address.clone(), self.see(resource)?)))
            .collect())
    }

    fn precheck(&self, step: &Step, _: &StepContext<'_>) -> Result<Precheck, DriverError> {
        if let Err(error) = self.check(&step.resource) {
            return match error {
                ImageError::Differs { .. } => Ok(Precheck::Refused(Refusal {
                    found: error.to_string(),
                    hint: error.advice().unwrap_or_default(),
                })),
                other => Err(other.into()),
            };
        }
        Ok(match self.see(&step.resource) {
            Some(_) => Precheck::Done,
            None => Precheck::Ready,
        })
    }

    fn apply(&self, step: &Step, context: &StepContext<'_>) -> Result<(), DriverError> {
        match &step.resource.spec {
            Spec::Artifact(artifact) => self.fetch(artifact, context)?,
            Spec::Image(image) => self.build(image, context)?,
            _ => {
                return Err(DriverError::new(format!(
                    "{} is no artifact or image",
                    step.address
                )));
            }
        }
        Ok(())
    }

    fn teardown(&self, _: &Step, _: &StepContext<'_>) -> Result<(), DriverError> {
        // Both are caches that all labs share; they belong to no lab.
        Ok(())
    }
}

/// A program of an artifact in the cache, if it is there.
#[must_use]
pub fn find_program(
    paths: &HostPaths,
    recipe: &Recipe,
    arch: model::lab::Arch,
    program: &str,
) -> Option<std::path::PathBuf> {
    let stored = Cache::new(&paths.cache).find(recipe, arch)?;
    let path = stored.folder.join(program);
    path.exists().then_some(path)
}
