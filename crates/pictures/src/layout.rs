//! Where everything is drawn: networks as bars above the hosts of each place, hosts with their nodes
//! in columns, storages and what runs in pods below. Lengths are units of the drawing, a unit being
//! a pixel where it is shown as large as it is.

mod measure;
mod place;

pub(crate) use place::place;

/// The whole width.
pub(crate) const WIDTH: f64 = 1180.0;
/// Between the edge of the drawing and what is drawn.
pub(crate) const MARGIN: f64 = 12.0;

/// A rectangle.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct Rect {
    pub(crate) x: f64,
    pub(crate) y: f64,
    pub(crate) width: f64,
    pub(crate) height: f64,
}

/// Something at its place.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Item {
    /// A frame around things, with its title.
    Frame { at: Rect, title: String },
    /// A heading in front of a row.
    Heading { x: f64, y: f64, text: String },
    /// A part: a box with lines of text; the first one is its name.
    Box {
        at: Rect,
        part: usize,
        lines: Vec<String>,
        /// A word at the right of the name.
        tag: Option<String>,
    },
    /// A network, with the places where its hosts hang on it.
    Bar { at: Rect, part: usize, text: String },
    /// A line from a network down to a host.
    Wire {
        part: usize,
        x: f64,
        from: f64,
        to: f64,
    },
    /// Where such a line begins.
    Plug { part: usize, x: f64, y: f64 },
    /// A part as a small box with its name only.
    Chip { at: Rect, part: usize, text: String },
}

/// Everything at its place, in the order in which it is drawn.
#[derive(Debug, Clone, Default)]
pub(crate) struct Layout {
    pub(crate) items: Vec<Item>,
    pub(crate) width: f64,
    pub(crate) height: f64,
}
