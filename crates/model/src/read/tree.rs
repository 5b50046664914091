//! A YAML text as a tree whose nodes know where they stand, within fixed bounds.

use granit_parser::{Event, Parser, ScalarStyle};

use super::{form, shown};
use crate::diagnostic::{Diagnostic, FieldPath, Span};

/// No lab is nested deeper.
const MAX_DEPTH: usize = 64;
/// No file has more values: they are what costs time. 500 nodes, hosts and apps together have two
/// thirds of them.
const MAX_NODES: usize = 30_000;
/// No lab has more values in all files of its folder: they are what costs memory. 10,000 resources
/// have so many.
const MAX_NODES_TOGETHER: usize = 300_000;
/// Bytes of the paths of all values of a file. Every value's path is kept, so that long names
/// around many values would cost their product.
const MAX_PATHS: usize = 4 << 20;
/// The same of all files.
const MAX_PATHS_TOGETHER: usize = 12 << 20;
/// What an item's position adds to a path, such as `[12345]`.
const ITEM: usize = 7;

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

/// What the files of a lab have had so far.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Spent {
    nodes: usize,
    paths: usize,
}

/// Parses a text; `None` for one without content.
pub(super) fn parse(file: usize, text: &str) -> Result<Option<Node>, Refused> {
    parse_further(file, text, &mut Spent::default())
}

/// Parses one of several texts, with the bounds of all of them.
pub(super) fn parse_further(
    file: usize,
    text: &str,
    spent: &mut Spent,
) -> Result<Option<Node>, Refused> {
    let mut builder = Builder {
        file,
        parser: Parser::new_from_str(text),
        length: text.len(),
        nodes: 0,
        path: 0,
        paths: 0,
        before: *spent,
    };
    let root = builder.document()?;
    spent.nodes += builder.nodes;
    spent.paths += builder.paths;
    Ok(root)
}

struct Builder<'a> {
    file: usize,
    parser: Parser<'a, granit_parser::StrInput<'a>>,
    length: usize,
    nodes: usize,
    /// The length of the path of what is being read.
    path: usize,
    /// The lengths of all paths so far.
    paths: usize,
    /// What the files before have had.
    before: Spent,
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
                        &format!("this is not YAML: {}", shown(&error.info())),
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

    /// Keeps the bounds.
    fn count(&mut self, span: Span, depth: usize) -> Result<(), Refused> {
        self.nodes += 1;
        self.paths += self.path;
        let all = Spent {
            nodes: self.before.nodes + self.nodes,
            paths: self.before.paths + self.paths,
        };
        let (message, help) = if depth > MAX_DEPTH {
            (format!("nested deeper than {MAX_DEPTH} levels"), "")
        } else if self.nodes > MAX_NODES {
            let message = format!("more than {MAX_NODES} values in one file");
            (message, "put some of it into another file of the folder")
        } else if all.nodes > MAX_NODES_TOGETHER {
            let message = format!("more than {MAX_NODES_TOGETHER} values in all files");
            (
                message,
                "make several labs of it, each in a folder of its own",
            )
        } else if self.paths > MAX_PATHS || all.paths > MAX_PATHS_TOGETHER {
            let message = "names that are too long around too many values";
            (message.to_owned(), "write shorter names")
        } else {
            return Ok(());
        };
        Err(self.refuse(span, "F005", &message, help))
    }

    fn node(&mut self, event: Event<'a>, span: Span, depth: usize) -> Result<Node, Refused> {
        self.count(span, depth)?;
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
            Event::Scalar(text, style, ..) => {
                if let Some(control) = text
                    .chars()
                    .find(|c| c.is_control() && !"\n\t".contains(*c))
                {
                    let message = format!("a value holds the control character {control:?}");
                    return Err(self.refuse(span, "F002", &message, "remove it"));
                }
                Ok(Node {
                    span,
                    value: Value::Scalar {
                        text: text.into_owned(),
                        plain: style == ScalarStyle::Plain,
                    },
                })
            }
            Event::SequenceStart(..) => self.list(span, depth),
            Event::MappingStart(..) => self.map(span, depth),
            _ => Err(self.refuse(span, "F004", "this is not YAML: a value is missing", "")),
        }
    }

    fn list(&mut self, start: Span, depth: usize) -> Result<Node, Refused> {
        let mut items = Vec::new();
        while let Some((event, span)) = self.next()? {
            if event == Event::SequenceEnd {
                // Most are short, and room is made for four at once.
                items.shrink_to_fit();
                return Ok(Node {
                    span: Span {
                        end: span.end,
                        ..start
                    },
                    value: Value::List(items),
                });
            }
            self.path += ITEM;
            items.push(self.node(event, span, depth + 1)?);
            self.path -= ITEM;
        }
        Err(self.refuse(start, "F004", "this list has no end", ""))
    }

    fn map(&mut self, start: Span, depth: usize) -> Result<Node, Refused> {
        let mut entries: Vec<Entry> = Vec::new();
        while let Some((event, span)) = self.next()? {
            if event == Event::MappingEnd {
                entries.shrink_to_fit();
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
            self.path += text.len() + 1;
            let value = self.node(event, value_span, depth + 1)?;
            self.path -= text.len() + 1;
            entries.push(Entry {
                key: text,
                key_span: key.span,
                value,
            });
        }
        Err(self.refuse(start, "F004", "this map has no end", ""))
    }
}
