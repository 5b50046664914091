//! What rules look at: a lab, and facts that no lab file holds.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Deref;

use model::diagnostic::FieldPath;
use model::lab::Lab;
use model::topology::Topology;
use serde_json::Value;

/// What is looked at: a lab with maps of who is where.
pub(crate) struct Subject<'a> {
    topology: Topology<'a>,
    /// What is known besides the lab file.
    pub(crate) facts: &'a Facts,
}

impl<'a> Subject<'a> {
    pub(crate) fn new(lab: &'a Lab, facts: &'a Facts) -> Self {
        Self {
            topology: Topology::of(lab),
            facts,
        }
    }
}

impl<'a> Deref for Subject<'a> {
    type Target = Topology<'a>;

    fn deref(&self) -> &Topology<'a> {
        &self.topology
    }
}

/// What is known besides the lab file. Rules that need more than the file run where it is there
/// and are silent where it is not; each rule says what it needs ([`crate::Explanation::sees`]).
#[derive(Debug, Clone, Default)]
pub struct Facts {
    /// Fields that were declared and could not be read: nothing that follows from their absence is
    /// a finding.
    pub unread: BTreeSet<FieldPath>,
    /// Today's date, as `2026-11-21`. Without it nothing is at its end of life.
    pub today: Option<String>,
    /// What the catalog knows of components and apps, by the names of its entries.
    pub known: BTreeMap<String, Known>,
    /// The days on which versions reach the end of their life: product, then version (its
    /// beginning), then day.
    pub ends: BTreeMap<String, BTreeMap<String, String>>,
    /// Files of the lab's folder, by their paths in it.
    pub files: BTreeMap<String, File>,
    /// Kubernetes objects that stand in files of the lab or were rendered, each with the field of
    /// the lab that they come from.
    pub objects: Vec<(String, Value)>,
    /// Certificates in files of the lab.
    pub certificates: Vec<Certificate>,
    /// The lab as it was applied last.
    pub previous: Option<Box<Lab>>,
    /// What the failure model says of promises that do not hold for certain; `None`: it was not
    /// asked.
    pub promises: Option<Vec<Judged>>,
}

/// What must stay by a promise, and does not for certain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judged {
    /// The position of the promise in the section `promises`.
    pub promise: usize,
    /// The position in its `stays`.
    pub stay: usize,
    /// What came out.
    pub verdict: Verdict,
    /// The smallest set of things that breaks it, by their names; empty where nothing need go.
    pub counterexample: Vec<String>,
    /// Why.
    pub why: Vec<String>,
}

/// What came out of a promise that does not hold for certain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It breaks; `certain`: wherever pods are.
    Breaks {
        /// Wherever pods are; else it depends on that.
        certain: bool,
    },
    /// The lab has nothing that it is about.
    SaysNothing,
    /// The model does not know.
    Unknown,
}

impl Facts {
    /// Takes in what the catalog knows of an entry, and when versions of it end.
    pub fn learn(&mut self, entry: &str, known: Known, ends: &BTreeMap<String, String>) {
        self.known.insert(entry.to_owned(), known);
        if !ends.is_empty() {
            self.ends.insert(entry.to_owned(), ends.clone());
        }
    }
}

/// What the catalog knows of an entry.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Known {
    /// What it gives to others: `ingress`, `load-balancer`, `metrics` …
    pub provides: Vec<String>,
    /// What it does not work without.
    pub needs: Vec<String>,
}

impl Known {
    /// Both in the catalog's words.
    pub fn of(provides: &[impl ToString], needs: &[impl ToString]) -> Self {
        Self {
            provides: provides.iter().map(ToString::to_string).collect(),
            needs: needs.iter().map(ToString::to_string).collect(),
        }
    }
}

/// A file of the lab's folder.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct File {
    /// Its text, where it is one and not large.
    pub text: Option<String>,
    /// Its permissions, in Unix' numbers.
    pub mode: u32,
    /// Why it cannot be parsed as what its name says, if so.
    pub broken: Option<String>,
}

/// A certificate in a file of the lab.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Certificate {
    /// The file.
    pub file: String,
    /// Whose it is.
    pub subject: String,
    /// Who issued it.
    pub issuer: String,
    /// The names and addresses that it is for.
    pub names: Vec<String>,
    /// The first day, as `2026-11-21`.
    pub from: String,
    /// The last day.
    pub until: String,
    /// It may issue others.
    pub authority: bool,
}
