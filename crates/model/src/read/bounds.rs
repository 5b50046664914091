//! Bounds that are looked at before a text is parsed.

use super::form;
use crate::diagnostic::{Diagnostic, FieldPath, Span};
use crate::source::{MOST_BYTES, MOST_BYTES_TOGETHER, Source};

/// No file has more lines: the parser keeps something for every one of them.
const MOST_LINES: usize = 50_000;

const WRONG_FILE: &str = "a lab is a few kilobytes: is this the right file?";

/// What keeps the texts from being parsed.
pub(super) fn exceeded(sources: &[Source]) -> Vec<Diagnostic> {
    let mut total = 0;
    for (file, source) in sources.iter().enumerate() {
        total += source.text.len();
        let message = if source.text.len() > MOST_BYTES {
            format!("the file is larger than {MOST_BYTES} bytes")
        } else if total > MOST_BYTES_TOGETHER {
            format!("the files of the lab are larger than {MOST_BYTES_TOGETHER} bytes together")
        } else {
            continue;
        };
        return vec![refused("F001", &message, (file, 0..0), WRONG_FILE)];
    }
    let each = sources.iter().enumerate();
    each.filter_map(|(file, source)| unreadable(file, &source.text))
        .collect()
}

fn unreadable(file: usize, text: &str) -> Option<Diagnostic> {
    if let Some(at) = text.find('\0') {
        let message = "the file holds a NUL character";
        let help = "save it as plain UTF-8 text";
        return Some(refused("F002", message, (file, at..at + 1), help));
    }
    // What is no UTF-8 was replaced by this character when the text was made of it.
    if let Some(at) = text.find(char::REPLACEMENT_CHARACTER) {
        let end = at + char::REPLACEMENT_CHARACTER.len_utf8();
        let message = format!("byte {at} of the file is not UTF-8");
        let help = "save it as plain UTF-8 text";
        return Some(refused("F002", &message, (file, at..end), help));
    }
    let mut ends = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
    let (beyond, _) = ends.nth(MOST_LINES)?;
    let message = format!("the file has more than {MOST_LINES} lines");
    Some(refused(
        "F001",
        &message,
        (file, beyond..beyond),
        WRONG_FILE,
    ))
}

fn refused(
    code: &str,
    message: &str,
    (file, bytes): (usize, std::ops::Range<usize>),
    help: &str,
) -> Diagnostic {
    let span = Span {
        file,
        start: bytes.start,
        end: bytes.end,
    };
    let place = (FieldPath::default(), span, String::new());
    form(code, message, Some(place), help)
}
