//! What all pages share: their frame, and the drawing of a lab with its legend.
//!
//! A page loads nothing: its style and script stand in it, and its content security policy allows
//! just these two by their digests. What a lab file holds could not run even if it were markup.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use model::lab::Lab;
use sha2::{Digest as _, Sha256};
use whatif::semantics::Model;

use crate::escape::xml;
use crate::scene::Scene;
use crate::states::State;
use crate::svg;

const STYLE: &str = include_str!("assets/page.css");

/// A lab that pages draw.
#[derive(Debug)]
pub struct Drawn<'a> {
    /// Its failure model.
    pub model: &'a Model,
    /// What is drawn of it.
    pub scene: Scene,
}

impl<'a> Drawn<'a> {
    /// That lab.
    #[must_use]
    pub fn new(lab: &Lab, model: &'a Model) -> Self {
        Self {
            model,
            scene: Scene::of(lab, model),
        }
    }
}

/// A whole page. `body` is markup; `script` runs after it.
pub(crate) fn page(title: &str, body: &str, script: Option<&str>) -> String {
    let style = format!("{}{STYLE}", svg::STYLE);
    let scripts = script.map_or_else(|| "'none'".to_owned(), allowed);
    let policy = format!(
        "default-src 'none'; style-src {}; script-src {scripts}; img-src data:; base-uri 'none'; \
         form-action 'none'",
        allowed(&style)
    );
    let script = script.map_or_else(String::new, |script| format!("<script>{script}</script>\n"));
    let title = xml(title);
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"{policy}\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"referrer\" content=\"no-referrer\">\n\
         <link rel=\"icon\" href=\"data:,\">\n\
         <title>{title}</title>\n<style>{style}</style>\n</head>\n<body>\n<main>\n{body}</main>\n\
         {script}</body>\n</html>\n"
    )
}

/// A style or script as a content security policy names it: by its digest.
fn allowed(text: &str) -> String {
    let digest = BASE64_STANDARD.encode(Sha256::digest(text.as_bytes()));
    format!("'sha256-{digest}'")
}

/// A drawing that may be wider than the window: it scrolls by itself, by keys too.
pub(crate) fn drawing(drawn: &Drawn<'_>, id: &str, about: &str, states: &[State]) -> String {
    let svg = svg::in_page(&drawn.scene, id, about, states);
    format!(
        "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"drawing of the lab\">\n\
         {svg}</div>\n"
    )
}

/// What the marks in drawings mean.
pub(crate) fn legend() -> String {
    let mut text = "<ul class=\"legend\" aria-label=\"marks\">\n".to_owned();
    for state in State::ALL.iter().skip(1) {
        let class = match state {
            State::Fine | State::Unknown => "badge",
            State::Moved => "badge good",
            State::Shaky | State::Perhaps => "badge warn",
            State::Away | State::Off | State::Lost => "badge bad",
        };
        let meaning = state.meaning();
        let mark = state.mark();
        text.push_str(&format!(
            "<li><span class=\"{class}\">{mark}</span> {meaning}</li>\n"
        ));
    }
    text.push_str("</ul>\n");
    text
}

/// A list, or nothing where it is empty.
pub(crate) fn list(of: &[String]) -> String {
    if of.is_empty() {
        return String::new();
    }
    let items: Vec<String> = of.iter().map(|one| format!("<li>{one}</li>\n")).collect();
    format!("<ul class=\"plain\">\n{}</ul>\n", items.concat())
}

/// Small changes that would help.
pub(crate) fn suggestions(all: &[whatif::search::Suggestion]) -> String {
    let told: Vec<String> = all
        .iter()
        .map(|one| {
            let write: Vec<String> = one
                .write
                .iter()
                .map(|(field, value)| {
                    format!("<code>{}: {}</code>", xml(field), xml(&value.to_string()))
                })
                .collect();
            format!(
                "To help {}: {} (then: {})<br>{}",
                xml(&one.helps.join(", ")),
                xml(&one.change),
                one.becomes.word(),
                write.join("<br>")
            )
        })
        .collect();
    list(&told)
}

/// What an answer stands on besides the lab file.
pub(crate) fn assumed(all: &[String]) -> String {
    if all.is_empty() {
        return String::new();
    }
    let told: Vec<String> = all.iter().map(|one| xml(one)).collect();
    format!("<h2>Assumed</h2>\n{}", list(&told))
}
