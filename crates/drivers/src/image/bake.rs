//! Baking: the node's own container runtime unpacks the images into its store, once, on the
//! building host, so that no node ever has to (1.6 s here, 78 s inside an emulated guest).

use std::collections::BTreeMap;
use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::Child;
use std::time::{Duration, Instant};

use super::ImageError;
use super::cache::{Fetching, Stored};
use super::oci::{self, Entry, Image, Layer};
use super::program;
use super::recipe::{BakedImage, ImageRecipe, arch_word};
use super::rootfs;
use crate::contained;

/// The socket of the baking container runtime, inside the root file system.
const SOCKET: &str = "/run/containerd/bake.sock";
/// How long the container runtime may take to start.
const START_LIMIT: Duration = Duration::from_secs(60);

/// Writes the archive of all images of the recipe.
pub(super) fn archive(
    recipe: &ImageRecipe,
    artifacts: &BTreeMap<String, Stored>,
    root: &Path,
    how: &Fetching<'_>,
    path: &Path,
) -> Result<(), ImageError> {
    let mut layers: Vec<Layer> = Vec::new();
    let mut images = Vec::new();
    let further = recipe.further.iter();
    let further = further.filter(|baked| artifacts.contains_key(&baked.artifact));
    for baked in recipe.images.iter().chain(further) {
        (how.doing)(&format!("packing the container image {}", baked.name));
        let mut positions = Vec::new();
        for layer in layers_of(baked, artifacts, root)? {
            let position = layers.iter().position(|known| *known == layer);
            positions.push(position.unwrap_or_else(|| {
                layers.push(layer);
                layers.len() - 1
            }));
        }
        images.push(Image {
            name: baked.name.clone(),
            layers: positions,
            entrypoint: format!("/usr/local/bin/{}", baked.program),
        });
    }
    oci::write_archive(path, arch_word(how.arch), &layers, &images)
}

/// The layers of an image: its program with all other names of the same file, so that images of
/// one artifact share the layer; and its tools with their libraries.
fn layers_of(
    baked: &BakedImage,
    artifacts: &BTreeMap<String, Stored>,
    root: &Path,
) -> Result<Vec<Layer>, ImageError> {
    let stored = rootfs::find(artifacts, &baked.artifact)?;
    let program = stored.folder.join(&baked.program);
    let mut files = Layer::from([("tmp".to_owned(), Entry::Folder(0o1777))]);
    if let Ok(target) = fs::read_link(&program) {
        let entries = fs::read_dir(&stored.folder)
            .map_err(ImageError::io("reading", &stored.folder))?
            .flatten();
        for entry in entries {
            if fs::read_link(entry.path()).is_ok_and(|t| t == target) {
                let name = entry.file_name().to_string_lossy().into_owned();
                let link = Entry::Link(target.to_string_lossy().into_owned());
                files.insert(format!("usr/local/bin/{name}"), link);
            }
        }
        let file = Entry::File(stored.folder.join(&target));
        files.insert(format!("usr/local/bin/{}", target.display()), file);
    } else {
        files.insert(
            format!("usr/local/bin/{}", baked.program),
            Entry::File(program),
        );
    }
    let mut layers = vec![oci::with_folders(files)];
    if !baked.tools.is_empty() {
        layers.push(tools_layer(&baked.tools, root)?);
    }
    Ok(layers)
}

fn tools_layer(tools: &[String], root: &Path) -> Result<Layer, ImageError> {
    let mut files = Layer::new();
    for tool in tools {
        // Debian's iptables is a link to the program that knows several names.
        files.insert(inside(tool), Entry::File(real_file(root, tool)?));
        if tool.starts_with("/etc/") {
            // A table that a tool reads, not a program.
            continue;
        }
        for library in rootfs::libraries(root, tool)? {
            let file = real_file(root, &library)?;
            files.insert(inside(&library), Entry::File(file));
        }
    }
    Ok(oci::with_folders(files))
}

fn inside(path: &str) -> String {
    path.trim_start_matches('/').to_owned()
}

/// The file behind a path of the root file system. Debian's `/lib` is a link to `usr/lib`, and
/// libraries are links to their versions; links are followed inside the root only.
fn real_file(root: &Path, path: &str) -> Result<PathBuf, ImageError> {
    let mut found = root.join(inside(path));
    for _ in 0..8 {
        let Ok(target) = fs::read_link(&found) else {
            break;
        };
        found = if target.is_absolute() {
            root.join(inside(&target.to_string_lossy()))
        } else {
            found.parent().unwrap_or(root).join(target)
        };
    }
    if found.is_file() {
        return Ok(found);
    }
    let missing = std::io::Error::from(std::io::ErrorKind::NotFound);
    Err(ImageError::io("finding", &found)(missing))
}

/// Mounts what the container runtime needs and starts it, in the namespaces that `contained` made.
/// A constant: the folders arrive as parameters.
const START: &str = r#"
mount --bind "$1" "$1"
mount --bind "$2" "$1/var/lib/containerd"
mount -t proc proc "$1/proc"
mount --rbind /dev "$1/dev"
mount -t tmpfs tmpfs "$1/tmp"
exec chroot "$1" /usr/bin/containerd --config /etc/containerd/bake.toml --address "$3" --log-level warn
"#;

/// The container runtime's configuration while baking: no CRI, nothing but the store.
const CONFIG: &str = r#"version = 2
root = "/var/lib/containerd"
state = "/run/containerd"
disabled_plugins = ["io.containerd.grpc.v1.cri", "io.containerd.nri.v1.nri", "io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.zfs", "io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.aufs", "io.containerd.snapshotter.v1.blockfile"]
"#;

/// Unpacks the archive into the store folder with the root file system's own container runtime.
pub(super) fn bake(
    root: &Path,
    store: &Path,
    archive: &Path,
    how: &Fetching<'_>,
) -> Result<(), ImageError> {
    fs::create_dir_all(store).map_err(ImageError::io("creating", store))?;
    let config = root.join("etc/containerd/bake.toml");
    for folder in ["etc/containerd", "run/containerd", "var/lib/containerd"] {
        let folder = root.join(folder);
        fs::create_dir_all(&folder).map_err(ImageError::io("creating", &folder))?;
    }
    fs::write(&config, CONFIG).map_err(ImageError::io("writing", &config))?;
    let mut runtime = Runtime::start(root, store)?;
    runtime.wait_until_up(root, how)?;
    // The archive lies in the file system's own root: ctr runs inside it, too.
    let inside = root.join("images.tar");
    fs::rename(archive, &inside).map_err(ImageError::io("moving", archive))?;
    (how.doing)("unpacking the container images into the store");
    let root_word = root.display().to_string();
    let argv = [
        "chroot",
        &root_word,
        "/usr/bin/ctr",
        "--address",
        SOCKET,
        "--namespace",
        "k8s.io",
        "images",
        "import",
        "/images.tar",
    ];
    let place = store.parent().unwrap_or(store);
    program::run(
        "ctr",
        contained::command(&argv),
        place,
        how,
        &mut program::silent,
    )?;
    runtime.stop(how)?;
    fs::rename(&inside, archive).map_err(ImageError::io("moving", &inside))?;
    fs::remove_file(&config).map_err(ImageError::io("removing", &config))?;
    super::cache::remove_tree(&root.join("run/containerd"))
}

/// The baking container runtime. Dropping it kills it with all its mounts.
struct Runtime(Child);

impl Runtime {
    fn start(root: &Path, store: &Path) -> Result<Self, ImageError> {
        let argv = [
            "sh".to_owned(),
            "-ec".to_owned(),
            START.to_owned(),
            "bake".to_owned(),
            root.display().to_string(),
            store.display().to_string(),
            SOCKET.to_owned(),
        ];
        contained::start(contained::command(&argv))
            .map(Self)
            .map_err(|source| ImageError::Start {
                program: "containerd".to_owned(),
                source,
            })
    }

    fn wait_until_up(&mut self, root: &Path, how: &Fetching<'_>) -> Result<(), ImageError> {
        let start = Instant::now();
        (how.doing)("waiting for containerd to start in the new image");
        loop {
            let up = self.answers(root, how)?;
            if up {
                return Ok(());
            }
            if let Ok(Some(status)) = self.0.try_wait() {
                return Err(ImageError::Program {
                    program: "containerd".to_owned(),
                    ended: status.to_string(),
                    last: self.complaint(),
                });
            }
            if start.elapsed() > START_LIMIT {
                return Err(ImageError::Program {
                    program: "containerd".to_owned(),
                    ended: "did not answer".to_owned(),
                    last: format!("within {} s", START_LIMIT.as_secs()),
                });
            }
            if (how.stop)() {
                return Err(ImageError::Interrupted);
            }
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// Asks it for its version, for two seconds at most.
    fn answers(&self, root: &Path, how: &Fetching<'_>) -> Result<bool, ImageError> {
        let root_word = root.display().to_string();
        let argv = [
            "chroot",
            &root_word,
            "/usr/bin/ctr",
            "--address",
            SOCKET,
            "--connect-timeout=1s",
            "--timeout=2s",
            "version",
        ];
        // Contained like all others: asking must not outlive us either.
        let asked = contained::run(contained::command(&argv), how.stop, &mut |_| {});
        asked
            .map(|finished| finished.status.success())
            .map_err(|source| ImageError::Start {
                program: "ctr".to_owned(),
                source,
            })
    }

    /// What it said on standard error. Only to be asked once it has ended.
    fn complaint(&mut self) -> String {
        let mut said = String::new();
        if let Some(stream) = &mut self.0.stderr {
            // What can be read is better than nothing.
            let _ = stream.take(4096).read_to_string(&mut said);
        }
        said
    }

    /// Asks it to end, so that its database is closed, and waits for that.
    fn stop(&mut self, how: &Fetching<'_>) -> Result<(), ImageError> {
        (how.doing)("closing the store");
        let pid = self.0.id();
        // The container runtime is the only child of `unshare`, which is the process we started.
        let children = format!("/proc/{pid}/task/{pid}/children");
        let path = Path::new(&children);
        let text = fs::read_to_string(path).map_err(ImageError::io("reading", path))?;
        for child in text.split_whitespace().filter_map(|word| word.parse().ok()) {
            // It may have ended by itself.
            let _ = nix::sys::signal::kill(
                nix::unistd::Pid::from_raw(child),
                nix::sys::signal::Signal::SIGTERM,
            );
        }
        let start = Instant::now();
        while start.elapsed() < Duration::from_secs(20) {
            if let Ok(Some(_)) = self.0.try_wait() {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Err(ImageError::Program {
            program: "containerd".to_owned(),
            ended: "did not end".to_owned(),
            last: "within 20 s of being asked to".to_owned(),
        })
    }
}

impl Drop for Runtime {
    fn drop(&mut self) {
        // `unshare --kill-child` takes the namespace along.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
