use std::path::Path;

use super::super::schema;
use super::*;

fn committed() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/lab-file.md")
}

#[test]
#[expect(clippy::disallowed_methods, reason = "the page lies in a file")]
fn the_committed_page_is_of_this_schema() {
    let page = document();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(committed(), &page).unwrap();
    }
    let written = std::fs::read_to_string(committed()).unwrap_or_default();
    assert!(
        written == page,
        "docs/lab-file.md is not of this schema: run UPDATE_DOCS=1 cargo test -p model document"
    );
}

#[test]
fn every_link_leads_to_one_heading() {
    let page = document();
    // Lines with one # are comments of the lab that the page shows.
    let mut headings: Vec<String> = page
        .lines()
        .filter(|line| line.starts_with("##"))
        .map(|line| super::super::words::anchor(line.trim_start_matches(['#', ' '])))
        .collect();
    let all = headings.len();
    headings.sort();
    headings.dedup();
    assert_eq!(headings.len(), all, "a heading stands twice");
    for link in page.split("](#").skip(1) {
        let link = link.split(')').next().unwrap().to_owned();
        assert!(headings.contains(&link), "{link} leads nowhere");
    }
}

/// Calls for every field of every type, with `TYPE.FIELD`.
fn each_field(schema: &Value, call: &mut impl FnMut(String, &Value)) {
    let none = Map::new();
    let defs = schema["$defs"].as_object().unwrap_or(&none);
    let lab = ("Lab", schema);
    for (name, of) in std::iter::once(lab).chain(defs.iter().map(|(n, s)| (n.as_str(), s))) {
        for of in std::iter::once(of).chain(alternatives(of)) {
            for (field, of) in fields(of) {
                call(format!("{name}.{field}"), of);
            }
        }
    }
}

#[test]
fn every_field_has_its_line_and_an_example() {
    let schema = schema();
    let defs = schema["$defs"].as_object().unwrap();
    let page = document();
    let mut missing = Vec::new();
    each_field(&schema, &mut |name, field| {
        let (_, word) = name.split_once('.').unwrap();
        if !page.contains(&format!("`{word}`")) && !page.contains(&format!("`{word}:`")) {
            missing.push(format!("{name} is not on the page"));
        }
        let map = field.get("patternProperties").and_then(Value::as_object);
        let of = map.and_then(|map| map.values().next()).unwrap_or(field);
        if smallest(of, defs, 0).is_none() {
            missing.push(format!("{name}: add #[schemars(example = …)]"));
        }
    });
    assert_eq!(missing, [""; 0]);
}

#[test]
fn examples_are_valid() {
    let schema = schema();
    let defs = schema["$defs"].as_object().unwrap();
    let valid = |what: &str, of: &Value, example: &Value| {
        let mut of = of.clone();
        of["$defs"] = schema["$defs"].clone();
        let validator = jsonschema::validator_for(&of).unwrap();
        let errors: Vec<String> = validator
            .iter_errors(example)
            .map(|e| e.to_string())
            .collect();
        assert_eq!(errors, [""; 0], "{what}: {example}");
    };
    each_field(&schema, &mut |name, field| {
        if field.is_object() {
            for example in field["examples"].as_array().into_iter().flatten() {
                valid(&name, field, example);
            }
        }
    });
    for (name, of) in defs {
        if let Some(example) = smallest(of, defs, 0) {
            valid(name, of, &example);
        }
    }
}

#[test]
fn the_sentence_that_tells_a_default_is_found() {
    let told = |text: &str| told_default(text);
    assert_eq!(
        told("The port. Default: 80."),
        ("The port.".to_owned(), Some("80".to_owned()))
    );
    assert_eq!(
        told("The version. Default: the newest. Steading reads older ones."),
        (
            "The version. Steading reads older ones.".to_owned(),
            Some("the newest".to_owned())
        )
    );
    assert_eq!(
        told("A taint. Default: kubeadm's `node-role.x/y`, else none."),
        (
            "A taint.".to_owned(),
            Some("kubeadm's `node-role.x/y`, else none".to_owned())
        )
    );
}
