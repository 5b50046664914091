//! `docs/rules.md`: the rules as a page for people.

use std::fmt::Write as _;

const HEAD: &str = "# The rules

<!-- Generated from crates/check/src/: change the words there, then run
     UPDATE_DOCS=1 cargo test -p check document -->

What `steading check` looks for beyond the form of the file. Codes never change. An error refuses
the lab; a warning or a note does not. `steading explain CODE` prints the same words. Each rule says
what it cannot see: a lab without findings is a lab in which none of this was found, no more.

| code | severity | rule |
|---|---|---|
";

/// The page about the rules, as markdown.
#[must_use]
pub fn document() -> String {
    let mut page = HEAD.to_owned();
    for rule in crate::explanations() {
        let code = rule.code;
        let anchor = code.to_ascii_lowercase();
        let (severity, title) = (rule.severity, rule.title.replace('|', "\\|"));
        let _ = writeln!(page, "| [{code}](#{anchor}) | {severity} | {title} |");
    }
    for rule in crate::explanations() {
        let _ = write!(
            page,
            "\n## {}\n\n**{}** ({})\n\n{}\n\nWhat it sees: {}\n",
            rule.code, rule.title, rule.severity, rule.text, rule.sees
        );
    }
    page
}

#[test]
#[expect(clippy::disallowed_methods, reason = "the page lies in a file")]
fn the_committed_page_is_of_these_rules() {
    let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/rules.md");
    let page = document();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&file, &page).unwrap();
    }
    let written = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(
        written == page,
        "docs/rules.md is not of these rules: run UPDATE_DOCS=1 cargo test -p check document"
    );
}
