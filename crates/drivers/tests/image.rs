//! Node images for real: built, killed, out of space, and in the end whole and the same.
//!
//! Takes about five minutes, root, and the artifacts in the cache (`steading up` once); so it runs
//! only where `STEADING_TEST_IMAGE_BUILD` is set. `STEADING_TEST_CACHE` names another cache than
//! the usual one.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a test, which is also a program"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::Arc;
use std::time::Instant;

use driver::{Cancel, Driver as _, Precheck, Progress, Scope, StepContext};
use drivers::HostPaths;
use drivers::image::recipe::{ImageRecipe, Recipe};
use drivers::image::{ImageDriver, LabLock, image_folder};
use model::lab::Arch;
use model::plan::{Action, Generation, Impact, Reason, Step};
use model::resource::{Artifact, NodeImage, Resource, Spec};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.first().map(String::as_str) {
        // The part of a `steading` that is killed.
        Some("build") => build(&arguments[1..]),
        Some("fetch") => fetch(&arguments[1..]),
        Some("--list") => ExitCode::SUCCESS,
        _ => tests(),
    }
}

fn tests() -> ExitCode {
    let root = nix::unistd::geteuid().is_root();
    if std::env::var_os("STEADING_TEST_IMAGE_BUILD").is_none() || !root {
        eprintln!(
            "\n!!! SKIPPED: tests of building node images: they need root, \
             STEADING_TEST_IMAGE_BUILD=1 and five minutes\n"
        );
        return ExitCode::SUCCESS;
    }
    for (name, test) in [
        ("killed_compiling", killed_compiling as fn()),
        ("no_room", no_room),
        ("killed_anywhere", killed_anywhere),
    ] {
        let start = Instant::now();
        test();
        println!(
            "test {name} ... ok ({:.1} s)",
            start.elapsed().as_secs_f32()
        );
    }
    ExitCode::SUCCESS
}

struct Tell;

impl Progress for Tell {
    fn doing(&self, what: &str) {
        println!("{what}");
    }
}

fn node_image() -> NodeImage {
    let recipe = ImageRecipe::find("kubeadm", "1.36.3").unwrap();
    let names: BTreeSet<&String> = recipe.images.iter().map(|i| &i.artifact).collect();
    NodeImage {
        artifacts: names
            .into_iter()
            .map(|name| Artifact {
                name: name.parse().unwrap(),
                version: Recipe::find(name).unwrap().version,
                arch: Arch::Amd64,
            })
            .collect(),
        debian: recipe.debian,
        packages: recipe.packages,
        kubernetes: "1.36.3".to_owned(),
        recipe: recipe.recipe,
    }
}

fn step(image: NodeImage) -> Step {
    step_of("image/kubeadm", Spec::Image(image))
}

fn step_of(address: &str, spec: Spec) -> Step {
    let resource = Resource {
        address: address.parse().unwrap(),
        spec,
        needs: BTreeSet::default(),
    };
    Step {
        address: resource.address.clone(),
        action: Action::Create,
        impact: Impact::None,
        reason: Reason::Missing,
        needs: BTreeSet::default(),
        inputs: resource.digest(),
        resource,
    }
}

/// A `steading` with this folder for images and this lock.
fn with<T>(images: &Path, lock: &Path, act: impl FnOnce(&ImageDriver, &StepContext<'_>) -> T) -> T {
    let cache = std::env::var_os("STEADING_TEST_CACHE").map_or_else(
        || PathBuf::from(std::env::var_os("HOME").unwrap()).join(".cache/steading"),
        PathBuf::from,
    );
    let lock = Arc::new(LabLock::open(lock).unwrap());
    let scope = Scope {
        lab: "imagetest".parse().unwrap(),
        id: lock.id(),
    };
    let driver = ImageDriver::new(
        HostPaths {
            cache,
            images: images.to_owned(),
            machines: images.with_file_name("machines"),
            artifacts: None,
            program: std::env::current_exe().unwrap(),
        },
        lock,
    );
    let context = StepContext {
        scope: &scope,
        generation: Generation(1),
        cancel: &Cancel::default(),
        progress: &Tell,
    };
    act(&driver, &context)
}

/// `build IMAGES LOCK`.
fn build(arguments: &[String]) -> ExitCode {
    let [images, lock] = arguments else {
        return ExitCode::from(2);
    };
    let built = with(Path::new(images), Path::new(lock), |driver, context| {
        driver.apply(&step(node_image()), context)
    });
    match built {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("ERROR {} / {:?}", error.chain().join(": "), error.hint);
            ExitCode::FAILURE
        }
    }
}

fn start(images: &Path, lock: &Path) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .arg("build")
        .args([images, lock])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

/// `fetch NAME LOCK`: the artifact of that name.
fn fetch(arguments: &[String]) -> ExitCode {
    let [name, lock] = arguments else {
        return ExitCode::from(2);
    };
    let spec = Spec::Artifact(Artifact {
        name: name.parse().unwrap(),
        version: Recipe::find(name).unwrap().version,
        arch: Arch::Amd64,
    });
    let fetched = with(
        Path::new("/nonexistent"),
        Path::new(lock),
        |driver, context| driver.apply(&step_of("artifact/it", spec), context),
    );
    fetched.map_or_else(
        |error| {
            println!("ERROR {}", error.chain().join(": "));
            ExitCode::FAILURE
        },
        |()| ExitCode::SUCCESS,
    )
}

/// A compilation with cold caches is killed, and then again to the end; nothing of it is left in
/// the cache or in the usual folder for temporary files.
fn killed_compiling() {
    let place = tempfile::tempdir_in("/var/tmp").unwrap();
    let (cache, temporary) = (place.path().join("cache"), place.path().join("tmp"));
    fs::create_dir_all(&temporary).unwrap();
    let start = || {
        Command::new(std::env::current_exe().unwrap())
            .args(["fetch", "netcheck"])
            .arg(place.path().join("lab.lock"))
            .env("STEADING_TEST_CACHE", &cache)
            .env("GOCACHE", place.path().join("go"))
            .env("TMPDIR", &temporary)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap()
    };
    let mut child = start();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut compiled = lines
        .map_while(Result::ok)
        .filter(|line| line.contains("compiling package"));
    assert!(compiled.nth(20).is_some(), "it compiled nothing");
    child.kill().unwrap();
    child.wait().unwrap();
    let begin = Instant::now();
    while !left(place.path()).is_empty() && begin.elapsed().as_secs() < 5 {
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    assert_eq!(left(place.path()), Vec::<String>::new());
    assert!(start().wait_with_output().unwrap().status.success());
    let names = |folder: &Path| -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap().flatten();
        let mut names: Vec<String> = entries
            .map(|entry| entry.file_name().to_string_lossy().into_owned())
            .filter(|name| !name.ends_with(".lock"))
            .collect();
        names.sort();
        names
    };
    assert_eq!(names(&temporary), Vec::<String>::new());
    let made = names(&cache.join("artifacts"));
    assert!(
        made.len() <= 2 && made[0].starts_with("netcheck-1"),
        "{made:?}"
    );
    let stored = names(&cache.join("artifacts").join(&made[0]));
    assert_eq!(stored, ["netcheck", "record.json"]);
}

/// Builds until a line says that, then kills it.
fn kill_at(images: &Path, lock: &Path, moment: &str) {
    let mut child = start(images, lock);
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let reached = lines
        .map_while(Result::ok)
        .any(|line| line.contains(moment));
    assert!(reached, "it never said {moment:?}");
    child.kill().unwrap();
    child.wait().unwrap();
    // The kernel ends what is in the namespaces; give it a moment.
    let start = Instant::now();
    while !left(images).is_empty() && start.elapsed().as_secs() < 5 {
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    assert_eq!(left(images), Vec::<String>::new(), "killed at {moment:?}");
}

/// Processes and mounts that have to do with the folder.
fn left(images: &Path) -> Vec<String> {
    let folder = images.display().to_string();
    let mut found: Vec<String> = fs::read_to_string("/proc/self/mounts")
        .unwrap()
        .lines()
        .filter(|line| line.contains(&folder))
        .map(str::to_owned)
        .collect();
    for entry in fs::read_dir("/proc").unwrap().flatten() {
        let path = entry.path();
        let inside = fs::read_link(path.join("root")).is_ok_and(|root| root.starts_with(images));
        let arguments = fs::read(path.join("cmdline")).unwrap_or_default();
        let named = String::from_utf8_lossy(&arguments).contains(&folder);
        let own = path.ends_with(std::process::id().to_string());
        if (inside || named) && !own {
            found.push(String::from_utf8_lossy(&arguments).replace('\0', " "));
        }
    }
    found
}

/// Digests of everything in the container runtime's content store.
fn blobs(folder: &Path) -> BTreeSet<String> {
    let blobs = folder.join("containerd/io.containerd.content.v1.content/blobs/sha256");
    fs::read_dir(blobs)
        .unwrap()
        .flatten()
        .map(|entry| entry.file_name().into_string().unwrap())
        .collect()
}

fn killed_anywhere() {
    let place = tempfile::tempdir_in("/var/tmp").unwrap();
    let (images, lock) = (place.path().join("images"), place.path().join("lab.lock"));
    let folder = image_folder(&images, &model::digest::Digest::of(&node_image()));
    for moment in [
        "installing Debian",
        "packing the container image",
        "waiting for containerd",
        "unpacking",
        "until the image is on the disk",
    ] {
        kill_at(&images, &lock, moment);
        assert!(!folder.exists(), "killed at {moment:?}, it looks finished");
    }
    let mut child = start(&images, &lock);
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let (mut heard, mut longest) = (Instant::now(), 0);
    for _ in lines.map_while(Result::ok) {
        longest = longest.max(heard.elapsed().as_millis());
        heard = Instant::now();
    }
    assert!(child.wait().unwrap().success());
    assert!(longest < 5_000, "silent for {longest} ms");
    let entries: BTreeSet<_> = fs::read_dir(&images)
        .unwrap()
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.is_dir())
        .collect();
    assert_eq!(
        entries,
        BTreeSet::from([folder.clone()]),
        "nothing is left over"
    );
    assert_eq!(left(&images), Vec::<String>::new());
    locked(&images, &lock);
    same_again(&folder, &place.path().join("again"), &lock);
}

/// The finished image serves this lab at once, and not one that locked another digest.
fn locked(images: &Path, lock: &Path) {
    let look = |lock: &Path| {
        with(images, lock, |driver, context| {
            driver.precheck(&step(node_image()), context).unwrap()
        })
    };
    assert_eq!(look(lock), Precheck::Done);
    let other = lock.with_file_name("other.lock");
    assert_eq!(
        look(&other),
        Precheck::Ready,
        "it is not recorded there yet"
    );
    let mut content: serde_json::Value = serde_json::from_slice(&fs::read(lock).unwrap()).unwrap();
    let sum = &mut content["artifacts"]["netcheck/amd64"]["sha256"]["netcheck"];
    let found = sum.as_str().unwrap().to_owned();
    *sum = "f".repeat(64).into();
    fs::write(&other, content.to_string()).unwrap();
    let Precheck::Refused(refusal) = look(&other) else {
        panic!("another digest was taken");
    };
    assert!(refusal.found.contains(&found), "{}", refusal.found);
    assert!(refusal.found.contains(&"f".repeat(64)), "{}", refusal.found);
}

/// A second build has the same images, bit by bit.
fn same_again(folder: &Path, again: &Path, lock: &Path) {
    assert!(
        start(again, lock)
            .wait_with_output()
            .unwrap()
            .status
            .success()
    );
    let second = again.join(folder.file_name().unwrap());
    assert_eq!(blobs(folder), blobs(&second));
}

fn no_room() {
    let place = tempfile::tempdir_in("/var/tmp").unwrap();
    let lock = place.path().join("lab.lock");
    let cases = BTreeMap::from([
        // Refused beforehand.
        ("64m", ("the node image needs 1400 MB", 64)),
        // Something else fills the disk meanwhile.
        ("1500m", ("the node image needs 1400 MB", 1_300)),
    ]);
    for (size, (expected, filled)) in cases {
        let images = place.path().join(size);
        fs::create_dir_all(&images).unwrap();
        let output = Command::new("unshare")
            .args([
                "--mount",
                "--propagation",
                "private",
                "sh",
                "-ec",
                TMPFS,
                "sh",
            ])
            .args([size, &images.display().to_string(), &filled.to_string()])
            .arg(std::env::current_exe().unwrap())
            .arg(&lock)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(said.contains(expected), "{said}");
        assert!(said.contains(&images.display().to_string()), "{said}");
        assert!(said.contains("make space"), "{said}");
        assert!(
            said.contains("HALF 0"),
            "half made things were kept: {said}"
        );
    }
}

/// Builds on a file system of that size, which something else fills a little later.
const TMPFS: &str = r#"
mount -t tmpfs -o size="$1" tmpfs "$2"
(sleep 5; head -c "$3"M /dev/zero > "$2/filler") 2>/dev/null &
"$4" build "$2" "$5" || true
echo "HALF $(find "$2" -name '*.new' | wc -l)"
"#;
