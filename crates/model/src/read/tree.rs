//! A YAML text as a tree whose nodes know where they stand, within fixed bounds.

use granit_parser::{Event, Parser, ScalarStyle};

use super::form;
use crate::diagnostic::{Diagnostic, FieldPath, Place, Severity, Span};

/// No lab is larger.
pub(super) const MAX_BYTES: usize = 1 << 20;
/// No lab is nested deeper.
const MAX_DEPTH: usize = 64;
/// No lab has more values: they are what costs memory.
const MAX_NODES: usize = 60_000;

/// A value with its place.
#[derive(Debug, Clone)]
pub(super) struct Node {
    pub(super) span: Span,
    pub(super) value: Value,
}

/// A value.
#[derive(Debug, Clone)]
pub(super) enum Value {
    /// A single value, as text.
    Scalar {
        text: String,
        /// Whether it stands without quotes: only then may it be a number, a truth value or null.
        plain: bool,
    },
    /// Items in order.
    List(Vec<Node>),
    /// Entries in the order of the text.
    Map(Vec<Entry>),
}

/// An entry of a map.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) key: String,
    pub(super) key_span: Span,
    pub(super) value: Node,
}

impl Node {
    /// Whether it is nothing: `~`, `null`, or nothing at all.
    pub(super) fn is_null(&self) -> bool {
        matches!(&self.value, Value::Scalar { text, plain: true }
            if matches!(text.as_str(), "" | "~" | "null"))
    }
}

type Refused = Box<Diagnostic>;

/// Parses a text; `None` for one without content.
pub(super) fn parse(file: usize, text: &str) -> Result<Option<Node>, Refused> {
    if let Some(at) = text.find('\0') {
        let span = Span {
            file,
            start: at,
            end: at + 1,
        };
        let place = (FieldPath::default(), span, String::new());
        let message = "the file holds a NUL character";
        return Err(Box::new(form(
            "F002",
            message,
            Some(place),
            "save it as plain UTF-8 text",
        )));
    }
    let mut builder = Builder {
        file,
        parser: Parser::new_from_str(text),
        length: text.len(),
        nodes: 0,
    };
    builder.document()
}

struct Builder<'a> {
    file: usize,
    parser: Parser<'a, granit_parser::StrInput<'a>>,
    length: usize,
    nodes: usize,
}

impl<'a> Builder<'a> {
    fn document(&mut self) -> Result<Option<Node>, Refused> {
        let mut root = None;
        while let Some((event, span)) = self.next()? {
            match event {
                Event::DocumentStart(..) if root.is_some() => {
                    return Err(self.refuse(span, "F003", "a second document begins here",
                        "a lab is one document: remove the line ---, or put the rest into a file of its own"));
                }
                Event::StreamStart | Event::DocumentStart(..) | Event::DocumentEnd => {}
                Event::StreamEnd => break,
                event => root = Some(self.node(event, span, 0)?),
            }
        }
        Ok(root)
    }

    /// The next event that is no comment.
    fn next(&mut self) -> Result<Option<(Event<'a>, Span)>, Refused> {
        loop {
            return match self.parser.next_event() {
                None => Ok(None),
                Some(Ok((Event::Comment(..), _))) => continue,
                Some(Ok((event, span))) => {
                    let range = span.byte_range().unwrap_or(0..0);
                    let span = Span {
                        file: self.file,
                        start: range.start.min(self.length),
                        end: range.end.min(self.length),
                    };
                    Ok(Some((event, span)))
                }
                Some(Err(error)) => {
                    let at = error.marker().byte_offset().unwrap_or(0).min(self.length);
                    let span = Span {
                        file: self.file,
                        start: at,
                        end: at,
                    };
                    Err(self.refuse(
                        span,
                        "F004",
                        &format!("this is not YAML: {}", error.info()),
                        "",
                    ))
                }
            };
        }
    }

    fn refuse(&self, span: Span, code: &str, message: &str, help: &str) -> Refused {
        Box::new(form(
            code,
            message,
            Some((FieldPath::default(), span, String::new())),
            help,
        ))
    }

    fn node(&mut self, event: Event<'a>, span: Span, depth: usize) -> Result<Node, Refused> {
        self.nodes += 1;
        if depth > MAX_DEPTH {
            let message = format!("nested deeper than {MAX_DEPTH} levels");
            return Err(self.refuse(span, "F005", &message, ""));
        }
        if self.nodes > MAX_NODES {
            let message = format!("more than {MAX_NODES} values");
            return Err(self.refuse(span, "F005", &message, ""));
        }
        let (anchored, tagged) = match &event {
            Event::Scalar(_, _, anchor, tag)
            | Event::SequenceStart(_, anchor, tag)
            | Event::MappingStart(_, anchor, tag) => (*anchor != 0, tag.is_some()),
            Event::Alias(_) => (true, false),
            _ => (false, false),
        };
        if anchored {
            return Err(self.refuse(
                span,
                "F006",
                "anchors and aliases (&, *) are not read",
                "write the value out: what must agree is derived by Steading, not repeated by you",
            ));
        }
        if tagged {
            return Err(self.refuse(span, "F006", "tags (!) are not read", "remove the tag"));
        }
        match event {
            Event::Scalar(text, style, ..) => Ok(Node {
                span,
                value: Value::Scalar {
                    text: text.into_owned(),
                    plain: style == ScalarStyle::Plain,
                },
            }),
            Event::SequenceStart(..) => self.list(span, depth),
            Event::MappingStart(..) => self.map(span, depth),
            _ => Err(self.refuse(span, "F004", "this is not YAML: a value is missing", "")),
        }
    }

    fn list(&mut self, start: Span, depth: usize) -> Result<Node, Refused> {
        let mut items = Vec::new();
        while let Some((event, span)) = self.next()? {
            if event == Event::SequenceEnd {
                return Ok(Node {
                    span: Span {
                        end: span.end,
                        ..start
                    },
                    value: Value::List(items),
                });
            }
            items.push(self.node(event, span, depth + 1)?);
        }
        Err(self.refuse(start, "F004", "this list has no end", ""))
    }

    fn map(&mut self, start: Span, depth: usize) -> Result<Node, Refused> {
        let mut entries: Vec<Entry> = Vec::new();
        while let Some((event, span)) = self.next()? {
            if event == Event::MappingEnd {
                return Ok(Node {
                    span: Span {
                        end: span.end,
                        ..start
                    },
                    value: Value::Map(entries),
                });
            }
            let key = self.node(event, span, depth + 1)?;
            let Value::Scalar { text, plain } = key.value else {
                return Err(self.refuse(span, "F007", "a name must be plain text", ""));
            };
            if plain && text == "<<" {
                return Err(self.refuse(
                    span,
                    "F006",
                    "merge keys (<<) are not read",
                    "write the fields out",
                ));
            }
            let Some((event, value_span)) = self.next()? else {
                break;
            };
            let value = self.node(event, value_span, depth + 1)?;
            entries.push(Entry {
                key: text,
                key_span: key.span,
                value,
            });
        }
        Err(self.refuse(start, "F004", "this map has no end", ""))
    }
}

/// One tree out of those of several files: their top-level maps, joined name by name. The same
/// name twice is a finding with both places, within a file as well as across files.
pub(super) fn merge(trees: Vec<Node>, findings: &mut Vec<Diagnostic>) -> Node {
    let mut span = Span {
        file: 0,
        start: 0,
        end: 0,
    };
    let mut all: Vec<Entry> = Vec::new();
    for tree in trees {
        match tree.value {
            Value::Map(entries) => {
                if all.is_empty() {
                    span = tree.span;
                }
                join(&mut all, entries, &FieldPath::default(), true, findings);
            }
            _ if tree.is_null() => {}
            _ => findings.push(form(
                "F008",
                "a lab file is a map of fields",
                Some((FieldPath::default(), tree.span, String::new())),
                "begin with: lab: NAME",
            )),
        }
    }
    Node {
        span,
        value: Value::Map(all),
    }
}

fn join(
    into: &mut Vec<Entry>,
    entries: Vec<Entry>,
    path: &FieldPath,
    sections: bool,
    findings: &mut Vec<Diagnostic>,
) {
    for mut entry in entries {
        let below = path.field(&entry.key);
        if let Value::Map(inner) = &mut entry.value.value {
            let mut unique = Vec::new();
            join(&mut unique, std::mem::take(inner), &below, false, findings);
            *inner = unique;
        }
        let known = into.iter_mut().find(|known| known.key == entry.key);
        match (known, entry.value.value) {
            (None, value) => into.push(Entry {
                value: Node {
                    span: entry.value.span,
                    value,
                },
                ..entry
            }),
            // Sections of several files are one section; within a file they must not repeat.
            (Some(known), Value::Map(more))
                if sections && known.key_span.file != entry.key_span.file =>
            {
                if let Value::Map(have) = &mut known.value.value {
                    join(have, more, &below, false, findings);
                }
            }
            (Some(known), _) => findings.push(Diagnostic {
                code: "F009".to_owned(),
                severity: Severity::Error,
                message: format!("{below} is declared twice"),
                places: vec![
                    Place {
                        field: below.clone(),
                        span: Some(entry.key_span),
                        label: "again here".to_owned(),
                    },
                    Place {
                        field: below,
                        span: Some(known.key_span),
                        label: "first here".to_owned(),
                    },
                ],
                help: Some("remove or rename one of them".to_owned()),
                fix: None,
            }),
        }
    }
}
