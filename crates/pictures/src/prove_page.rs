//! A proof as a page: each promise with its verdict; where it breaks, the lab with the failures that
//! break it.

use whatif::events::Question;
use whatif::prove::{Kept, Proof, Proven, Stay};
use whatif::timeline::{Asker, Report};

use crate::escape::xml;
use crate::page::{Drawn, assumed, drawing, legend, list, page, suggestions};
use crate::states::{State, steps};

/// As many smallest sets are shown at once; the rest is folded away.
const FEW: usize = 6;

/// The page of a proof.
#[must_use]
pub fn prove_page(drawn: &Drawn<'_>, proof: &Proof) -> String {
    let title = format!("What {} promises", proof.lab);
    let mut body = format!("<h1>{}</h1>\n<p>{}</p>\n", xml(&title), counts(proof));
    let mut pictures = 0;
    for (number, promise) in proof.promises.iter().enumerate() {
        body.push_str(&one(drawn, number + 1, promise, &mut pictures));
    }
    if proof.promises.is_empty() {
        body.push_str("<p>The lab promises nothing.</p>\n");
    }
    if pictures == 0 {
        body.push_str("<h2>The lab</h2>\n");
        let about = crate::svg::about(&drawn.scene);
        body.push_str(&drawing(drawn, "lab", &about, &[]));
    } else {
        body.push_str(&legend());
    }
    body.push_str(&assumed(&proof.assumed));
    page(&title, &body, None)
}

fn counts(proof: &Proof) -> String {
    let all = [
        (Kept::Holds, "hold"),
        (Kept::Breaks, "break"),
        (Kept::Unknown, "unknown"),
        (Kept::SaysNothing, "say nothing"),
    ];
    let told = all.iter().filter_map(|(kept, word)| {
        let promises = proof.promises.iter();
        let count = promises.filter(|promise| promise.kept == *kept).count();
        let class = class(*kept);
        (count > 0).then(|| format!("<span class=\"badge {class}\">{count} {word}</span>"))
    });
    let told: Vec<String> = told.collect();
    told.join(" ")
}

const fn class(kept: Kept) -> &'static str {
    match kept {
        Kept::Holds => "good",
        Kept::SaysNothing => "warn",
        // As in the drawing.
        Kept::Unknown => "unknown",
        Kept::Breaks => "bad",
    }
}

fn badge(kept: Kept, certain: Option<bool>) -> String {
    let (class, word) = (class(kept), kept.word(certain));
    format!("<span class=\"badge {class}\">{word}</span>")
}

fn one(drawn: &Drawn<'_>, number: usize, promise: &Proven, pictures: &mut usize) -> String {
    let names: Vec<&str> = promise
        .stays
        .iter()
        .map(|stay| stay.what.as_str())
        .collect();
    let within = promise
        .within
        .map_or_else(String::new, |within| format!(" within {} s", within / 1000));
    let stays = if names.len() == 1 { "stays" } else { "stay" };
    let head = format!("{}: {} {stays}{within}", promise.when, names.join(", "));
    let mut text = format!(
        "<section class=\"promise\" id=\"promise-{number}\">\n<h2>{} {}</h2>\n",
        badge(promise.kept, None),
        xml(&head)
    );
    if let Some(because) = &promise.because {
        text.push_str(&format!(
            "<p class=\"because\">Because {}.</p>\n",
            xml(because)
        ));
    }
    let mut drawn_sets: Vec<&[String]> = Vec::new();
    for stay in &promise.stays {
        text.push_str(&told(stay));
        let set = stay.counterexample.as_slice();
        if !set.is_empty() && !drawn_sets.contains(&set) {
            drawn_sets.push(set);
            text.push_str(&broken(drawn, set, pictures));
        }
    }
    text.push_str("</section>\n");
    text
}

fn told(stay: &Stay) -> String {
    let mut text = format!(
        "<h3>{} {}</h3>\n",
        xml(&stay.what),
        badge(stay.kept, stay.certain)
    );
    let mut lines = Vec::new();
    if !stay.counterexample.is_empty() {
        let set = xml(&stay.counterexample.join(" and "));
        lines.push(format!("with <strong>{set}</strong> off"));
    }
    if let (Kept::Holds, Some(away)) = (stay.kept, stay.away) {
        lines.push(format!("away for up to {away}"));
    }
    lines.extend(stay.why.iter().map(|why| xml(why)));
    if stay.sets > 0 && stay.kept == Kept::Holds {
        let sets = if stay.sets == 1 { "set" } else { "sets" };
        lines.push(format!("{} {sets} of failures looked at", stay.sets));
    }
    text.push_str(&list(&lines));
    text.push_str(&suggestions(&stay.suggestions));
    text.push_str(&cuts(stay));
    text
}

fn cuts(stay: &Stay) -> String {
    if stay.cuts.is_empty() {
        return String::new();
    }
    let cuts: Vec<String> = stay.cuts.iter().map(|cut| xml(cut)).collect();
    let more = if stay.all_cuts {
        ""
    } else {
        "<p class=\"small\">There may be more.</p>\n"
    };
    let open = if cuts.len() <= FEW && stay.kept == Kept::Breaks {
        " open"
    } else {
        ""
    };
    format!(
        "<details{open}><summary>It does not stand without …</summary>\n{}{more}</details>\n",
        list(&cuts)
    )
}

/// The lab with a set of failures, as it stands when all that moves has moved.
fn broken(drawn: &Drawn<'_>, set: &[String], pictures: &mut usize) -> String {
    let question = Question {
        fail: set.to_vec(),
        ..Question::default()
    };
    let Ok(scenario) = question.of(&drawn.model.world) else {
        return String::new();
    };
    let report = Report::of(&mut Asker::new(drawn.model), &scenario);
    let steps = steps(&drawn.scene, drawn.model, &scenario, &report);
    let states: &[State] = steps.last().map_or(&[], |step| &step.states);
    *pictures += 1;
    let about = format!("The lab in the end, with {} off.", set.join(" and "));
    let id = format!("picture-{pictures}");
    let caption = xml(&about);
    format!(
        "<p class=\"small\">{caption}</p>\n{}",
        drawing(drawn, &id, &about, states)
    )
}
