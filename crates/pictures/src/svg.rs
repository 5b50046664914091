//! Drawings as SVG.

use crate::escape::xml;
use crate::layout::{Item, Layout, Rect, place};
use crate::scene::{Kind, Scene};
use crate::states::State;

/// Colours and letters of drawings, light and dark.
pub(crate) const STYLE: &str = include_str!("assets/picture.css");

/// A lab as a drawing of its own, for a file.
#[must_use]
pub fn picture(scene: &Scene) -> String {
    let layout = place(scene);
    let Layout { width, height, .. } = layout;
    let inside = drawn(&layout, scene, None);
    let (title, about) = (title(scene), about(scene));
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" \
         width=\"{width}\" height=\"{height}\" role=\"img\" class=\"picture\" \
         aria-labelledby=\"title about\">\n\
         <title id=\"title\">{title}</title>\n<desc id=\"about\">{about}</desc>\n\
         <style>{STYLE}</style>\n\
         <rect class=\"paper\" width=\"{width}\" height=\"{height}\"/>\n{inside}</svg>\n"
    )
}

/// A lab as a drawing in a page. `id` tells drawings of one page apart; `states`: how its parts
/// are.
pub(crate) fn in_page(scene: &Scene, id: &str, about: &str, states: &[State]) -> String {
    let layout = place(scene);
    let Layout { width, height, .. } = layout;
    let inside = drawn(&layout, scene, Some(states));
    let (title, about) = (title(scene), xml(about));
    format!(
        "<svg viewBox=\"0 0 {width} {height}\" role=\"img\" class=\"picture\" id=\"{id}\" \
         aria-labelledby=\"{id}-title {id}-about\">\n<title id=\"{id}-title\">{title}</title>\n\
         <desc id=\"{id}-about\">{about}</desc>\n{inside}</svg>\n"
    )
}

fn title(scene: &Scene) -> String {
    format!("The lab {}", xml(&scene.lab))
}

/// What a drawing shows, for those who do not see it.
pub(crate) fn about(scene: &Scene) -> String {
    let of = |wanted: &[Kind]| {
        let parts = scene
            .parts
            .iter()
            .filter(|part| wanted.contains(&part.kind));
        let names: Vec<String> = parts.map(|part| xml(&part.name)).collect();
        names.join(", ")
    };
    let told = [
        ("Hosts", of(&[Kind::Host])),
        ("Nodes", of(&[Kind::Node])),
        (
            "Networks",
            of(&[Kind::Network, Kind::Overlay, Kind::Uplink]),
        ),
        ("Storage", of(&[Kind::Storage])),
        ("Apps", of(&[Kind::App])),
    ];
    let told = told.iter().filter(|(_, names)| !names.is_empty());
    let told: Vec<String> = told
        .map(|(word, names)| format!("{word}: {names}."))
        .collect();
    told.join(" ")
}

fn drawn(layout: &Layout, scene: &Scene, states: Option<&[State]>) -> String {
    let mut pen = Pen {
        scene,
        states,
        text: String::new(),
    };
    for item in &layout.items {
        pen.item(item);
    }
    pen.text
}

struct Pen<'a> {
    scene: &'a Scene,
    states: Option<&'a [State]>,
    text: String,
}

impl Pen<'_> {
    fn item(&mut self, item: &Item) {
        match item {
            Item::Frame { at, title } => {
                self.rect(*at, "frame", 10.0);
                self.letters(at.x + 12.0, at.y + 17.0, "title", title);
            }
            Item::Heading { x, y, text } => self.letters(*x, *y, "fine-print", text),
            Item::Box {
                at,
                part,
                lines,
                tag,
            } => {
                self.open(*part, "box");
                self.rect(*at, "", 7.0);
                for (row, line) in lines.iter().enumerate() {
                    let class = if row == 0 { "name" } else { "fine-print" };
                    let y = at.y + 17.0 + row as f64 * 16.0;
                    self.letters(at.x + 10.0, y, class, line);
                }
                if let Some(tag) = tag {
                    self.letters(at.x + at.width - 10.0, at.y + 17.0, "tag", tag);
                }
                let tagged = tag.as_ref().map_or(0.0, |_| 14.0);
                self.mark(*part, at.x + at.width - 10.0, at.y + 17.0 + tagged);
                self.close();
            }
            Item::Bar { at, part, text } => {
                self.open(*part, "bar");
                self.rect(*at, "", 4.0);
                self.letters(at.x + 10.0, at.y + 14.0, "small-name", text);
                self.mark(*part, at.x + at.width - 10.0, at.y + 14.0);
                self.close();
            }
            Item::Wire { part, x, from, to } => {
                let class = self.class(*part, "wire");
                let number = self.number(*part);
                self.text.push_str(&format!(
                    "<g class=\"{class}\"{number}><line x1=\"{x:.1}\" y1=\"{from:.1}\" \
                     x2=\"{x:.1}\" y2=\"{to:.1}\"/></g>\n"
                ));
            }
            Item::Plug { part, x, y } => {
                let class = self.class(*part, "wire");
                let number = self.number(*part);
                self.text.push_str(&format!(
                    "<g class=\"{class}\"{number}><circle cx=\"{x:.1}\" cy=\"{y:.1}\" \
                     r=\"3.5\"/></g>\n"
                ));
            }
            Item::Chip { at, part, text } => {
                self.open(*part, "chip");
                self.rect(*at, "", at.height / 2.0);
                let base = at.y + at.height / 2.0 + 4.0;
                self.letters(at.x + 8.0, base, "small-name", text);
                self.mark(*part, at.x + at.width - 8.0, base);
                self.close();
            }
        }
    }

    fn state(&self, part: usize) -> State {
        let states = self.states.unwrap_or_default();
        states.get(part).copied().unwrap_or(State::Fine)
    }

    fn class(&self, part: usize, form: &str) -> String {
        let kind = self.scene.part(part).kind.word();
        format!("{form} {kind} {}", self.state(part).word())
    }

    /// The part's number, by which a page's script finds what it changes.
    fn number(&self, part: usize) -> String {
        self.states
            .map_or_else(String::new, |_| format!(" data-part=\"{part}\""))
    }

    fn open(&mut self, part: usize, form: &str) {
        let of = self.scene.part(part);
        let about = if of.about.is_empty() {
            String::new()
        } else {
            format!(": {}", of.about)
        };
        let title = xml(&format!("{} {}{about}", of.kind.word(), of.name));
        let (class, number) = (self.class(part, form), self.number(part));
        self.text.push_str(&format!(
            "<g class=\"{class}\"{number}><title>{title}</title>"
        ));
    }

    fn close(&mut self) {
        self.text.push_str("</g>\n");
    }

    fn rect(&mut self, at: Rect, class: &str, round: f64) {
        let class = if class.is_empty() {
            String::new()
        } else {
            format!(" class=\"{class}\"")
        };
        let Rect {
            x,
            y,
            width,
            height,
        } = at;
        self.text.push_str(&format!(
            "<rect{class} x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\" \
             rx=\"{round}\"/>"
        ));
    }

    fn letters(&mut self, x: f64, y: f64, class: &str, text: &str) {
        let text = xml(text);
        self.text.push_str(&format!(
            "<text class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\">{text}</text>"
        ));
    }

    fn mark(&mut self, part: usize, x: f64, y: f64) {
        if self.states.is_some() {
            let mark = self.state(part).mark();
            self.letters(x, y, "mark", mark);
        }
    }
}
