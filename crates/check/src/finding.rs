//! Collecting findings of one rule.

use model::diagnostic::{Diagnostic, FieldPath, Fix, Place};

use crate::Rule;

/// Where a rule puts what it finds.
pub(crate) struct Findings<'a> {
    rule: &'a Rule,
    all: &'a mut Vec<Diagnostic>,
}

impl<'a> Findings<'a> {
    pub(crate) const fn new(rule: &'a Rule, all: &'a mut Vec<Diagnostic>) -> Self {
        Self { rule, all }
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
