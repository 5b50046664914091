//! Running the programs that build: contained, interruptible, never silent.

use std::path::Path;
use std::process::Command;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Instant;

use super::ImageError;
use super::cache::{Fetching, empty, remove_tree};
use crate::contained::{self, Heard, QUIET};

/// Runs a program to its end. Its temporary files lie in `place`, where they are swept with all
/// else if it is killed. `text` makes of a line that it prints what is shown of it, if
/// anything; while it prints nothing, the text shown last is shown again with the time.
pub(super) fn run(
    name: &str,
    mut command: Command,
    place: &Path,
    how: &Fetching<'_>,
    text: &mut dyn FnMut(&str) -> Option<String>,
) -> Result<(), ImageError> {
    let temporary = place.join(".tmp");
    empty(&temporary)?;
    command
        .env("TMPDIR", &temporary)
        .env("GOTMPDIR", &temporary);
    let mut shown = format!("running {name}");
    let mut heard = |what: Heard<'_>| match what {
        Heard::Line(line) => {
            if let Some(new) = text(line) {
                (how.doing)(&new);
                shown = new;
            }
        }
        Heard::Quiet(time) => (how.doing)(&format!("{shown}, {} s", time.as_secs())),
    };
    let finished =
        contained::run(command, how.stop, &mut heard).map_err(|source| ImageError::Start {
            program: name.to_owned(),
            source,
        })?;
    remove_tree(&temporary)?;
    if (how.stop)() {
        return Err(ImageError::Interrupted);
    }
    if finished.status.success() {
        return Ok(());
    }
    Err(ImageError::Program {
        program: name.to_owned(),
        ended: finished.status.to_string(),
        last: finished.last.join("\n"),
    })
}

/// Does something that may take long and says nothing by itself: tells `text` at once, and again
/// with the time every four seconds.
pub(super) fn told<T>(how: &Fetching<'_>, text: &str, act: impl FnOnce() -> T) -> T {
    (how.doing)(text);
    let (done, ended) = mpsc::channel::<()>();
    std::thread::scope(|scope| {
        scope.spawn(move || {
            let start = Instant::now();
            while ended.recv_timeout(QUIET) == Err(RecvTimeoutError::Timeout) {
                (how.doing)(&format!("{text}, {} s", start.elapsed().as_secs()));
            }
        });
        let result = act();
        drop(done);
        result
    })
}

/// What is shown of lines that nobody needs.
pub(super) fn silent(_: &str) -> Option<String> {
    None
}

/// The standard output of a program that answers at once.
pub(super) fn output(name: &str, command: &mut Command) -> Result<String, ImageError> {
    let output = command.output().map_err(|source| ImageError::Start {
        program: name.to_owned(),
        source,
    })?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    Err(ImageError::Program {
        program: name.to_owned(),
        ended: output.status.to_string(),
        last: String::from_utf8_lossy(&output.stderr)
            .trim_end()
            .to_owned(),
    })
}

/// The bytes that are free for us on the file system of a folder.
pub(super) fn free_space(folder: &Path) -> Result<u64, ImageError> {
    let stat = nix::sys::statvfs::statvfs(folder)
        .map_err(|errno| ImageError::io("asking for the free space of", folder)(errno.into()))?;
    Ok(stat.blocks_available() * stat.fragment_size())
}

/// Refuses to begin what would not fit.
pub(super) fn require_space(what: &str, folder: &Path, needed: u64) -> Result<(), ImageError> {
    let free = free_space(folder)?;
    if free >= needed {
        return Ok(());
    }
    Err(ImageError::Space {
        what: what.to_owned(),
        path: folder.to_owned(),
        needed,
        free,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_work_shows_signs_of_life_and_its_result() {
        let lines = std::sync::Mutex::new(Vec::new());
        let doing = |text: &str| lines.lock().unwrap().push(text.to_owned());
        let how = Fetching {
            offline: None,
            arch: model::lab::Arch::Amd64,
            doing: &doing,
            stop: &|| false,
        };
        let long = QUIET + std::time::Duration::from_millis(500);
        let result = told(&how, "packing", || {
            std::thread::sleep(long);
            7
        });
        assert_eq!(result, 7);
        assert_eq!(*lines.lock().unwrap(), ["packing", "packing, 4 s"]);
    }

    #[test]
    fn what_does_not_fit_is_refused_with_place_need_and_free_space() {
        let folder = tempfile::tempdir().unwrap();
        require_space("it", folder.path(), 1).unwrap();
        let error = require_space("it", folder.path(), u64::MAX).unwrap_err();
        let text = error.to_string();
        assert!(
            text.contains(&folder.path().display().to_string()),
            "{text}"
        );
        assert!(text.contains("18446744073709 MB"), "{text}");
        assert!(text.contains("MB free"), "{text}");
    }
}
