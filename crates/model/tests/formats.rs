//! Every format of the lab file that ever was is read: a file of each says the same lab.

use std::path::Path;

use model::lab::{FORMAT, Lab};
use model::read::{Reading, read};
use model::source::Source;

fn of(text: String) -> Reading {
    read(&[Source {
        name: "lab.yaml".to_owned(),
        text,
    }])
}

#[expect(clippy::disallowed_methods, reason = "the labs lie in files")]
fn kept(format: u32) -> Lab {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/formats");
    let file = folder.join(format!("{format}.yaml"));
    let text = std::fs::read_to_string(&file)
        .unwrap_or_else(|error| panic!("format {format} has no file of its own: {error}"));
    assert!(text.contains(&format!("format: {format}\n")));
    let reading = of(text);
    assert_eq!(reading.diagnostics, [], "format {format}");
    reading.lab.expect("a lab")
}

#[test]
fn every_format_is_read_as_the_newest() {
    let newest = kept(FORMAT);
    assert_eq!((newest.format, newest.apps.len()), (FORMAT, 1));
    for format in (1..=FORMAT).rev().skip(1) {
        assert_eq!(kept(format), newest, "format {format}");
    }
}

#[test]
fn a_format_that_is_not_known_is_told_with_its_place() {
    for unknown in ["0", "2", "99", "one", "-1", "1.5", "[1]"] {
        let reading = of(format!("format: {unknown}\nlab: home\n"));
        let [finding] = &reading.diagnostics[..] else {
            panic!("{unknown}: {:?}", reading.diagnostics);
        };
        assert_eq!(finding.places[0].field.0, "format", "{unknown}");
        assert!(finding.places[0].span.is_some_and(|span| span.start == 8));
        // A number that no format has, or no number.
        assert!(
            ["F021", "F018"].contains(&&*finding.code),
            "{unknown}: {}",
            finding.code
        );
    }
}
