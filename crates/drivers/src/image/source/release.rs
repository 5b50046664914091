//! The publisher's release, over HTTPS, checked against the publisher's checksums.

use std::fs::{self, File};
use std::path::Path;
use std::time::Duration;

use model::digest::Digest;

use super::Fetched;
use super::download::download;
use crate::image::ImageError;
use crate::image::cache::{Fetching, sha256, take_turn};
use crate::image::program;
use crate::image::recipe::{ReleaseFile, arch_word};

/// How long a publisher that cannot be reached may keep us from the next source.
const CONNECT_LIMIT: Duration = Duration::from_secs(5);
/// No checksum file is larger.
const CHECKSUM_SIZE: u64 = 1 << 20;

/// Downloads all files of a release. Those that are whole are kept in `partial` until all are, so
/// that an interrupted release goes on with the file that was cut off.
pub(in crate::image) fn fetch(
    files: &[ReleaseFile],
    partial: &Path,
    how: &Fetching<'_>,
    into: &Path,
) -> Result<Fetched, ImageError> {
    let agent = ureq::Agent::new_with_config(
        ureq::Agent::config_builder()
            .timeout_connect(Some(CONNECT_LIMIT))
            .timeout_resolve(Some(CONNECT_LIMIT))
            .timeout_recv_response(Some(Duration::from_secs(30)))
            .build(),
    );
    fs::create_dir_all(partial).map_err(ImageError::io("creating", partial))?;
    let arch = arch_word(how.arch);
    let mut whole = Vec::new();
    for file in files {
        let url = file.url.replace("{arch}", arch);
        let checksum = file.checksum.replace("{arch}", arch);
        (how.doing)(&format!("looking for {url}"));
        let expected = published_sum(&agent, &checksum, &url)?;
        let path = partial.join(Digest::of_bytes(url.as_bytes()).as_str());
        // Another recipe may name the same file.
        let turn = take_turn(&path, how)?;
        complete(&agent, &url, &expected, &path, how)?;
        whole.push((file, path, turn));
    }
    for (file, path, _turn) in &whole {
        place(file, arch, path, into)?;
    }
    Ok(Fetched {
        from: "release".to_owned(),
    })
}

/// Makes the file whole and right, going on with what an earlier attempt left.
fn complete(
    agent: &ureq::Agent,
    url: &str,
    expected: &str,
    path: &Path,
    how: &Fetching<'_>,
) -> Result<(), ImageError> {
    let digest = || program::told(how, &format!("taking the digest of {url}"), || sha256(path));
    let left = path.exists();
    if left && digest()? == expected {
        return Ok(());
    }
    download(agent, url, path, how)?;
    let mut found = digest()?;
    if left && found != expected {
        // What was left may have been a part of something else: once more, from the start.
        remove(path)?;
        download(agent, url, path, how)?;
        found = digest()?;
    }
    if found == expected {
        return Ok(());
    }
    remove(path)?;
    Err(ImageError::Checksum {
        url: url.to_owned(),
        expected: expected.to_owned(),
        found,
    })
}

fn remove(path: &Path) -> Result<(), ImageError> {
    fs::remove_file(path).map_err(ImageError::io("removing", path))
}

pub(super) fn failed(url: &str) -> impl FnOnce(ureq::Error) -> ImageError + '_ {
    move |error| ImageError::Download {
        url: url.to_owned(),
        why: error.to_string(),
    }
}

fn published_sum(agent: &ureq::Agent, checksum: &str, url: &str) -> Result<String, ImageError> {
    let mut answer = agent.get(checksum).call().map_err(failed(checksum))?;
    let text = answer
        .body_mut()
        .with_config()
        .limit(CHECKSUM_SIZE)
        .read_to_string()
        .map_err(failed(checksum))?;
    let name = url.rsplit('/').next().unwrap_or_default();
    find_sum(&text, name).ok_or_else(|| ImageError::Download {
        url: checksum.to_owned(),
        why: format!("it names no SHA-256 for {name}"),
    })
}

/// The sum of a file in the text of a checksum file: alone, or in `sum  name` lines.
fn find_sum(text: &str, name: &str) -> Option<String> {
    let is_sum = |word: &&str| word.len() == 64 && word.bytes().all(|b| b.is_ascii_hexdigit());
    let named = text.lines().find_map(|line| {
        let mut words = line.split_whitespace();
        let sum = words.next().filter(is_sum)?;
        let file = words.next()?.trim_start_matches('*');
        (file.rsplit('/').next() == Some(name)).then_some(sum)
    });
    let alone = || Some(text.trim()).filter(is_sum);
    named.or_else(alone).map(str::to_ascii_lowercase)
}

fn place(file: &ReleaseFile, arch: &str, whole: &Path, into: &Path) -> Result<(), ImageError> {
    if let Some(name) = &file.file {
        let target = into.join(name);
        return fs::rename(whole, &target).map_err(ImageError::io("storing", &target));
    }
    let archive = File::open(whole).map_err(ImageError::io("opening", whole))?;
    let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(archive));
    let unpacking = || ImageError::io("unpacking", whole);
    for entry in archive.entries().map_err(unpacking())? {
        let mut entry = entry.map_err(unpacking())?;
        let inside = entry.path().map_err(unpacking())?.into_owned();
        let inside = inside.strip_prefix("./").unwrap_or(&inside);
        let wanted = file
            .extract
            .iter()
            .find(|(_, path)| Path::new(&path.replace("{arch}", arch)) == inside);
        if let Some((name, _)) = wanted {
            let target = into.join(name);
            let mut out = File::create(&target).map_err(ImageError::io("writing", &target))?;
            std::io::copy(&mut entry, &mut out).map_err(ImageError::io("writing", &target))?;
        }
    }
    if let Some(name) = file.extract.keys().find(|name| !into.join(name).exists()) {
        return Err(ImageError::Download {
            url: file.url.clone(),
            why: format!("the archive does not hold {name}"),
        });
    }
    remove(whole)
}

#[cfg(test)]
#[path = "release_tests.rs"]
mod tests;
