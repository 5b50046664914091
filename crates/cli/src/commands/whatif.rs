//! `steading whatif`.

use std::path::Path;

use pictures::{Drawn, whatif_page};
use whatif::events::Question;
use whatif::search::{Suggestion, suggestions};
use whatif::semantics::Model;
use whatif::timeline::{Asker, Line, Report, Verdict};
use whatif::world::{Element, Input};

use super::graph::written;
use super::live::Asked;
use crate::args::{Format, LiveArgs, WhatifArgs};
use crate::exit::Exit;
use crate::output::paragraph::wrapped;
use crate::output::style::Style;
use crate::output::{answer, answer_json, tell};
use crate::session::{self, Readable};

pub(crate) fn run(arguments: &WhatifArgs, format: Format) -> anyhow::Result<Exit> {
    let Some(asked) = asked(&arguments.lab.lab, &arguments.live)? else {
        return Ok(Exit::Refused);
    };
    let Asked {
        readable: Readable { lab, manifests },
        world,
        now,
    } = asked;
    let model = Model::new(world);
    let question = question(arguments);
    let mut scenario = match question.of(&model.world) {
        Ok(scenario) => scenario,
        Err(error) => {
            tell(&format!("error: {error}"));
            if let Some(nearest) = error.nearest {
                tell(&format!("hint: did you mean {nearest}?"));
            }
            return Ok(Exit::Usage);
        }
    };
    if scenario.off.is_empty() && scenario.fail.is_empty() {
        tell(
            "error: nothing goes: write --off, --fail, or --at with a time at which hosts are off",
        );
        return Ok(Exit::Usage);
    }
    for node in now.not_ready {
        let element = model.world.element(Element::Node(node));
        if !scenario.off.has(element) && !scenario.fail.has(element) {
            scenario.away.insert(element);
        }
    }
    let input = Input {
        lab: &lab,
        manifests: &manifests,
    };
    let told = Told {
        report: Report::of(&mut Asker::new(&model), &scenario),
        // Changes are tried on lab files: what only the running cluster tells would be missing.
        suggestions: if arguments.live.live {
            Vec::new()
        } else {
            suggestions(input, &question, None)
        },
    };
    if let Some(file) = &arguments.html {
        let drawn = Drawn::new(&lab, &model);
        let page = whatif_page(&drawn, &scenario, &told.report, &told.suggestions);
        written(file, &page)?;
    }
    match format {
        Format::Json => answer_json(&told)?,
        Format::Text => answer(&text(&told, arguments.all, Style::for_stdout())),
    }
    Ok(Exit::Done)
}

/// An answer, and what would help.
#[derive(serde::Serialize)]
#[serde(rename_all = "kebab-case")]
struct Told {
    #[serde(flatten)]
    report: Report,
    suggestions: Vec<Suggestion>,
}

/// What is asked about: a lab file, or a running cluster.
pub(crate) fn asked(path: &Path, live: &LiveArgs) -> anyhow::Result<Option<Asked>> {
    if live.live {
        return Asked::live(live).map(Some);
    }
    Ok(readable(path)?.map(Asked::file))
}

/// A lab that can be asked about; what keeps it from that is told.
pub(crate) fn readable(path: &Path) -> anyhow::Result<Option<Readable>> {
    match session::read(path)? {
        Ok(readable) => Ok(Some(readable)),
        Err(checked) => {
            let findings = &checked.findings;
            let colour = Style::for_stderr().colour();
            tell(model::render::render(findings, &checked.sources, colour).trim_end());
            tell(&super::check::count(findings));
            Ok(None)
        }
    }
}

fn question(arguments: &WhatifArgs) -> Question {
    let after = u64::try_from(arguments.after.0.as_millis()).unwrap_or(u64::MAX);
    Question {
        off: arguments.off.clone(),
        fail: arguments.fail.clone(),
        at: arguments.at,
        graceful: arguments.graceful,
        fenced: arguments.fenced,
        drained: arguments.drain,
        back: arguments.then.map(|_| after),
    }
}

/// A change that would help, in a line or two.
pub(crate) fn helps(suggestion: &Suggestion, indent: &str, style: Style) -> String {
    let Suggestion {
        helps,
        becomes,
        change,
        write,
    } = suggestion;
    let few: Vec<&str> = helps.iter().take(8).map(String::as_str).collect();
    let more = if helps.len() > few.len() { ", …" } else { "" };
    let write: Vec<String> = write
        .iter()
        .map(|(field, value)| format!("{field}: {value}"))
        .collect();
    let line = format!(
        "to help {}{more}: {change} (then: {})",
        few.join(", "),
        becomes.word()
    );
    let line = wrapped(&line).replace('\n', &format!("\n{indent}  "));
    let fields = write.join(&format!("\n{indent}    "));
    format!("{indent}{line}\n{indent}    {}\n", style.dim(&fields))
}

fn text(told: &Told, all: bool, style: Style) -> String {
    let report = &told.report;
    let mut text = String::new();
    let how = match (report.drained, report.graceful) {
        (true, true) => ", drained and shut down in order",
        (true, false) => ", drained first",
        (false, true) => ", shut down in order",
        (false, false) => "",
    };
    text.push_str(&format!(
        "{}: {} off{how}\n\n",
        report.lab,
        report.goes.join(", ")
    ));
    let quiet = |line: &Line| line.verdict == Verdict::Stays && line.until.is_none();
    let shown: Vec<&Line> = report
        .things
        .iter()
        .filter(|line| all || !quiet(line))
        .collect();
    // What has the same fate for the same reason is told together, the worst first.
    let mut groups: Vec<(String, Verdict, Vec<&str>)> = Vec::new();
    for line in &shown {
        let told = fate(line, style);
        match groups.iter_mut().find(|(other, ..)| *other == told) {
            Some((.., names)) => names.push(&line.thing),
            None => groups.push((told, line.verdict, vec![&line.thing])),
        }
    }
    groups.sort_by_key(|(_, verdict, _)| std::cmp::Reverse(*verdict));
    for (told, _, names) in &groups {
        text.push_str(told);
        for part in wrapped(&names.join(", ")).lines() {
            text.push_str(&format!("         {}\n", style.bold(part)));
        }
    }
    let rest = report.things.len() - shown.len();
    if rest > 0 {
        text.push_str(&format!(
            "Nothing to speak of happens to the other {rest} (--all shows them).\n"
        ));
    }
    text.push('\n');
    let times: Vec<String> = report
        .timeline
        .iter()
        .map(|moment| format!("t+{}", moment.at))
        .collect();
    let width = times
        .iter()
        .map(|time| time.chars().count())
        .max()
        .unwrap_or(0);
    for (moment, time) in report.timeline.iter().zip(&times) {
        let code = style.dim(moment.rule.rule().code);
        let what = format!("{}: {}", moment.what, moment.of.join(", "));
        let indent = " ".repeat(width + 8);
        let what = wrapped(&what).replace('\n', &format!("\n{indent}"));
        text.push_str(&format!("{time:<width$}  {code}  {what}\n"));
    }
    let rules: Vec<&str> = report.rules.iter().map(|rule| rule.code).collect();
    let rules = format!(
        "steading explain {} tells what a rule says and where that stands; here: {}.",
        rules.first().unwrap_or(&"W000"),
        rules.join(", ")
    );
    text.push_str(&format!("\n{}\n", wrapped(&rules)));
    if !told.suggestions.is_empty() {
        text.push('\n');
    }
    for suggestion in &told.suggestions {
        text.push_str(&helps(suggestion, "", style));
    }
    if !report.assumed.is_empty() {
        text.push_str(&format!("\nAssumed: {}.\n", report.assumed.join("; ")));
    }
    text
}

/// What becomes of a thing, with reason and rule, without its name.
fn fate(line: &Line, style: Style) -> String {
    let padded = format!("{:<7}", line.verdict.word());
    let painted = match line.verdict {
        Verdict::Stays => style.good(&padded),
        Verdict::Moves | Verdict::Waits | Verdict::Unknown => style.warn(&padded),
        Verdict::Down | Verdict::Lost => style.bad(&padded),
    };
    let may = if line.certain { "" } else { "perhaps: " };
    let when = match (line.from, line.until) {
        (_, Some(until)) if line.verdict == Verdict::Stays => {
            format!(", away for up to {until}")
        }
        (_, Some(until)) => format!(", there again after {until}"),
        (Some(_), None) if line.verdict == Verdict::Waits => ", until that is back".to_owned(),
        (Some(_) | None, None) => String::new(),
    };
    let nodes = match (
        line.certain_nodes.as_slice(),
        line.possible_nodes.as_slice(),
    ) {
        ([], []) => String::new(),
        ([], possible) => format!(", on one of {}", possible.join(", ")),
        (certain, []) => format!(", on {}", certain.join(", ")),
        (certain, possible) => {
            format!(", on {}, or on {}", certain.join(", "), possible.join(", "))
        }
    };
    let backup = line
        .backup
        .as_ref()
        .map_or_else(String::new, |kept| format!("; {kept}"));
    let because = wrapped(&format!("{may}{}{when}{nodes}{backup}", line.because));
    let because = because.replace('\n', "\n         ");
    format!(
        "{painted}  {because}  {}\n",
        style.dim(line.rule.rule().code)
    )
}
