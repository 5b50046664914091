//! Labs out of what others wrote down, what a cluster tells, and what machines tell of themselves
//! ([`probed`]).
//!
//! Each import takes texts and gives a [`Lab`] with a [`Report`]: what it took over, what it
//! derived, and what has no place in a lab. Nothing is dropped silently: what has no place is kept
//! under `notes`. Secrets are never taken: an encrypted one is referred to, a plain one is left out
//! and named. No error tells a value either, only where it stands.
//!
//! ```text
//!  texts ─► document (bounded) ─► Fields ── taken ──► facts ─► Draft ─► Lab, Report
//!                                    └──── left ──► secrecy ──► notes
//! ```

mod blank;
mod cluster;
mod document;
mod draft;
mod error;
mod fields;
mod flux;
mod interfaces;
mod machines;
mod names;
mod networks;
mod nixos;
mod patch_facts;
pub mod probed;
mod secrecy;
mod talhelper;
mod talos;
mod terraform;
mod text;
mod yaml;

use std::collections::BTreeMap;

use model::lab::Lab;

pub use error::ImportError;

/// The texts of an import, by their paths relative to the folder that they were read from.
pub type Files = BTreeMap<String, String>;

/// What came out of an import.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Imported {
    /// The lab.
    pub lab: Lab,
    /// What was done with what stood in the texts.
    pub report: Report,
}

/// What an import did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// What it took over, a line each.
    pub took: Vec<String>,
    /// What it concluded without being told, a line each.
    pub derived: Vec<String>,
    /// What has no place in the lab: where it stood, and why or what it was.
    pub unplaced: Vec<(String, String)>,
}

impl Imported {
    /// The lab as a lab file.
    ///
    /// # Errors
    /// Where the lab is more than one lab file can hold.
    pub fn text(&self, from: &str) -> Result<String, ImportError> {
        let header = format!(
            "# Imported by Steading from {from}.\n\
             # Read it before you use it: what has no place in a lab stands under notes.\n"
        );
        text::of(&self.lab, &header, &text::Style::default())
    }
}

/// A lab out of talhelper's `talconfig.yaml`, with the patches and environment files beside it.
///
/// # Errors
/// [`ImportError`], where there is none or it is not what talhelper reads.
pub fn talhelper(files: &Files) -> Result<Imported, ImportError> {
    document::bounded(files)?;
    talhelper::import(files)
}

/// The files that a `talconfig.yaml` names, relative to its own folder, to be read beside it.
#[must_use]
pub fn talhelper_names(text: &str) -> Vec<String> {
    talhelper::names(text)
}

/// A lab out of Talos machine configurations, one file for each node.
///
/// # Errors
/// [`ImportError`], where there are none or they are not what Talos reads.
pub fn talos(files: &Files) -> Result<Imported, ImportError> {
    document::bounded(files)?;
    talos::import(files)
}

/// Components and apps out of a Flux repository: a part of a lab.
///
/// # Errors
/// [`ImportError`], where there are none or they are not what Flux reads.
pub fn flux(files: &Files) -> Result<Imported, ImportError> {
    document::bounded(files)?;
    flux::import(files)
}

/// A lab out of a running cluster: the objects that its API server lists, as JSON or YAML, one or a
/// list of them in each file. What is no object is known too: the server's version, and a kubeconfig
/// with its context and the server's address.
///
/// # Errors
/// [`ImportError`], where there is no node among them or an object is not what Kubernetes writes.
pub fn cluster(files: &Files) -> Result<Imported, ImportError> {
    document::bounded_by(files, document::LARGEST_CLUSTER)?;
    cluster::import(files)
}

/// Cloud machines and their networks out of a Terraform state: a part of a lab.
///
/// # Errors
/// [`ImportError`], where there is none or it is not of version 4.
pub fn terraform(files: &Files) -> Result<Imported, ImportError> {
    document::bounded(files)?;
    terraform::import(files)
}

/// Hosts out of NixOS configurations, as far as their text tells without being evaluated.
///
/// # Errors
/// [`ImportError`], where no configuration names its host.
pub fn nixos(files: &Files) -> Result<Imported, ImportError> {
    document::bounded(files)?;
    nixos::import(files)
}
