//! The publisher's release, over HTTPS, checked against the publisher's checksums. Downloads go on
//! where an earlier attempt stopped.

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use model::digest::Digest;

use super::Fetched;
use crate::image::ImageError;
use crate::image::cache::{Fetching, sha256};
use crate::image::recipe::{ReleaseFile, arch_word};

/// How long a publisher that cannot be reached may keep us from the next source.
const CONNECT_LIMIT: Duration = Duration::from_secs(5);
/// No checksum file is larger.
const CHECKSUM_SIZE: u64 = 1 << 20;

/// Downloads all files of a release.
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
    for file in files {
        let url = file.url.replace("{arch}", arch);
        let checksum = file.checksum.replace("{arch}", arch);
        let expected = published_sum(&agent, &checksum, &url)?;
        let whole = download(&agent, &url, partial, how)?;
        let found = sha256(&whole)?;
        if found != expected {
            // It must not be gone on with the next time.
            fs::remove_file(&whole).map_err(ImageError::io("removing", &whole))?;
            return Err(ImageError::Checksum {
                url,
                expected,
                found,
            });
        }
        place(file, arch, &whole, into)?;
    }
    Ok(Fetched {
        from: "release".to_owned(),
    })
}

fn failed(url: &str) -> impl FnOnce(ureq::Error) -> ImageError + '_ {
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

fn download(
    agent: &ureq::Agent,
    url: &str,
    partial: &Path,
    how: &Fetching<'_>,
) -> Result<PathBuf, ImageError> {
    let path = partial.join(Digest::of_bytes(url.as_bytes()).as_str());
    let have = fs::metadata(&path).map_or(0, |data| data.len());
    let mut request = agent.get(url);
    if have > 0 {
        request = request.header("range", format!("bytes={have}-"));
    }
    let answer = match request.call() {
        // It was whole already.
        Err(ureq::Error::StatusCode(416)) => return Ok(path),
        other => other.map_err(failed(url))?,
    };
    let goes_on = answer.status() == 206;
    let mut file = if goes_on {
        OpenOptions::new().append(true).open(&path)
    } else {
        File::create(&path)
    }
    .map_err(ImageError::io("opening", &path))?;
    let mut done = if goes_on { have } else { 0 };
    let mut body = answer.into_body().into_reader();
    let mut buffer = vec![0; 1 << 16];
    loop {
        if (how.stop)() {
            return Err(ImageError::Interrupted);
        }
        let n = body
            .read(&mut buffer)
            .map_err(|error| ImageError::Download {
                url: url.to_owned(),
                why: error.to_string(),
            })?;
        if n == 0 {
            break;
        }
        file.write_all(buffer.get(..n).unwrap_or_default())
            .map_err(ImageError::io("writing", &path))?;
        done += n as u64;
        (how.doing)(&format!("downloading {url}, {} MB", done / 1_000_000));
    }
    file.sync_all().map_err(ImageError::io("writing", &path))?;
    Ok(path)
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
    fs::remove_file(whole).map_err(ImageError::io("removing", whole))
}
