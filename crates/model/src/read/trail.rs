//! The way from the top of the lab to a value, written out only where there is something to tell.

use crate::diagnostic::FieldPath;

/// A path that lives on the stack: values far outnumber findings.
#[derive(Clone, Copy)]
pub(super) enum Trail<'p> {
    /// Where reading began.
    Start(&'p FieldPath),
    /// A field below.
    Field(&'p Trail<'p>, &'p str),
    /// The item at that position below.
    Item(&'p Trail<'p>, usize),
}

impl Trail<'_> {
    pub(super) fn path(&self) -> FieldPath {
        match self {
            Self::Start(path) => (*path).clone(),
            Self::Field(above, name) => above.path().field(name),
            Self::Item(above, position) => above.path().item(*position),
        }
    }
}
