//! `steading whatif`.

use std::collections::BTreeMap;
use std::path::Path;

use model::lab::Lab;
use serde_json::Value;
use whatif::events::Scenario;
use whatif::semantics::Model;
use whatif::timeline::{Asker, Line, Report, Verdict};
use whatif::world::{Input, NotFound, World};

use crate::args::{Format, WhatifArgs};
use crate::exit::Exit;
use crate::output::paragraph::wrapped;
use crate::output::style::Style;
use crate::output::{answer, answer_json, tell};
use crate::session::{self, Readable};

pub(crate) fn run(arguments: &WhatifArgs, format: Format) -> anyhow::Result<Exit> {
    let Some(Readable { lab, manifests }) = readable(&arguments.lab.lab)? else {
        return Ok(Exit::Refused);
    };
    let model = model_of(&lab, &manifests);
    let scenario = match scenario(&model.world, arguments) {
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
    let report = Report::of(&mut Asker::new(&model), &scenario);
    match format {
        Format::Json => answer_json(&report)?,
        Format::Text => answer(&text(&report, arguments.all, Style::for_stdout())),
    }
    Ok(Exit::Done)
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

/// The failure model of a lab.
pub(crate) fn model_of(lab: &Lab, manifests: &BTreeMap<String, Vec<Value>>) -> Model {
    Model::new(World::of(Input { lab, manifests }))
}

fn scenario(world: &World, arguments: &WhatifArgs) -> Result<Scenario, NotFound> {
    let mut scenario = Scenario::new(world);
    for name in &arguments.off {
        scenario = scenario.off(world, name)?;
    }
    for name in &arguments.fail {
        scenario = scenario.fail(world, name)?;
    }
    if let Some(minute) = arguments.at {
        scenario = scenario.at(world, minute);
    }
    if arguments.graceful {
        scenario = scenario.graceful();
    }
    if arguments.fenced {
        scenario = scenario.fenced();
    }
    if arguments.then.is_some() {
        let after = u64::try_from(arguments.after.0.as_millis()).unwrap_or(u64::MAX);
        scenario = scenario.then_on(after);
    }
    Ok(scenario)
}

fn text(report: &Report, all: bool, style: Style) -> String {
    let mut text = String::new();
    let how = if report.graceful {
        ", shut down in order"
    } else {
        ""
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
        let told = told(line, style);
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
    if !report.assumed.is_empty() {
        text.push_str(&format!("\nAssumed: {}.\n", report.assumed.join("; ")));
    }
    text
}

/// What becomes of a thing, with reason and rule, without its name.
fn told(line: &Line, style: Style) -> String {
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
