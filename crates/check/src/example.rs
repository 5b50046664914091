//! Labs for the rules' tests: the quickstart lab with a piece exchanged.

use model::source::Source;

/// The codes that the quickstart lab gives after `from` was exchanged for `to` everywhere.
pub(crate) fn codes(from: &str, to: &str) -> Vec<String> {
    let text = include_str!("../../../labs/quickstart/lab.yaml");
    assert!(
        text.contains(from),
        "the quickstart lab does not hold {from:?}"
    );
    let reading = model::read::read(&[Source {
        name: "lab.yaml".to_owned(),
        text: text.replace(from, to),
    }]);
    assert_eq!(reading.diagnostics, [], "the form must be right");
    let mut codes: Vec<String> = crate::check(&reading.lab.unwrap(), &reading.unread)
        .into_iter()
        .map(|finding| finding.code)
        .collect();
    codes.dedup();
    codes
}

/// Shows that an exchange breaks exactly that rule, and that without it nothing is found.
pub(crate) fn breaks(code: &str, from: &str, to: &str) {
    assert_eq!(
        codes("lab: quickstart", "lab: quickstart"),
        [""; 0],
        "the lab is clean before"
    );
    assert_eq!(codes(from, to), [code], "{from} → {to}");
}
