//! The texts that a lab is read from.

/// One file of a lab.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// Its name as the user knows it, for messages.
    pub name: String,
    /// What it says.
    pub text: String,
}

impl Source {
    /// The line and column (both from 1, columns in characters) of a byte.
    #[must_use]
    pub fn line_and_column(&self, byte: usize) -> (usize, usize) {
        let before = self.text.get(..byte).unwrap_or(&self.text);
        let line = before.matches('\n').count() + 1;
        let start = before.rfind('\n').map_or(0, |at| at + 1);
        let column = before.get(start..).map_or(0, |rest| rest.chars().count()) + 1;
        (line, column)
    }
}
