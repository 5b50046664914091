//! The offline folder: `DIR/<name>-<version>/<file>` for every file of the artifact.

use std::fs;
use std::path::Path;

use super::Fetched;
use crate::image::ImageError;
use crate::image::recipe::Recipe;

/// Takes the artifact from the folder; `None` if it is not there or not whole.
pub(in crate::image) fn fetch(
    recipe: &Recipe,
    folder: &Path,
    into: &Path,
) -> Result<Option<Fetched>, ImageError> {
    let from = folder.join(format!("{}-{}", recipe.name, recipe.version));
    if !recipe.files.iter().all(|file| from.join(file).is_file()) {
        return Ok(None);
    }
    for file in &recipe.files {
        let (source, target) = (from.join(file), into.join(file));
        fs::copy(&source, &target).map_err(ImageError::io("copying", &source))?;
    }
    Ok(Some(Fetched {
        from: "offline folder".to_owned(),
    }))
}
