//! An answer as a page: the lab with a slider over time, what happens, what becomes of everything.

use serde::Serialize;
use whatif::events::Scenario;
use whatif::search::Suggestion;
use whatif::timeline::{Line, Moment, Report, Verdict};

use crate::escape::{json, xml};
use crate::page::{Drawn, assumed, drawing, legend, page, suggestions};
use crate::states::{State, Step, moment, steps};

const SCRIPT: &str = include_str!("assets/slider.js");

/// What the page's script gets.
#[derive(Serialize)]
struct Data<'a> {
    words: Vec<&'static str>,
    marks: Vec<&'static str>,
    meanings: Vec<&'static str>,
    steps: &'a [Step],
}

/// The page of an answer.
#[must_use]
pub fn whatif_page(
    drawn: &Drawn<'_>,
    scenario: &Scenario,
    report: &Report,
    help: &[Suggestion],
) -> String {
    let steps = steps(&drawn.scene, drawn.model, scenario, report);
    // What it shows without a script: the moment at which it happens.
    let first = usize::from(steps.len() > 1);
    let goes = report.goes.join(", ");
    let how = if report.graceful {
        ", shut down in order"
    } else {
        ""
    };
    let title = format!("{}: {goes} off{how}", report.lab);
    let mut body = format!("<h1>{}</h1>\n", xml(&title));
    body.push_str(&lead(report));
    body.push_str(&controls(&steps, first));
    let about =
        "How each part is at the time that the slider shows; the table below says the same.";
    if let Some(step) = steps.get(first) {
        body.push_str(&drawing(drawn, "lab", about, &step.states));
    }
    body.push_str(&legend());
    body.push_str(&happens(&report.timeline));
    body.push_str(&becomes(&report.things, steps.get(first)));
    if !help.is_empty() {
        body.push_str("<h2>What would help</h2>\n");
        body.push_str(&suggestions(help));
    }
    body.push_str(&assumed(&report.assumed));
    body.push_str(
        "<p class=\"small\">Times are intervals: the earliest and the latest that is known of a \
         moment. Rules are explained by <code>steading explain</code> and their code.</p>\n",
    );
    let data = Data {
        words: State::ALL.iter().map(|state| state.word()).collect(),
        marks: State::ALL.iter().map(|state| state.mark()).collect(),
        meanings: State::ALL.iter().map(|state| state.meaning()).collect(),
        steps: &steps,
    };
    body.push_str(&format!(
        "<script type=\"application/json\" id=\"moments\">{}</script>\n",
        json(&data)
    ));
    page(&title, &body, Some(SCRIPT))
}

fn lead(report: &Report) -> String {
    let counts: Vec<String> = report
        .counts
        .iter()
        .map(|one| {
            let class = class(one.verdict);
            let word = one.verdict.word();
            format!("<span class=\"badge {class}\">{} {word}</span>", one.count)
        })
        .collect();
    let mut text = format!("<p>{}</p>\n", counts.join(" "));
    if !report.away.is_empty() {
        let away = xml(&report.away.join(", "));
        text.push_str(&format!("<p class=\"lead\">Off before: {away}.</p>\n"));
    }
    if let Some(back) = report.back {
        let back = moment(back);
        text.push_str(&format!("<p class=\"lead\">On again after {back}.</p>\n"));
    }
    text
}

const fn class(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Stays => "good",
        Verdict::Moves | Verdict::Waits => "warn",
        // As in the drawing.
        Verdict::Unknown => "unknown",
        Verdict::Down | Verdict::Lost => "bad",
    }
}

fn controls(steps: &[Step], first: usize) -> String {
    let last = steps.len().saturating_sub(1);
    let (label, says) = steps.get(first).map_or(("", String::new()), |step| {
        (step.label.as_str(), xml(&step.says))
    });
    format!(
        "<div class=\"controls\" id=\"controls\" hidden>\n<label for=\"time\">Time</label>\n\
         <div class=\"turn\"><button type=\"button\" id=\"earlier\">Earlier</button>\
         <input type=\"range\" id=\"time\" min=\"0\" max=\"{last}\" step=\"1\" value=\"{first}\" \
         aria-describedby=\"says\">\
         <button type=\"button\" id=\"later\">Later</button>\
         <output for=\"time\" id=\"shown\">{label}</output></div>\n\
         <p class=\"says\" id=\"says\" aria-live=\"polite\">{says}</p>\n</div>\n\
         <noscript><p class=\"no-script\">Without scripts this shows the moment at which it \
         happens; the tables below hold all others.</p></noscript>\n"
    )
}

fn happens(timeline: &[Moment]) -> String {
    let mut text = "<h2>What happens</h2>\n<table>\n<thead><tr><th scope=\"col\">when</th>\
                    <th scope=\"col\">what</th><th scope=\"col\">rule</th></tr></thead>\n<tbody>\n"
        .to_owned();
    for one in timeline {
        let of = xml(&one.of.join(", "));
        text.push_str(&format!(
            "<tr data-from=\"{}\" data-to=\"{}\"><td class=\"time\">t+{}</td>\
             <td>{}: {of}</td><td class=\"rule\">{}</td></tr>\n",
            one.at.earliest,
            one.at.latest,
            one.at,
            one.what,
            rule(one.rule),
        ));
    }
    text.push_str("</tbody>\n</table>\n");
    text
}

/// A rule's code, with its title where the mouse rests on it.
fn rule(rule: whatif::rules::RuleNo) -> String {
    let rule = rule.rule();
    format!("<abbr title=\"{}\">{}</abbr>", xml(rule.title), rule.code)
}

fn becomes(things: &[Line], step: Option<&Step>) -> String {
    let mut text = "<h2>What becomes of everything</h2>\n<table class=\"fates\">\n\
                    <thead><tr><th scope=\"col\">thing</th><th scope=\"col\">in the end</th>\
                    <th scope=\"col\">at that time</th><th scope=\"col\">why</th>\
                    <th scope=\"col\">rule</th></tr></thead>\n<tbody>\n"
        .to_owned();
    let mut order: Vec<usize> = (0..things.len()).collect();
    order.sort_by_key(|at| things.get(*at).map(|line| std::cmp::Reverse(line.verdict)));
    for at in order {
        let Some(line) = things.get(at) else {
            continue;
        };
        let now = step.and_then(|step| step.things.get(at));
        let now = now.map_or("", |state| state.meaning());
        text.push_str(&format!(
            "<tr><th scope=\"row\">{}</th><td class=\"word\"><span class=\"badge {}\">{}</span>\
             </td><td data-thing=\"{at}\">{now}</td><td class=\"why\">{}</td>\
             <td class=\"rule\">{}</td></tr>\n",
            xml(&line.thing),
            class(line.verdict),
            line.verdict.word(),
            xml(&why(line)),
            rule(line.rule),
        ));
    }
    text.push_str("</tbody>\n</table>\n");
    text
}

fn why(line: &Line) -> String {
    let perhaps = if line.certain { "" } else { "perhaps: " };
    let mut text = format!("{perhaps}{}", line.because);
    match (line.verdict, line.away_for(), line.until) {
        (Verdict::Stays, Some(long), _) => text.push_str(&format!(", away for up to {long}")),
        (_, _, Some(until)) => text.push_str(&format!(", there again after {until}")),
        (_, _, None) => {}
    }
    let nodes = [
        ("on", &line.certain_nodes),
        ("on one of", &line.possible_nodes),
    ];
    for (word, names) in nodes {
        if !names.is_empty() {
            text.push_str(&format!(", {word} {}", names.join(", ")));
        }
    }
    if let Some(backup) = &line.backup {
        text.push_str(&format!("; {backup}"));
    }
    text
}
