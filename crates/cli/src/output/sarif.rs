//! Findings as SARIF 2.1.0 (OASIS standard, errata 01), which code hosts show beside the lines.
//!
//! Only the properties that we write are here. Columns count characters, as everywhere else, which
//! the run says by `columnKind`: the standard would count UTF-16 units.

use std::collections::BTreeMap;

use check::Explanation;
use model::diagnostic::{Diagnostic, Fix, Place, Severity, Span};
use model::read::Mender;
use model::source::Source;
use serde::Serialize;

const VERSION: &str = "2.1.0";
const SCHEMA: &str =
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";
/// What addresses of files are relative to.
const BASE: &str = "LAB";

/// A log file: the top of the document.
#[derive(Debug, Serialize)]
pub(crate) struct Log {
    #[serde(rename = "$schema")]
    schema: &'static str,
    version: &'static str,
    runs: [Run; 1],
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Run {
    tool: Tool,
    column_kind: &'static str,
    original_uri_base_ids: BTreeMap<&'static str, Base>,
    results: Vec<Finding>,
}

#[derive(Debug, Serialize)]
struct Tool {
    driver: Driver,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Driver {
    name: &'static str,
    semantic_version: &'static str,
    information_uri: &'static str,
    rules: Vec<Descriptor>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Descriptor {
    id: &'static str,
    short_description: Text,
    full_description: Text,
    help: Text,
    default_configuration: Configuration,
}

#[derive(Debug, Serialize)]
struct Configuration {
    level: Severity,
}

#[derive(Debug, Serialize)]
struct Text {
    text: String,
}

/// What an address is relative to. Where the folder lies on this machine is nobody's business.
#[derive(Debug, Serialize)]
struct Base {
    description: Text,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Finding {
    rule_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    rule_index: Option<usize>,
    level: Severity,
    message: Text,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    locations: Vec<Location>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    related_locations: Vec<Location>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    fixes: Vec<Mending>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Location {
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    physical_location: Option<Physical>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    logical_locations: Vec<Logical>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<Text>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Physical {
    artifact_location: Artifact,
    region: Region,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Logical {
    fully_qualified_name: String,
}

#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
struct Artifact {
    uri: String,
    uri_base_id: &'static str,
}

/// From a character to behind another one; lines and columns begin with 1.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "camelCase")]
struct Region {
    start_line: usize,
    start_column: usize,
    end_line: usize,
    end_column: usize,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Mending {
    description: Text,
    artifact_changes: Vec<ArtifactChange>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ArtifactChange {
    artifact_location: Artifact,
    replacements: Vec<Replaced>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Replaced {
    deleted_region: Region,
    inserted_content: Text,
}

/// The findings as a log. `paths` are those of the sources, relative to the lab's folder.
pub(crate) fn log(findings: &[Diagnostic], sources: &[Source], paths: &[String]) -> Log {
    let rules: Vec<Explanation> = check::explanations().collect();
    let files = Files {
        sources,
        paths,
        mender: Mender::new(sources),
    };
    let results = findings
        .iter()
        .map(|finding| files.finding(finding, &rules))
        .collect();
    let description = text("The folder of the lab.");
    Log {
        schema: SCHEMA,
        version: VERSION,
        runs: [Run {
            tool: Tool {
                driver: Driver {
                    name: "Steading",
                    semantic_version: env!("CARGO_PKG_VERSION"),
                    information_uri: env!("CARGO_PKG_REPOSITORY"),
                    rules: rules.iter().map(descriptor).collect(),
                },
            },
            column_kind: "unicodeCodePoints",
            original_uri_base_ids: BTreeMap::from([(BASE, Base { description })]),
            results,
        }],
    }
}

fn descriptor(rule: &Explanation) -> Descriptor {
    let help = format!("{}\n\nWhat it sees: {}", rule.text, rule.sees);
    Descriptor {
        id: rule.code,
        short_description: text(rule.title),
        full_description: text(rule.text),
        help: text(help),
        default_configuration: Configuration {
            level: rule.severity,
        },
    }
}

fn text(text: impl Into<String>) -> Text {
    Text { text: text.into() }
}

/// The files of a lab, by their positions.
struct Files<'a> {
    sources: &'a [Source],
    paths: &'a [String],
    mender: Option<Mender<'a>>,
}

impl Files<'_> {
    fn finding(&self, finding: &Diagnostic, rules: &[Explanation]) -> Finding {
        let help = finding.help.as_deref().unwrap_or_default();
        let message = match help {
            "" => finding.message.clone(),
            help => format!("{}. {help}", finding.message),
        };
        let mut places = finding.places.iter();
        let main = places.next().map(|place| self.location(place, None));
        let fix = finding.fix.as_ref();
        let fix = fix.and_then(|fix| self.mending(fix, help));
        Finding {
            rule_id: finding.code.clone(),
            rule_index: rules.iter().position(|rule| rule.code == finding.code),
            level: finding.severity,
            message: text(message),
            locations: main.into_iter().collect(),
            related_locations: places
                .enumerate()
                .map(|(id, place)| self.location(place, Some(id)))
                .collect(),
            fixes: fix.into_iter().collect(),
        }
    }

    fn location(&self, place: &Place, id: Option<usize>) -> Location {
        let physical = place.span.and_then(|span| {
            Some(Physical {
                artifact_location: self.artifact(span.file)?,
                region: self.region(span)?,
            })
        });
        let field = place.field.to_string();
        let logical = (!field.is_empty()).then_some(Logical {
            fully_qualified_name: field,
        });
        Location {
            id,
            physical_location: physical,
            logical_locations: logical.into_iter().collect(),
            message: (!place.label.is_empty()).then(|| text(place.label.as_str())),
        }
    }

    fn artifact(&self, file: usize) -> Option<Artifact> {
        Some(Artifact {
            uri: uri(self.paths.get(file)?),
            uri_base_id: BASE,
        })
    }

    fn region(&self, span: Span) -> Option<Region> {
        let source = self.sources.get(span.file)?;
        let (start_line, start_column) = source.line_and_column(span.start);
        let (end_line, end_column) = source.line_and_column(span.end);
        Some(Region {
            start_line,
            start_column,
            end_line,
            end_column,
        })
    }

    fn mending(&self, fix: &Fix, help: &str) -> Option<Mending> {
        let mut changes: BTreeMap<usize, Vec<Replaced>> = BTreeMap::new();
        for replacement in self.mender.as_ref()?.replacements(fix)? {
            changes
                .entry(replacement.span.file)
                .or_default()
                .push(Replaced {
                    deleted_region: self.region(replacement.span)?,
                    inserted_content: text(replacement.text),
                });
        }
        let changes = changes.into_iter().map(|(file, replacements)| {
            Some(ArtifactChange {
                artifact_location: self.artifact(file)?,
                replacements,
            })
        });
        Some(Mending {
            description: text(help),
            artifact_changes: changes.collect::<Option<_>>()?,
        })
    }
}

/// A relative path as a relative address (RFC 3986): other bytes than the unreserved ones and `/`
/// are written in hexadecimal.
fn uri(path: &str) -> String {
    path.bytes()
        .map(|byte| match byte {
            b'/' | b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
            _ if byte.is_ascii_alphanumeric() => char::from(byte).to_string(),
            _ => format!("%{byte:02X}"),
        })
        .collect()
}

#[cfg(test)]
mod tests;
