//! Why a value could not be read.

use std::fmt;

use serde::de;

use super::required::required;
use super::trail::Trail;
use crate::diagnostic::{Diagnostic, FieldPath, Fix, Span};
use crate::read::tree::Node;
use crate::read::{form, nearest};

/// Why a value could not be read, and where.
#[derive(Debug)]
pub(super) struct Refused(Box<Reason>);

#[derive(Debug)]
struct Reason {
    code: &'static str,
    message: String,
    help: String,
    place: Option<(FieldPath, Span)>,
    /// The smallest value that can be left out to go on.
    value: Option<*const Node>,
    missing: Option<&'static str>,
    told: bool,
    fix: Option<Fix>,
}

impl Refused {
    pub(super) fn new(
        code: &'static str,
        message: impl Into<String>,
        help: impl Into<String>,
    ) -> Self {
        Self(Box::new(Reason {
            code,
            message: message.into(),
            help: help.into(),
            place: None,
            value: None,
            missing: None,
            told: false,
            fix: None,
        }))
    }

    /// At that place, unless a deeper one is known.
    pub(super) fn at(mut self, span: Span, trail: &Trail<'_>) -> Self {
        self.0.place.get_or_insert_with(|| (trail.path(), span));
        self
    }

    /// In that value, unless a deeper one is known.
    pub(super) fn within(mut self, value: &Node) -> Self {
        self.0.value.get_or_insert(std::ptr::from_ref(value));
        self
    }

    /// In a struct of that name. Whether its fields are there was looked at before it was read
    /// ([`super::reader::Reader::examine`]).
    pub(super) fn in_struct(mut self, name: &str) -> Self {
        let known = |field: &str| required(name).iter().any(|required| required == field);
        if self.0.place.is_none() && self.0.missing.is_some_and(known) {
            self.0.told = true;
        }
        self
    }

    /// What belongs there, where a type's own reason does not show what stands there.
    pub(super) fn instead_of(mut self, text: &str, wanted: &str) -> Self {
        let shown: String = text.chars().take(80).collect();
        if self.0.place.is_none() && !self.0.message.contains(&format!("{shown:?}")) {
            self.0.message = format!("{shown:?} is no {wanted}");
            let example = match wanted {
                "IP address" => "write for example 10.0.0.10",
                network if network.contains("network") => "write for example 10.0.0.0/24",
                _ => "",
            };
            example.clone_into(&mut self.0.help);
        }
        self
    }

    /// With the change that certainly mends it, if there is one.
    pub(super) fn mended_by(mut self, fix: Option<Fix>) -> Self {
        self.0.fix = fix;
        self
    }

    /// Whether something that was told already says the same.
    pub(super) fn is_told(&self) -> bool {
        self.0.told
    }

    pub(super) fn value(&self) -> Option<*const Node> {
        self.0.value
    }

    pub(super) fn into_finding(self) -> Diagnostic {
        let reason = *self.0;
        let place = reason.place.map(|(path, span)| (path, span, String::new()));
        Diagnostic {
            fix: reason.fix,
            ..form(reason.code, reason.message, place, reason.help)
        }
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl std::error::Error for Refused {}

impl de::Error for Refused {
    fn custom<T: fmt::Display>(message: T) -> Self {
        let text: String = message.to_string().chars().take(300).collect();
        Self::new("F016", text, "")
    }

    fn missing_field(field: &'static str) -> Self {
        let message = format!("the field `{field}` is missing");
        let mut refused = Self::new("F015", message, format!("add: {field}: …"));
        refused.0.missing = Some(field);
        refused
    }

    fn unknown_variant(variant: &str, expected: &'static [&'static str]) -> Self {
        let variant: String = variant.chars().take(80).collect();
        let help = match nearest(&variant, expected.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("write one of: {}", expected.join(", ")),
        };
        Self::new("F017", format!("`{variant}` is not known here"), help)
    }
}
