//! Pictures of labs: what is there as a drawing, in the terminal and as SVG; answers and proofs of
//! the failure model as pages that need nothing but a browser.
//!
//! ```text
//!  Lab, Model ─► Scene ─┬─► text
//!                       └─► layout ─► svg ─┬─► a file of its own
//!            Report, Proof ─► states ──────┴─► pages: HTML with style and script inside
//! ```
//!
//! A [`Scene`] says what belongs to what, a layout where it is drawn, [`states`] how it is at a
//! moment. The same lab gives the same bytes. Whatever a lab file holds is escaped in one place
//! (`escape`), and a page refuses scripts other than its own by its content security policy.

mod escape;
mod layout;
mod page;
mod prove_page;
mod scene;
mod states;
mod svg;
mod text;
mod whatif_page;

pub use page::Drawn;
pub use prove_page::prove_page;
pub use scene::{Kind, Part, Scene};
pub use states::{State, Step, steps};
pub use svg::picture;
pub use text::text;
pub use whatif_page::whatif_page;
