//! Labs for the rules' tests, with a piece exchanged.

use model::lab::Lab;
use model::source::Source;

use crate::Facts;

/// The quickstart lab.
pub(crate) const QUICKSTART: &str = include_str!("../../../labs/quickstart/lab.yaml");
/// A lab with some of everything, in which no rule finds anything.
pub(crate) const HOME: &str = include_str!("example/home.yaml");

/// A lab whose form is right.
fn read(text: &str) -> Lab {
    let reading = model::read::read(&[Source {
        name: "lab.yaml".to_owned(),
        text: text.to_owned(),
    }]);
    assert_eq!(reading.diagnostics, [], "the form must be right");
    reading.lab.unwrap()
}

/// The quickstart lab with more sections.
pub(crate) fn lab_with(more: &str) -> Lab {
    read(&format!("{QUICKSTART}\n{more}"))
}

/// The codes that a lab gives with those facts, each once.
pub(crate) fn codes_of(text: &str, facts: &Facts) -> Vec<String> {
    let mut codes: Vec<String> = crate::check(&read(text), facts)
        .into_iter()
        .map(|finding| finding.code)
        .collect();
    codes.sort();
    codes.dedup();
    codes
}

fn exchanged(lab: &str, from: &str, to: &str) -> String {
    assert!(lab.contains(from), "the lab does not hold {from:?}");
    lab.replace(from, to)
}

/// The codes that the quickstart lab gives after `from` was exchanged for `to` everywhere.
pub(crate) fn codes(from: &str, to: &str) -> Vec<String> {
    codes_of(&exchanged(QUICKSTART, from, to), &Facts::default())
}

/// Shows that an exchange in the quickstart lab breaks exactly that rule, and that without it
/// nothing is found.
pub(crate) fn breaks(code: &str, from: &str, to: &str) {
    assert_eq!(
        codes("lab: quickstart", "lab: quickstart"),
        [""; 0],
        "the lab is clean before"
    );
    assert_eq!(codes(from, to), [code], "{from} → {to}");
}

/// The same in the lab with some of everything.
pub(crate) fn home_breaks(code: &str, from: &str, to: &str) {
    home_breaks_with(code, from, to, &Facts::default());
}

/// The same with facts that the file does not hold.
pub(crate) fn home_breaks_with(code: &str, from: &str, to: &str, facts: &Facts) {
    assert_eq!(
        codes_of(&exchanged(HOME, from, to), facts),
        [code],
        "{from} → {to}"
    );
}

/// Shows that after an exchange in the lab with some of everything nothing is found.
pub(crate) fn home_keeps(from: &str, to: &str) {
    let text = exchanged(HOME, from, to);
    assert_eq!(codes_of(&text, &Facts::default()), [""; 0], "{from} → {to}");
}

#[test]
fn nothing_is_found_in_the_examples() {
    for lab in [QUICKSTART, HOME] {
        let findings = crate::check(&read(lab), &Facts::default());
        assert_eq!(findings, []);
    }
}
