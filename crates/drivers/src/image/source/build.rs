//! Builds from source. What is built is carried inside this program (`node/`); what it depends on
//! comes from the Go module proxy, pinned by `go.sum` and checked by the Go checksum database.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use include_dir::Dir;

use super::Fetched;
use crate::contained;
use crate::image::ImageError;
use crate::image::cache::{Fetching, remove_tree};
use crate::image::program;
use crate::image::recipe::{CBuild, GoBuild, NODE, arch_word};

/// The installed toolchain builds; where it is older than `go.mod` asks for, Go says so. No other
/// one is downloaded.
const TOOLCHAIN: &str = "local";

/// Builds a Go program.
pub(in crate::image) fn go(
    build: &GoBuild,
    how: &Fetching<'_>,
    into: &Path,
) -> Result<Fetched, ImageError> {
    let sources = unpack(into)?;
    let version = go_version(&sources)?;
    let output = into.join(&build.output);
    let mut argv = vec![
        "go".to_owned(),
        "build".to_owned(),
        "-v".to_owned(),
        "-trimpath".to_owned(),
        "-mod=readonly".to_owned(),
        "-buildvcs=false".to_owned(),
        format!("-modfile={}", build.modfile),
        format!("-ldflags={}", build.ldflags),
    ];
    argv.extend(build.tags.iter().map(|tags| format!("-tags={tags}")));
    argv.extend([
        "-o".to_owned(),
        output.display().to_string(),
        build.package.clone(),
    ]);
    let mut command = contained::command(&argv);
    command
        .current_dir(sources.join(&build.module))
        .env("CGO_ENABLED", if build.cgo { "1" } else { "0" })
        .env("GOOS", "linux")
        .env("GOARCH", arch_word(how.arch))
        .env("GOTOOLCHAIN", TOOLCHAIN)
        .env_remove("GOFLAGS");
    let mut packages = 0_u32;
    let mut text = |line: &str| {
        if line.starts_with("go: downloading ") {
            Some(line.trim_start_matches("go: ").to_owned())
        } else if line.contains(' ') {
            None
        } else {
            packages += 1;
            Some(format!("compiling package {packages}, {line}"))
        }
    };
    (how.doing)("looking at what is compiled already");
    program::run("go build", command, into, how, &mut text)?;
    remove_tree(&sources)?;
    for link in &build.links {
        let path = into.join(link);
        symlink(&build.output, &path).map_err(ImageError::io("linking", &path))?;
    }
    Ok(Fetched {
        from: format!("built with {version}"),
    })
}

/// Builds a C program that stands alone.
pub(in crate::image) fn c(
    build: &CBuild,
    how: &Fetching<'_>,
    into: &Path,
) -> Result<Fetched, ImageError> {
    let sources = unpack(into)?;
    let output = into.join(&build.output).display().to_string();
    let file = sources.join(&build.file).display().to_string();
    let argv = [
        "cc",
        "-Os",
        "-static",
        "-s",
        "-Wl,--build-id=none",
        "-o",
        &output,
        &file,
    ];
    program::run(
        "cc",
        contained::command(&argv),
        into,
        how,
        &mut program::silent,
    )?;
    remove_tree(&sources)?;
    Ok(Fetched {
        from: "built with the system's C compiler".to_owned(),
    })
}

/// Unpacks the sources beside the files to be made.
fn unpack(into: &Path) -> Result<PathBuf, ImageError> {
    let sources = into.join(".sources");
    fs::create_dir_all(&sources).map_err(ImageError::io("creating", &sources))?;
    unpack_dir(&NODE, &sources)?;
    Ok(sources)
}

fn unpack_dir(dir: &Dir<'_>, to: &Path) -> Result<(), ImageError> {
    for file in dir.files() {
        let path = to.join(file.path());
        fs::write(&path, file.contents()).map_err(ImageError::io("writing", &path))?;
    }
    for below in dir.dirs() {
        let path = to.join(below.path());
        fs::create_dir_all(&path).map_err(ImageError::io("creating", &path))?;
        unpack_dir(below, to)?;
    }
    Ok(())
}

/// The version that builds these modules.
fn go_version(sources: &Path) -> Result<String, ImageError> {
    let mut command = Command::new("go");
    command
        .args(["env", "GOVERSION"])
        .env("GOTOOLCHAIN", TOOLCHAIN)
        .current_dir(sources);
    Ok(program::output("go env", &mut command)?.trim().to_owned())
}
