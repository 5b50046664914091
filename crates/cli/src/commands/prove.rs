//! `steading prove`.

use pictures::{Drawn, prove_page};
use whatif::prove::{Kept, Proof, Proven, Stay, prove};
use whatif::semantics::Model;
use whatif::world::{Input, World};

use super::graph::written;
use super::whatif::{helps, readable};
use crate::args::{Format, ProveArgs};
use crate::exit::Exit;
use crate::output::paragraph::wrapped;
use crate::output::style::Style;
use crate::output::{answer, answer_json, tell};
use crate::session::Readable;

pub(crate) fn run(arguments: &ProveArgs, format: Format) -> anyhow::Result<Exit> {
    let Some(Readable { lab, manifests }) = readable(&arguments.lab.lab)? else {
        return Ok(Exit::Refused);
    };
    if lab.promises.is_empty() {
        tell("The lab promises nothing.");
        tell("hint: promises: [ { when: { fails: 1 }, stays: [ api ] } ]");
    }
    let input = Input {
        lab: &lab,
        manifests: &manifests,
    };
    let model = Model::new(World::of(input));
    let proof = prove(&model, input);
    if let Some(file) = &arguments.html {
        written(file, &prove_page(&Drawn::new(&lab, &model), &proof))?;
    }
    match format {
        Format::Json => answer_json(&proof)?,
        Format::Text => answer(&text(&proof, Style::for_stdout())),
    }
    let kept = |kept: Kept| matches!(kept, Kept::Holds | Kept::SaysNothing);
    Ok(if proof.promises.iter().all(|promise| kept(promise.kept)) {
        Exit::Done
    } else {
        Exit::Refused
    })
}

fn text(proof: &Proof, style: Style) -> String {
    let mut text = String::new();
    for promise in &proof.promises {
        text.push_str(&head(promise, style));
        for stay in &promise.stays {
            text.push_str(&told(stay, style));
        }
        text.push('\n');
    }
    if !proof.assumed.is_empty() {
        text.push_str(&wrapped(&format!("Assumed: {}.", proof.assumed.join("; "))));
        text.push('\n');
    }
    text
}

fn head(promise: &Proven, style: Style) -> String {
    let names: Vec<&str> = promise
        .stays
        .iter()
        .map(|stay| stay.what.as_str())
        .collect();
    let within = promise
        .within
        .map_or_else(String::new, |within| format!(" within {} s", within / 1000));
    let because = promise
        .because
        .as_ref()
        .map_or_else(String::new, |because| format!(", because {because}"));
    let line = format!("{}: {} stays{within}", promise.when, names.join(", "));
    format!("{}{because}\n", style.bold(&line))
}

fn told(stay: &Stay, style: Style) -> String {
    let word = stay.kept.word(stay.certain);
    let verdict = match stay.kept {
        Kept::Holds => style.good(word),
        Kept::SaysNothing | Kept::Unknown => style.warn(word),
        Kept::Breaks => style.bad(word),
    };
    let mut text = format!("  {}: {verdict}", stay.what);
    if !stay.counterexample.is_empty() {
        text.push_str(&format!(" with {} off", stay.counterexample.join(" and ")));
    }
    if let (Kept::Holds, Some(away)) = (stay.kept, stay.away) {
        text.push_str(&format!(", away for up to {away}"));
    }
    text.push('\n');
    for why in &stay.why {
        let why = wrapped(why).replace('\n', "\n      ");
        text.push_str(&format!("      {why}\n"));
    }
    for suggestion in &stay.suggestions {
        text.push_str(&helps(suggestion, "      ", style));
    }
    if !stay.cuts.is_empty() {
        let few: Vec<&str> = stay.cuts.iter().take(6).map(String::as_str).collect();
        let more = if stay.cuts.len() > few.len() || !stay.all_cuts {
            "; and more"
        } else {
            ""
        };
        let line = wrapped(&format!("does not stand without: {}{more}", few.join("; ")));
        let line = line.replace('\n', "\n      ");
        text.push_str(&format!("      {}\n", style.dim(&line)));
    }
    text
}
