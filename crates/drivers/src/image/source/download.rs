//! Downloads that go on where an earlier attempt stopped, say what they do and never hang.

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write as _};
use std::path::Path;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};

use super::release::failed;
use crate::image::ImageError;
use crate::image::cache::Fetching;

/// A connection that is silent for so long is taken for dead.
const STALL: Duration = Duration::from_secs(30);
/// How often the progress is told.
const TELL: Duration = Duration::from_secs(1);
/// How many attempts in a row may fail without a byte.
const ATTEMPTS: u32 = 3;

/// Makes the file at `path` whole. A connection that breaks is made again, as long as it brings
/// something; a publisher that was not reached at all is an error at once.
pub(super) fn download(
    agent: &ureq::Agent,
    url: &str,
    path: &Path,
    how: &Fetching<'_>,
) -> Result<(), ImageError> {
    let (mut failures, mut reached) = (0, false);
    loop {
        let before = length(path);
        let error = match attempt(agent, url, path, how) {
            Err(error @ ImageError::Download { .. }) => error,
            done_or_final => return done_or_final,
        };
        if length(path) > before {
            (failures, reached) = (0, true);
        } else {
            failures += 1;
        }
        if !reached || failures == ATTEMPTS {
            return Err(error);
        }
        (how.doing)(&format!("{error}; connecting again"));
        std::thread::sleep(Duration::from_millis(500));
    }
}

fn length(path: &Path) -> u64 {
    fs::metadata(path).map_or(0, |data| data.len())
}

fn attempt(
    agent: &ureq::Agent,
    url: &str,
    path: &Path,
    how: &Fetching<'_>,
) -> Result<(), ImageError> {
    let have = length(path);
    let mut request = agent.get(url);
    if have > 0 {
        request = request.header("range", format!("bytes={have}-"));
    }
    let answer = match request.call() {
        // There is nothing beyond what we have: the digest tells whether it is right.
        Err(ureq::Error::StatusCode(416)) => return Ok(()),
        other => other.map_err(failed(url))?,
    };
    let place = format!("bytes {have}-");
    let goes_on = answer.status() == 206
        && answer
            .headers()
            .get("content-range")
            .and_then(|range| range.to_str().ok())
            .is_some_and(|range| range.starts_with(&place));
    if answer.status() == 206 && !goes_on {
        return Err(torn(
            url,
            "the publisher sent another part than was asked for",
        ));
    }
    let file = if goes_on {
        OpenOptions::new().append(true).open(path)
    } else {
        File::create(path)
    };
    let file = file.map_err(ImageError::io("opening", path))?;
    let begin = if goes_on { have } else { 0 };
    receive(
        url,
        answer.into_body().into_reader(),
        (file, path),
        begin,
        how,
    )
}

/// Takes in a body. It is read by a thread of its own, so that a dead connection can be told from
/// a slow one and an interruption is heard meanwhile.
fn receive(
    url: &str,
    body: impl Read + Send + 'static,
    (mut file, path): (File, &Path),
    begin: u64,
    how: &Fetching<'_>,
) -> Result<(), ImageError> {
    let parts = read_apart(body);
    let (mut done, mut heard, mut told) = (begin, Instant::now(), Instant::now());
    loop {
        if (how.stop)() {
            return Err(ImageError::Interrupted);
        }
        match parts.recv_timeout(TELL) {
            Ok(Ok(part)) => {
                file.write_all(&part)
                    .map_err(ImageError::io("writing", path))?;
                done += part.len() as u64;
                heard = Instant::now();
            }
            Ok(Err(error)) => return Err(torn(url, &error.to_string())),
            Err(RecvTimeoutError::Timeout) if heard.elapsed() >= STALL => {
                return Err(torn(url, "nothing came any more"));
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => break,
        }
        if told.elapsed() >= TELL {
            (how.doing)(&format!("downloading {url}, {} MB", done / 1_000_000));
            told = Instant::now();
        }
    }
    file.sync_all().map_err(ImageError::io("writing", path))
}

fn read_apart(
    mut body: impl Read + Send + 'static,
) -> mpsc::Receiver<Result<Vec<u8>, std::io::Error>> {
    // A few parts ahead are enough; more would only fill memory when the disk is slow.
    let (sender, receiver) = mpsc::sync_channel(16);
    std::thread::spawn(move || {
        let mut buffer = vec![0; 1 << 16];
        loop {
            let part = match body.read(&mut buffer) {
                Ok(0) => return,
                Ok(n) => Ok(buffer.get(..n).unwrap_or_default().to_vec()),
                Err(error) => Err(error),
            };
            let last = part.is_err();
            if sender.send(part).is_err() || last {
                return;
            }
        }
    });
    receiver
}

fn torn(url: &str, why: &str) -> ImageError {
    ImageError::Download {
        url: url.to_owned(),
        why: why.to_owned(),
    }
}
