//! The lines of a file that are shown: what shows them looks at every line that it is given.

use std::ops::Range;

use crate::diagnostic::Span;
use crate::source::Source;

/// Places that are farther apart, in bytes, are shown one by one.
const FARTHEST: usize = 16 << 10;
/// A place farther to the right is not shown, only named: nobody reads such lines.
const WIDEST: usize = 1_000;
/// So much is shown of a value, in bytes.
const LONGEST: usize = 200;

/// Some lines of a file.
pub(super) struct Excerpt {
    /// Where they are in the file.
    pub(super) bytes: Range<usize>,
    /// The number of the first, from 1.
    pub(super) line: usize,
}

impl Excerpt {
    /// The lines of these places, if they can be shown together.
    pub(super) fn of(source: &Source, spans: &[Span]) -> Option<Self> {
        let mut bytes: Option<Range<usize>> = None;
        for span in spans {
            let (start, end) = (line_start(source, *span)?, highlight(source, *span)?.end);
            let room = bytes.get_or_insert(start..end);
            *room = room.start.min(start)..room.end.max(end);
        }
        let bytes = bytes.filter(|bytes| bytes.len() <= FARTHEST)?;
        // To the end of the last line, as far as it is of use.
        let rest = source.text.get(bytes.end..)?;
        let line_end = rest.find(['\n', '\r']).unwrap_or(rest.len());
        let end = boundary(&source.text, bytes.end + line_end.min(LONGEST));
        let (line, _) = source.line_and_column(bytes.start);
        Some(Self {
            bytes: bytes.start..end.max(bytes.end),
            line,
        })
    }
}

/// What is underlined of a place: a list or map stretches over many lines, its beginning says where
/// it is.
pub(super) fn highlight(source: &Source, span: Span) -> Option<Range<usize>> {
    let text = source.text.get(span.start..span.end)?;
    let line = text.find('\n').unwrap_or(text.len());
    let end = boundary(text, line.min(LONGEST));
    Some(span.start..span.start + end)
}

/// Where the line begins that the place stands in, unless it stands too far to the right.
fn line_start(source: &Source, span: Span) -> Option<usize> {
    let before = source.text.get(..span.start)?;
    let from = boundary(before, span.start.saturating_sub(WIDEST));
    match before.get(from..)?.rfind('\n') {
        Some(at) => Some(from + at + 1),
        None if from == 0 => Some(0),
        None => None,
    }
}

/// The character boundary at that byte or before it.
fn boundary(text: &str, byte: usize) -> usize {
    let candidates = (0..=byte.min(text.len())).rev();
    candidates
        .take(4)
        .find(|byte| text.is_char_boundary(*byte))
        .unwrap_or_default()
}
