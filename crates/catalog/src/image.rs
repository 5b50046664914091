//! Node images: which there are, and what is in them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;

use include_dir::{Dir, File, include_dir};
use model::lab::{Arch, Distribution};
use model::resource::{Artifact, NodeImage};
use serde::Deserialize;

static ARTIFACTS: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../../catalog/artifacts");
static IMAGES: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../../catalog/images");

/// The part of an image recipe that decides what the image is; the rest says how to build it.
#[derive(Debug, Deserialize)]
struct ImageData {
    versions: BTreeMap<String, BTreeMap<String, String>>,
    debian: String,
    recipe: u32,
    packages: BTreeSet<String>,
    programs: BTreeMap<String, BTreeSet<String>>,
    images: Vec<BakedData>,
    further: Vec<BakedData>,
}

#[derive(Debug, Deserialize)]
struct BakedData {
    name: String,
    artifact: String,
}

#[derive(Debug, Deserialize)]
struct ArtifactData {
    name: String,
    version: String,
}

/// The Kubernetes versions that node images exist for, the older before the newer.
#[must_use]
pub fn kubernetes_versions() -> Vec<String> {
    image_data().map_or_else(Vec::new, |data| data.versions.keys().cloned().collect())
}

/// The recipe, which is part of the program and read once; a test reads all of it.
fn image_data() -> Option<&'static ImageData> {
    static DATA: OnceLock<Option<ImageData>> = OnceLock::new();
    let read = || {
        let text = IMAGES.get_file("kubeadm.yaml")?.contents_utf8()?;
        serde_saphyr::from_str(text).ok()
    };
    DATA.get_or_init(read).as_ref()
}

/// Whether only those nodes have a container image whose labs run it.
pub(crate) fn is_further(name: &str) -> bool {
    image_data().is_some_and(|data| data.further.iter().any(|image| image.name == name))
}

/// The version of an artifact. All of them are read once, as the recipe is.
fn artifact_version(name: &str) -> Option<&'static str> {
    static ALL: OnceLock<BTreeMap<String, String>> = OnceLock::new();
    let read = |file: &File<'_>| {
        let data: ArtifactData = serde_saphyr::from_str(file.contents_utf8()?).ok()?;
        Some((data.name, data.version))
    };
    let all = ALL.get_or_init(|| ARTIFACTS.files().filter_map(read).collect());
    all.get(name).map(String::as_str)
}

/// The image of a distribution's nodes, with those further container images in it that `run`;
/// `None` for a version that there is none for.
pub(crate) fn node_image(
    distribution: &Distribution,
    arch: Arch,
    run: &BTreeSet<&str>,
) -> Option<NodeImage> {
    let Distribution::Kubeadm(kubeadm) = distribution else {
        return None;
    };
    let data = image_data()?;
    let words = data.versions.get(&kubeadm.kubernetes)?;
    let put = |name: &String| {
        let full = |text: String, (word, value): (&String, &String)| {
            text.replace(&format!("{{{word}}}"), value)
        };
        words.iter().fold(name.clone(), full)
    };
    let further = data.further.iter();
    let further = further.filter(|image| run.contains(image.name.as_str()));
    let images = data.images.iter().chain(further);
    let names: BTreeSet<String> = data
        .programs
        .keys()
        .chain(images.map(|image| &image.artifact))
        .map(put)
        .collect();
    let artifacts = names
        .into_iter()
        .map(|name| {
            Some(Artifact {
                name: name.parse().ok()?,
                version: artifact_version(&name)?.to_owned(),
                arch,
            })
        })
        .collect::<Option<_>>()?;
    Some(NodeImage {
        debian: data.debian.clone(),
        packages: data.packages.clone(),
        kubernetes: kubeadm.kubernetes.clone(),
        artifacts,
        recipe: data.recipe,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::lab::Kubeadm;

    #[test]
    fn there_is_an_image_for_every_version_that_is_offered() {
        assert!(!kubernetes_versions().is_empty());
        for version in kubernetes_versions() {
            let distribution = Distribution::Kubeadm(Kubeadm {
                kubernetes: version,
            });
            let image = node_image(&distribution, Arch::Amd64, &BTreeSet::new()).unwrap();
            assert!(image.packages.contains("containerd"));
            let has = |image: &NodeImage, name| {
                let mut artifacts = image.artifacts.iter();
                artifacts.any(|artifact| artifact.name.as_str() == name)
            };
            assert!(has(&image, "flannel") && !has(&image, "counter"));
            let run = BTreeSet::from(["steading.dev/counter:1.0.0"]);
            let image = node_image(&distribution, Arch::Amd64, &run).unwrap();
            assert!(has(&image, "counter") && !has(&image, "csi-attacher"));
        }
        let other = Distribution::Kubeadm(Kubeadm {
            kubernetes: "1.2.3".to_owned(),
        });
        assert_eq!(node_image(&other, Arch::Amd64, &BTreeSet::new()), None);
    }
}
