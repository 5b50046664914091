//! A small deterministic builder of OCI images: layers, configuration, index. Same files, same
//! digests: owners are numeric, times are zero, entries are sorted, nothing is compressed.
//!
//! Source of the formats: OCI Image Format Specification 1.1, `config.md`, `manifest.md`,
//! `image-index.md`, `layer.md`.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::ImageError;
use super::cache::hex;

/// What stands at a path of a layer.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Entry {
    /// A folder with that mode.
    Folder(u32),
    /// A copy of that file.
    File(PathBuf),
    /// A symbolic link to that target.
    Link(String),
}

/// The files of a layer by their paths, without a leading `/`.
pub type Layer = BTreeMap<String, Entry>;

/// An image: its layers from below to above, and what it runs.
#[derive(Debug, Clone)]
pub struct Image {
    /// Its full name with tag.
    pub name: String,
    /// Its layers, by their positions in the archive's list of layers.
    pub layers: Vec<usize>,
    /// The program that it runs.
    pub entrypoint: String,
}

/// Where programs are looked for inside an image.
const PATH: &str = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Writes an archive (an OCI image layout in a tar file, as `ctr images import` takes it) with
/// these images. Layers are shared among them.
///
/// # Errors
/// Where a file cannot be read or the archive cannot be written.
pub fn write_archive(
    path: &Path,
    arch: &str,
    layers: &[Layer],
    images: &[Image],
) -> Result<(), ImageError> {
    let file = File::create(path).map_err(ImageError::io("creating", path))?;
    let mut archive = Archive {
        tar: tar::Builder::new(BufWriter::new(file)),
        path,
    };
    let mut blobs = Vec::new();
    for layer in layers {
        blobs.push(archive.layer(layer)?);
    }
    let mut manifests = Vec::new();
    for image in images {
        let chosen: Vec<&Blob> = image.layers.iter().filter_map(|i| blobs.get(*i)).collect();
        manifests.push(archive.image(image, arch, &chosen)?);
    }
    archive.file("oci-layout", br#"{"imageLayoutVersion":"1.0.0"}"#)?;
    let index = json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.index.v1+json",
        "manifests": manifests,
    });
    archive.file("index.json", &compact(&index))?;
    archive.finish()
}

struct Blob {
    digest: String,
    size: u64,
}

struct Archive<'a> {
    tar: tar::Builder<BufWriter<File>>,
    path: &'a Path,
}

impl Archive<'_> {
    fn layer(&mut self, layer: &Layer) -> Result<Blob, ImageError> {
        // The digest names the blob, so the layer is written aside first.
        let aside = self.path.with_extension("layer");
        let file = File::create(&aside).map_err(ImageError::io("creating", &aside))?;
        let mut hashing = Hashing::new(BufWriter::new(file));
        write_layer(&mut hashing, layer)?;
        let (digest, size) = hashing
            .finish()
            .map_err(ImageError::io("writing", &aside))?;
        let mut file = File::open(&aside).map_err(ImageError::io("opening", &aside))?;
        let mut header = header(0o644, size);
        self.tar
            .append_data(&mut header, blob_path(&digest), &mut file)
            .map_err(ImageError::io("writing", self.path))?;
        fs::remove_file(&aside).map_err(ImageError::io("removing", &aside))?;
        Ok(Blob { digest, size })
    }

    fn image(&mut self, image: &Image, arch: &str, layers: &[&Blob]) -> Result<Value, ImageError> {
        let diff_ids: Vec<String> = layers
            .iter()
            .map(|b| format!("sha256:{}", b.digest))
            .collect();
        let config = self.blob(&compact(&json!({
            "architecture": arch,
            "os": "linux",
            "config": { "Env": [PATH], "Entrypoint": [image.entrypoint] },
            "rootfs": { "type": "layers", "diff_ids": diff_ids },
        })))?;
        let descriptors: Vec<Value> = layers
            .iter()
            .map(|blob| descriptor("application/vnd.oci.image.layer.v1.tar", blob))
            .collect();
        let manifest = self.blob(&compact(&json!({
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": descriptor("application/vnd.oci.image.config.v1+json", &config),
            "layers": descriptors,
        })))?;
        let mut entry = descriptor("application/vnd.oci.image.manifest.v1+json", &manifest);
        entry["platform"] = json!({ "architecture": arch, "os": "linux" });
        entry["annotations"] = json!({ "io.containerd.image.name": image.name });
        Ok(entry)
    }

    fn blob(&mut self, content: &[u8]) -> Result<Blob, ImageError> {
        let digest = hex(&Sha256::digest(content));
        self.file(&blob_path(&digest), content)?;
        Ok(Blob {
            digest,
            size: content.len() as u64,
        })
    }

    fn file(&mut self, path: &str, content: &[u8]) -> Result<(), ImageError> {
        let mut header = header(0o644, content.len() as u64);
        self.tar
            .append_data(&mut header, path, content)
            .map_err(ImageError::io("writing", self.path))
    }

    fn finish(self) -> Result<(), ImageError> {
        let path = self.path;
        self.tar
            .into_inner()
            .and_then(|mut out| out.flush())
            .map_err(ImageError::io("writing", path))
    }
}

fn blob_path(digest: &str) -> String {
    format!("blobs/sha256/{digest}")
}

fn descriptor(media_type: &str, blob: &Blob) -> Value {
    json!({
        "mediaType": media_type,
        "digest": format!("sha256:{}", blob.digest),
        "size": blob.size,
    })
}

/// JSON with sorted keys and no white space.
fn compact(value: &Value) -> Vec<u8> {
    value.to_string().into_bytes()
}

fn header(mode: u32, size: u64) -> tar::Header {
    let mut header = tar::Header::new_ustar();
    header.set_mode(mode);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header.set_size(size);
    header
}

fn write_layer(out: &mut impl Write, layer: &Layer) -> Result<(), ImageError> {
    let mut tar = tar::Builder::new(out);
    for (path, entry) in layer {
        let wrong = || ImageError::io("packing", Path::new(path));
        match entry {
            Entry::Folder(mode) => {
                let mut header = header(*mode, 0);
                header.set_entry_type(tar::EntryType::Directory);
                tar.append_data(&mut header, format!("{path}/"), io::empty())
                    .map_err(wrong())?;
            }
            Entry::Link(target) => {
                let mut header = header(0o777, 0);
                header.set_entry_type(tar::EntryType::Symlink);
                tar.append_link(&mut header, path, target)
                    .map_err(wrong())?;
            }
            Entry::File(source) => {
                let mut file = File::open(source).map_err(ImageError::io("opening", source))?;
                let data = file.metadata().map_err(ImageError::io("reading", source))?;
                let executable = data.permissions().mode() & 0o111 != 0;
                let mut header = header(if executable { 0o755 } else { 0o644 }, data.len());
                tar.append_data(&mut header, path, &mut file)
                    .map_err(wrong())?;
            }
        }
    }
    tar.finish()
        .map_err(ImageError::io("packing", Path::new(".")))
}

/// A layer of files with the folders above them.
#[must_use]
pub fn with_folders(files: Layer) -> Layer {
    let mut layer = files;
    let paths: Vec<String> = layer.keys().cloned().collect();
    for path in paths {
        let mut above = Path::new(&path).parent();
        while let Some(folder) = above.filter(|f| !f.as_os_str().is_empty()) {
            layer
                .entry(folder.to_string_lossy().into_owned())
                .or_insert(Entry::Folder(0o755));
            above = folder.parent();
        }
    }
    layer
}

/// A writer that takes the digest and size of what passes.
struct Hashing<W> {
    inner: W,
    hasher: Sha256,
    size: u64,
}

impl<W: Write> Hashing<W> {
    fn new(inner: W) -> Self {
        Self {
            inner,
            hasher: Sha256::new(),
            size: 0,
        }
    }

    fn finish(mut self) -> io::Result<(String, u64)> {
        self.inner.flush()?;
        Ok((hex(&self.hasher.finalize()), self.size))
    }
}

impl<W: Write> Write for Hashing<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let n = self.inner.write(bytes)?;
        self.hasher.update(bytes.get(..n).unwrap_or_default());
        self.size += n as u64;
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn build(folder: &Path, program: &[u8]) -> Vec<u8> {
        let source = folder.join("program");
        fs::write(&source, program).unwrap();
        fs::set_permissions(&source, fs::Permissions::from_mode(0o700)).unwrap();
        let layer = with_folders(Layer::from([
            ("usr/local/bin/all".to_owned(), Entry::File(source)),
            (
                "usr/local/bin/one".to_owned(),
                Entry::Link("all".to_owned()),
            ),
            ("tmp".to_owned(), Entry::Folder(0o1777)),
        ]));
        let image = |name: &str| Image {
            name: name.to_owned(),
            layers: vec![0],
            entrypoint: "/usr/local/bin/one".to_owned(),
        };
        let path = folder.join("archive.tar");
        write_archive(
            &path,
            "amd64",
            &[layer],
            &[image("a/one:1"), image("a/two:1")],
        )
        .unwrap();
        fs::read(path).unwrap()
    }

    #[test]
    fn same_files_give_the_same_bytes_and_others_do_not() {
        let (a, b) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let first = build(a.path(), b"program");
        std::thread::sleep(std::time::Duration::from_millis(1100));
        assert_eq!(
            first,
            build(b.path(), b"program"),
            "another place, another second"
        );
        assert_ne!(first, build(b.path(), b"Program"));
    }

    #[test]
    fn every_digest_in_the_archive_names_its_content() {
        let folder = tempfile::tempdir().unwrap();
        let bytes = build(folder.path(), b"program");
        let mut archive = tar::Archive::new(bytes.as_slice());
        let mut blobs = 0;
        for entry in archive.entries().unwrap() {
            let mut entry = entry.unwrap();
            let path = entry.path().unwrap().to_string_lossy().into_owned();
            let mut content = Vec::new();
            io::Read::read_to_end(&mut entry, &mut content).unwrap();
            if let Some(digest) = path.strip_prefix("blobs/sha256/") {
                assert_eq!(digest, hex(&Sha256::digest(&content)));
                blobs += 1;
            }
        }
        assert_eq!(
            blobs, 5,
            "one shared layer, two configurations, two manifests"
        );
    }
}
