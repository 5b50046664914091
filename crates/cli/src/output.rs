//! What people and programs get to read.

pub(crate) mod duration;
pub(crate) mod paragraph;
pub(crate) mod plan;
pub(crate) mod progress;
pub(crate) mod replica;
pub(crate) mod sarif;
pub(crate) mod status;
pub(crate) mod style;

use std::io::Write as _;

/// Writes an answer to standard output. A reader that went away (`| head`) is no error.
pub(crate) fn answer(text: &str) {
    let mut out = std::io::stdout().lock();
    // Nothing sensible is left to do when standard output is gone.
    let _ = out.write_all(text.as_bytes());
    let _ = out.flush();
}

/// Writes a line of progress or of an error to standard error.
pub(crate) fn tell(text: &str) {
    let mut out = std::io::stderr().lock();
    let _ = writeln!(out, "{text}");
}

/// Writes a value as JSON to standard output.
pub(crate) fn answer_json<T: serde::Serialize>(value: &T) -> anyhow::Result<()> {
    let mut text = serde_json::to_string_pretty(value)?;
    text.push('\n');
    answer(&text);
    Ok(())
}

/// Tells at the terminal what a step does and waits for, where no progress is shown.
pub(crate) struct Told;

impl driver::Progress for Told {
    fn doing(&self, what: &str) {
        tell(what);
    }
}
