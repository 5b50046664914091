//! The texts that a lab is read from.

/// A lab file is not larger, in bytes; what is beyond need not be read.
pub const MOST_BYTES: usize = 1 << 20;
/// Nor are the files of a lab's folder together. 10,000 resources have a third of it.
pub const MOST_BYTES_TOGETHER: usize = 4 << 20;

/// One file of a lab.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// Its name as the user knows it, for messages.
    pub name: String,
    /// What it says.
    pub text: String,
}

impl Source {
    /// A file's text. Where it stops being UTF-8 it ends with U+FFFD, at which reading the lab
    /// refuses it with the place.
    #[must_use]
    pub fn new(name: impl Into<String>, bytes: Vec<u8>) -> Self {
        let text = String::from_utf8(bytes).unwrap_or_else(|error| {
            let valid = error.utf8_error().valid_up_to();
            let mut bytes = error.into_bytes();
            bytes.truncate(valid);
            let mut text = String::from_utf8(bytes).unwrap_or_default();
            text.push(char::REPLACEMENT_CHARACTER);
            text
        });
        Self {
            name: name.into(),
            text,
        }
    }

    /// The line and column (both from 1, columns in characters) of a byte.
    #[must_use]
    pub fn line_and_column(&self, byte: usize) -> (usize, usize) {
        let before = self.text.get(..byte).unwrap_or(&self.text);
        let line = before.bytes().filter(|byte| *byte == b'\n').count() + 1;
        let start = before.rfind('\n').map_or(0, |at| at + 1);
        let column = before.get(start..).map_or(0, |rest| rest.chars().count()) + 1;
        (line, column)
    }
}
