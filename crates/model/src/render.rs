//! Findings as a good compiler shows them: every place with its line, what is wrong there, and
//! what to write instead.

mod excerpt;

use annotate_snippets::{
    Annotation, AnnotationKind, Element, Group, Level, Origin, Renderer, Snippet,
};

use crate::diagnostic::{Diagnostic, Place, Severity, Span};
use crate::source::Source;
use excerpt::{Excerpt, highlight};

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
        for element in shown(finding, file, source) {
            main = main.element(element);
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

/// The finding's places in a file: together with the lines between them where that is of use, else
/// each by itself.
fn shown<'a>(finding: &'a Diagnostic, file: usize, source: &'a Source) -> Vec<Element<'a>> {
    let places: Vec<(AnnotationKind, &Place, Span)> = finding
        .places
        .iter()
        .enumerate()
        .filter_map(|(position, place)| {
            let span = place.span.filter(|span| span.file == file)?;
            let kind = match position {
                0 => AnnotationKind::Primary,
                _ => AnnotationKind::Context,
            };
            Some((kind, place, span))
        })
        .collect();
    if places.is_empty() {
        return Vec::new();
    }
    if let Some(snippet) = snippet(&places, source) {
        return vec![snippet.into()];
    }
    places
        .iter()
        .map(|place| match snippet(std::slice::from_ref(place), source) {
            Some(snippet) => snippet.into(),
            None => origin(source, place.2).into(),
        })
        .collect()
}

fn snippet<'a>(
    places: &[(AnnotationKind, &'a Place, Span)],
    source: &'a Source,
) -> Option<Snippet<'a, Annotation<'a>>> {
    let spans: Vec<Span> = places.iter().map(|(_, _, span)| *span).collect();
    let excerpt = Excerpt::of(source, &spans)?;
    let text = source.text.get(excerpt.bytes.clone())?;
    let mut snippet = Snippet::source(text)
        .line_start(excerpt.line)
        .path(source.name.as_str());
    for (kind, place, span) in places {
        let bytes = highlight(source, *span)?;
        let from = excerpt.bytes.start;
        let mut annotation = kind.span(bytes.start - from..bytes.end - from);
        if !place.label.is_empty() {
            annotation = annotation.label(place.label.as_str());
        }
        snippet = snippet.annotation(annotation);
    }
    Some(snippet)
}

fn origin(source: &Source, span: Span) -> Origin<'_> {
    let (line, column) = source.line_and_column(span.start);
    Origin::path(source.name.as_str())
        .line(line)
        .char_column(column)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::Span;

    #[test]
    fn places_far_apart_or_far_to_the_right_are_still_named() {
        let text = format!(
            "lab: a\n{}lab: b\nx: {}\n",
            "# ä\n".repeat(9_000),
            "y".repeat(9_000)
        );
        let place = |start: usize, end: usize| Place {
            field: "lab".into(),
            span: Some(Span {
                file: 0,
                start,
                end,
            }),
            label: "here".to_owned(),
        };
        let again = text.find("lab: b").unwrap();
        let far = text.len() - 10;
        let finding = Diagnostic {
            code: "F009".to_owned(),
            severity: Severity::Error,
            message: "twice".to_owned(),
            places: vec![place(again, again + 3), place(0, 3), place(far, far + 5)],
            help: None,
            fix: None,
        };
        let sources = [Source {
            name: "lab.yaml".to_owned(),
            text,
        }];
        insta::assert_snapshot!(render(&[finding], &sources, false));
    }

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
