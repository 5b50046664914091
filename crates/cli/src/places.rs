//! Where things are on this machine: the only place that reads the environment for it.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use driver::Scope;
use drivers::HostPaths;
use model::lab::Arch;

/// Below this lies what is too large or too owned by root for a user's folders: node images and
/// the disks of machines.
const DATA: &str = "/var/lib/steading";

fn home() -> anyhow::Result<PathBuf> {
    std::env::var_os("HOME")
        .map(PathBuf::from)
        .context("the environment variable HOME is not set")
}

/// A folder of the XDG base directory specification.
fn xdg(variable: &str, otherwise: &str) -> anyhow::Result<PathBuf> {
    match std::env::var_os(variable).map(PathBuf::from) {
        // The specification: a relative path is to be ignored.
        Some(path) if path.is_absolute() => Ok(path),
        _ => Ok(home()?.join(otherwise)),
    }
}

fn data() -> PathBuf {
    std::env::var_os("STEADING_DATA").map_or_else(|| PathBuf::from(DATA), PathBuf::from)
}

/// The architecture of this machine's processors.
pub(crate) fn arch() -> anyhow::Result<Arch> {
    match std::env::consts::ARCH {
        "x86_64" => Ok(Arch::Amd64),
        "aarch64" => Ok(Arch::Arm64),
        other => anyhow::bail!("there are no node programs for processors of kind {other}"),
    }
}

/// The folder of a replica's state and secrets. It is bound to this machine, as the replica is.
pub(crate) fn replica(scope: &Scope) -> PathBuf {
    let name = format!("{}-{}", scope.lab, scope.id.short());
    data().join("replicas").join(name)
}

/// Where drivers find and keep things.
pub(crate) fn host_paths(artifacts: Option<&Path>) -> anyhow::Result<HostPaths> {
    let data = data();
    Ok(HostPaths {
        cache: xdg("XDG_CACHE_HOME", ".cache")?.join("steading"),
        images: data.join("images"),
        machines: data.join("machines"),
        artifacts: artifacts.map(Path::to_owned),
        program: std::env::current_exe().context("finding this program's own file")?,
    })
}

/// The kubeconfigs that kubectl would use.
pub(crate) fn kubeconfigs() -> anyhow::Result<Vec<PathBuf>> {
    match std::env::var_os("KUBECONFIG").filter(|paths| !paths.is_empty()) {
        Some(paths) => {
            let all = std::env::split_paths(&paths);
            Ok(all.filter(|path| !path.as_os_str().is_empty()).collect())
        }
        None => Ok(vec![home()?.join(".kube/config")]),
    }
}

/// The age identity that opens the user's secrets.
pub(crate) fn identity() -> anyhow::Result<PathBuf> {
    Ok(xdg("XDG_CONFIG_HOME", ".config")?.join("steading/identity.txt"))
}

/// The folders in which programs are looked for.
pub(crate) fn search_path() -> OsString {
    std::env::var_os("PATH").unwrap_or_default()
}
