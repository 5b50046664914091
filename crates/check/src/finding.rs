//! Collecting findings of one rule.

use std::collections::BTreeSet;
use std::ops::Bound;

use model::diagnostic::{Diagnostic, FieldPath, Fix, MOST_TOLD, Place};

use crate::Rule;

/// Where a rule puts what it finds.
pub(crate) struct Findings<'a> {
    rule: &'a Rule,
    unread: &'a BTreeSet<FieldPath>,
    all: &'a mut Vec<Diagnostic>,
    room: usize,
}

impl<'a> Findings<'a> {
    pub(crate) const fn new(
        rule: &'a Rule,
        unread: &'a BTreeSet<FieldPath>,
        all: &'a mut Vec<Diagnostic>,
    ) -> Self {
        Self {
            rule,
            unread,
            all,
            // One more than is told, so that it is seen that there are more.
            room: MOST_TOLD + 1,
        }
    }

    /// Whether that field, or what it stands in, was declared and could not be read. That has been
    /// told: nothing that follows from its absence is a finding.
    pub(crate) fn is_unread(&self, field: &str) -> bool {
        let above = field.match_indices('.').map(|(end, _)| field.get(..end));
        above
            .chain([Some(field)])
            .flatten()
            .any(|path| self.unread.contains(path))
    }

    /// Whether something directly below that field, or it itself, could not be read.
    pub(crate) fn lacks_part_of(&self, field: &str) -> bool {
        self.unread
            .range::<str, _>((Bound::Included(field), Bound::Unbounded))
            .map_while(|path| path.0.strip_prefix(field))
            .any(|below| match below.strip_prefix('.') {
                Some(name) => !name.contains(['.', '[']),
                None => below.is_empty(),
            })
    }

    /// Whether no more of this rule is told.
    pub(crate) const fn is_full(&self) -> bool {
        self.room == 0
    }

    /// A finding: what is wrong, where (the main place first, each with what there is to say about
    /// it), and what to write instead.
    pub(crate) fn add(
        &mut self,
        message: impl Into<String>,
        places: &[(String, &str)],
        help: impl Into<String>,
    ) {
        self.add_with_fix(message, places, help, None);
    }

    /// The same with the change that certainly mends it.
    pub(crate) fn add_with_fix(
        &mut self,
        message: impl Into<String>,
        places: &[(String, &str)],
        help: impl Into<String>,
        fix: Option<Fix>,
    ) {
        if self.is_full() {
            return;
        }
        self.room -= 1;
        let help: String = help.into();
        self.all.push(Diagnostic {
            code: self.rule.code.to_owned(),
            severity: self.rule.severity,
            message: message.into(),
            places: places
                .iter()
                .map(|(field, label)| Place {
                    field: FieldPath(field.clone()),
                    span: None,
                    label: (*label).to_owned(),
                })
                .collect(),
            help: Some(help).filter(|text| !text.is_empty()),
            fix,
        });
    }
}
