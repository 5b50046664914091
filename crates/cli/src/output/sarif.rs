//! Findings as SARIF 2.1.0 (OASIS standard, errata 01), which code hosts show beside the lines.
//!
//! Columns count characters, as everywhere else, which
//! the run says by `columnKind`: the standard would count UTF-16 units.

mod shape;

use std::collections::BTreeMap;

use check::Explanation;
use model::diagnostic::{Diagnostic, Fix, Place, Span};
use model::read::Mender;
use model::source::Source;
use shape::{
    Artifact, ArtifactChange, Base, Configuration, Descriptor, Driver, Finding, Location, Log,
    Logical, Mending, Physical, Region, Replaced, Run, Text, Tool,
};

const VERSION: &str = "2.1.0";
const SCHEMA: &str =
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";
/// What addresses of files are relative to.
const BASE: &str = "LAB";

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
