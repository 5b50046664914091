//! The root file system of a node image: Debian by mmdebstrap, and programs.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use super::ImageError;
use super::cache::{Fetching, Stored};
use super::program;
use super::recipe::{ImageRecipe, arch_word};
use crate::contained;

/// What a node never reads, left out to keep the image small. Copyright files stay.
const LEFT_OUT: [&str; 5] = [
    "/usr/share/man/*",
    "/usr/share/info/*",
    "/usr/share/locale/*",
    "/usr/share/bash-completion/*",
    "/usr/share/doc/*/changelog*",
];

/// Makes the root file system of Debian and the recipe's packages in `root`.
pub(super) fn debian(
    recipe: &ImageRecipe,
    how: &Fetching<'_>,
    root: &Path,
) -> Result<(), ImageError> {
    let packages: Vec<&str> = recipe.packages.iter().map(String::as_str).collect();
    let mut argv = vec![
        "mmdebstrap".to_owned(),
        "--variant=minbase".to_owned(),
        "--mode=root".to_owned(),
        format!("--architectures={}", arch_word(how.arch)),
        format!("--include={}", packages.join(",")),
        "--aptopt=Acquire::Retries \"3\"".to_owned(),
    ];
    argv.extend(
        LEFT_OUT
            .iter()
            .map(|path| format!("--dpkgopt=path-exclude={path}")),
    );
    argv.push(recipe.debian.clone());
    argv.push(root.display().to_string());
    let mut text = |line: &str| {
        Some(format!(
            "installing Debian {}: {}",
            recipe.debian,
            clean(line)
        ))
    };
    let place = root.parent().unwrap_or(root);
    program::run(
        "mmdebstrap",
        contained::command(&argv),
        place,
        how,
        &mut text,
    )
}

/// A progress line without control characters, cut to a width that fits a terminal.
fn clean(line: &str) -> String {
    line.chars().filter(|c| !c.is_control()).take(60).collect()
}

/// The versions of all packages in the root file system.
pub(super) fn versions(root: &Path) -> Result<BTreeMap<String, String>, ImageError> {
    let mut command = Command::new("dpkg-query");
    command
        .arg(format!(
            "--admindir={}",
            root.join("var/lib/dpkg").display()
        ))
        .args(["--show", "--showformat=${Package} ${Version}\n"]);
    Ok(program::output("dpkg-query", &mut command)?
        .lines()
        .filter_map(|line| line.split_once(' '))
        .map(|(name, version)| (name.to_owned(), version.to_owned()))
        .collect())
}

/// Puts programs into `/usr/local/bin`. A program that is a link in the artifact is one here too.
pub(super) fn install_programs(
    recipe: &ImageRecipe,
    artifacts: &BTreeMap<String, Stored>,
    root: &Path,
) -> Result<(), ImageError> {
    let bin = root.join("usr/local/bin");
    for (artifact, programs) in &recipe.programs {
        let stored = find(artifacts, artifact)?;
        for program in programs {
            let source = stored.folder.join(program);
            let mut name = program.clone();
            if let Ok(target) = fs::read_link(&source) {
                let link = bin.join(program);
                symlink(&target, &link).map_err(ImageError::io("linking", &link))?;
                name = target.to_string_lossy().into_owned();
            }
            let (source, target) = (stored.folder.join(&name), bin.join(&name));
            if !target.exists() {
                fs::copy(&source, &target).map_err(ImageError::io("installing", &target))?;
            }
        }
    }
    Ok(())
}

pub(super) fn find<'a>(
    artifacts: &'a BTreeMap<String, Stored>,
    name: &str,
) -> Result<&'a Stored, ImageError> {
    artifacts
        .get(name)
        .ok_or_else(|| ImageError::UnknownRecipe(name.to_owned()))
}

/// The shared libraries of a program inside the root file system, by its own dynamic loader.
pub(super) fn libraries(root: &Path, program: &str) -> Result<Vec<String>, ImageError> {
    let mut command = Command::new("chroot");
    command.arg(root).args(["/usr/bin/ldd", program]);
    Ok(program::output("ldd", &mut command)?
        .lines()
        .filter_map(|line| line.split_whitespace().find(|word| word.starts_with('/')))
        .map(str::to_owned)
        .collect())
}
