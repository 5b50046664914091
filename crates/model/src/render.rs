//! Findings as a good compiler shows them: every place with its line, what is wrong there, and
//! what to write instead.

use annotate_snippets::{Annotation, AnnotationKind, Group, Level, Renderer, Snippet};

use crate::diagnostic::{Diagnostic, Place, Severity};
use crate::source::Source;

/// The findings as text, in their order. `colour` adds terminal colours.
#[must_use]
pub fn render(findings: &[Diagnostic], sources: &[Source], colour: bool) -> String {
    let renderer = if colour {
        Renderer::styled()
    } else {
        Renderer::plain()
    };
    findings
        .iter()
        .map(|finding| format!("{}\n\n", renderer.render(&report(finding, sources))))
        .collect()
}

fn report<'a>(finding: &'a Diagnostic, sources: &'a [Source]) -> Vec<Group<'a>> {
    let level = match finding.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
        Severity::Note => Level::NOTE,
    };
    let title = level
        .primary_title(finding.message.as_str())
        .id(finding.code.as_str());
    let mut main = Group::with_title(title);
    for (file, source) in sources.iter().enumerate() {
        let annotations: Vec<Annotation<'_>> = finding
            .places
            .iter()
            .enumerate()
            .filter_map(|(position, place)| annotation(position == 0, place, file, source))
            .collect();
        if !annotations.is_empty() {
            let snippet = Snippet::source(source.text.as_str()).path(source.name.as_str());
            main = main.element(snippet.annotations(annotations));
        }
    }
    let mut groups = vec![main];
    if let Some(help) = &finding.help {
        groups.push(Group::with_title(
            Level::HELP.secondary_title(help.as_str()),
        ));
    }
    groups
}

fn annotation<'a>(
    main: bool,
    place: &'a Place,
    file: usize,
    source: &'a Source,
) -> Option<Annotation<'a>> {
    let span = place.span.filter(|span| span.file == file)?;
    let kind = if main {
        AnnotationKind::Primary
    } else {
        AnnotationKind::Context
    };
    // A list or map stretches over many lines: its beginning says where it is.
    let text = source.text.get(span.start..span.end)?;
    let end = span.start + text.find('\n').unwrap_or(text.len());
    let annotation = kind.span(span.start..end);
    Some(if place.label.is_empty() {
        annotation
    } else {
        annotation.label(place.label.as_str())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::Span;

    #[test]
    fn shows_all_places_and_the_help() {
        let text = "lab: home\nnodes:\n  a: { address: 10.0.0.1 }\n  b: { address: 10.0.0.1 }\n";
        let place = |start: usize, label: &str| Place {
            field: "x".into(),
            span: Some(Span {
                file: 0,
                start,
                end: start + 8,
            }),
            label: label.to_owned(),
        };
        let finding = Diagnostic {
            code: "S100".to_owned(),
            severity: Severity::Error,
            message: "10.0.0.1 is used twice".to_owned(),
            places: vec![place(60, "used here"), place(33, "and here")],
            help: Some("give one of them another address".to_owned()),
            fix: None,
        };
        let sources = [Source {
            name: "lab.yaml".to_owned(),
            text: text.to_owned(),
        }];
        insta::assert_snapshot!(render(&[finding], &sources, false));
    }
}
