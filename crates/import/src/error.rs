//! Why an import failed. Never with a value out of the texts: it could be a secret.

/// Why an import failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ImportError {
    /// There is nothing of that kind in the texts.
    #[error("there is no {what}")]
    Nothing {
        /// What was looked for.
        what: &'static str,
    },
    /// A text is larger than any real one.
    #[error("{file} has {bytes} bytes; at most {most} are read")]
    TooLarge {
        /// The file, or all of them.
        file: String,
        /// How large it is.
        bytes: usize,
        /// How large it may be.
        most: usize,
    },
    /// A text is not of its language, or nested too deeply.
    #[error(
        "{file}, line {line}: this is not {language}, or it is nested deeper than {deepest} levels"
    )]
    Unreadable {
        /// The file.
        file: String,
        /// The line, from 1; 0 where it is not known.
        line: u64,
        /// What it should be.
        language: &'static str,
        /// How deep it may be nested.
        deepest: usize,
    },
    /// A field has another shape than its kind has.
    #[error("{place} is not {wanted}")]
    WrongType {
        /// The file and the field.
        place: String,
        /// What belongs there.
        wanted: &'static str,
    },
    /// A field that nothing can stand for is missing.
    #[error("{place} is missing")]
    Missing {
        /// The file and the field.
        place: String,
    },
    /// Two things have the same name.
    #[error("{place}: there are two of that name")]
    Twice {
        /// The file and the field.
        place: String,
    },
    /// The result is more than a lab file can hold.
    #[error("the result is more than one lab file holds; import a part of it")]
    TooMuch,
}
