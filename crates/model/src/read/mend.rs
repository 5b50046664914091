//! Changing a lab file as a careful person would: a few characters at their place, everything else
//! byte for byte as it was.
//!
//! A change is an edit of the text, found by the places of the tree. It counts only if the text
//! that comes out of it reads as the same tree with exactly that change; so a mistake in the
//! editing leaves the file alone instead of spoiling it.

mod same;
mod spelling;
#[cfg(test)]
mod tests;
mod text;

use std::collections::{BTreeMap, BTreeSet};

use super::tree::{self, Node};
use crate::diagnostic::{Diagnostic, Edit, FieldPath, Fix, Span, Write};
use crate::source::Source;
use same::Edits;
pub use spelling::certain;
use text::Found;

/// A stretch of a file, and what is written instead of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replacement {
    /// The stretch.
    pub span: Span,
    /// What is written there.
    pub text: String,
}

/// A change that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The field, as it was named before.
    pub field: FieldPath,
    /// Which of the lab's files, by its position among them.
    pub file: usize,
    /// Its line, from 1, in the file as it was before this change.
    pub line: usize,
    /// Its column, from 1.
    pub column: usize,
    /// What stood there.
    pub before: String,
    /// What stands there now; nothing where the field went.
    pub after: String,
}

/// Files after changes.
#[derive(Debug, Clone)]
pub struct Mended {
    /// All files of the lab.
    pub sources: Vec<Source>,
    /// What changed in them.
    pub changes: Vec<Change>,
}

/// What comes of changes in the text.
struct Applied<'f> {
    mended: Mended,
    /// Those of the changes that do not get into each other's way.
    fixes: Vec<&'f Fix>,
}

/// Makes those of the changes that can be made without touching anything else. Of two that get
/// into each other's way the first is made.
#[must_use]
pub fn mend(sources: &[Source], fixes: &[&Fix]) -> Mended {
    let unchanged = || Mended {
        sources: sources.to_vec(),
        changes: Vec::new(),
    };
    let Some(mender) = Mender::new(sources) else {
        return unchanged();
    };
    let mut chosen = Vec::new();
    mender.choose(&mut chosen, fixes);
    mender
        .made(&chosen)
        .map_or_else(unchanged, |applied| applied.mended)
}

/// A check tells a hundred findings at once, so a file full of slips takes many rounds. The bound is
/// against two rules that would want the opposite of each other.
const MOST_ROUNDS: usize = 1_000;

/// Makes what the findings of `check` propose, checks again, and so on until they propose nothing
/// that can be made: a mistake in the form of the file hides those in what it says.
pub fn settle(sources: &[Source], check: impl Fn(&[Source]) -> Vec<Diagnostic>) -> Mended {
    let mut settled = Mended {
        sources: sources.to_vec(),
        changes: Vec::new(),
    };
    for _ in 0..MOST_ROUNDS {
        let findings = check(&settled.sources);
        let fixes: Vec<&Fix> = findings.iter().filter_map(|f| f.fix.as_ref()).collect();
        let mended = mend(&settled.sources, &fixes);
        if mended.changes.is_empty() {
            break;
        }
        settled.sources = mended.sources;
        settled.changes.extend(mended.changes);
    }
    settled
}

/// Files with the places of all their fields.
pub struct Mender<'a> {
    sources: &'a [Source],
    trees: Vec<Option<Node>>,
    /// The fields by their paths. A name with a dot in it can look like two: then both are here.
    found: BTreeMap<FieldPath, Vec<Found>>,
}

impl<'a> Mender<'a> {
    /// Finds all fields; nothing if one of the files is not YAML.
    #[must_use]
    pub fn new(sources: &'a [Source]) -> Option<Self> {
        let mut found = BTreeMap::new();
        let mut trees = Vec::new();
        for (file, source) in sources.iter().enumerate() {
            let tree = tree::parse(file, &source.text).ok()?;
            if let Some(tree) = &tree {
                text::find(tree, &source.text, &FieldPath::default(), &mut found);
            }
            trees.push(tree);
        }
        Some(Self {
            sources,
            trees,
            found,
        })
    }

    /// What a change replaces in the text; `None` if it cannot be made without touching more.
    #[must_use]
    pub fn replacements(&self, fix: &Fix) -> Option<Vec<Replacement>> {
        let made = self.made(&[fix])?;
        (!made.fixes.is_empty()).then(|| self.of_fix(fix)).flatten()
    }

    /// Adds those that come out right: all at once, else the halves one after the other, so that
    /// one that cannot be made stops no other.
    fn choose<'f>(&self, chosen: &mut Vec<&'f Fix>, fixes: &[&'f Fix]) {
        let together: Vec<&Fix> = chosen.iter().chain(fixes).copied().collect();
        if let Some(applied) = self.made(&together) {
            *chosen = applied.fixes;
        } else if fixes.len() > 1 {
            let (first, second) = fixes.split_at(fixes.len() / 2);
            self.choose(chosen, first);
            self.choose(chosen, second);
        }
    }

    fn of_fix(&self, fix: &Fix) -> Option<Vec<Replacement>> {
        fix.edits.iter().map(|edit| self.of_edit(edit)).collect()
    }

    fn of_edit(&self, edit: &Edit) -> Option<Replacement> {
        let [found] = self.found.get(&edit.field)?.as_slice() else {
            return None;
        };
        let source = self.sources.get(found.value.file)?;
        match &edit.write {
            Write::Value(value) => found.write_value(&source.text, value),
            Write::Name(name) if self.found.contains_key(&renamed(&edit.field, name)?) => None,
            Write::Name(name) => found.write_name(&source.text, name),
            Write::Remove => found.remove(&source.text),
        }
    }

    /// The files with those changes that do not get into each other's way.
    fn apply<'f>(&self, fixes: &[&'f Fix]) -> Applied<'f> {
        let mut sources = self.sources.to_vec();
        let mut all: BTreeMap<Span, (String, &Edit)> = BTreeMap::new();
        let mut names = BTreeSet::new();
        let mut chosen = Vec::new();
        for fix in fixes {
            let Some(replacements) = self.of_fix(fix) else {
                continue;
            };
            let clear = replacements.iter().all(|new| apart(&all, new.span))
                && fix.edits.iter().all(|edit| match &edit.write {
                    Write::Name(name) => names.insert(renamed(&edit.field, name)),
                    Write::Value(_) | Write::Remove => true,
                });
            if clear {
                let edits = replacements.into_iter().zip(&fix.edits);
                all.extend(edits.map(|(new, edit)| (new.span, (new.text, edit))));
                chosen.push(*fix);
            }
        }
        let changes = all.iter().filter_map(|(span, (after, edit))| {
            let source = self.sources.get(span.file)?;
            let (line, column) = source.line_and_column(span.start);
            Some(Change {
                field: edit.field.clone(),
                file: span.file,
                line,
                column,
                before: source.text.get(span.start..span.end)?.trim().to_owned(),
                after: after.clone(),
            })
        });
        let changes = changes.collect();
        // From the end, so that the places before stay where they are.
        for (span, (text, _)) in all.iter().rev() {
            if let Some(source) = sources.get_mut(span.file) {
                source.text.replace_range(span.start..span.end, text);
            }
        }
        Applied {
            mended: Mended { sources, changes },
            fixes: chosen,
        }
    }

    /// The files with those changes, if they read as before but for them.
    fn made<'f>(&self, fixes: &[&'f Fix]) -> Option<Applied<'f>> {
        let applied = self.apply(fixes);
        let edits: Edits<'_> = applied
            .fixes
            .iter()
            .flat_map(|fix| &fix.edits)
            .map(|edit| (&edit.field, &edit.write))
            .collect();
        let mut changed = self.trees.iter().zip(&applied.mended.sources).enumerate();
        let right = |(file, (old, source)): (usize, (&Option<Node>, &Source))| {
            match (old, tree::parse(file, &source.text)) {
                (Some(old), Ok(Some(new))) => same::but_for(&edits, old, &new),
                // A file that lost its only field is empty.
                (Some(old), Ok(None)) => same::nothing_left(&edits, old),
                (None, Ok(None)) => true,
                _ => false,
            }
        };
        changed.all(right).then_some(applied)
    }
}

/// The path of a field under another name; `None` for an item of a list.
fn renamed(field: &FieldPath, name: &str) -> Option<FieldPath> {
    let path = field.0.as_str();
    if path.ends_with(']') {
        return None;
    }
    let above = path.rfind('.').and_then(|end| path.get(..end));
    Some(FieldPath::from(above.unwrap_or_default()).field(name))
}

/// Whether a stretch lies apart from all others, which do so among themselves.
fn apart<T>(all: &BTreeMap<Span, T>, new: Span) -> bool {
    let before = all.range(..=new).next_back().map(|(span, _)| span);
    let after = all.range(new..).next().map(|(span, _)| span);
    before.is_none_or(|span| span.file != new.file || span.end <= new.start && *span != new)
        && after.is_none_or(|span| span.file != new.file || new.end <= span.start)
}
