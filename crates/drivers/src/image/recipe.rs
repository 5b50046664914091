//! Recipes: where artifacts come from and what node images hold. They are data of the catalog,
//! carried inside the program.

use std::collections::{BTreeMap, BTreeSet};

use include_dir::{Dir, include_dir};
use model::digest::Digest;
use model::lab::Arch;
use serde::{Deserialize, Serialize};

use super::ImageError;

static ARTIFACTS: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../../catalog/artifacts");
static IMAGES: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../../catalog/images");
/// The Go modules that artifacts are built from.
pub(super) static NODE: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../../node");

/// How to obtain an artifact.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Recipe {
    /// Its name, equal to the name of the file without `.yaml`.
    pub name: String,
    /// Its version.
    pub version: String,
    /// What it is, for people.
    pub about: String,
    /// About how large it is: `167 MB`.
    pub size: String,
    /// About how long a build takes on two cores.
    pub build_time: String,
    /// The files that it must hold in the end.
    pub files: BTreeSet<String>,
    /// Where it comes from, in the order in which they are tried.
    pub sources: Vec<Source>,
}

/// One place that an artifact comes from.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Source {
    /// Files that the publisher releases, with the publisher's checksums.
    Release(Vec<ReleaseFile>),
    /// A build from Go modules.
    Go(GoBuild),
    /// A build of one C file without any library.
    C(CBuild),
}

/// A file of a publisher's release. `{arch}` stands for the architecture.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReleaseFile {
    /// Where it is.
    pub url: String,
    /// Where its SHA-256 is: alone in a file, or in a list of `sum  name` lines.
    pub checksum: String,
    /// The file that it becomes, if it is no archive.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// Files to take out of the archive (`tar.gz`), by the names that they get.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub extract: BTreeMap<String, String>,
}

/// A build from Go modules: `go build` in a folder of `node/`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GoBuild {
    /// The folder of the module.
    pub module: String,
    /// The file in that folder that says which versions it is built from. Default: `go.mod`.
    #[serde(default = "go_mod", skip_serializing_if = "is_go_mod")]
    pub modfile: String,
    /// The package to build.
    pub package: String,
    /// The file to make.
    pub output: String,
    /// Flags of the linker.
    pub ldflags: String,
    /// Build tags.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tags: Option<String>,
    /// Whether it contains C.
    #[serde(default)]
    pub cgo: bool,
    /// Further names of the file.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub links: BTreeSet<String>,
}

fn go_mod() -> String {
    "go.mod".to_owned()
}

fn is_go_mod(file: &String) -> bool {
    *file == go_mod()
}

impl GoBuild {
    /// Whether a file below `node/` decides what comes out.
    fn reads(&self, path: &str) -> bool {
        let inside = match self.module.as_str() {
            "." => Some(path),
            module => path
                .strip_prefix(module)
                .and_then(|rest| rest.strip_prefix('/')),
        };
        let sums = self.modfile.replace(".mod", ".sum");
        inside.is_some_and(|file| {
            let own = self.package.strip_prefix("./");
            file == self.modfile
                || file == sums
                || own.is_some_and(|folder| file.starts_with(&format!("{folder}/")))
        })
    }
}

/// A build of one C file.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CBuild {
    /// The file, below `node/`.
    pub file: String,
    /// The file to make.
    pub output: String,
}

/// What a node image holds.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ImageRecipe {
    /// The Kubernetes versions that there is one for, each with the words that stand for what it
    /// brings: `{programs}` in the rest of the recipe is its `programs`.
    pub versions: BTreeMap<String, BTreeMap<String, String>>,
    /// The Debian release.
    pub debian: String,
    /// Raised when the way of building changes.
    pub recipe: u32,
    /// Debian packages beside the minimal base.
    pub packages: BTreeSet<String>,
    /// Programs that go to `/usr/local/bin`, by artifact.
    pub programs: BTreeMap<String, BTreeSet<String>>,
    /// Container images that are baked into the container runtime's store.
    pub images: Vec<BakedImage>,
    /// Those that are baked where the node image has their artifact: only some labs run them.
    pub further: Vec<BakedImage>,
}

/// A container image around one program.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BakedImage {
    /// Its full name with tag.
    pub name: String,
    /// The artifact that the program belongs to.
    pub artifact: String,
    /// The program.
    pub program: String,
    /// Programs of the node's own file system that it needs, with their libraries.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tools: Vec<String>,
}

impl Recipe {
    /// The recipe of that name.
    ///
    /// # Errors
    /// [`ImageError::UnknownRecipe`], [`ImageError::BadRecipe`].
    pub fn find(name: &str) -> Result<Self, ImageError> {
        read(&ARTIFACTS, name)
    }

    /// About how many bytes it needs while it is made.
    pub(super) fn bytes(&self) -> u64 {
        let megabytes = self.size.strip_suffix(" MB").and_then(|n| n.parse().ok());
        megabytes.unwrap_or(0_u64) * 1_000_000
    }

    /// The digest of all that decides what comes out: the recipe, and the sources if it is built.
    #[must_use]
    pub fn digest(&self, arch: Arch) -> Digest {
        let mut files = BTreeMap::new();
        collect(&NODE, &mut files);
        files.retain(|path, _| {
            self.sources.iter().any(|source| match source {
                Source::Release(_) => false,
                Source::Go(build) => build.reads(path),
                Source::C(build) => build.file == *path,
            })
        });
        Digest::of(&(self, arch, files))
    }
}

impl ImageRecipe {
    /// The image recipe of that name, for a version of Kubernetes.
    ///
    /// # Errors
    /// [`ImageError::UnknownRecipe`], [`ImageError::BadRecipe`].
    pub fn find(name: &str, kubernetes: &str) -> Result<Self, ImageError> {
        let mut recipe: Self = read(&IMAGES, name)?;
        let unknown = || ImageError::UnknownRecipe(format!("{name} {kubernetes}"));
        let words = recipe.versions.get(kubernetes).ok_or_else(unknown)?.clone();
        let put = |text: &mut String| {
            *text = text.replace("{kubernetes}", kubernetes);
            for (word, value) in &words {
                *text = text.replace(&format!("{{{word}}}"), value);
            }
        };
        for image in &mut recipe.images {
            put(&mut image.name);
            put(&mut image.artifact);
        }
        recipe.images.dedup_by(|one, other| one.name == other.name);
        recipe.programs = recipe
            .programs
            .into_iter()
            .map(|(mut artifact, programs)| {
                put(&mut artifact);
                (artifact, programs)
            })
            .collect();
        Ok(recipe)
    }
}

fn read<T: serde::de::DeserializeOwned>(dir: &Dir<'_>, name: &str) -> Result<T, ImageError> {
    let text = dir
        .get_file(format!("{name}.yaml"))
        .and_then(|file| file.contents_utf8())
        .ok_or_else(|| ImageError::UnknownRecipe(name.to_owned()))?;
    serde_saphyr::from_str(text).map_err(|error| ImageError::BadRecipe {
        name: name.to_owned(),
        why: error.to_string(),
    })
}

fn collect(dir: &Dir<'_>, digests: &mut BTreeMap<String, Digest>) {
    for file in dir.files() {
        let path = file.path().to_string_lossy().into_owned();
        digests.insert(path, Digest::of_bytes(file.contents()));
    }
    for below in dir.dirs() {
        collect(below, digests);
    }
}

/// The architecture as Go, Debian and Kubernetes call it.
pub(super) const fn arch_word(arch: Arch) -> &'static str {
    match arch {
        Arch::Amd64 => "amd64",
        Arch::Arm64 => "arm64",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_recipe_reads_and_images_use_only_what_exists() {
        let mut files = BTreeMap::new();
        for file in ARTIFACTS.files() {
            let name = file.path().file_stem().unwrap().to_str().unwrap();
            let recipe = Recipe::find(name).unwrap();
            assert_eq!(recipe.name, name);
            assert!(!recipe.sources.is_empty(), "{name} comes from nowhere");
            assert!(recipe.bytes() > 0, "{name}: {:?} is no size", recipe.size);
            for source in &recipe.sources {
                let Source::Release(files) = source else {
                    continue;
                };
                for url in files.iter().flat_map(|file| [&file.url, &file.checksum]) {
                    assert!(
                        url.starts_with("https://"),
                        "{url} could be changed on its way"
                    );
                }
            }
            files.insert(recipe.name, recipe.files);
        }
        for file in IMAGES.files() {
            let name = file.path().file_stem().unwrap().to_str().unwrap();
            let versions = read::<ImageRecipe>(&IMAGES, name).unwrap().versions;
            for version in versions.keys() {
                let image = ImageRecipe::find(name, version).unwrap();
                for baked in image.images.iter().chain(&image.further) {
                    assert!(
                        files[&baked.artifact].contains(&baked.program),
                        "{}",
                        baked.name
                    );
                }
                for (artifact, programs) in &image.programs {
                    assert!(programs.is_subset(&files[artifact]), "{artifact}");
                }
            }
        }
    }

    #[test]
    fn another_programs_sources_do_not_count() {
        let build = |name: &str| match Recipe::find(name).unwrap().sources.pop() {
            Some(Source::Go(build)) => build,
            _ => panic!("{name} is not built"),
        };
        let (new, old) = (build("node-programs"), build("node-programs-1-35"));
        for (path, by_new, by_old) in [
            ("programs/main.go", true, true),
            ("go.mod", true, false),
            ("go.sum", true, false),
            ("kubernetes-1.35.mod", false, true),
            ("kubernetes-1.35.sum", false, true),
            ("netcheck/main.go", false, false),
            ("flannel/go.mod", false, false),
        ] {
            assert_eq!(
                (new.reads(path), old.reads(path)),
                (by_new, by_old),
                "{path}"
            );
        }
        assert!(build("flannel").reads("flannel/go.sum"));
        // A name in the table would be a source that nobody reads.
        let mut files = BTreeMap::new();
        collect(&NODE, &mut files);
        assert!(files.contains_key("kubernetes-1.35.mod"));
    }
}
