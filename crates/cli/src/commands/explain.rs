//! `steading explain`.

use std::path::Path;

use crate::args::Format;
use crate::exit::Exit;
use crate::output::paragraph::wrapped;
use crate::output::{answer, answer_json, tell};
use crate::session;

/// Every value that a lab file does not say, with what it follows from.
pub(crate) fn derived(lab: &str, format: Format) -> anyhow::Result<Exit> {
    let checked = session::check(Path::new(lab))?;
    let Some(lab) = &checked.lab else {
        tell("error: the lab file cannot be read; steading check says why");
        return Ok(Exit::Refused);
    };
    let all = catalog::derived(lab);
    match format {
        Format::Json => answer_json(&all)?,
        Format::Text => {
            for one in all {
                answer(&format!("{}: {}\n", one.field, one.value));
                for step in one.from {
                    answer(&format!("    from {step}\n"));
                }
            }
        }
    }
    Ok(Exit::Done)
}

pub(crate) fn run(code: Option<&str>, format: Format) -> anyhow::Result<Exit> {
    let Some(code) = code else {
        let all: Vec<_> = check::explanations().collect();
        match format {
            Format::Json => answer_json(&all)?,
            Format::Text => {
                for rule in all {
                    answer(&format!("{}  {}\n", rule.code, rule.title));
                }
                for rule in &whatif::rules::RULES {
                    answer(&format!("{}  {}\n", rule.code, rule.title));
                }
            }
        }
        return Ok(Exit::Done);
    };
    let wanted = code.to_ascii_uppercase();
    if let Some(rule) = whatif::rules::RULES.iter().find(|rule| rule.code == wanted) {
        match format {
            Format::Json => answer_json(&rule)?,
            Format::Text => answer(&format!(
                "{}: {}\n\n{}\n\nSource:\n{}\n",
                rule.code,
                rule.title,
                wrapped(rule.text),
                wrapped(rule.source)
            )),
        }
        return Ok(Exit::Done);
    }
    match check::explanations().find(|rule| rule.code == wanted) {
        Some(rule) if format == Format::Json => answer_json(&rule)?,
        Some(rule) => answer(&format!(
            "{}: {} ({})\n\n{}\n\nWhat it sees:\n{}\n",
            rule.code,
            rule.title,
            rule.severity,
            wrapped(rule.text),
            wrapped(rule.sees)
        )),
        None => {
            tell(&format!("error: there is no finding {code}"));
            tell("hint: steading explain lists all of them");
            return Ok(Exit::Usage);
        }
    }
    Ok(Exit::Done)
}
