//! Where findings about the form are collected.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeSet, HashSet};

use crate::diagnostic::{self, Diagnostic, FieldPath, MOST_TOLD, Span};

/// Collects findings, each once, up to a bound.
#[derive(Default)]
pub(super) struct Sink {
    findings: RefCell<Vec<Diagnostic>>,
    told: RefCell<HashSet<(String, Option<Span>, String)>>,
    cut: Cell<bool>,
    spent: Cell<usize>,
    unread: RefCell<BTreeSet<FieldPath>>,
}

impl Sink {
    /// Whether there is no room for another finding; it is counted as one that is not told.
    pub(super) fn is_full(&self) -> bool {
        let full = self.findings.borrow().len() >= MOST_TOLD;
        self.cut.set(self.cut.get() || full);
        full
    }

    /// Whether so much more may be done to find more, of what may be done at all; if not, that is
    /// told.
    pub(super) fn may_spend(&self, work: usize, most: usize) -> bool {
        self.spent.set(self.spent.get() + work);
        let may = self.spent.get() <= most;
        self.cut.set(self.cut.get() || !may);
        may
    }

    /// Adds a finding, unless it was added before: values are read again after a mistake in them,
    /// to find the next one.
    pub(super) fn push(&self, finding: Diagnostic) {
        let span = finding.places.first().and_then(|place| place.span);
        let key = (finding.code.clone(), span, finding.message.clone());
        if !self.told.borrow().contains(&key) && !self.is_full() {
            self.told.borrow_mut().insert(key);
            self.findings.borrow_mut().push(finding);
        }
    }

    /// Notes that the lab lacks what was declared there.
    pub(super) fn unread(&self, field: FieldPath) {
        self.unread.borrow_mut().insert(field);
    }

    pub(super) fn is_unread(&self, field: &str) -> bool {
        self.unread.borrow().contains(field)
    }

    /// Everything found, in the order of the text, and what the lab lacks.
    pub(super) fn into_findings(self) -> (Vec<Diagnostic>, BTreeSet<FieldPath>) {
        let mut findings = self.findings.into_inner();
        if self.cut.get() {
            findings.push(diagnostic::cut());
        }
        diagnostic::sort(&mut findings);
        (findings, self.unread.into_inner())
    }
}
