//! The vocabulary of Steading, without I/O.
//!
//! Data flows through these types in one direction: a [`lab::Lab`] is read from text with places
//! ([`diagnostic`]), the catalog expands it to [`resource::Resource`]s, the planner lays them
//! beside the observed [`inventory::Inventory`] and decides on a [`plan::Plan`], and the engine
//! carries that out, telling of it in [`event::Event`]s.

mod as_text;
pub mod diagnostic;
pub mod digest;
pub mod dual;
pub mod duration;
pub mod event;
pub mod inventory;
pub mod kubernetes;
pub mod lab;
pub mod name;
pub mod plan;
pub mod quantity;
pub mod range;
pub mod ranges;
pub mod read;
pub mod render;
pub mod resource;
pub mod schema;
pub mod source;
pub mod topology;
pub mod trouble;
