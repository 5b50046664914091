//! The offline folder: `DIR/<name>-<version>-<arch>/<file>` for every file of the artifact. A file
//! that is a link to another one in that folder stays one, so that programs which are one file
//! with many names stay one file.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use model::lab::Arch;

use super::Fetched;
use crate::image::ImageError;
use crate::image::recipe::{Recipe, arch_word};

/// Takes the artifact from the folder; `None` if it is not there or not whole.
pub(in crate::image) fn fetch(
    recipe: &Recipe,
    arch: Arch,
    folder: &Path,
    into: &Path,
) -> Result<Option<Fetched>, ImageError> {
    let name = format!("{}-{}-{}", recipe.name, recipe.version, arch_word(arch));
    let from = folder.join(name);
    if !recipe.files.iter().all(|file| from.join(file).is_file()) {
        return Ok(None);
    }
    for file in &recipe.files {
        take(&from, file, into)?;
    }
    Ok(Some(Fetched {
        from: "offline folder".to_owned(),
    }))
}

fn take(from: &Path, file: &str, into: &Path) -> Result<(), ImageError> {
    let (source, target) = (from.join(file), into.join(file));
    if target.symlink_metadata().is_ok() {
        return Ok(());
    }
    let beside = fs::read_link(&source)
        .ok()
        .and_then(|link| link.to_str().map(str::to_owned))
        .filter(|link| !link.contains('/') && from.join(link).is_file());
    let Some(real) = beside else {
        return copy(&source, &target);
    };
    take(from, &real, into)?;
    symlink(&real, &target).map_err(ImageError::io("linking", &target))
}

fn copy(source: &Path, target: &Path) -> Result<(), ImageError> {
    fs::copy(source, target)
        .map(|_| ())
        .map_err(ImageError::io("copying", source))
}
