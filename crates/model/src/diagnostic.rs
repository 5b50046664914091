//! Diagnostics: findings about a lab file, each with its places.

use std::fmt;

use serde::{Deserialize, Serialize};

/// How much a finding weighs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// Worth knowing.
    Note,
    /// Probably wrong; the lab can be brought up.
    Warning,
    /// Wrong; the lab is refused.
    Error,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Error => "error",
        })
    }
}

/// A finding about a lab.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Diagnostic {
    /// Its fixed code, such as `S002`; `F…` for the form of the file.
    pub code: String,
    /// How much it weighs.
    pub severity: Severity,
    /// What is wrong, in one line.
    pub message: String,
    /// Where: the first is the main place, the others are what it must agree with.
    pub places: Vec<Place>,
    /// What to write instead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
    /// The change that certainly mends it, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fix: Option<Fix>,
}

/// A change of the lab file that a program may make by itself: all of it or nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fix {
    /// Its parts.
    pub edits: Vec<Edit>,
}

/// A change of one field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Edit {
    /// The field.
    pub field: FieldPath,
    /// What is done to it.
    pub write: Write,
}

/// What is done to a field. What stands around it stays as it is, comments and order included.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Write {
    /// Another value instead of the one that stands there, which is a single value on one line.
    Value(String),
    /// Another name of the field.
    Name(String),
    /// Nothing: the field goes, with its value.
    Remove,
}

impl Fix {
    fn one(field: FieldPath, write: Write) -> Self {
        Self {
            edits: vec![Edit { field, write }],
        }
    }

    /// Another value of a field.
    #[must_use]
    pub fn value(field: FieldPath, value: impl Into<String>) -> Self {
        Self::one(field, Write::Value(value.into()))
    }

    /// Another name of a field.
    #[must_use]
    pub fn name(field: FieldPath, name: impl Into<String>) -> Self {
        Self::one(field, Write::Name(name.into()))
    }
}

/// A place in a lab file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Place {
    /// The field, such as `nodes.worker-1.address`.
    pub field: FieldPath,
    /// Where it stands, if it stands anywhere (a default does not).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub span: Option<Span>,
    /// What there is to say about this place.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub label: String,
}

/// A stretch of a source file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Span {
    /// Which of the lab's files, by its position among them.
    pub file: usize,
    /// Its first byte.
    pub start: usize,
    /// The byte behind its last.
    pub end: usize,
}

/// The path of a field from the top of the lab: names joined by dots, positions in brackets.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct FieldPath(pub String);

impl FieldPath {
    /// The path of a field below this one.
    #[must_use]
    pub fn field(&self, name: &str) -> Self {
        if self.0.is_empty() {
            Self(name.to_owned())
        } else {
            Self(format!("{}.{name}", self.0))
        }
    }

    /// The path of the item at that position below this one.
    #[must_use]
    pub fn item(&self, index: usize) -> Self {
        Self(format!("{}[{index}]", self.0))
    }
}

impl From<&str> for FieldPath {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl fmt::Display for FieldPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
