//! `steading check`.

use std::path::Path;

use model::diagnostic::{Diagnostic, Severity};
use model::read::Change;

use crate::args::{AnyFormat, CheckArgs, Which};
use crate::exit::Exit;
use crate::output::sarif;
use crate::output::style::Style;
use crate::output::{answer, answer_json, tell};
use crate::session::{self, Checked, Mending};

pub(crate) fn run(arguments: &CheckArgs, format: AnyFormat) -> anyhow::Result<Exit> {
    let lab = arguments.lab.lab.as_path();
    if arguments.fix {
        fix(lab)?;
    }
    let checked = session::check(lab)?;
    match format {
        AnyFormat::Sarif => {
            let paths = checked.relative_paths();
            answer_json(&sarif::log(&checked.findings, &checked.sources, &paths))?;
        }
        AnyFormat::Json => answer_json(&checked.findings)?,
        AnyFormat::Text => {
            answer(&shown(&checked, Style::for_stdout()));
            answer(&format!("{}\n", count(&checked.findings)));
            if !checked.beyond.is_empty() {
                let number = checked.beyond.len();
                answer(&format!(
                    "This version does not carry out {number} things of it yet; steading plan names them.\n"
                ));
            }
        }
    }
    Ok(if checked.refused() {
        Exit::Refused
    } else {
        Exit::Done
    })
}

/// Writes what is certain to mend findings, and says each change.
fn fix(lab: &Path) -> anyhow::Result<()> {
    let Mending { before, mended } = session::mend(lab)?;
    for (file, (before, after)) in before.iter().zip(&mended.sources).enumerate() {
        if before.text == after.text {
            continue;
        }
        store::replace(Path::new(&before.name), &before.text, &after.text)?;
        for change in mended.changes.iter().filter(|change| change.file == file) {
            tell(&told(&before.name, change));
        }
    }
    if mended.changes.is_empty() {
        tell("Nothing is changed: there is no finding that a program could mend for certain.");
    }
    Ok(())
}

/// A change in one line, with its place.
fn told(file: &str, change: &Change) -> String {
    let Change {
        field,
        line,
        column,
        before,
        after,
        ..
    } = change;
    let what = if after.is_empty() {
        "removed".to_owned()
    } else {
        format!("{before} → {after}")
    };
    format!("{file}:{line}:{column}: {field}: {what}")
}

/// Reads and checks a lab; tells all findings, and gives it only if none is fatal.
pub(crate) fn usable(lab: Which<'_>) -> anyhow::Result<Option<Checked>> {
    unless_refused(lab, true)
}

/// The same for what is done many times a day: findings that are not fatal were told by `plan`,
/// `up` and `check`, and are not told again.
pub(crate) fn usable_quietly(lab: Which<'_>) -> anyhow::Result<Option<Checked>> {
    unless_refused(lab, false)
}

fn unless_refused(lab: Which<'_>, tells: bool) -> anyhow::Result<Option<Checked>> {
    let checked = match lab.replica {
        true => session::check_replica(lab.path)?,
        false => session::check(lab.path)?,
    };
    if !checked.findings.is_empty() && (tells || checked.refused()) {
        tell(shown(&checked, Style::for_stderr()).trim_end());
    }
    if checked.refused() {
        tell(&count(&checked.findings));
        return Ok(None);
    }
    if !checked.beyond.is_empty() {
        tell(render(&checked, &checked.beyond, Style::for_stderr()).trim_end());
        tell("It is a good lab, but this version cannot bring up all of it, so it begins nothing.");
        return Ok(None);
    }
    Ok(Some(checked))
}

fn shown(checked: &Checked, style: Style) -> String {
    render(checked, &checked.findings, style)
}

fn render(checked: &Checked, findings: &[Diagnostic], style: Style) -> String {
    model::render::render(findings, &checked.sources, style.colour())
}

/// How many findings there are, and what that means.
pub(crate) fn count(findings: &[Diagnostic]) -> String {
    let of = |severity| {
        findings
            .iter()
            .filter(|finding| finding.severity == severity)
            .count()
    };
    let [errors, warnings, notes] = [
        (of(Severity::Error), "error"),
        (of(Severity::Warning), "warning"),
        (of(Severity::Note), "note"),
    ];
    let counted = [errors, warnings, notes].map(|(count, what)| match count {
        1 => format!("1 {what}"),
        count => format!("{count} {what}s"),
    });
    let [_, less @ ..] = &counted;
    match (errors.0, warnings.0 + notes.0) {
        (0, 0) => "Nothing is wrong with it.".to_owned(),
        (0, _) => format!("It can be brought up; {}.", less.join(", ")),
        (..) => format!("The lab is refused: {}.", counted.join(", ")),
    }
}
