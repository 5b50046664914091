//! The offline folder: `DIR/<name>-<version>-<arch>/<file>` for every file of the artifact. The
//! folder's name may go on after a `-`, so that a copy of another machine's cache serves. A file
//! that is a link to another one in that folder stays one, so that programs which are one file
//! with many names stay one file.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

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
    let Some(from) = find(recipe, arch, folder) else {
        return Ok(None);
    };
    for file in &recipe.files {
        take(&from, file, into)?;
    }
    Ok(Some(Fetched {
        from: "offline folder".to_owned(),
    }))
}

/// The folder that holds all files of the artifact.
fn find(recipe: &Recipe, arch: Arch, folder: &Path) -> Option<PathBuf> {
    let name = format!("{}-{}-{}", recipe.name, recipe.version, arch_word(arch));
    let longer = format!("{name}-");
    let mut places: Vec<PathBuf> = fs::read_dir(folder)
        .ok()?
        .flatten()
        .filter(|entry| {
            let found = entry.file_name();
            let found = found.to_string_lossy();
            found == name || (found.starts_with(&longer) && !found.ends_with(".new"))
        })
        .map(|entry| entry.path())
        .collect();
    // The plain name is the first.
    places.sort();
    places
        .into_iter()
        .find(|place| recipe.files.iter().all(|file| place.join(file).is_file()))
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
