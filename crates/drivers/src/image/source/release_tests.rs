//! Downloads from a publisher that misbehaves.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use model::lab::Arch;
use sha2::{Digest as _, Sha256};

use super::*;
use crate::image::cache::hex;

/// A publisher of one file on 127.0.0.1 and what it was asked for.
struct Publisher {
    address: String,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Publisher {
    /// Publishes `content`. Each answer about the file is cut off after so many bytes, in turn;
    /// afterwards they are whole.
    fn new(content: &[u8], sum: &str, cuts: &[usize]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (content, sum) = (content.to_vec(), sum.to_owned());
        let mut cuts: Vec<usize> = cuts.iter().rev().copied().collect();
        let log = Arc::clone(&asked);
        std::thread::spawn(move || {
            for connection in listener.incoming().flatten() {
                serve(&connection, &content, &sum, &mut cuts, &log);
            }
        });
        Self { address, asked }
    }

    fn file(&self) -> ReleaseFile {
        ReleaseFile {
            url: format!("http://{}/program-{{arch}}", self.address),
            checksum: format!("http://{}/sums", self.address),
            file: Some("program".to_owned()),
            extract: BTreeMap::new(),
        }
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

/// Answers one request and closes the connection.
fn serve(
    mut connection: &TcpStream,
    content: &[u8],
    sum: &str,
    cuts: &mut Vec<usize>,
    log: &Mutex<Vec<String>>,
) {
    let mut lines = BufReader::new(connection)
        .lines()
        .map_while(Result::ok)
        .take_while(|line| !line.is_empty());
    let path = lines.next().unwrap_or_default();
    let from: usize = lines
        .filter_map(|line| {
            let line = line.to_ascii_lowercase();
            line.strip_prefix("range: bytes=")?
                .strip_suffix('-')?
                .parse()
                .ok()
        })
        .next()
        .unwrap_or(0);
    if path.contains("/sums") {
        let body = format!("{sum}  somewhere/program-amd64\n");
        write!(
            connection,
            "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        )
        .unwrap();
        return;
    }
    log.lock().unwrap().push(format!("from {from}"));
    if from >= content.len() {
        write!(
            connection,
            "HTTP/1.1 416 No\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
        )
        .unwrap();
        return;
    }
    let part = &content[from..];
    let status = if from > 0 { "206 Part" } else { "200 OK" };
    write!(
        connection,
        "HTTP/1.1 {status}\r\nconnection: close\r\ncontent-range: bytes {from}-{}/{}\r\ncontent-length: {}\r\n\r\n",
        content.len() - 1,
        content.len(),
        part.len()
    )
    .unwrap();
    let end = cuts.pop().unwrap_or(part.len()).min(part.len());
    // The other side may have hung up.
    let _ = connection.write_all(&part[..end]);
}

fn sum(content: &[u8]) -> String {
    hex(&Sha256::digest(content))
}

fn how(stop: &(dyn Fn() -> bool + Sync)) -> Fetching<'_> {
    Fetching {
        offline: None,
        arch: Arch::Amd64,
        doing: &|_| {},
        stop,
    }
}

fn content() -> Vec<u8> {
    (0..300_000_u32).flat_map(u32::to_le_bytes).collect()
}

/// Fetches into a new folder; the partial files are in `folder`.
fn run(publisher: &Publisher, folder: &Path) -> Result<Vec<u8>, ImageError> {
    let into = folder.join("into");
    fs::create_dir_all(&into).unwrap();
    fetch(
        &[publisher.file()],
        &folder.join("partial"),
        &how(&|| false),
        &into,
    )?;
    Ok(fs::read(into.join("program")).unwrap())
}

#[test]
fn a_torn_download_goes_on_where_it_was_cut() {
    let (content, folder) = (content(), tempfile::tempdir().unwrap());
    let publisher = Publisher::new(&content, &sum(&content), &[200_000, 500_000]);
    assert!(run(&publisher, folder.path()).unwrap() == content);
    assert_eq!(publisher.asked(), ["from 0", "from 200000", "from 700000"]);
}

#[test]
fn what_an_earlier_process_left_is_gone_on_with() {
    let (content, folder) = (content(), tempfile::tempdir().unwrap());
    let publisher = Publisher::new(&content, &sum(&content), &[]);
    let partial = folder.path().join("partial");
    fs::create_dir_all(&partial).unwrap();
    let url = publisher.file().url.replace("{arch}", "amd64");
    let path = partial.join(Digest::of_bytes(url.as_bytes()).as_str());
    fs::write(&path, &content[..1000]).unwrap();
    assert!(run(&publisher, folder.path()).unwrap() == content);
    assert_eq!(publisher.asked(), ["from 1000"]);
    // A whole one is not asked for again.
    fs::write(&path, &content).unwrap();
    assert!(run(&publisher, folder.path()).unwrap() == content);
    assert_eq!(publisher.asked(), ["from 1000"]);
}

#[test]
fn what_was_left_of_something_else_is_thrown_away() {
    let (content, folder) = (content(), tempfile::tempdir().unwrap());
    let publisher = Publisher::new(&content, &sum(&content), &[]);
    let partial = folder.path().join("partial");
    fs::create_dir_all(&partial).unwrap();
    let url = publisher.file().url.replace("{arch}", "amd64");
    let path = partial.join(Digest::of_bytes(url.as_bytes()).as_str());
    for left in [vec![7; 1000], vec![7; content.len() + 5]] {
        fs::write(&path, left).unwrap();
        assert!(run(&publisher, folder.path()).unwrap() == content);
    }
}

#[test]
fn bytes_that_the_publisher_did_not_publish_stop_with_both_digests() {
    let (content, folder) = (content(), tempfile::tempdir().unwrap());
    let other = sum(b"other");
    let publisher = Publisher::new(&content, &other, &[]);
    let error = run(&publisher, folder.path()).unwrap_err();
    assert!(matches!(error, ImageError::Checksum { .. }));
    let text = error.to_string();
    assert!(
        text.contains(&other) && text.contains(&sum(&content)),
        "{text}"
    );
    let left: Vec<_> = fs::read_dir(folder.path().join("partial"))
        .unwrap()
        .flatten()
        .filter(|entry| entry.path().extension().is_none())
        .collect();
    assert!(left.is_empty(), "it must not be gone on with: {left:?}");
}

#[test]
fn a_publisher_that_only_hangs_up_is_given_up() {
    let (content, folder) = (content(), tempfile::tempdir().unwrap());
    let publisher = Publisher::new(&content, &sum(&content), &[0; 20]);
    let error = run(&publisher, folder.path()).unwrap_err();
    assert!(matches!(error, ImageError::Download { .. }), "{error}");
    assert_eq!(publisher.asked().len(), 1);
}

#[test]
fn an_interruption_is_heard_while_nothing_comes() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        let mut held = Vec::new();
        for mut connection in listener.incoming().flatten() {
            let _ = connection.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\nx");
            held.push(connection);
        }
    });
    let folder = tempfile::tempdir().unwrap();
    let start = std::time::Instant::now();
    let stop = || start.elapsed() > Duration::from_millis(300);
    let agent = ureq::Agent::new_with_defaults();
    let path = folder.path().join("file");
    let error = download(&agent, &format!("http://{address}/"), &path, &how(&stop)).unwrap_err();
    assert!(matches!(error, ImageError::Interrupted));
    assert!(start.elapsed() < Duration::from_secs(5));
}

#[test]
fn sums_are_found_alone_and_in_lists() {
    let (a, b) = ("a".repeat(64), "B".repeat(64));
    assert_eq!(find_sum(&format!("{a}\n"), "x"), Some(a.clone()));
    let list = format!("{a}  other\n{b} *dir/x\n");
    assert_eq!(find_sum(&list, "x"), Some("b".repeat(64)));
    for none in ["", "not found", &list.replace("dir/x", "y")] {
        assert_eq!(find_sum(none, "x"), None, "{none}");
    }
}
